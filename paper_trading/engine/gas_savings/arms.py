"""One arm of a comparison: the trades of a list, sent over a path of blocks by one policy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paper_trading.engine.gas_savings.paths import Path
from paper_trading.engine.gas_savings.policies import (
    V3_ROUTER,
    Charges,
    Footprint,
    GasTable,
    PlannedTrade,
    Policy,
)
from paper_trading.engine.luck import uniform

_PIPS = 10**6


@dataclass(frozen=True, slots=True)
class World:
    """What the arms of a comparison share."""

    path: Path
    charges: Charges
    seed: int
    table: GasTable = V3_ROUTER
    #: Fee and impact of a swap, in millionths of its size.
    swap_cost_pips: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an arm paid for each trade, what its fill lost against the mid, and its delay.

    Amounts are wei; a delay is in blocks after the one that follows the decision.
    """

    paid: tuple[int, ...]
    shortfall: tuple[int, ...]
    delays: tuple[int, ...]
    failures: int
    approvals: int
    transactions: int


@dataclass(slots=True)
class _Books:
    paid: list[int]
    included: list[int]
    failures: int = 0
    transactions: int = 0
    approved: set[int] = field(default_factory=set)
    approvals: int = 0


def run(policy: Policy, world: World, trades: Sequence[PlannedTrade]) -> Outcome:
    """Send trades by a policy and return what came of each.

    An approval goes out when its trade is decided. A transaction with a swap that fails reverts
    as a whole, costs its gas unless the channel is private, and goes out again in the next block.
    So does one whose gas limit is too low.

    :raises ValueError: when trades are not in the order of their blocks, or the path ends too soon.
    """
    blocks = [trade.block for trade in trades]
    if blocks != sorted(blocks) or (blocks and blocks[0] < 0):
        raise ValueError("trades were out of order; allowed are those by block, from block 0")
    books = _Books([0] * len(trades), [0] * len(trades))
    for place, trade in enumerate(trades):
        _approve(policy, world, books, place, trade)
    for ready, places in _groups(policy, trades):
        _send(policy, world, books, ready, places, trades)
    pairs = list(zip(trades, books.included, strict=True))
    return Outcome(
        paid=tuple(books.paid),
        shortfall=tuple(_shortfall(world, trade, block) for trade, block in pairs),
        delays=tuple(block - trade.block - 1 for trade, block in pairs),
        failures=books.failures,
        approvals=books.approvals,
        transactions=books.transactions,
    )


def _approve(policy: Policy, world: World, books: _Books, place: int, trade: PlannedTrade) -> None:
    if trade.token in books.approved and not policy.approve_each:
        return
    books.approved.add(trade.token)
    books.approvals += 1
    _, price = _next(policy, world, trade.block)
    _pay(world, books, [place], world.table.approval, price)


def _groups(policy: Policy, trades: Sequence[PlannedTrade]) -> Iterator[tuple[int, list[int]]]:
    """Yield the trades that go out together, and the block at which they do."""
    batching = policy.batching
    if batching is None:
        yield from ((trade.block, [place]) for place, trade in enumerate(trades))
        return
    group: list[int] = []
    for place, trade in enumerate(trades):
        if group and trade.block > trades[group[0]].block + batching.window_blocks:
            yield trades[group[0]].block + batching.window_blocks, group
            group = []
        group.append(place)
        if len(group) == batching.most:
            yield trade.block, group
            group = []
    if group:
        # Nobody knows that no other trade comes: the window is waited out.
        yield trades[group[0]].block + batching.window_blocks, group


def _send(
    policy: Policy,
    world: World,
    books: _Books,
    ready: int,
    places: list[int],
    trades: Sequence[PlannedTrade],
) -> None:
    """Send a group until it is included, and book what that took."""
    footprint = world.table.swaps[len(places) - 1]
    block = _waited(policy, world, ready)
    lost = _lost(policy, footprint, any(trades[place].fails for place in places))
    for attempt, used in enumerate(lost):
        block, price = _included(policy, world, block, places[0], attempt)
        if policy.private is None:
            books.failures += 1
            _pay(world, books, places, Footprint(used, used, footprint.fastlz_bytes), price)
    block, price = _included(policy, world, block, places[0], attempt=len(lost))
    _pay(world, books, places, footprint, price)
    for place in places:
        books.included[place] = block


def _lost(policy: Policy, footprint: Footprint, fails: bool) -> list[int]:
    """Return the gas of each attempt that fails: one that runs out of gas, one that reverts."""
    limit = footprint.gas * policy.gas_limit_percent // 100
    ran_out = [limit] if limit < footprint.gas else []
    return [*ran_out, footprint.failed_gas] if fails else ran_out


def _waited(policy: Policy, world: World, ready: int) -> int:
    """Return the block before the first whose base fee is low enough, or the deadline's."""
    waiting = policy.waiting
    if waiting is None:
        return ready
    fees = world.path.base_fees
    last = ready + 1 + waiting.deadline_blocks
    seen = sorted(fees[max(ready + 1 - waiting.look_back_blocks, 0) : ready + 1])
    _inside(world, last)
    low = seen[(len(seen) * waiting.lowest_percent - 1) // 100]
    return next((block for block in range(ready + 1, last) if fees[block] <= low), last) - 1


def _included(
    policy: Policy, world: World, after: int, trade: int, attempt: int
) -> tuple[int, int]:
    """Return the block that takes a transaction sent after a block, and its price of gas."""
    private = policy.private
    if private is None:
        return _next(policy, world, after)
    for passed in range(private.give_up_blocks):
        luck = uniform(world.seed, "private", trade, attempt, passed)
        if luck * 100 < private.included_percent:
            return _next(policy, world, after + passed)
    return _next(policy, world, after + private.give_up_blocks)


def _next(policy: Policy, world: World, after: int) -> tuple[int, int]:
    """Return the first block after one that takes a transaction sent at it, and its price."""
    _inside(world, after + 1)
    fees, tip = world.path.base_fees, world.charges.tip_wei
    if policy.legacy_percent is None:
        return after + 1, fees[after + 1] + tip
    price = (fees[after] + tip) * policy.legacy_percent // 100
    block = after + 1
    if policy.legacy_raised:
        return block, max(price, fees[block])
    while fees[block] > price:
        block += 1
        _inside(world, block)
    return block, price


def _pay(
    world: World, books: _Books, places: list[int], footprint: Footprint, price_wei: int
) -> None:
    """Book a transaction; its trades share it, the first one with what does not divide."""
    paid = world.charges.paid_wei(footprint.gas, price_wei, footprint.fastlz_bytes)
    share, rest = divmod(paid, len(places))
    for place in places:
        books.paid[place] += share
    books.paid[places[0]] += rest
    books.transactions += 1


def _shortfall(world: World, trade: PlannedTrade, block: int) -> int:
    """Return what a fill lost against the mid at the decision: fee, impact, and the price's way."""
    prices = world.path.prices
    moved = trade.size_wei * (prices[block] - prices[trade.block]) // prices[trade.block]
    return trade.size_wei * world.swap_cost_pips // _PIPS + (-moved if trade.sells else moved)


def _inside(world: World, block: int) -> None:
    if block >= len(world.path.base_fees):
        raise ValueError(f"the path ends before block {block}, at which a trade would go out")
