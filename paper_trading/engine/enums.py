"""Closed vocabularies shared by every layer; the values are what the database stores."""

from enum import StrEnum, unique


@unique
class Side(StrEnum):
    """Direction of a swap, seen from the token."""

    BUY = "BUY"
    SELL = "SELL"


@unique
class Action(StrEnum):
    """What a decision asks for."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"
    SKIP = "SKIP"


@unique
class TradingState(StrEnum):
    """ACTIVE: everything. REDUCING: exits only. HALTED: nothing (set by a person)."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@unique
class ExitReason(StrEnum):
    """Why a position was sold; the order is the priority when several trigger."""

    MANUAL = "MANUAL"
    STOP_LOSS = "STOP_LOSS"
    TRAILING_STOP = "TRAILING_STOP"
    TAKE_PROFIT = "TAKE_PROFIT"
    MAX_HOLD = "MAX_HOLD"
    SIGNAL = "SIGNAL"


@unique
class SetUpEnd(StrEnum):
    """How a set-up matured; the order is the priority when several are reached at once.

    The last two are no outcome: no close in time, and a net that is more than can be counted.
    """

    STOP = "STOP"
    TARGET = "TARGET"
    TIME = "TIME"
    GAP = "GAP"
    BEYOND = "BEYOND"


@unique
class TradeStatus(StrEnum):
    """Outcome of an order: a fill, a refusal before sending, or a failed transaction."""

    FILLED = "FILLED"
    DENIED = "DENIED"
    FAILED = "FAILED"


@unique
class PoolKind(StrEnum):
    """What curve a pool has; a swap through it takes gas by its kind."""

    V2 = "V2"
    V3 = "V3"
    SOLIDLY_VOLATILE = "SOLIDLY_VOLATILE"
    SOLIDLY_STABLE = "SOLIDLY_STABLE"


@unique
class FillGrade(StrEnum):
    """How far a fill can be trusted: A chain quoter, B on-chain liquidity, C a stated figure."""

    A = "A"
    B = "B"
    C = "C"


@unique
class TransactionKind(StrEnum):
    """What a simulated transaction does."""

    APPROVE = "APPROVE"
    SWAP = "SWAP"


@unique
class TransactionStatus(StrEnum):
    """Final state of a simulated transaction."""

    CONFIRMED = "CONFIRMED"
    REVERTED = "REVERTED"
    #: Never in a block: it paid nothing and moved nothing.
    EXPIRED = "EXPIRED"


@unique
class Channel(StrEnum):
    """How a transaction reaches the builders of blocks, and who can see it on the way."""

    #: The public mempool of a chain: seen by everybody.
    PUBLIC = "PUBLIC"
    #: A private channel to builders of Ethereum: what would revert is left out of blocks.
    PRIVATE = "PRIVATE"
    #: A rollup's sequencer, whose mempool is private: there is no channel to choose.
    SEQUENCER = "SEQUENCER"


@unique
class Approval(StrEnum):
    """Whether the router may take what a pending swap puts in."""

    GIVEN = "GIVEN"
    #: Another pending swap brings it, whose outcome is not told yet.
    COMING = "COMING"
    ABSENT = "ABSENT"


@unique
class BreakerKind(StrEnum):
    """The circuit breakers; each gates entries only."""

    PORTFOLIO_LOSS = "PORTFOLIO_LOSS"
    DAILY_LOSS = "DAILY_LOSS"
    DRAWDOWN = "DRAWDOWN"
    FAILED_TRANSACTIONS = "FAILED_TRANSACTIONS"
    LOSING_EXITS = "LOSING_EXITS"
    DAILY_TRADES = "DAILY_TRADES"
    MINIMUM_BALANCE = "MINIMUM_BALANCE"
    STALE_FEED = "STALE_FEED"
    VOLATILITY = "VOLATILITY"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@unique
class LedgerAccount(StrEnum):
    """The books of one trading account; every posting names one of them."""

    CASH = "CASH"
    POSITION = "POSITION"
    DEPOSITS = "DEPOSITS"
    REALIZED_PNL = "REALIZED_PNL"
    GAS = "GAS"


@unique
class PriceVerdict(StrEnum):
    """How far a price can be trusted (engine.trust); simulated and recorded ones are FRESH."""

    FRESH = "FRESH"
    #: Far from the last accepted price, all but empty, or the first one ever: it waits for
    #: another, and a rise for as long as a check contradicts it.
    JUMP = "JUMP"
    #: An independent source says another price: no entries until they agree, and the lower
    #: of the two is what a token is worth and sold at.
    DISPUTED = "DISPUTED"
    #: Observed too long ago, or long before one that is already known.
    STALE = "STALE"
    #: The pool is gone, or holds too little to take a sale.
    UNSELLABLE = "UNSELLABLE"
    #: Good by itself, but cash is not: nothing can be paid with it or into it.
    CASH_UNSURE = "CASH_UNSURE"
    #: No price at all.
    MISSING = "MISSING"


@unique
class Stage(StrEnum):
    """The stages of a tick, in order."""

    OPEN = "open"
    PRICES = "prices"
    AUTO_CLOSE = "auto_close"
    ANALYSIS = "analysis"
    EXECUTION = "execution"
    METRICS = "metrics"
    CLOSE = "close"


@unique
class Family(StrEnum):
    """Signal families; levels count how many of them agree."""

    TREND = "trend"
    MOMENTUM = "momentum"
    MEAN_REVERSION = "mean_reversion"
    VOLATILITY = "volatility"
    FLOW = "flow"
    LIQUIDITY = "liquidity"
