"""Fills of grade A: pending swaps that the chain's own quoter told the outcome of."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import mev
from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Range
from paper_trading.engine.enums import (
    Action,
    FillGrade,
    PriceVerdict,
    Side,
    TradeStatus,
)
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, ChainQuote, QuotedSwap, Token
from paper_trading.engine.trade import Swap
from paper_trading.engine.ways import pool_in
from tests.engine.desks import WORLD, A, closed
from tests.engine.pool_kinds import LIQUIDITY, SQRT_2000
from tests.engine.waiting import BY, L1, observed, pending, seconds, sent, told, told_first
from tests.engine.worlds import NOON, decision, quote, rules

NEXT = NOON + timedelta(seconds=15)


def quoted(world: Batch, of: Account, out: int, at: datetime = NEXT, token: Token = A) -> Batch:
    """The world whose chain quoted the account's pending swap of a token."""
    plan = pending(of, token.id).plan
    return replace(
        world,
        chain_quotes={(token.id, "", plan.side, plan.amount_in): ChainQuote(out, 49_000_000, at)},
    )


def swap_told(of: Account, world: Batch) -> Swap:
    found = told_first(of, world).swap
    assert found is not None
    return found


def a_little_less(of: Account) -> int:
    """What the chain may say: no model gives this number."""
    return pending(of).plan.quoted_out * 9_987 // 10_000 + 1


def test_the_chains_own_answer_settles_a_swap() -> None:
    before = sent().account
    out = a_little_less(before)
    swap = swap_told(before, quoted(seconds(15), before, out))
    assert (swap.amount_out, swap.grade) == (out, FillGrade.A)
    assert swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd == swap.shortfall_usd
    modelled = swap_told(before, seconds(15))
    assert (modelled.grade, swap.transactions) == (FillGrade.C, modelled.transactions)
    after = closed(before, quoted(seconds(15), before, out), BY).account
    assert after.positions[A.id].units == out
    assert cash_identity(after) == 0


def test_no_noise_is_added_to_what_the_chain_said() -> None:
    volatile = replace(WORLD, sigma_annual={A.id: Decimal(50)})
    before = sent(world=volatile).account
    out = a_little_less(before)
    assert swap_told(before, quoted(seconds(15, {}, volatile), before, out)).amount_out == out


def test_a_sale_is_settled_too() -> None:
    bought = closed(sent().account, seconds(15), BY).account
    selling = sent(decision(A, Action.SELL), of=bought, world=seconds(15)).account
    # What its own buy left in the pool is in favour of the sale, and not counted on.
    out = a_little_less(selling)
    at = NOON + timedelta(seconds=30)
    swap = swap_told(selling, quoted(seconds(30), selling, out, at))
    assert (swap.amount_out, swap.grade) == (out, FillGrade.A)


def test_a_block_before_inclusion_tells_nothing() -> None:
    before = sent().account
    block = pending(before).submission.included_at
    out = a_little_less(before)
    early = quoted(seconds(15), before, out, block - timedelta(seconds=1))
    assert swap_told(before, early) == swap_told(before, seconds(15))
    assert swap_told(before, quoted(seconds(15), before, out, block)).grade is FillGrade.A


@pytest.mark.parametrize(
    "key",
    [
        (A.id, "", Side.SELL, 1_000_000_000),
        (A.id, "", Side.BUY, 1_000_000_001),
        (A.id + 1, "", Side.BUY, 1_000_000_000),
        (A.id, "0x" + "12" * 20, Side.BUY, 1_000_000_000),
    ],
)
def test_another_swaps_quote_tells_nothing(key: QuotedSwap) -> None:
    before = sent().account
    assert pending(before).plan.amount_in == 1_000_000_000
    other = replace(seconds(15), chain_quotes={key: ChainQuote(1, 1, NEXT)})
    assert swap_told(before, other) == swap_told(before, seconds(15))


@pytest.mark.parametrize("verdict", [PriceVerdict.JUMP, PriceVerdict.STALE])
def test_a_price_that_is_not_sound_is_still_waited_for(verdict: PriceVerdict) -> None:
    before = sent().account
    world = observed(quoted(seconds(15), before, a_little_less(before)), NEXT, verdict)
    assert closed(before, world, BY).account.pending == before.pending


def test_less_than_the_minimum_reverts_and_pays_for_it() -> None:
    before = sent().account
    least = pending(before).plan.minimum_out
    assert swap_told(before, quoted(seconds(15), before, least)).amount_out == least
    block = pending(before).submission.included_at
    record = told(before, quoted(seconds(15), before, least - 1, block))
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.MINIMUM_OUT_NOT_MET)
    assert record.swap is not None
    assert (record.swap.grade, record.swap.amount_out) == (FillGrade.A, 0)
    assert record.swap.gas_usd > 0


def test_less_than_the_minimum_in_a_later_block_is_no_refund() -> None:
    """The price is as it was: the pool lost depth, before the swap's block or after it."""
    before = sent().account
    least = pending(before).plan.minimum_out
    record = told(before, quoted(seconds(15), before, least // 2))
    assert record.swap is not None
    assert (record.status, record.swap.amount_out) == (TradeStatus.FILLED, least)
    assert record.swap.grade is FillGrade.C
    ran_away = told(before, quoted(seconds(15, {A.id: "120"}), before, least // 2))
    assert ran_away.status is TradeStatus.FAILED


@pytest.mark.parametrize("times", [3, 10**6, 10**40])
def test_more_than_any_pool_pays_is_not_believed(times: int) -> None:
    before = sent().account
    out = min(pending(before).plan.quoted_out * times, 2**256 - 1)
    assert swap_told(before, quoted(seconds(15), before, out)) == swap_told(before, seconds(15))


@pytest.mark.parametrize("times", [3, 10**6, 10**40])
def test_more_than_any_pool_pays_is_not_believed_of_a_sale(times: int) -> None:
    bought = closed(sent().account, seconds(15), BY).account
    selling = sent(decision(A, Action.SELL), of=bought, world=seconds(15)).account
    out = pending(selling).plan.quoted_out * times
    at = NOON + timedelta(seconds=30)
    told_by_chain = swap_told(selling, quoted(seconds(30), selling, out, at))
    assert told_by_chain == swap_told(selling, seconds(30))


def test_a_token_of_many_decimals_and_a_price_of_next_to_nothing() -> None:
    huge = replace(A, id=9, symbol="HUGE", decimals=36)
    world = replace(WORLD, quotes={huge.id: quote(huge, "0.000000000000000001")})
    world = replace(world, sigma_annual={huge.id: Decimal(0)})
    before = sent(decision(huge), world=world).account
    out = pending(before, huge.id).plan.quoted_out - 1
    assert out > 10**50
    later = quoted(seconds(15, {}, world), before, out, token=huge)
    swap = swap_told(before, later)
    assert (swap.amount_out, swap.grade) == (out, FillGrade.A)
    greedy = quoted(seconds(15, {}, world), before, 2**256 - 1, token=huge)
    assert swap_told(before, greedy).grade is FillGrade.C


# Own impact and attacks


def test_what_own_swaps_left_in_the_pool_takes_its_share_of_the_chains_answer() -> None:
    """The chain does not know of them: the modelled pool says how much less they leave."""
    before = sent().account
    plan, out = pending(before).plan, a_little_less(before)
    world = quoted(seconds(15), before, out)
    pool = pool_in(world, world.quotes[A.id])
    assert pool is not None
    left = 20_000_000_000
    moved = pool.after(Side.BUY, left)
    assert moved is not None
    plain, less = (one.quote(plan.side, plan.amount_in) for one in (pool, moved))
    assert plain is not None
    assert less is not None
    # Enough to leave a minimum, and no time for it to flow back.
    at = pending(before).submission.included_at
    full = replace(before, displaced={A.id: Displaced(left, at)})
    tolerant = {A.id: replace(pending(full), plan=replace(plan, minimum_out=1))}
    swap = swap_told(replace(full, pending=tolerant), world)
    assert (swap.amount_out, swap.grade) == (out * less // plain, FillGrade.A)
    assert swap.amount_out < out


def test_an_own_impact_beyond_the_known_depth_is_not_guessed() -> None:
    before = sent().account
    depth = Range(SQRT_2000, LIQUIDITY, 10, cash_is_token0=True)
    later = seconds(15)
    quotes = {A.id: replace(later.quotes[A.id], depth=depth, price_usd=Decimal(2000))}
    known = quoted(replace(later, quotes=quotes), before, a_little_less(before))
    at = pending(before).submission.included_at
    full = replace(before, displaced={A.id: Displaced(10**15, at)})
    assert told(full, known).code is Code.MINIMUM_OUT_NOT_MET
    # Without one, what lies beyond the known depth is what the chain's quoter is asked for.
    out = pending(before).plan.amount_in * 10**12 // 2_000
    plan = replace(pending(before).plan, minimum_out=1)
    free = replace(before, pending={A.id: replace(pending(before), plan=plan)})
    assert swap_told(free, quoted(known, free, out)).grade is FillGrade.A


#: An order that moves its pool by more than the fees of an attack, for next to no gas.
CHEAP = replace(L1, base_fee_wei=1, priority_fee_wei=1)
SHALLOW = replace(
    WORLD,
    gas=CHEAP,
    quotes={A.id: replace(WORLD.quotes[A.id], liquidity_usd=Decimal(100_000))},
)


def attacked(share: int) -> tuple[Swap, int, int]:
    """The swap that everybody sees, its minimum, and what the chain said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mev, "attack_probability", lambda _: Decimal(1))
        appetite = replace(BY.appetite, mev_protection=False, max_pool_percent=Decimal(100))
        before = sent(world=SHALLOW, by=rules(BY.strategy, appetite, managed=True)).account
        plan = pending(before).plan
        least = plan.quoted_out * 9_900 // 10_000
        open_to = replace(pending(before), plan=replace(plan, minimum_out=least))
        before = replace(before, pending={A.id: open_to})
        out = plan.quoted_out * share // 10_000
        return swap_told(before, quoted(seconds(15, {}, SHALLOW), before, out)), least, out


def test_an_attacker_takes_what_the_minimum_leaves_of_the_chains_answer() -> None:
    swap, least, out = attacked(10_050)
    assert swap.grade is FillGrade.A
    assert swap.mev_usd > 5
    assert least <= swap.amount_out < least + out // 10**6


@given(share=st.integers(9_901, 10_100))
def test_an_attacker_never_leaves_less_than_the_minimum(share: int) -> None:
    swap, least, out = attacked(share)
    assert (swap.grade, least <= swap.amount_out <= out) == (FillGrade.A, True)


@pytest.mark.parametrize("out", [0, 2**256, -1])
def test_what_no_quoter_says_is_refused(out: int) -> None:
    with pytest.raises(ValueError, match=r"quoted amount_out was .*; allowed"):
        ChainQuote(out, 1, NOON)


def test_a_quote_without_a_zone_or_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="with a zone"):
        ChainQuote(1, 1, NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="block of a quote"):
        ChainQuote(1, -1, NOON)
    with pytest.raises(TypeError, match="block of a quote"):
        ChainQuote(1, True, NOON)
