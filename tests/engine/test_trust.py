"""Trust: a crash is never smoothed away, an outlier never makes a trade."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import trust
from paper_trading.engine.account import Account
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import ExitReason, PriceVerdict, TradeStatus, TradingState
from paper_trading.engine.market import Quote
from paper_trading.engine.steps import StepResult, auto_close, execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trust import Absent, Check, Judged, Reading, TokenTrust, judge
from tests.engine import worlds
from tests.engine.worlds import NOON

FRESH, JUMP, DISPUTED = PriceVerdict.FRESH, PriceVerdict.JUMP, PriceVerdict.DISPUTED
STALE, UNSELLABLE, MISSING = PriceVerdict.STALE, PriceVerdict.UNSELLABLE, PriceVerdict.MISSING

POOL = "0x" + "ab" * 20
OTHER = "0x" + "cd" * 20
TICK = timedelta(seconds=15)

prices = st.decimals("1e-15", "1e9", places=18).filter(lambda price: price > 0)
#: Ticks of ordinary life: each a factor within the bound.
calm = st.lists(st.decimals("0.95", "1.05", places=3), min_size=1, max_size=12)


def reading(price: str | Decimal, depth: str | None = "1000000", tick: int = 0) -> Reading:
    return Reading(
        Decimal(price), None if depth is None else Decimal(depth), NOON + tick * TICK, POOL
    )


def fold(seen: Sequence[Reading | Absent], check: Check | None = None) -> list[Judged]:
    """Judge one reading a tick, from tick 0 on."""
    state, found = TokenTrust(), []
    for tick, one in enumerate(seen):
        found.append(judge(state, one, check, POOL, NOON + tick * TICK))
        state = found[-1].state
    return found


def of(*said: str | Decimal | tuple[str | Decimal, str | None] | Absent) -> list[Reading | Absent]:
    """Return readings, one a tick: a price, or a price and a depth."""
    found: list[Reading | Absent] = []
    for tick, one in enumerate(said):
        if isinstance(one, Absent):
            found.append(one)
        else:
            price, depth = one if isinstance(one, tuple) else (one, "1000000")
            found.append(reading(price, depth, tick))
    return found


def verdicts(found: Sequence[Judged]) -> list[PriceVerdict]:
    return [one.verdict for one in found]


def price(judged: Judged) -> Decimal:
    assert judged.quote is not None
    return judged.quote.price_usd


class Holder:
    """An account that holds one token and lives through judged quotes."""

    def __init__(self, strategy: Strategy | None = None) -> None:
        self.token = worlds.token()
        self.strategy = strategy or Strategy(stop_loss_percent=Decimal(5))
        bought = worlds.batch(worlds.quote(self.token, "100", liquidity="1000000"))
        buy = worlds.decision(self.token)
        rules = worlds.rules(self.strategy)
        opened = execute(worlds.account(), bought, {}, rules, [buy], TradingState.ACTIVE)
        assert self.token.id in opened.account.positions
        self.account: Account = opened.account

    def lives(self, judged: Judged, tick: int) -> StepResult:
        seen, quotes = judged.quote, []
        if seen is not None:
            quotes = [
                Quote(
                    self.token,
                    seen.price_usd,
                    seen.observed_at,
                    "test",
                    seen.liquidity_usd,
                    judged.verdict,
                )
            ]
        batch = worlds.batch(*quotes, at=NOON + (tick + 1) * TICK)
        result = auto_close(self.account, batch, {}, worlds.rules(self.strategy), frozenset())
        self.account = result.account
        return result


def filled(result: StepResult) -> list[ExitReason | None]:
    return [one.exit_reason for one in result.trades if one.status is TradeStatus.FILLED]


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


def test_a_pool_that_holds_nothing_is_unsellable_until_it_holds_again() -> None:
    found = fold(of("100", "100", ("99", "999"), "100"))
    assert verdicts(found)[2:] == [UNSELLABLE, FRESH]
    assert price(found[2]) == 99


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
    earlier = judge(known, reading("60", tick=0), None, POOL, NOON + 2 * TICK)
    assert (earlier.verdict, earlier.state.pending) == (STALE, None)


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


@given(
    st.decimals("0.1", "0.6", places=3),
    st.decimals("100", "400000", places=2),
    st.lists(st.decimals("0.5", "1", places=2), min_size=1, max_size=3),
)
def test_a_real_crash_with_liquidity_pulled_is_left_within_two_ticks_or_unsellable(
    crash: Decimal, depth: Decimal, then: list[Decimal]
) -> None:
    said: list[tuple[str | Decimal, str | None]] = [("100", "1000000")] * 2
    low, left = 100 * crash, depth
    for factor in [Decimal(1), *then]:
        low, left = low * factor, left * factor
        said.append((low, str(left)))
    holder = Holder()
    judged = fold(of(*said))
    results = [holder.lives(one, tick) for tick, one in enumerate(judged)]
    sold = [reason for result in results[2:4] for reason in filled(result)]
    if sold:
        assert sold == [ExitReason.STOP_LOSS]
    else:
        assert UNSELLABLE in verdicts(judged)[2:4]
        assert results[3].account.positions[holder.token.id].mark_price_usd <= 100 * crash
        if judged[3].verdict is UNSELLABLE:
            assert results[3].equity.equity_if_closed_usd == holder.account.cash_usd


@given(
    st.decimals("0.01", "100", places=3).filter(lambda f: not Decimal("0.6") < f < Decimal("1.4")),
    st.integers(2, 5),
)
def test_an_outlier_never_makes_a_trade(factor: Decimal, at: int) -> None:
    said: list[str | Decimal] = ["100"] * 8
    said[at] = 100 * factor
    holder = Holder(
        Strategy(
            stop_loss_percent=Decimal(5),
            take_profit_percent=Decimal(5),
            trailing_activation_percent=Decimal(1),
            trailing_distance_percent=Decimal(1),
        )
    )
    results = [holder.lives(one, tick) for tick, one in enumerate(fold(of(*said)))]
    assert [filled(result) for result in results] == [[]] * 8
    assert results[-1].equity.positions_usd == results[1].equity.positions_usd


ENTRY = [
    (JUMP, Code.PRICE_JUMPED),
    (STALE, Code.PRICE_STALE),
    (UNSELLABLE, Code.UNSELLABLE),
    (PriceVerdict.CASH_UNSURE, Code.CASH_UNSURE),
    (DISPUTED, Code.PRICE_DISPUTED),
]


@pytest.mark.parametrize(("verdict", "code"), ENTRY)
def test_no_entry_is_made_on_a_price_that_is_not_trusted(verdict: PriceVerdict, code: Code) -> None:
    token = worlds.token()
    batch = worlds.batch(replace(worlds.quote(token), verdict=verdict))
    buy = worlds.decision(token)
    result = execute(worlds.account(), batch, {}, worlds.rules(), [buy], TradingState.ACTIVE)
    assert [(one.status, one.code) for one in result.trades] == [(TradeStatus.DENIED, code)]


@pytest.mark.parametrize(("verdict", "code"), ENTRY)
def test_an_exit_is_made_on_a_disputed_price_only(verdict: PriceVerdict, code: Code) -> None:
    holder = Holder()
    crashed = Judged(TokenTrust(), verdict, reading("50", tick=1))
    result = holder.lives(crashed, 1)
    if verdict is STALE:
        # An old price is no mark: nothing is wanted on it.
        assert result.trades == ()
        return
    sold = verdict is DISPUTED
    status = TradeStatus.FILLED if sold else TradeStatus.DENIED
    expected = (status, Code.OK if sold else code)
    assert [(one.status, one.code) for one in result.trades] == [expected]


@given(prices, prices, st.integers(1, 6))
def test_two_pools_exchanged_never_make_a_price(a: Decimal, b: Decimal, length: int) -> None:
    states = {name: fold(of(of_name, of_name))[-1].state for name, of_name in (("A", a), ("B", b))}
    for tick in range(2, 2 + length):
        seen: dict[str, Reading | Absent] = {"A": reading(b, tick=tick), "B": reading(a, tick=tick)}
        mixed = trust.exchanged(states, seen)
        apart = abs(a - b) * 100 > trust.JUMP_PERCENT * max(a, b)
        assert mixed == ({"A", "B"} if apart else mixed)
        for name in states:
            one = Absent(trust.EXCHANGED) if name in mixed else seen[name]
            judged = judge(states[name], one, None, POOL, NOON + tick * TICK)
            if name in mixed:
                assert (judged.verdict, judged.quote) == (MISSING, None)
                assert judged.state.accepted == states[name].accepted


def test_two_that_crash_together_have_not_been_exchanged() -> None:
    states = {name: fold(of("100", "100"))[-1].state for name in "AB"}
    seen: dict[str, Reading | Absent] = {name: reading("60", tick=2) for name in "AB"}
    assert trust.exchanged(states, seen) == frozenset()


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
