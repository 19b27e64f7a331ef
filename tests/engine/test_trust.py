"""Trust: a crash is never smoothed away, an outlier never makes a trade."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import trust
from paper_trading.engine.trust import Absent, Check, judge
from tests.engine.readings import (
    DISPUTED,
    FRESH,
    JUMP,
    MISSING,
    OTHER,
    POOL,
    STALE,
    TICK,
    UNSELLABLE,
    calm,
    fold,
    of,
    price,
    prices,
    reading,
    verdicts,
)
from tests.engine.worlds import NOON


def test_the_first_price_waits_for_a_second_one_near_it() -> None:
    assert verdicts(fold(of("100", "101"))) == [JUMP, FRESH]
    assert verdicts(fold(of("100", "60", "61"))) == [JUMP, JUMP, FRESH]


@given(prices, calm)
def test_ordinary_moves_pass_unchanged(start: Decimal, moves: list[Decimal]) -> None:
    said = [start, start]
    for move in moves:
        said.append((said[-1] * move).quantize(Decimal("1e-36")))
    found = fold(of(*said))[1:]
    assert verdicts(found) == [FRESH] * len(found)
    assert [price(one) for one in found] == said[1:]


@given(st.decimals("0.000001", "0.89", places=6), st.decimals("0.1", "1", places=3))
def test_a_crash_is_taken_as_it_is_on_its_second_reading(crash: Decimal, then: Decimal) -> None:
    low = Decimal(100) * crash
    found = fold(of("100", "100", low, low * then))
    assert verdicts(found) == [JUMP, FRESH, JUMP, FRESH]
    assert price(found[2]) == low
    assert price(found[3]) == low * then


@given(st.decimals("1.11", "1000", places=3))
def test_a_rise_waits_at_the_lower_price(rise: Decimal) -> None:
    high = Decimal(100) * rise
    found = fold(of("100", "100", high, high))
    assert verdicts(found) == [JUMP, FRESH, JUMP, FRESH]
    assert (price(found[2]), price(found[3])) == (Decimal(100), high)


@given(st.decimals("0.000001", "1000", places=6).filter(lambda f: not Decimal("0.9") <= f < 2))
def test_an_outlier_of_one_tick_leaves_nothing_behind(factor: Decimal) -> None:
    found = fold(of("100", "100", Decimal(100) * factor, "101"))
    assert verdicts(found)[2:] in ([JUMP, FRESH], [FRESH, FRESH])
    assert price(found[3]) == 101
    assert found[3].state.pending is None


def test_readings_on_both_sides_confirm_nothing() -> None:
    assert verdicts(fold(of("100", "100", "60", "160", "60"))) == [JUMP, FRESH, JUMP, JUMP, JUMP]


def test_a_jump_that_misses_a_tick_is_confirmed_later() -> None:
    found = fold(of("100", "100", "60", Absent("UNREACHABLE"), "60"))
    assert verdicts(found) == [JUMP, FRESH, JUMP, MISSING, FRESH]
    assert found[3].reason == "UNREACHABLE"


@pytest.mark.parametrize("depth", ["2999999", "333334"])
def test_a_depth_within_the_factor_is_taken(depth: str) -> None:
    assert verdicts(fold(of("100", "100", ("100", depth))))[2] is FRESH


@pytest.mark.parametrize(("depth", "worse"), [("3000001", "1000000"), ("333333", "333333")])
def test_a_depth_beyond_the_factor_waits_at_the_lesser(depth: str, worse: str) -> None:
    found = fold(of("100", "100", ("100", depth), ("100", depth)))
    assert verdicts(found)[2:] == [JUMP, FRESH]
    assert found[2].quote is not None
    assert found[3].quote is not None
    assert found[2].quote.liquidity_usd == Decimal(worse)
    assert found[3].quote.liquidity_usd == Decimal(depth)


def test_the_bound_is_exact() -> None:
    assert verdicts(fold(of("100", "100", "110")))[2] is FRESH
    assert verdicts(fold(of("100", "100", "110.000001")))[2] is JUMP
    assert verdicts(fold(of("100", "100", "90")))[2] is FRESH
    assert verdicts(fold(of("100", "100", "89.999999")))[2] is JUMP


def test_a_pool_that_holds_nothing_twice_is_unsellable_until_it_holds_again() -> None:
    found = fold(of("100", "100", ("99", "999"), ("98", "999"), ("98", "0"), "100"))
    assert verdicts(found)[2:] == [JUMP, UNSELLABLE, UNSELLABLE, FRESH]
    assert [price(one) for one in found[2:4]] == [99, 98]


def test_a_pool_that_holds_nothing_once_is_a_glitch() -> None:
    assert verdicts(fold(of("100", "100", ("99", "0"), "100")))[2:] == [JUMP, FRESH]
    few = fold(of(("100", "1200"), ("100", "1200"), ("100", "900"), ("100", "900")))
    assert verdicts(few)[2:] == [JUMP, UNSELLABLE]


def test_an_observation_does_not_confirm_itself() -> None:
    known = fold(of("100", "100"))[-1].state
    jumped = reading("150", tick=2)
    for tick in range(2, 5):
        again = judge(known, jumped, None, POOL, NOON + tick * TICK)
        assert again.verdict is JUMP
        known = again.state
    soon = replace(jumped, observed_at=jumped.observed_at + trust.MOMENT)
    assert judge(known, soon, None, POOL, NOON + 5 * TICK).verdict is JUMP
    next_one = replace(soon, observed_at=soon.observed_at + timedelta(microseconds=1))
    assert judge(known, next_one, None, POOL, NOON + 5 * TICK).verdict is FRESH


def test_an_observation_that_is_the_first_or_empty_does_not_confirm_itself() -> None:
    first = fold(of("100"))[-1].state
    assert judge(first, reading("100"), None, POOL, NOON + TICK).verdict is JUMP
    known = fold(of("100", "100", ("100", "0")))[-1].state
    assert judge(known, reading("100", "0", 2), None, POOL, NOON + 3 * TICK).verdict is JUMP


def test_readings_less_than_a_moment_apart_are_confirmed_in_the_end() -> None:
    known, step = fold(of("100", "100"))[-1].state, 0.6 * trust.MOMENT
    found = []
    for count in range(3):
        at = NOON + 2 * TICK + count * step
        judged = judge(known, replace(reading("150"), observed_at=at), None, POOL, at)
        known = judged.state
        found.append(judged.verdict)
    assert found == [JUMP, JUMP, FRESH]


def test_a_cache_of_unknown_age_does_not_confirm_itself() -> None:
    known = fold(of("100", "100"))[-1].state
    found = []
    for tick in range(2, 8):
        said = replace(reading("150", tick=tick - 4), spread_seconds=60)
        judged = judge(known, said, None, POOL, NOON + tick * TICK)
        known = judged.state
        found.append(judged.verdict)
    # Read 75 s after the first, it was said after the first was read.
    assert found == [JUMP] * 5 + [FRESH]


def test_an_empty_pool_in_a_cache_of_unknown_age_is_no_second_one() -> None:
    known = fold(of("100", "100"))[-1].state
    for tick in (2, 3):
        said = replace(reading("100", "0", tick=tick - 4), spread_seconds=60)
        judged = judge(known, said, None, POOL, NOON + tick * TICK)
        known = judged.state
        assert judged.verdict is JUMP


def test_a_jump_in_a_cache_is_confirmed_by_a_source_that_says_when() -> None:
    known = fold(of("100", "100"))[-1].state
    cached = replace(reading("150", tick=-2), spread_seconds=60)
    known = judge(known, cached, None, POOL, NOON + 2 * TICK).state
    assert judge(known, reading("150", tick=3), None, POOL, NOON + 3 * TICK).verdict is FRESH


def test_an_age_in_whole_seconds_and_a_slow_answer_confirm_nothing() -> None:
    known = fold(of("100", "100"))[-1].state
    jumped = reading("150", tick=2)
    known = judge(known, jumped, None, POOL, NOON + 2 * TICK).state
    # Read of the same cache, which rounds its age, by a call that took 3.5 s.
    again = replace(jumped, observed_at=jumped.observed_at + timedelta(seconds=4.5))
    assert judge(known, again, None, POOL, NOON + 3 * TICK).verdict is JUMP


@pytest.mark.parametrize("spread", [-1, 86_401])
def test_a_spread_that_no_cache_has_is_refused(spread: int) -> None:
    with pytest.raises(ValueError, match="spread_seconds of a reading"):
        replace(reading("1"), spread_seconds=spread)


def test_a_rise_is_confirmed_once_the_check_agrees_or_is_old() -> None:
    known = fold(of("100", "100", "200"), Check(Decimal(100), NOON))[-1].state
    later, now = reading("200", tick=3), NOON + 3 * TICK
    for check in (Check(Decimal(195), now), Check(Decimal(100), now - 2 * trust.CHECK_LIFE), None):
        assert judge(known, later, check, POOL, now).verdict is FRESH


def test_a_fall_that_a_check_contradicts_is_confirmed_and_disputed() -> None:
    found = fold(of("100", "100", "60", "60"), Check(Decimal(100), NOON))
    assert verdicts(found)[2:] == [JUMP, DISPUTED]
    assert price(found[3]) == 60


@given(prices, prices, calm)
def test_a_disputed_price_is_the_lower_of_both_and_the_pools_is_remembered(
    pool: Decimal, other: Decimal, moves: list[Decimal]
) -> None:
    said = [pool, pool]
    for move in moves:
        said.append((said[-1] * move).quantize(Decimal("1e-36")))
    for one, own in zip(fold(of(*said), Check(other, NOON))[1:], said[1:], strict=True):
        assert one.state.accepted is not None
        assert one.state.accepted.price_usd == own
        assert one.quote is not None
        assert one.quote.liquidity_usd == 1_000_000
        assert price(one) == (min(own, other) if one.verdict is DISPUTED else own)


def test_a_disputed_token_that_jumps_is_not_marked_above_the_check() -> None:
    found = fold(of("100", "100", "80"), Check(Decimal(70), NOON))
    assert verdicts(found)[1:] == [DISPUTED, JUMP]
    assert [price(one) for one in found[1:]] == [70, 70]


def test_a_check_that_no_row_can_keep_lowers_nothing() -> None:
    found = fold(of("100", "100"), Check(Decimal("1e-40"), NOON))
    assert verdicts(found)[1] is DISPUTED
    assert price(found[1]) == 100


SWINGS = ["60", "160", "60", "160"]


def test_a_price_that_swings_is_taken_where_a_check_agrees() -> None:
    near = Check(Decimal(156), NOON)
    assert verdicts(fold(of("100", "100", *SWINGS[:3], "160"), near))[2:] == [JUMP] * 4
    found = fold(of("100", "100", *SWINGS, "60", "160"), near)
    assert verdicts(found)[2:] == [JUMP] * 5 + [FRESH]
    assert found[-1].state.jumps == 0
    assert verdicts(fold(of("100", "100", *SWINGS, "60", "160")))[2:] == [JUMP] * 6


def test_a_pool_that_is_gone_is_unsellable_on_the_second_answer() -> None:
    gone = Absent(trust.POOL_ABSENT)
    found = fold(of("100", "100", gone, gone, gone, "100"))
    assert verdicts(found)[2:] == [MISSING, UNSELLABLE, UNSELLABLE, FRESH]
    assert found[3].quote is not None
    assert price(found[3]) == 100
    assert found[3].quote.liquidity_usd == 0


def test_a_source_that_is_away_says_nothing_of_the_pool() -> None:
    away = Absent("UNREACHABLE")
    assert verdicts(fold(of("100", "100", away, away, away)))[2:] == [MISSING] * 3


def test_a_pool_that_was_never_seen_is_missing() -> None:
    gone = Absent(trust.POOL_ABSENT)
    assert verdicts(fold(of(gone, gone, gone))) == [MISSING] * 3


def test_another_pool_is_no_reading() -> None:
    known = fold(of("100", "100"))[-1].state
    other = replace(reading("100", tick=2), pool=OTHER)
    found = judge(known, other, None, POOL, NOON + 2 * TICK)
    assert (found.verdict, found.reason, found.quote) == (MISSING, trust.POOL_OTHER, None)
    assert judge(known, replace(other, pool=POOL.upper()), None, POOL, NOON + 2 * TICK).verdict is (
        FRESH
    )


def test_an_old_reading_is_stale_and_changes_nothing() -> None:
    known = fold(of("100", "100"))[-1].state
    late = NOON + 2 * TICK + trust.OLDEST
    assert judge(known, reading("100", tick=2), None, POOL, late).verdict is FRESH
    found = judge(known, reading("60", tick=2), None, POOL, late + timedelta(microseconds=1))
    assert (found.verdict, found.state.accepted) == (STALE, known.accepted)


def test_a_source_that_steps_in_may_be_a_minute_behind() -> None:
    known = fold(of("100", "100", "100", "100", "100", "100"))[-1].state
    now = NOON + 5 * TICK
    cached = replace(reading("101"), observed_at=now - trust.BEHIND)
    assert judge(known, cached, None, POOL, now).verdict is FRESH
    older = replace(cached, observed_at=cached.observed_at - timedelta(microseconds=1))
    found = judge(known, older, None, POOL, now)
    assert (found.verdict, found.state.accepted) == (STALE, known.accepted)


def test_a_reading_from_the_future_is_refused() -> None:
    known = fold(of("100", "100"))[-1].state
    ahead = NOON + 2 * TICK - trust.CLOCK_SKEW
    assert judge(known, reading("100", tick=2), None, POOL, ahead).verdict is FRESH
    found = judge(known, reading("100", tick=2), None, POOL, ahead - timedelta(microseconds=1))
    assert (found.verdict, found.reason) == (MISSING, trust.TIME_AHEAD)


def test_a_dispute_lasts_until_a_check_agrees() -> None:
    apart, near = Check(Decimal(106), NOON), Check(Decimal(105), NOON)
    assert verdicts(fold(of("100", "100"), apart)) == [JUMP, DISPUTED]
    assert verdicts(fold(of("100", "100"), near)) == [JUMP, FRESH]
    known = fold(of("100", "100"), apart)[-1].state
    late = NOON + trust.CHECK_LIFE + TICK
    now = replace(reading("100"), observed_at=late)
    assert judge(known, now, apart, POOL, late).verdict is DISPUTED
    assert judge(known, now, None, POOL, late).verdict is DISPUTED
    assert judge(known, now, replace(near, observed_at=late), POOL, late).verdict is FRESH


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "0", "-1", "1e24"])
def test_what_no_pool_says_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="price_usd"):
        reading(wrong)
    with pytest.raises(ValueError, match="price_usd"):
        Check(Decimal(wrong), NOON)
    if wrong not in ("0", "1e24"):
        with pytest.raises(ValueError, match="liquidity_usd"):
            reading("1", wrong)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Check(Decimal(1), NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="zone"):
        replace(reading("1"), observed_at=NOON.replace(tzinfo=None))
