"""The transaction manager of an account: which of its swaps are on their way, and in what state.

The money stages of a tick build and submit orders; the exits stage of the first later tick whose
prices can tell resolves them (engine.inclusion). All hold the lock of the account's row, which
keeps what is pending: whoever runs the next tick looks there first, and nothing is sent twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum, unique

from paper_trading.engine.enums import Channel, ExitReason, Side
from paper_trading.engine.money import cash_amount
from paper_trading.engine.pending import Pending, by_nonce
from paper_trading.engine.pending_json import pending_from
from paper_trading.engine.position import market_value_of
from paper_trading.models import PaperTradingAccount


@unique
class OrderState(StrEnum):
    """Where a submitted swap stands. Its end is a trade: confirmed, reverted or expired."""

    #: Sent; its block is not there yet.
    SUBMITTED = "SUBMITTED"
    #: Its block is there; no price observed since tells what it found.
    PENDING = "PENDING"
    #: Its deadline is over, and still no price tells.
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """A submitted swap, for people. Times are market times."""

    symbol: str
    side: Side
    state: OrderState
    exit_reason: ExitReason | None
    channel: Channel
    nonce: int
    #: Its place among the swaps of its transaction, and how many these are.
    leg: int
    legs: int
    #: Where it goes, when not to the pool that prices the token: an address; else empty.
    pool: str
    #: At the price it was quoted at, in cash.
    value_usd: Decimal
    reserved_usd: Decimal
    sent_at: datetime
    included_at: datetime
    deadline_at: datetime


class TransactionManager:
    """The submitted swaps of one account."""

    def __init__(self, account: PaperTradingAccount) -> None:
        self._account = account

    def waiting(self, market_now: datetime | None) -> Sequence[WaitingOrder]:
        """Return the swaps whose outcome is not known, by nonce, as of a market time."""
        found = pending_from(self._account.pending)
        return [_order(found[key], market_now) for key in by_nonce(found)]


def get_transaction_manager(account: PaperTradingAccount) -> TransactionManager:
    """Return the transaction manager of an account."""
    return TransactionManager(account)


def _order(one: Pending, market_now: datetime | None) -> WaitingOrder:
    plan, sent = one.plan, one.submission
    buys = plan.side is Side.BUY
    value = (
        cash_amount(plan.amount_in)
        if buys
        else market_value_of(plan.amount_in, plan.token.decimals, plan.mid_price)
    )
    return WaitingOrder(
        symbol=plan.token.symbol,
        side=plan.side,
        state=_state(one, market_now or sent.sent_at),
        exit_reason=one.record.exit_reason,
        channel=sent.channel,
        nonce=one.nonce,
        leg=one.leg,
        legs=one.legs,
        pool=plan.pool,
        value_usd=value,
        reserved_usd=one.reserved_usd,
        sent_at=sent.sent_at,
        included_at=sent.included_at,
        deadline_at=sent.deadline_at,
    )


def _state(one: Pending, now: datetime) -> OrderState:
    sent = one.submission
    if now >= max(sent.deadline_at, sent.included_at):
        return OrderState.UNKNOWN
    return OrderState.PENDING if now >= sent.included_at else OrderState.SUBMITTED
