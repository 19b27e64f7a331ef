"""Where each code arises and what a user can do about it; the codes' page is made of this."""

from enum import StrEnum, unique

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import BreakerKind, ExitReason, TradingState


@unique
class Origin(StrEnum):
    """Which record carries a code."""

    DECISION = "decision"
    DENIAL = "denial"
    FAILURE = "failed transaction"


_DECIDED = (Origin.DECISION,)
_DENIED = (Origin.DENIAL,)
_BOTH = (Origin.DECISION, Origin.DENIAL)

#: Code -> where it arises, and what to do about it.
NOTES: dict[Code, tuple[tuple[Origin, ...], str]] = {
    Code.OK: (_DECIDED, "Nothing: the order follows, and its trade says what became of it."),
    Code.PRICE_MISSING: (_BOTH, "Wait for the source; see the batch's missing symbols."),
    Code.PRICE_STALE: (_BOTH, "Check the source, or raise `max_quote_age_seconds`."),
    Code.PRICE_JUMPED: (_BOTH, "Nothing: the next reading confirms or discards it."),
    Code.PRICE_DISPUTED: (_BOTH, "Wait, or look at both sources; exits go on."),
    Code.CASH_UNSURE: (_BOTH, "Wait for the next price of USDC."),
    Code.UNSELLABLE: (_BOTH, "Nothing but wait: the position counts as lost if closed now."),
    Code.DEPTH_UNKNOWN: (_BOTH, "Use a source that states the pool's liquidity; trade smaller."),
    Code.LIQUIDITY_LOW: (_DECIDED, "Lower `min_liquidity_usd`, or leave the token."),
    Code.TOKEN_BLOCKED: (
        _DECIDED,
        "Change `allowed_tokens` or `blocked_tokens`, or the token's `tradable`.",
    ),
    Code.TOKEN_IS_CASH: (_DECIDED, "Nothing: it is what everything is paid with."),
    Code.BARS_WARMING_UP: (_DECIDED, "Wait: the slow trend needs 20 one-hour bars."),
    Code.CALIBRATING: (_DECIDED, "Wait for 2,000 scores; fewer tokens need more steps."),
    Code.CONFIDENCE_LOW: (_DECIDED, "Wait, choose a higher level, or set `confidence_threshold`."),
    Code.FAMILIES_DISAGREE: (_DECIDED, "Wait, or choose a higher level."),
    Code.COST_HIGH: (
        _DECIDED,
        "Hold for longer (`max_hold_hours`), trade cheaper pools, or choose a higher level.",
    ),
    Code.OUTCOMES_POOR: (_DECIDED, "Nothing: such set-ups have lost after costs so far."),
    Code.POSITION_HELD: (_DECIDED, "Nothing, or close the position by hand."),
    Code.SIGNAL_EXIT: (_DECIDED, "Nothing: the position is sold."),
    Code.INTERNAL_ERROR: (_BOTH, "Read the traceback under Internal errors in the admin."),
    Code.STATE_REDUCING: (
        _DENIED,
        "See which breaker the trade's `limit` names; reset it when its cause is gone.",
    ),
    Code.STATE_HALTED: (_DENIED, "Lift the halt of the session."),
    Code.ENTRIES_PAUSED: (_DENIED, "Resume entries of the session."),
    Code.TOKEN_LOCKED: (
        _DENIED,
        "Wait until the time that the trade's `limit` names, or release the lock of the account.",
    ),
    Code.COOL_DOWN: (_DENIED, "Wait, or choose a level with a shorter cool-down."),
    Code.ADDS_EXHAUSTED: (_DENIED, "Wait for the exit, or choose a level with more adds."),
    Code.POSITIONS_FULL: (_DENIED, "Raise `max_concurrent_positions`, or close a position."),
    Code.DAILY_TRADES_REACHED: (_DENIED, "Wait for the next market day, or raise the limit."),
    Code.EXPOSURE_FULL: (_DENIED, "Close something, or choose a level with more exposure."),
    Code.BALANCE_LOW: (_DENIED, "Deposit, or lower `minimum_balance_usd`."),
    Code.SIZE_TOO_SMALL: (_DENIED, "Deposit, raise the limit that bit, or use a cheaper chain."),
    Code.VOLATILITY_UNKNOWN: (_DENIED, "Wait for 49 bars, or remove the volatility target."),
    Code.GAS_PRICE_UNKNOWN: (_BOTH, "Use a source that prices the chain's native token."),
    Code.ORDER_PENDING: (_DENIED, "Nothing: the next price after its block tells its outcome."),
    Code.POSITION_CLOSED: (_DENIED, "Nothing: another exit of the tick had sold it."),
    Code.MINIMUM_OUT_NOT_MET: (
        (Origin.FAILURE,),
        "Raise `max_slippage_percent`, trade smaller, or choose a level with MEV protection.",
    ),
    Code.DEADLINE_PASSED: ((Origin.FAILURE,), "Raise `deadline_seconds`."),
    Code.NOT_INCLUDED: ((Origin.FAILURE,), "Nothing: gas rose too fast, or the channel was slow."),
    Code.OUTCOME_UNKNOWN: ((Origin.FAILURE,), "Look at the token's price: its source is silent."),
}

#: What sells a position for each reason; the order of the enum is the priority.
EXITS: dict[ExitReason, str] = {
    ExitReason.MANUAL: "A person asked to close the position.",
    ExitReason.STOP_LOSS: "Its net result fell to the stop.",
    ExitReason.TRAILING_STOP: "Its price fell from its highest mark by the trailing distance.",
    ExitReason.TAKE_PROFIT: "Its net result reached the target.",
    ExitReason.MAX_HOLD: "It was held for the longest time.",
    ExitReason.SIGNAL: "The analysis decided SELL: the evidence turned against it.",
}

#: How a breaker that has tripped is cleared.
CLEARED: dict[BreakerKind, str] = {
    BreakerKind.PORTFOLIO_LOSS: "A person resets it.",
    BreakerKind.DAILY_LOSS: "By itself, with the next market day; a person may reset it before.",
    BreakerKind.DRAWDOWN: "A person resets it.",
    BreakerKind.FAILED_TRANSACTIONS: "A person resets it.",
    BreakerKind.LOSING_EXITS: "A person resets it.",
    BreakerKind.DAILY_TRADES: "By itself, with the next market day.",
    BreakerKind.MINIMUM_BALANCE: "By itself, when cash is above it by a smallest order.",
    BreakerKind.STALE_FEED: "By itself, with a price of half the allowed age.",
    BreakerKind.VOLATILITY: "By itself, after 15 minutes of market time below its limit.",
    BreakerKind.INTERNAL_ERROR: "A person resets it.",
}

STATES: dict[TradingState, str] = {
    TradingState.ACTIVE: "Entries and exits.",
    TradingState.REDUCING: "Exits only: a breaker is tripped.",
    TradingState.HALTED: "Nothing: a person has halted trading.",
}
