from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.amm import Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import FillGrade, Side, TransactionKind, TransactionStatus
from paper_trading.engine.fills import execute_swap, leaving, pricing_code, round_trip_percent
from paper_trading.engine.gas import APPROVE_GAS, CHAINS, FAILED_SWAP_GAS, SWAP_GAS
from paper_trading.engine.market import Batch, GasConditions, Token
from paper_trading.engine.money import CONTEXT, ZERO, cash_amount, from_base_units, usd
from paper_trading.engine.trade import Order
from tests.engine.pools import (
    APPROVED,
    BASE,
    CASH,
    CONFIRMED,
    ETHER,
    ETHEREUM,
    NOON,
    REVERTED,
    TOKEN,
    batch_of,
    order_of,
    seed_where,
    swap_of,
)

# What can be priced


def test_a_fresh_deep_quote_is_ok() -> None:
    assert pricing_code(TOKEN.id, batch_of(), 900) is Code.OK


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (replace(batch_of(), quotes={}), Code.PRICE_MISSING),
        (batch_of(cash_price="0"), Code.PRICE_MISSING),
        (batch_of(liquidity=None), Code.DEPTH_UNKNOWN),
        (batch_of(liquidity="0"), Code.DEPTH_UNKNOWN),
        (replace(batch_of(), native_price_usd=None), Code.GAS_PRICE_UNKNOWN),
        (replace(batch_of(), native_price_usd=ZERO), Code.GAS_PRICE_UNKNOWN),
    ],
)
def test_what_cannot_be_priced_says_why_and_is_refused(batch: Batch, code: Code) -> None:
    assert pricing_code(TOKEN.id, batch, 900) is code
    assert leaving(ETHER, TOKEN.id, batch, APPROVED) is None
    assert round_trip_percent(TOKEN.id, Decimal(100), batch) is None
    with pytest.raises(ValueError, match="token 7 cannot be priced in batch 1"):
        swap_of(order_of(Side.BUY, CASH), batch)


def test_a_quote_is_stale_one_microsecond_after_its_greatest_age() -> None:
    limit = NOON + timedelta(seconds=900)
    assert pricing_code(TOKEN.id, replace(batch_of(), market_time=limit), 900) is Code.OK
    late = replace(batch_of(), market_time=limit + timedelta(microseconds=1))
    assert pricing_code(TOKEN.id, late, 900) is Code.PRICE_STALE


@pytest.mark.parametrize(
    ("side", "amount", "tolerance", "message"),
    [
        (Side.BUY, 0, "0.01", "amount_in was 0; allowed are whole numbers from 1 to "),
        (Side.SELL, -3, "0.01", "amount_in was -3; allowed are whole numbers from 1 to "),
        (Side.SELL, 2**256, "0.01", "amount_in was "),
        (Side.BUY, CASH, "1", "slippage_tolerance was 1; allowed are numbers from 0 to below 1"),
        (Side.BUY, CASH, "-0.1", "slippage_tolerance was .*-0.1.*; allowed are .* from 0 to 1"),
        (Side.BUY, CASH, "NaN", "slippage_tolerance was .*NaN"),
    ],
)
def test_an_impossible_order_is_refused(
    side: Side, amount: int, tolerance: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        order_of(side, amount, tolerance)


# What comes out


def test_a_buy_without_luck_gets_its_quote_and_loses_fee_and_impact() -> None:
    swap = swap_of(order_of(Side.BUY, 10_000 * CASH, "0.005"), batch_of())
    assert swap.status is CONFIRMED
    assert swap.mid_price == 2000
    assert swap.amount_out == swap.quoted_out
    assert swap.minimum_out == swap.quoted_out * 995 // 1000
    assert swap.fee_usd == 30
    # One percent of a side: 1.2842 % against mid, of which 0.3 % is the fee.
    assert round(swap.shortfall_usd, 2) == Decimal("128.42")
    assert swap.drift_usd == swap.mev_usd == 0
    assert swap.grade is FillGrade.C


def test_a_sell_without_luck_mirrors_the_buy() -> None:
    swap = swap_of(order_of(Side.SELL, 5 * ETHER), batch_of())
    assert swap.fee_usd == 30
    assert round(swap.shortfall_usd, 2) == Decimal("128.42")
    assert swap.shortfall_usd == 10_000 - cash_amount(swap.amount_out)


def test_a_dear_stablecoin_buys_more_and_pays_less_of_itself_for_gas() -> None:
    swap = swap_of(order_of(Side.BUY, CASH), batch_of(cash_price="1.25"))
    at_par = swap_of(order_of(Side.BUY, CASH), batch_of())
    assert swap.mid_price == 1600
    assert swap.gas_usd * 5 / 4 == at_par.gas_usd


def test_drift_against_the_order_beyond_its_tolerance_reverts() -> None:
    batch = batch_of(sigma="5")
    order = order_of(Side.BUY, 1_000 * CASH, "0.0005")
    swap = swap_of(order, batch, seed_where(order, batch, REVERTED))
    assert swap.amount_out == 0
    assert swap.quoted_out > swap.minimum_out > 0
    terms = {swap.fee_usd, swap.impact_usd, swap.drift_usd, swap.mev_usd, swap.shortfall_usd}
    assert terms == {ZERO}
    (failed,) = swap.transactions
    assert (failed.status, failed.gas_used) == (REVERTED, FAILED_SWAP_GAS)
    assert failed.fee_usd > 0


def test_another_attempt_draws_other_luck() -> None:
    batch = batch_of(sigma="0.8")
    order = order_of(Side.BUY, 1_000 * CASH, "0.1")
    outs = {
        execute_swap(order, batch, seed=1, nonce=0, approvals=APPROVED, attempt=n).amount_out
        for n in range(20)
    }
    assert len(outs) == 20


@pytest.mark.parametrize("side", Side)
def test_drift_is_bounded_by_half_the_price(side: Side) -> None:
    batch = batch_of(sigma="10000000")
    amount = CASH if side is Side.BUY else ETHER // 1000
    shares = set()
    for seed in range(30):
        swap = swap_of(order_of(side, amount, "0.6"), batch, seed)
        shares.add(round(Decimal(swap.amount_out) / swap.quoted_out, 3))
    # Cash per token at half and at one and a half times: 1/0.5 and 1/1.5 as many tokens.
    expected = {Side.BUY: {"2.000", "0.667"}, Side.SELL: {"0.500", "1.500"}}[side]
    assert shares == {Decimal(share) for share in expected}


@pytest.mark.parametrize(
    ("gas", "protected", "low", "high"),
    [(ETHEREUM, False, 100, 140), (ETHEREUM, True, 0, 12), (BASE, False, 0, 4)],
)
@pytest.mark.parametrize("side", Side)
def test_sandwiches_are_as_frequent_as_the_mempool_is_public(
    side: Side, gas: GasConditions, protected: bool, low: int, high: int
) -> None:
    amount = 10_000 * CASH if side is Side.BUY else 5 * ETHER
    order = replace(order_of(side, amount, "0.005"), mev_protection=protected)
    swaps = [swap_of(order, batch_of(gas=gas), seed) for seed in range(200)]
    hit = [swap for swap in swaps if swap.mev_usd > 0]
    assert low <= len(hit) <= high
    assert all(swap.mev_usd == 0 for swap in swaps if swap not in hit)
    for swap in hit:
        # The attack fills the tolerance: 0.5 % of 98.7 % of ten thousand dollars.
        assert swap.status is CONFIRMED
        assert swap.amount_out >= swap.minimum_out
        assert abs(swap.mev_usd - Decimal("49.36")) < Decimal("0.01")


@pytest.mark.parametrize("side", Side)
def test_an_attacker_wants_its_gas_back_in_what_it_pays_with(side: Side) -> None:
    # 240,000 gas at 83 gwei is 40 dollars; the whole tolerance gains 20 or 59.
    batch = batch_of(gas=replace(ETHEREUM, base_fee_wei=83 * 10**9))
    amount = 5_000 * CASH if side is Side.BUY else 5 * ETHER // 2
    for tolerance, paid in (("0.01", False), ("0.03", True)):
        order = order_of(side, amount, tolerance)
        assert any(swap_of(order, batch, seed).mev_usd > 0 for seed in range(20)) is paid


def test_a_buy_too_small_for_one_unit_reverts() -> None:
    coarse = replace(TOKEN, decimals=2)
    batch = batch_of(token=coarse, price="100", liquidity="2500000")
    swap = swap_of(order_of(Side.BUY, CASH // 10, token=coarse), batch)
    assert (swap.quoted_out, swap.minimum_out, swap.status) == (0, 1, REVERTED)


def test_a_residue_worth_no_unit_of_cash_can_be_sold() -> None:
    swap = swap_of(order_of(Side.SELL, 1), batch_of())
    assert (swap.amount_out, swap.status) == (0, CONFIRMED)


# Transactions


@pytest.mark.parametrize(
    ("side", "missing"), [(Side.BUY, frozenset({TOKEN.id})), (Side.SELL, frozenset({0}))]
)
@pytest.mark.parametrize("status", [TransactionStatus.CONFIRMED, TransactionStatus.REVERTED])
def test_an_approval_that_is_due_comes_first_and_is_paid(
    side: Side, missing: frozenset[int], status: TransactionStatus
) -> None:
    batch = batch_of(sigma="5")
    order = order_of(side, CASH * 1000 if side is Side.BUY else ETHER, "0.0005")
    seed = seed_where(order, batch, status)
    swap = execute_swap(order, batch, seed=seed, nonce=41, approvals=missing)
    approve, sent = swap.transactions
    assert (approve.kind, approve.status) == (TransactionKind.APPROVE, CONFIRMED)
    assert (approve.nonce, approve.gas_used) == (41, APPROVE_GAS)
    assert (sent.kind, sent.status, sent.nonce) == (TransactionKind.SWAP, status, 42)
    assert sent.gas_used == (SWAP_GAS if status is CONFIRMED else FAILED_SWAP_GAS)
    assert swap.gas_usd == approve.fee_usd + sent.fee_usd


def test_an_approval_that_was_paid_is_not_paid_again() -> None:
    for side, amount in ((Side.BUY, CASH), (Side.SELL, ETHER)):
        own = frozenset({0 if side is Side.BUY else TOKEN.id})
        (sent,) = swap_of(order_of(side, amount), batch_of(), approvals=own).transactions
        assert (sent.kind, sent.nonce) == (TransactionKind.SWAP, 0)


def test_gas_is_priced_in_the_native_token() -> None:
    swap = swap_of(order_of(Side.BUY, CASH), batch_of(gas=ETHEREUM, cash_price="0.5"))
    (sent,) = swap.transactions
    assert (sent.gas_price_wei, sent.l1_fee_wei) == (170_000_000, 0)
    assert sent.fee_wei == SWAP_GAS * 170_000_000
    assert sent.fee_usd == Decimal("0.06647816")


# Invariants over random orders

TOKENS = st.builds(
    Token,
    st.just(7),
    st.just("TKN"),
    st.integers(4, 36),
    st.text("0123456789abcdef", min_size=1, max_size=4),
    st.sampled_from([0, 100, 500, 3000, 10_000]),
    st.sampled_from(FillGrade),
)
CONDITIONS = st.sampled_from(
    [GasConditions(key, 160_000_000, 1_000_000, 158_000_000, 8_350_000) for key in CHAINS]
)


@st.composite
def orders_and_batches(draw: st.DrawFn) -> tuple[Order, Batch]:
    token = draw(TOKENS)
    price = CONTEXT.scaleb(draw(st.decimals("1", "9.99", places=2)), draw(st.integers(-18, 4)))
    batch = batch_of(
        token=token,
        price=str(price),
        liquidity=str(draw(st.decimals("1000000000", "9000000000", places=2))),
        gas=draw(CONDITIONS),
        sigma=draw(st.sampled_from([None, "0", "0.8", "20"])),
        cash_price=str(draw(st.decimals("0.95", "1.05", places=4))),
    )
    side = draw(st.sampled_from(Side))
    pool = Pool.from_quote(batch.quotes[token.id], batch.cash_price_usd)
    assert pool is not None
    amount = draw(st.integers(1, pool.reserve_in(side)))
    tolerance = draw(st.decimals("0", "0.2", places=4))
    return Order(token, side, amount, tolerance, mev_protection=draw(st.booleans())), batch


@settings(max_examples=600, deadline=None)
@given(orders_and_batches(), st.integers(0, 2**32))
def test_terms_add_up_to_the_shortfall_exactly(world: tuple[Order, Batch], seed: int) -> None:
    order, batch = world
    swap = swap_of(order, batch, seed)
    with localcontext(CONTEXT):
        terms = swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd
        assert terms == swap.shortfall_usd
        assert swap.mev_usd >= 0
        if swap.status is REVERTED:
            assert swap.shortfall_usd == swap.amount_out == 0
            return
        assert swap.amount_out >= swap.minimum_out
        if order.side is Side.BUY:
            tokens = from_base_units(swap.amount_out, order.token.decimals)
            expected = usd(cash_amount(order.amount_in) - tokens * swap.mid_price)
        else:
            tokens = from_base_units(order.amount_in, order.token.decimals)
            expected = usd(tokens * swap.mid_price - cash_amount(swap.amount_out))
        assert swap.shortfall_usd == expected


@settings(max_examples=200, deadline=None)
@given(orders_and_batches(), st.integers(0, 2**32))
def test_the_same_order_meets_the_same_luck_whoever_sends_it(
    world: tuple[Order, Batch], seed: int
) -> None:
    order, batch = world
    one = execute_swap(order, batch, seed=seed, nonce=0, approvals=frozenset())
    elsewhere = timezone(timedelta(hours=-7))
    moved = {
        key: replace(quote, observed_at=quote.observed_at.astimezone(elsewhere))
        for key, quote in batch.quotes.items()
    }
    later = replace(batch, id=9, step=9, quotes=moved, market_time=NOON + timedelta(minutes=1))
    other = execute_swap(order, later, seed=seed, nonce=5, approvals=APPROVED)
    assert replace(one, transactions=()) == replace(other, transactions=())


@pytest.mark.parametrize("part", ["chain", "token", "time", "side", "attempt", "seed"])
def test_every_part_of_the_key_changes_the_luck(part: str) -> None:
    token = replace(TOKEN, address="0x01") if part == "token" else TOKEN
    gas = replace(BASE, chain_id=42161) if part == "chain" else BASE
    time = NOON - timedelta(seconds=1) if part == "time" else NOON
    order = order_of(Side.BUY, 1_000 * CASH)
    other = order_of(Side.SELL, ETHER // 2) if part == "side" else order

    def drift(
        token: Token, gas: GasConditions, time: datetime, order: Order, *luck: int
    ) -> Decimal:
        batch = batch_of(token=token, gas=gas, sigma="0.8", liquidity="1000000000000")
        quote = replace(batch.quotes[token.id], observed_at=time)
        batch = replace(batch, quotes={token.id: quote})
        seed, attempt = luck
        swap = execute_swap(order, batch, seed=seed, nonce=0, approvals=APPROVED, attempt=attempt)
        return abs(swap.drift_usd)

    usual = drift(TOKEN, BASE, NOON, order, 1, 0)
    changed = drift(token, gas, time, other, 1 + (part == "seed"), int(part == "attempt"))
    # The same luck gives the same drift, either way, to within the drift itself.
    assert abs(changed / usual - 1) > Decimal("0.005")
