"""What is kept tick by tick is what all ticks and trades together say."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings

from paper_trading.engine import curve as curves
from paper_trading.engine import inference, metrics, track
from paper_trading.engine.money import exact
from paper_trading.engine.track import Worth, metrics_due
from paper_trading.engine.track_json import (
    benchmarks_from_json,
    curve_from_json,
    details,
    to_json,
    trades_from_json,
)
from tests.engine import histories
from tests.engine.histories import HISTORIES, Event
from tests.engine.worlds import NOON, account

TINY = Decimal("1e-25")


@given(HISTORIES)
@exact
def test_running_figures_of_the_curve_are_those_of_all_ticks(events: list[Event]) -> None:
    record = histories.folded(events)
    levels = histories.indices(events)
    assert abs(curves.index_of(record.curve) - levels[-1]) < TINY
    points = list(curves.at_full_hours(record.curve, record.hours))
    kept = [None if point is None else point.index for point in points]
    wanted = histories.hourly(events)
    assert len(kept) == len(wanted)
    for one, other in zip(kept, wanted, strict=True):
        assert one is not None
        assert abs(one - other) < TINY
    fall = Decimal(0) if record.curve.drawdown is None else record.curve.drawdown.percent
    assert abs(fall / 100 - histories.deepest(events)) < Decimal("1e-13")
    share, exposed = histories.exposure(events), curves.mean_exposure(record.curve)
    assert (share is None) == (exposed is None)
    if share is not None and exposed is not None:
        assert abs(exposed - share) < Decimal("1e-11")


@given(HISTORIES)
@exact
def test_running_figures_of_trades_are_those_of_all_trades(events: list[Event]) -> None:
    stats = histories.folded(events).trades
    nets = [net for event in events for net in event.nets]
    decided = [net for net in nets if net]
    assert (stats.n, stats.wins) == (len(nets), sum(net > 0 for net in nets))
    assert stats.won_usd - stats.lost_usd == sum(nets)
    assert sum(tally.n for tally in stats.by_token.values()) == len(nets)
    assert sum((one.net_usd for one in stats.by_exit.values()), Decimal(0)) == sum(nets)
    days = histories.by_day(events)
    found = inference.of_mean(stats.usd_days)
    if found is None:
        return
    mean = sum(decided, Decimal(0)) / len(decided)
    sums = [(sum(nets, Decimal(0)) - len(nets) * mean) ** 2 for nets in days.values()]
    spread = sum(sums, Decimal(0))
    error = (spread * len(days) / (len(days) - 1)).sqrt() / len(decided)
    assert abs(found.value - mean) < TINY
    assert abs(found.error - error) < TINY


@settings(deadline=None)
@given(HISTORIES)
def test_a_record_goes_on_from_its_json_as_if_nothing_were(events: list[Event]) -> None:
    """Store and read after every tick, as workers do; the text at the end is the same."""
    whole = histories.folded(events)
    record = track.opened(histories.FIRST)
    for event, at in zip(events, histories.times(events), strict=True):
        kept = json.loads(json.dumps({name: to_json(getattr(record, name)) for name in JSON}))
        record = replace(
            record,
            curve=curve_from_json(kept["curve"]),
            trades=trades_from_json(kept["trades"]),
            benchmarks=benchmarks_from_json(kept["benchmarks"]),
        )
        record = histories.ticked(record, event, at)
    assert record == whole
    assert to_json(record) == to_json(whole)


JSON = ("curve", "trades", "benchmarks")


@given(HISTORIES)
def test_ten_times_the_money_changes_money_only(events: list[Event]) -> None:
    small, large = histories.folded(events), histories.folded(events, Decimal(10))
    worth = Worth(NOON, Decimal(1), Decimal(0), Decimal(1))
    one, other = (track.measure(account(), worth, record) for record in (small, large))
    a, b = one.performance, other.performance
    same = ("total_return_percent", "sharpe", "sortino", "volatility_percent", "exposure_percent")
    for name in (*same, "max_drawdown_percent", "profit_factor", "win_rate_percent", "turnover"):
        assert getattr(a, name) == getattr(b, name), name
    assert (a.expectancy_percent, a.benchmarks) == (b.expectancy_percent, b.benchmarks)
    if a.expectancy_usd is not None and b.expectancy_usd is not None:
        assert abs(10 * a.expectancy_usd - b.expectancy_usd) < Decimal("1e-16")


def test_the_figures_of_an_account_that_did_nothing_are_undefined() -> None:
    worth = Worth(NOON, Decimal(10_000), Decimal(0), Decimal(1))
    made = track.measure(account(), worth, track.opened(Decimal(10_000))).performance
    told = (made.annual_return_percent, made.var_percent, made.cvar_percent, made.calmar)
    assert (*told, made.drawdown, made.exposure_percent, made.turnover) == (None,) * 7
    for name in ("total_return_percent", "sharpe", "sortino", "volatility_percent", "held_mean"):
        assert getattr(made, name) is None, name
    for name in ("profit_factor", "expectancy_usd", "expectancy_percent", "win_rate_percent"):
        assert getattr(made, name) is None, name
    assert (made.wins, made.losses, made.hours) == (0, 0, 0)
    assert made.max_drawdown_percent == 0
    assert made.benchmarks == {"ETH": None, "EQUAL_WEIGHT": None}
    intervals = details(made)["intervals"]
    assert intervals.pop("lags") == 0
    assert set(intervals.values()) == {None}


def test_a_hundred_hours_have_every_figure() -> None:
    """Let an account hold half of its worth in ETH, and sell once a tick."""
    events = [
        Event(
            4,
            Decimal(10_000 + 37 * (hour * 7 % 11)),
            Decimal("0.5"),
            Decimal(2_000 + 15 * (hour * 7 % 11)),
            Decimal(3 + hour % 2),
            (Decimal(hour % 5 - 2),),
        )
        for hour in range(200)
    ]
    record = histories.folded(events)
    worth = histories.worth_of(events[-1], histories.times(events)[-1])
    told = details(track.measure(account(), worth, record).performance)
    for name in ("mean_return_percent", "sharpe", "sortino", "expectancy_usd"):
        interval = told["intervals"][name]
        assert Decimal(interval["low"]) < Decimal(interval["value"]) < Decimal(interval["high"])
    eth = told["benchmarks"]["ETH"]
    # (15 / 2000) against (37 / 10000) a step.
    assert Decimal("0.4") < Decimal(eth["beta"]["value"]) < Decimal("0.6")
    assert Decimal(eth["beta"]["low"]) > 0
    assert eth["beta"]["more_days"] == "0"
    assert Decimal(told["intervals"]["sharpe"]["more_days"]) > 0
    assert [row["name"] for row in told["by_token"]] == ["T0"]
    assert [row["n"] for row in told["by_exit"]] == [200]
    assert told["held_seconds"] == {"mean": 900, "shortest": 900, "longest": 900}
    assert told["costs"]["gas_usd"] == "1000"


def test_metrics_are_due_on_every_twentieth_closed_tick() -> None:
    assert [closed for closed in range(60) if metrics_due(closed)] == [19, 39, 59]


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json({1})
    assert to_json(timedelta(seconds=1)) == 1_000_000
    assert to_json({"b": Decimal("1E+2"), "a": None}) == {"a": None, "b": "100"}


def test_a_floor_of_seven_days_holds_for_the_year() -> None:
    flat = Event(4, Decimal(10_100), Decimal(0), None, Decimal(1))
    worth = Worth(NOON, Decimal(1), Decimal(0), Decimal(1))
    hours = metrics.LEAST_HOURS_FOR_A_YEAR
    for count, known in ((hours - 1, False), (hours + 4, True)):
        made = track.measure(account(), worth, histories.folded([flat] * count)).performance
        assert (made.annual_return_percent is not None) is known
        # Flat after the first tick: nothing to divide by.
        assert made.calmar is None
