"""Figures of an account: what is undefined, what scales with money, and what all are made of."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from paper_trading.engine import metrics, track
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.inference import Estimate
from paper_trading.engine.money import ratio
from paper_trading.engine.performance import Performance
from paper_trading.engine.track import Worth
from paper_trading.engine.track_json import _estimate, details
from tests.engine import histories
from tests.engine.histories import HISTORIES, Event
from tests.engine.worlds import NOON, account


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


def test_a_floor_of_seven_days_holds_for_the_year() -> None:
    flat = Event(4, Decimal(10_100), Decimal(0), None, Decimal(1))
    worth = Worth(NOON, Decimal(1), Decimal(0), Decimal(1))
    hours = metrics.LEAST_HOURS_FOR_A_YEAR
    for count, known in ((hours - 1, False), (hours + 4, True)):
        made = track.measure(account(), worth, histories.folded([flat] * count)).performance
        assert (made.annual_return_percent is not None) is known
        # Flat after the first tick: nothing to divide by.
        assert made.calmar is None


def grown(hours: int, steps: int) -> tuple[track.TrackRecord, Performance]:
    """Hold still for some hours; a few quarters of an hour later everything is up by a tenth."""
    flat = Event(4, Decimal(10_000), Decimal(0), Decimal(2_000), Decimal(4))
    up = Event(steps, Decimal(11_000), Decimal(0), Decimal(2_200), Decimal(5))
    record = histories.folded([*[flat] * hours, up])
    worth = Worth(NOON, Decimal(1), Decimal(0), Decimal(1))
    return record, track.measure(account(), worth, record).performance


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_growth_and_its_time_end_at_the_same_tick(steps: int) -> None:
    record, made = grown(200, steps)
    start, end = record.curve.start, record.curve.last_at
    assert start is not None
    assert end is not None
    quarters = (end - start) // timedelta(minutes=15)
    assert quarters == 199 * 4 + 1 + steps
    wanted = metrics.annual_return(Decimal("1.1"), Decimal(quarters) / 4)
    assert wanted is not None
    assert made.total_return_percent == 10
    assert made.annual_return_percent == ratio(wanted * 100)


@pytest.mark.parametrize("steps", [1, 4])
def test_benchmarks_are_told_up_to_the_tick(steps: int) -> None:
    _, made = grown(3, steps)
    found = {name: one and one.return_percent for name, one in made.benchmarks.items()}
    assert found == {"ETH": 10, "EQUAL_WEIGHT": Decimal("17.5")}


@pytest.mark.parametrize("peg", ["0.5", "0.8", "1.25"])
def test_turnover_does_not_change_with_the_price_of_cash(peg: str) -> None:
    found = []
    for price in (Decimal(1), Decimal(peg)):
        record = track.opened(Decimal(10_000))
        for number in range(3):
            at = NOON + number * histories.STEP
            worth = Worth(at, 10_000 * price, Decimal(0), price)
            record = track.observed(record, worth, Prices({}), histories.STEP)
            event = Event(1, Decimal(0), Decimal(0), None, Decimal(1), (Decimal(2),))
            record = track.counted(record, histories.swaps(event, at))
        found.append(track.measure(account(), worth, record).performance.turnover)
    # Three sales of 500: half of 1,500 over 10,000.
    assert found == [Decimal("0.075")] * 2


def test_a_benchmark_that_no_column_can_keep_is_none() -> None:
    still = Event(4, Decimal(10_000), Decimal(0), Decimal("1e-9"), Decimal(4))
    burst = Event(4, Decimal(10_000), Decimal(0), Decimal("1e9"), Decimal(8))
    worth = Worth(NOON, Decimal(1), Decimal(0), Decimal(1))
    made = track.measure(account(), worth, histories.folded([still, burst])).performance
    assert made.benchmarks["ETH"] is None


def test_a_mean_of_nothing_tells_no_days() -> None:
    found = Estimate(Decimal(0), Decimal(1), Decimal(-2), Decimal(2))
    day = _estimate(found, 100)
    assert day is not None
    assert (day["value"], day["needed_days"], day["more_days"]) == ("0", None, None)
