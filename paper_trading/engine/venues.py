"""Where orders go: straight into the tick's pool, or to the transaction manager.

A strategy chooses. Both take an order and return what became of it: a swap, or a pending one.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from paper_trading.engine import inclusion, mev
from paper_trading.engine.account import Account
from paper_trading.engine.enums import Approval, Side
from paper_trading.engine.fills import execute_swap, luck_key, planned, taken_way
from paper_trading.engine.luck import uniform
from paper_trading.engine.market import Batch, Quote
from paper_trading.engine.money import CONTEXT, ZERO, cash_amount
from paper_trading.engine.pending import Pending
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.swaps import Plan, input_id
from paper_trading.engine.trade import Order, Swap, TradeRecord
from paper_trading.engine.ways import Own, kinds_of, met, pool_in, rest_in


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order with what its venue must know of the account and of its luck."""

    order: Order
    #: The record that the outcome completes.
    record: TradeRecord
    account: Account
    batch: Batch
    seed: int
    attempt: int
    steps_taken: int | None = None

    @property
    def own(self) -> Own:
        """Return what the account did and sent before."""
        return Own(self.account.displaced, self.account.pending)

    @property
    def way(self) -> Quote:
        """Return the way of the order; that of the pool that prices its token where none is."""
        found = taken_way(self.order, self.batch, self.own)
        return self.batch.quotes[self.order.token.id] if found is None else found

    @property
    def plan(self) -> Plan | None:
        """Return what the order is quoted now; None when it goes beyond the known depth."""
        way = self.way
        pool = pool_in(self.batch, way)
        if pool is None:
            return None
        rest = rest_in(self.batch, way, self.own)
        return planned(self.order, pool, met(pool, self.order.side, rest), way.pool)


class Venue(Protocol):
    """Takes orders that passed every gate."""

    def send(self, ticket: Ticket) -> Swap | Pending:
        """Return the outcome of an order, or its pending transaction."""
        ...


class DirectVenue:
    """Fills an order in the tick that decided it, at a price that drifted for one block."""

    def send(self, ticket: Ticket) -> Swap:
        """Return what the chain makes of an order now."""
        return execute_swap(
            ticket.order,
            ticket.batch,
            seed=ticket.seed,
            nonce=ticket.account.nonce,
            approvals=ticket.account.approvals,
            attempt=ticket.attempt,
            own=ticket.own,
        )


@dataclass(frozen=True, slots=True)
class ManagedVenue:
    """Submits orders as transactions, which a later tick resolves."""

    deadline_seconds: int

    def send(self, ticket: Ticket) -> Pending:
        """Return the pending transaction of an order."""
        order, batch, account = ticket.order, ticket.batch, ticket.account
        quote = batch.quotes[order.token.id]
        plan = ticket.plan
        if plan is None:
            raise ValueError(f"token {order.token.id} cannot be priced in batch {batch.id}")
        approves = input_id(order.token, order.side) not in approved(account)
        key = luck_key(order, quote, batch, ticket.attempt)
        channel = mev.channel_of(batch.gas.chain_id, order.mev_protection)
        gas_usd = inclusion.highest_gas_usd(
            batch, kinds_of(batch, ticket.way.token), approves=approves
        )
        # No block takes a nonce before the ones below it.
        earlier = [one.submission.included_at for one in account.pending.values()]
        return Pending(
            record=ticket.record,
            plan=plan,
            submission=inclusion.submission(
                batch,
                channel,
                self.deadline_seconds,
                uniform(ticket.seed, *key, "inclusion"),
                max(earlier, default=batch.market_time),
            ),
            nonce=account.nonce + int(approves),
            approves=approves,
            quoted_at=quote.observed_at,
            maximum_fee_wei=inclusion.maximum_fee_wei(batch),
            reserved_usd=CONTEXT.add(_swapped_usd(order), gas_usd),
            luck=key,
            steps_taken=ticket.steps_taken,
        )


def venue_of(strategy: Strategy) -> Venue:
    """Return the venue that a strategy chose."""
    if strategy.use_transaction_manager:
        return ManagedVenue(strategy.deadline_seconds)
    return DirectVenue()


def approved(account: Account) -> frozenset[int]:
    """Return the approvals that are paid, or on their way with a pending swap."""
    coming = {
        input_id(one.plan.token, one.plan.side) for one in account.pending.values() if one.approves
    }
    return account.approvals | coming


def approval_of(one: Pending, account: Account) -> Approval:
    """Return whether the router may take a pending swap's input by the time of its block."""
    needed = input_id(one.plan.token, one.plan.side)
    if one.approves or needed in account.approvals:
        return Approval.GIVEN
    others = (other for other in account.pending.values() if other is not one)
    coming = any(
        other.approves and input_id(other.plan.token, other.plan.side) == needed for other in others
    )
    return Approval.COMING if coming else Approval.ABSENT


def _swapped_usd(order: Order) -> Decimal:
    return cash_amount(order.amount_in) if order.side is Side.BUY else ZERO
