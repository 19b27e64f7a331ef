"""Orders and what became of them: the row of a trade before a database knows it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.account import ClosedPosition
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Channel,
    ExitReason,
    FillGrade,
    LedgerAccount,
    Side,
    TradeStatus,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.engine.market import Token
from paper_trading.engine.money import ONE, UNITS_LIMIT, ZERO, require


@dataclass(frozen=True, slots=True)
class Order:
    """A swap to be made: exact input, all of it or nothing.

    :raises TypeError: when the amount is no whole number or the tolerance no exact one.
    :raises ValueError: when the amount is not 1 to 2**256 - 1 or the tolerance not in [0, 1).
    """

    token: Token
    side: Side
    #: Base units of the input: cash (USDC) for BUY, the token for SELL.
    amount_in: int
    #: Fraction of the quoted output that may be lost before the swap reverts.
    slippage_tolerance: Decimal
    exit_reason: ExitReason | None = None
    mev_protection: bool = False
    #: Address of the pool that it was sized for, empty the one that prices the token; None: the one
    #: that leaves most.
    pool: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no router takes."""
        require("amount_in", self.amount_in, 1, UNITS_LIMIT, whole=True)
        require("slippage_tolerance", self.slippage_tolerance, ZERO, ONE)
        if self.slippage_tolerance == ONE:
            raise ValueError("slippage_tolerance was 1; allowed are numbers from 0 to below 1")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One simulated transaction, paid whether it succeeds or not."""

    kind: TransactionKind
    status: TransactionStatus
    nonce: int
    gas_used: int
    gas_price_wei: int
    l1_fee_wei: int
    fee_wei: int
    fee_usd: Decimal
    #: Its place among the swaps of one transaction: gas and fees are its own part.
    leg: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """When a transaction was sent, was included, and would have been too late; market times."""

    sent_at: datetime
    #: Of the block that takes it, if one does.
    included_at: datetime
    deadline_at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class Swap:
    """What the chain would have done with an order.

    The terms are USD at par of cash and add up exactly:
    fee + impact + drift + mev = shortfall against mid.
    """

    status: TransactionStatus
    amount_in: int
    quoted_out: int
    minimum_out: int
    #: 0 when reverted.
    amount_out: int
    #: Cash per whole token in the middle of the pool when the order was quoted.
    mid_price: Decimal
    fee_usd: Decimal
    impact_usd: Decimal
    drift_usd: Decimal
    mev_usd: Decimal
    shortfall_usd: Decimal
    grade: FillGrade
    transactions: tuple[Transaction, ...]
    #: Address of the pool that it went to, when that is none that prices the token.
    pool: str = ""

    @property
    def gas_usd(self) -> Decimal:
        """Gas of every transaction of the swap, approvals and failures included."""
        return sum((t.fee_usd for t in self.transactions), ZERO)


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the double-entry ledger. Debits are positive; lines of a trade sum to zero."""

    book: LedgerAccount
    amount_usd: Decimal
    token_id: int | None = None
    #: Signed base units of the token (or of cash) that moved.
    units: int = 0


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """A fill, a denial or a failed attempt, with plan and outcome side by side."""

    token: Token
    side: Side
    status: TradeStatus
    code: Code
    market_time: datetime
    #: Position in the tick's order, from 0; with the stage it is the idempotency key.
    sequence: int
    exit_reason: ExitReason | None
    confidence: Decimal | None
    #: What sizing was asked for and allowed, in cash; the limit that bit.
    asked_usd: Decimal
    allowed_usd: Decimal
    limit: str
    swap: Swap | None = None
    #: Set on sells: proceeds less the cost basis they took out, before gas.
    realized_usd: Decimal | None = None
    postings: tuple[Posting, ...] = field(default=())
    #: Set when the sale was the last of its position.
    closed: ClosedPosition | None = None
    #: Set on the buy that opens a position: what scales its exits as long as it is held.
    exit_factor: Decimal | None = None
    #: Set on a sale at take-profit steps: how many of them are taken when it fills.
    steps_taken: int | None = None
    #: Set when it went through the transaction manager.
    submission: Submission | None = None
