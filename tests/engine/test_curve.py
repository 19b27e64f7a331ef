"""The index bears costs and no deposits; its drawdown and exposure are those of every tick."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import curve as curves
from paper_trading.engine.curve import Curve, Drawdown, HourPoint
from paper_trading.engine.money import exact
from tests.engine.worlds import NOON

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TINY = Decimal("1e-30")


def curve_of(*values: str, apart: timedelta = HOUR) -> Curve:
    """Return a curve that starts at noon with the first value."""
    curve = curves.opened(Decimal(values[0]))
    for number, value in enumerate(values[1:], 1):
        curve = curves.observed(curve, NOON + number * apart, Decimal(value), Decimal(0), apart)
    return curve


def test_the_index_starts_one_step_before_the_first_point() -> None:
    curve = curve_of("10000", "9990")
    assert (curve.start, curve.last_at) == (NOON, NOON + HOUR)
    assert curves.index_of(curve) == Decimal("0.999")
    assert curves.index_of(curves.opened(Decimal(500))) == 1
    assert curves.elapsed_hours(curve) == 1
    assert curves.elapsed_hours(curves.opened(Decimal(500))) == 0


def test_a_deposit_counts_from_the_last_point_on() -> None:
    paid = curves.paid_in(curve_of("100", "110"), Decimal(200))
    assert curves.index_of(paid) == Decimal("1.1")
    after = curves.observed(paid, NOON + 2 * HOUR, Decimal(341), Decimal(0), HOUR)
    # 10 %, then 10 % on all that was there.
    assert curves.index_of(after) == Decimal("1.21")


def test_deposits_before_the_first_point_are_where_it_starts() -> None:
    paid = curves.paid_in(curves.opened(Decimal(100)), Decimal(100))
    after = curves.observed(paid, NOON, Decimal(190), Decimal(0), HOUR)
    assert curves.index_of(after) == Decimal("0.95")


@given(st.lists(st.tuples(st.integers(-99, 200), st.integers(0, 10**6)), min_size=1, max_size=30))
@exact
def test_deposits_do_not_change_the_return(history: list[tuple[int, int]]) -> None:
    """Let two accounts hold the same; one is paid into along the way."""
    alone, paid = curves.opened(Decimal(1_000)), curves.opened(Decimal(1_000))
    for number, (percent, amount) in enumerate(history, 1):
        if amount:
            paid = curves.paid_in(paid, Decimal(amount))
        factor, at = 1 + Decimal(percent) / 100, NOON + number * HOUR
        share = Decimal("0.5")
        worths = (alone.worth_usd * factor, paid.worth_usd * factor)
        alone = curves.observed(alone, at, worths[0], worths[0] * share, HOUR)
        paid = curves.observed(paid, at, worths[1], worths[1] * share, HOUR)
    assert abs(curves.index_of(alone) - curves.index_of(paid)) <= TINY * curves.index_of(alone)
    assert curves.mean_exposure(alone) == curves.mean_exposure(paid)
    assert alone.drawdown == paid.drawdown


def test_a_drawdown_has_its_dates() -> None:
    curve = curve_of("100", "120", "90", "60", "100", "120", "130")
    fall = Drawdown(Decimal(50), NOON + HOUR, NOON + 3 * HOUR, NOON + 5 * HOUR)
    assert curve.drawdown == fall
    assert (curve.peak_index, curve.peak_at) == (Decimal("1.3"), NOON + 6 * HOUR)


def test_a_deeper_fall_takes_the_place_of_one_that_recovered() -> None:
    curve = curve_of("100", "80", "100", "79", "99")
    assert curve.drawdown == Drawdown(Decimal(21), NOON + 2 * HOUR, NOON + 3 * HOUR)
    shallow = curve_of("100", "80", "100", "81", "101")
    assert shallow.drawdown == Drawdown(Decimal(20), NOON, NOON + HOUR, NOON + 2 * HOUR)


def test_the_fall_from_the_start_counts_and_a_rise_is_none() -> None:
    assert curve_of("100", "98").drawdown == Drawdown(Decimal(2), NOON, NOON + HOUR)
    assert curve_of("100", "101", "102").drawdown is None
    lost = curve_of("100", "0", "5").drawdown
    assert lost is not None
    assert lost.percent == 100


def test_exposure_and_equity_are_weighted_by_time() -> None:
    curve = curves.observed(curves.opened(Decimal(100)), NOON, Decimal(100), Decimal(40), MINUTE)
    assert curves.mean_exposure(curve) is None
    assert curves.mean_equity(curve) is None
    curve = curves.observed(curve, NOON + 30 * MINUTE, Decimal(200), Decimal(200), MINUTE)
    curve = curves.observed(curve, NOON + 40 * MINUTE, Decimal(1), Decimal(0), MINUTE)
    # 40 % for 30 minutes, 100 % for 10; the last point holds for no time yet.
    assert curves.mean_exposure(curve) == Decimal("0.55")
    assert curves.mean_equity(curve) == Decimal(125)


def test_nothing_is_exposed_when_nothing_is_left() -> None:
    curve = curves.observed(curves.opened(Decimal(100)), NOON, Decimal(100), Decimal(40), MINUTE)
    curve = curves.observed(curve, NOON + 10 * MINUTE, Decimal(0), Decimal(0), MINUTE)
    assert curve.exposure is None
    later = curves.observed(curve, NOON + 90 * MINUTE, Decimal(100), Decimal(100), MINUTE)
    # 40 % for ten minutes; what followed has no share of anything.
    assert curves.mean_exposure(later) == Decimal("0.4")
    never = curves.observed(curves.opened(Decimal(1)), NOON, Decimal(0), Decimal(0), MINUTE)
    never = curves.observed(never, NOON + MINUTE, Decimal(0), Decimal(0), MINUTE)
    assert curves.mean_exposure(never) is None


def test_mean_equity_is_in_cash() -> None:
    curve = curves.observed(curves.opened(Decimal(100)), NOON, Decimal(80), Decimal(0), MINUTE)
    curve = replace(curve, cash_price_usd=Decimal("0.8"))
    curve = curves.observed(curve, NOON + 10 * MINUTE, Decimal(90), Decimal(0), MINUTE)
    assert curves.mean_equity(curve) == 100


@pytest.mark.parametrize("minutes", [0, -1])
def test_points_out_of_order_are_refused(minutes: int) -> None:
    curve = curve_of("1", "2")
    at = NOON + HOUR + minutes * MINUTE
    with pytest.raises(ValueError, match="comes after 2026-03-02T13:00:00"):
        curves.observed(curve, at, Decimal(1), Decimal(0), HOUR)


def test_an_hour_ends_with_the_last_point_known() -> None:
    curve = curve_of("100", *["101"] * 7, apart=25 * MINUTE)
    points = {hour: HourPoint(hour, NOON, Decimal(hour), Decimal(hour)) for hour in (1, 2)}
    assert curves.full_hours(curve) == 2
    assert list(curves.at_full_hours(curve, points)) == [points[1], points[2]]
    later = replace(curve, last_at=NOON + timedelta(hours=4, minutes=59))
    assert list(curves.at_full_hours(later, points)) == [points[1], *[points[2]] * 3]
    assert next(curves.at_full_hours(later, {2: points[2]})) is None
    assert list(curves.at_full_hours(curves.opened(Decimal(1)), {})) == []


@pytest.mark.parametrize(("minutes", "hour"), [(1, 1), (60, 1), (61, 2), (120, 2)])
def test_an_hour_takes_its_end_and_not_its_start(minutes: int, hour: int) -> None:
    assert curves.hour_of(NOON, NOON + minutes * MINUTE) == hour


def test_cash_paid_in_off_the_peg_counts_at_its_price() -> None:
    curve = replace(curve_of("100", "88"), cash_price_usd=Decimal("0.88"))
    paid = curves.paid_in(curve, Decimal(100))
    assert paid.worth_usd == Decimal(176)
    after = curves.observed(paid, NOON + 2 * HOUR, Decimal(176), Decimal(0), HOUR)
    assert curves.index_of(after) == Decimal("0.88")


def test_a_point_that_waits_for_its_second_reading_is_no_drawdown_and_no_peak() -> None:
    calm = curve_of("10000", "10500")
    for worth in ("3000", "90000"):
        glitch = curves.observed(
            calm, NOON + 2 * HOUR, Decimal(worth), Decimal(0), HOUR, settled=False
        )
        assert glitch.worth_usd == Decimal(worth)
        assert (glitch.peak_index, glitch.peak_at) == (calm.peak_index, calm.peak_at)
        assert glitch.drawdown is None
        after = curves.observed(glitch, NOON + 3 * HOUR, Decimal(10_500), Decimal(0), HOUR)
        assert (after.peak_index, after.drawdown) == (calm.peak_index, None)
