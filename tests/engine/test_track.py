"""What is kept tick by tick is what all ticks and trades together say."""

from decimal import Decimal

from hypothesis import given

from paper_trading.engine import curve as curves
from paper_trading.engine import inference
from paper_trading.engine.money import exact
from paper_trading.engine.track import metrics_due
from tests.engine import histories
from tests.engine.histories import HISTORIES, Event

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


def test_metrics_are_due_on_every_twentieth_closed_tick() -> None:
    assert [closed for closed in range(60) if metrics_due(closed)] == [19, 39, 59]
