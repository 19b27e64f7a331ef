"""Pending transactions: submitted in one tick, their outcome told by a later one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.enums import Side
from paper_trading.engine.money import ZERO, cash_amount, exact
from paper_trading.engine.swaps import Plan
from paper_trading.engine.trade import Submission, TradeRecord

#: In the place of a gas price.
IN_NO_BLOCK = -1


@dataclass(frozen=True, slots=True)
class Pending:
    """A submitted swap whose outcome is not known yet."""

    #: The record that its outcome completes: what was asked, allowed, and why.
    record: TradeRecord
    plan: Plan
    submission: Submission
    #: Of the swap; the approval, when it is due, has the one before it.
    nonce: int
    approves: bool
    #: Observation time of the quote it was planned on.
    quoted_at: datetime
    maximum_fee_wei: int
    #: Cash that it takes from no other order: its input, and the most that its gas may cost.
    reserved_usd: Decimal
    #: What its luck is drawn by, besides the seed.
    luck: tuple[str | int, ...]
    steps_taken: int | None = None
    #: Its place among the swaps of one transaction, and how many these are.
    leg: int = 0
    legs: int = 1
    #: What a unit of gas cost its transaction, once another leg has told; or IN_NO_BLOCK.
    gas_price_wei: int | None = None

    @property
    def first_nonce(self) -> int:
        """Return the nonce of its approval, when that is due, else its own."""
        return self.nonce - int(self.approves)

    @property
    def spent_usd(self) -> Decimal:
        """Return the cash that a buy swaps; 0 for a sell."""
        return cash_amount(self.plan.amount_in) if self.plan.side is Side.BUY else ZERO


def by_nonce(pending: Mapping[int, Pending]) -> list[int]:
    """Return the tokens of pending swaps in the order of nonces, and of legs in a transaction."""
    return sorted(pending, key=lambda key: (pending[key].nonce, pending[key].leg))


@exact
def reserved(pending: Iterable[Pending]) -> Decimal:
    """Return the cash that pending transactions set aside, in USD at par."""
    return sum((one.reserved_usd for one in pending), ZERO)


@exact
def spent(pending: Iterable[Pending]) -> Decimal:
    """Return the cash that pending buys are to swap, in USD at par."""
    return sum((one.spent_usd for one in pending), ZERO)
