"""Inclusion: which block takes a pending transaction, and what it finds there.

An order is quoted, built and submitted on one batch. Which block takes it is drawn; what it
found there is bridged between the price before and the next price that was observed at or
after that block. Until then its cash is set aside and nothing else is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from paper_trading.engine import gas, mev
from paper_trading.engine.chain_fills import chain_outputs
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Approval,
    Channel,
    FillGrade,
    PoolKind,
    PriceVerdict,
    Side,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.engine.fills import (
    DEFAULT_SIGMA,
    MAX_DRIFT,
    YEAR_SECONDS,
    outputs,
)
from paper_trading.engine.impact import Displaced
from paper_trading.engine.luck import student_t4, uniform
from paper_trading.engine.market import Batch, Quote
from paper_trading.engine.money import (
    CONTEXT,
    ONE,
    ZERO,
    exact,
    ratio,
)
from paper_trading.engine.pending import IN_NO_BLOCK, Pending
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.swaps import (
    Plan,
    absent,
    attack_cost,
    fee_usd,
    swap_of,
    transactions,
)
from paper_trading.engine.trade import Submission, Swap, Transaction
from paper_trading.engine.ways import Own, graded, kinds_of, met, pool_in, rest_in, way_by

#: A base fee may double on the way: the maximum fee is twice the base fee plus the tip.
_FEE_HEADROOM = 2
#: Chance that a block is built by one of the private channel's builders. An assumption.
PRIVATE_INCLUSION = Decimal("0.5")
#: Nobody waits for longer: the private channel itself gives up after 25 blocks.
PRIVATE_BLOCKS = 25
#: What a transaction uses that finds its deadline passed: all of its legs together.
LATE_SWAP_GAS = 25_790
#: After so long without a price the outcome is given up, and nothing moved.
GIVEN_UP_AFTER = timedelta(days=1)

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of a pending swap."""

    swap: Swap
    code: Code


@exact
def blocks_waited(channel: Channel, u: Decimal) -> int:
    """Return after how many blocks a transaction is included, for a draw `u`.

    The next one; by the private channel geometric in PRIVATE_INCLUSION, at most one more than
    PRIVATE_BLOCKS, which is never.
    """
    if channel is not Channel.PRIVATE:
        return 1
    missed, blocks = ONE - PRIVATE_INCLUSION, 1
    while blocks <= PRIVATE_BLOCKS and u >= ONE - missed**blocks:
        blocks += 1
    return blocks


def submission(
    batch: Batch, channel: Channel, deadline_seconds: int, u: Decimal, earliest: datetime
) -> Submission:
    """Return when a transaction of this batch is sent, included, and too late.

    `earliest` is when the nonce before it is included.
    """
    sent, block = batch.market_time, gas.chain(batch.gas.chain_id).inclusion_seconds
    waited = sent + blocks_waited(channel, u) * timedelta(seconds=block)
    return Submission(
        sent_at=sent,
        included_at=max(waited, earliest),
        deadline_at=sent + timedelta(seconds=deadline_seconds),
        channel=channel,
    )


def maximum_fee_wei(batch: Batch) -> int:
    """Return the most that a unit of gas may cost, in wei."""
    return _FEE_HEADROOM * batch.gas.base_fee_wei + batch.gas.priority_fee_wei


def highest_gas_usd(batch: Batch, kinds: tuple[PoolKind, ...], *, approves: bool) -> Decimal:
    """Return the most that a swap's transactions may cost, in USD; their L1 part may double."""
    price = maximum_fee_wei(batch)
    used = gas.swap_gas(kinds) + (gas.APPROVE_GAS if approves else 0)
    size = gas.swap_bytes(kinds) + (gas.APPROVE_BYTES if approves else 0)
    l1_fee = gas.transaction_fee_wei(0, batch.gas, size)[1]
    return fee_usd(used * price + _FEE_HEADROOM * l1_fee, batch)


@exact
def resolve(
    pending: Pending,
    batch: Batch,
    *,
    seed: int,
    cash_usd: Decimal,
    displaced: Mapping[int, Displaced],
    approval: Approval = Approval.GIVEN,
) -> Resolved | None:
    """Return what became of a pending swap, as far as a batch can tell; None when it cannot.

    A batch can tell with a sound price that was observed at or after inclusion, and with a pool
    that is gone. `cash_usd` is what the account has: who cannot pay is in no block.
    """
    quote, sent = batch.quotes.get(pending.plan.token.id), pending.submission
    batch = _priced(batch, pending)
    if quote is None or not _tells(quote, pending, batch) or approval is Approval.COMING:
        return _given_up(pending, batch)
    pool = pool_in(batch, _way(pending, batch))
    gone = quote.verdict is PriceVerdict.UNSELLABLE
    if pool is None and not gone:
        return _given_up(pending, batch)
    if approval is Approval.ABSENT or _left_out(pending, batch, cash_usd):
        return _unincluded(pending, Code.NOT_INCLUDED)
    if sent.included_at > sent.deadline_at:
        return _failed(pending, batch, Code.DEADLINE_PASSED, -(-LATE_SWAP_GAS // pending.legs))
    if gone and pending.plan.side is Side.BUY:
        return _bought_before_the_end(pending, batch)
    if pool is None or gone:
        return _failed(pending, batch, Code.MINIMUM_OUT_NOT_MET, _failed_gas(pending, batch))
    return _swapped(pending, batch, pool, seed, displaced)


def _priced(batch: Batch, pending: Pending) -> Batch:
    """Return a batch whose gas costs what a transaction is known to have paid, where it is."""
    if pending.gas_price_wei is None or pending.gas_price_wei == IN_NO_BLOCK:
        return batch
    fees = batch.gas
    base_fee = max(pending.gas_price_wei - fees.priority_fee_wei, 0)
    return replace(batch, gas=replace(fees, base_fee_wei=base_fee))


def _tells(quote: Quote, pending: Pending, batch: Batch) -> bool:
    """Say whether a quote tells what a block found, and a batch what its gas cost."""
    block = pending.submission.included_at
    if batch.cash_price_usd == 0 or not batch.native_price_usd:
        return False
    if quote.verdict is PriceVerdict.UNSELLABLE:
        # A pool that is gone is not read again.
        return batch.market_time >= block
    return quote.observed_at >= block and _sound(quote.verdict, pending)


def _bought_before_the_end(pending: Pending, batch: Batch) -> Resolved:
    """Return a buy whose pool is gone since: it was taken before, at the least it accepted.

    Nobody can say whether the block or the end came first; that it reverted in time would
    flatter.
    """
    out = pending.plan.minimum_out
    done = _sent(pending, TransactionStatus.CONFIRMED, _swap_gas(pending, batch), batch)
    return Resolved(
        swap_of(pending.plan, out, out, done, _grade(pending, batch)),
        Code.OK,
    )


def _sound(verdict: PriceVerdict, pending: Pending) -> bool:
    """Say whether a price may settle a swap: the lower of two is no price to have bought at."""
    disputed_sale = verdict is PriceVerdict.DISPUTED and pending.plan.side is Side.SELL
    return verdict is PriceVerdict.FRESH or disputed_sale


def _given_up(pending: Pending, batch: Batch) -> Resolved | None:
    if batch.market_time - pending.submission.included_at < GIVEN_UP_AFTER:
        return None
    return _unincluded(pending, Code.OUTCOME_UNKNOWN)


def _left_out(pending: Pending, batch: Batch, cash_usd: Decimal) -> bool:
    """Say whether no block takes a transaction: it is too late, too cheap, or unpayable."""
    sent = pending.submission
    private = sent.channel is Channel.PRIVATE
    block = timedelta(seconds=gas.chain(batch.gas.chain_id).inclusion_seconds)
    given_up = sent.included_at - sent.sent_at > PRIVATE_BLOCKS * block
    late = private and (sent.included_at > sent.deadline_at or given_up)
    cheap = pending.gas_price_wei == IN_NO_BLOCK
    if pending.gas_price_wei is None:
        cheap = _base_fee_at_inclusion(pending, batch) > pending.maximum_fee_wei
    confirmed = TransactionStatus.CONFIRMED
    fees = _sent(pending, confirmed, _swap_gas(pending, batch), batch)
    due = pending.spent_usd + sum((one.fee_usd for one in fees), ZERO)
    return late or cheap or due > cash_usd


def _base_fee_at_inclusion(pending: Pending, batch: Batch) -> Decimal:
    """Return the base fee in wei between the one it was sent at and this batch's, by time."""
    sent = pending.submission
    before = Decimal(pending.maximum_fee_wei - batch.gas.priority_fee_wei) / _FEE_HEADROOM
    whole = _seconds(sent.sent_at, batch.market_time)
    share = _seconds(sent.sent_at, sent.included_at) / whole if whole else ONE
    return before + (batch.gas.base_fee_wei - before) * min(share, ONE)


def _swapped(
    pending: Pending, batch: Batch, pool: PairPool, seed: int, displaced: Mapping[int, Displaced]
) -> Resolved:
    """Swap at inclusion: as the chain quoted it, else in the pool as it is modelled there.

    Where the known depth of a modelled pool ends the minimum out is not met. A buy that only a
    loss of depth has made fail may have been before it, so it is filled at the least it accepted.
    """
    plan, sent = pending.plan, pending.submission
    factor = _factor(pending, batch, pool, seed)
    moved = pool.moved(factor)
    rest = rest_in(batch, _way(pending, batch), Own(displaced, at=sent.included_at))
    seen = uniform(seed, *pending.luck, "mev") < mev.attack_probability(sent.channel)
    grade, found = FillGrade.A, chain_outputs(pending, batch, pool, rest, seen)
    if found is None:
        grade = _grade(pending, batch)
        there = None if moved is None else met(moved, plan.side, rest)
        cost = attack_cost(there, plan.side, batch) if there is not None and seen else 0
        found = outputs(plan, there, seen, cost)
    failed = found[1] < plan.minimum_out
    if failed and _lost_depth(pending, batch, moved) and _price_meets(plan, pool, factor):
        grade, found = _grade(pending, batch), (plan.minimum_out, plan.minimum_out)
    drifted, final = found
    if final < plan.minimum_out:
        used = _failed_gas(pending, batch)
        return _failed(pending, batch, Code.MINIMUM_OUT_NOT_MET, used, grade)
    done = _sent(pending, TransactionStatus.CONFIRMED, _swap_gas(pending, batch), batch)
    return Resolved(swap_of(plan, drifted, final, done, grade), Code.OK)


def _lost_depth(pending: Pending, batch: Batch, moved: PairPool | None) -> bool:
    """Say whether a swap fails by what the pool pays, own earlier swaps left aside.

    By the chain's quoter where it was asked; of the very block it says what happened.
    """
    plan = pending.plan
    told = batch.chain_quotes.get((plan.token.id, plan.pool, plan.side, plan.amount_in))
    block = pending.submission.included_at
    if told is not None and told.observed_at >= block:
        return told.observed_at > block and told.amount_out < plan.minimum_out
    alone = None if moved is None else moved.quote(plan.side, plan.amount_in)
    return alone is None or alone < plan.minimum_out


def _price_meets(plan: Plan, pool: PairPool, factor: Decimal) -> bool:
    """Say whether a buy's minimum out is met at the price of its block, at the depth of before."""
    if plan.side is Side.SELL:
        return False
    return plan.quoted_out * plan.mid_price >= plan.minimum_out * pool.mid_price * factor


def _footprint(pending: Pending, batch: Batch) -> gas.Footprint:
    """Return what a swap takes by the pools as they are told now.

    A leg whose pool is none of its router's any more counts as sent alone.
    """
    kinds = kinds_of(batch, _way(pending, batch).token)
    return gas.footprint(kinds, pending.legs if gas.joins(kinds) else 1)


def _swap_gas(pending: Pending, batch: Batch) -> int:
    return _footprint(pending, batch).swap_gas


def _failed_gas(pending: Pending, batch: Batch) -> int:
    return _footprint(pending, batch).failed_gas


def _grade(pending: Pending, batch: Batch) -> FillGrade:
    """Return the grade of the pools that tell the outcome."""
    return graded(batch, _way(pending, batch))


def _way(pending: Pending, batch: Batch) -> Quote:
    """Return the way of a swap; that of the pool that prices its token where its own is not read.

    To wait for a pool that nobody looks at any more would freeze a sale, and refund a buy.
    """
    quote = batch.quotes[pending.plan.token.id]
    return way_by(quote, pending.plan.pool, pending.plan.side) or quote


def _factor(pending: Pending, batch: Batch, pool: PairPool, seed: int) -> Decimal:
    """Return the price at inclusion as a multiple of the pool's, which was observed after it.

    In a straight line between both quotes, and noise of a bridge between them: Student's t(4)
    with the token's volatility, zero at both ends.
    """
    token, at = pending.plan.token, pending.submission.included_at
    after = batch.quotes[token.id].observed_at
    whole, first = _seconds(pending.quoted_at, after), _seconds(pending.quoted_at, at)
    if whole == 0:
        return ONE
    sigma = batch.sigma_annual.get(token.id, DEFAULT_SIGMA)
    with localcontext(CONTEXT):
        start, end = pending.plan.mid_price, pool.mid_price
        bridged = start + (end - start) * first / whole
        variance = first * (whole - first) / whole / (2 * YEAR_SECONDS)
        noise = student_t4(uniform(seed, *pending.luck, "drift")) * sigma * variance.sqrt()
        return ratio(bridged / end * (ONE + max(-MAX_DRIFT, min(MAX_DRIFT, noise))))


def _seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal(max(end - start, timedelta(0)) // _MICROSECOND) / 1_000_000


def _failed(
    pending: Pending, batch: Batch, code: Code, gas_used: int, grade: FillGrade | None = None
) -> Resolved:
    """Return a swap that reverted; the private channel's builders leave such out of blocks.

    A leg that ends alone reverts no transaction: it is paid.
    """
    private = pending.submission.channel is Channel.PRIVATE and pending.legs == 1
    status = TransactionStatus.EXPIRED if private else TransactionStatus.REVERTED
    sent = _sent(pending, status, gas_used, batch)
    told = _grade(pending, batch) if grade is None else grade
    return Resolved(swap_of(pending.plan, 0, 0, sent, told), code)


def _unincluded(pending: Pending, code: Code) -> Resolved:
    swap = absent(TransactionKind.SWAP, pending.nonce, pending.leg)
    first = pending.first_nonce
    approval = (absent(TransactionKind.APPROVE, first),) if pending.approves else ()
    return Resolved(swap_of(pending.plan, 0, 0, (*approval, swap)), code)


def _sent(
    pending: Pending, status: TransactionStatus, gas_used: int, batch: Batch
) -> tuple[Transaction, ...]:
    return transactions(
        status,
        gas_used,
        _footprint(pending, batch),
        approves=pending.approves,
        nonce=pending.first_nonce,
        batch=batch,
        leg=pending.leg,
    )
