"""Multicall: the entries of a step as legs of one transaction, which saves what each pays anew.

A router's flag lets a leg that misses its minimum out end alone, so legs share a block, a nonce
and gas, and nothing else. Exits go alone: nothing is to delay them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from paper_trading.engine import gas
from paper_trading.engine.account import Account
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side, TransactionStatus
from paper_trading.engine.inclusion import Resolved
from paper_trading.engine.market import Batch
from paper_trading.engine.pending import IN_NO_BLOCK, Pending
from paper_trading.engine.ways import kinds_of, way_by


def joined(sent: Sequence[Pending], batch: Batch) -> tuple[Pending, ...]:
    """Return the swaps of a step with those that one router takes as legs of one transaction.

    At most gas.MOST_LEGS of them, in their order. Nonces close up, so that none is left out.
    """
    after: list[Pending] = []
    nonce = min((one.first_nonce for one in sent), default=0)
    for group in _groups(sorted(sent, key=lambda one: one.nonce), batch):
        for leg, one in enumerate(group):
            after.append(
                replace(
                    one,
                    nonce=nonce + int(group[0].approves),
                    submission=group[0].submission,
                    leg=leg,
                    legs=len(group),
                )
            )
        nonce = after[-1].nonce + 1
    return tuple(after)


def _groups(sent: Sequence[Pending], batch: Batch) -> Iterator[list[Pending]]:
    group: list[Pending] = []
    for one in sent:
        if group and (len(group) == gas.MOST_LEGS or one.approves or not _fits(one, batch)):
            yield group
            group = []
        group.append(one)
        if not _fits(one, batch):
            yield group
            group = []
    if group:
        yield group


def _fits(one: Pending, batch: Batch) -> bool:
    quote = batch.quotes[one.plan.token.id]
    way = way_by(quote, one.plan.pool, one.plan.side) or quote
    return one.plan.side is Side.BUY and gas.joins(kinds_of(batch, way.token))


def tell_legs(account: Account, one: Pending, told: Resolved) -> Account:
    """Return the account whose further legs of a transaction know what one of them has told.

    All were in its block at its gas price, or in none. What was given up tells nothing.
    """
    if one.legs == 1 or told.code is Code.OUTCOME_UNKNOWN:
        return account
    last = told.swap.transactions[-1]
    taken = last.status is not TransactionStatus.EXPIRED
    price = last.gas_price_wei if taken else IN_NO_BLOCK
    pending = {
        key: replace(other, gas_price_wei=price) if other.nonce == one.nonce else other
        for key, other in account.pending.items()
    }
    return replace(account, pending=pending)
