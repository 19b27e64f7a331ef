"""One code for every decision that is not an entry, every denial and every failure."""

from enum import StrEnum, unique


@unique
class Code(StrEnum):
    """Why something did or did not happen. `text` is the sentence shown to people."""

    # Decisions
    OK = "OK"
    PRICE_MISSING = "PRICE_MISSING"
    PRICE_STALE = "PRICE_STALE"
    PRICE_JUMPED = "PRICE_JUMPED"
    PRICE_DISPUTED = "PRICE_DISPUTED"
    CASH_UNSURE = "CASH_UNSURE"
    UNSELLABLE = "UNSELLABLE"
    DEPTH_UNKNOWN = "DEPTH_UNKNOWN"
    LIQUIDITY_LOW = "LIQUIDITY_LOW"
    TOKEN_BLOCKED = "TOKEN_BLOCKED"  # noqa: S105
    TOKEN_IS_CASH = "TOKEN_IS_CASH"  # noqa: S105
    BARS_WARMING_UP = "BARS_WARMING_UP"
    CALIBRATING = "CALIBRATING"
    CONFIDENCE_LOW = "CONFIDENCE_LOW"
    FAMILIES_DISAGREE = "FAMILIES_DISAGREE"
    COST_HIGH = "COST_HIGH"
    OUTCOMES_POOR = "OUTCOMES_POOR"
    POSITION_HELD = "POSITION_HELD"
    SIGNAL_EXIT = "SIGNAL_EXIT"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    # Denials of orders
    STATE_REDUCING = "STATE_REDUCING"
    STATE_HALTED = "STATE_HALTED"
    ENTRIES_PAUSED = "ENTRIES_PAUSED"
    TOKEN_LOCKED = "TOKEN_LOCKED"  # noqa: S105
    COOL_DOWN = "COOL_DOWN"
    ADDS_EXHAUSTED = "ADDS_EXHAUSTED"
    POSITIONS_FULL = "POSITIONS_FULL"
    DAILY_TRADES_REACHED = "DAILY_TRADES_REACHED"
    EXPOSURE_FULL = "EXPOSURE_FULL"
    VOLATILITY_UNKNOWN = "VOLATILITY_UNKNOWN"
    BALANCE_LOW = "BALANCE_LOW"
    SIZE_TOO_SMALL = "SIZE_TOO_SMALL"
    GAS_PRICE_UNKNOWN = "GAS_PRICE_UNKNOWN"
    POSITION_CLOSED = "POSITION_CLOSED"
    ORDER_PENDING = "ORDER_PENDING"
    # Failed transactions
    MINIMUM_OUT_NOT_MET = "MINIMUM_OUT_NOT_MET"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    NOT_INCLUDED = "NOT_INCLUDED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"

    @property
    def text(self) -> str:
        """The sentence that explains the code."""
        return TEXTS[self]


TEXTS: dict[Code, str] = {
    Code.OK: "Every gate was met.",
    Code.PRICE_MISSING: "No price for this token in this batch.",
    Code.PRICE_STALE: "The latest price is too old to trade on.",
    Code.PRICE_JUMPED: "The price or the depth jumped and waits one tick for confirmation.",
    Code.PRICE_DISPUTED: "An independent source says another price: no entries until they agree.",
    Code.CASH_UNSURE: "The price of cash is missing or jumped, so nothing can be paid.",
    Code.UNSELLABLE: "The pool is gone or all but empty: nobody would buy the token now.",
    Code.DEPTH_UNKNOWN: "The pool's depth is unknown, or ends before the order does: no price.",
    Code.LIQUIDITY_LOW: "The pool holds less than the minimum liquidity.",
    Code.TOKEN_BLOCKED: "The token is not traded: by the strategy or by the registry.",
    Code.TOKEN_IS_CASH: "The account's own cash is not traded against itself.",
    Code.BARS_WARMING_UP: "Too few closed bars for the signals.",
    Code.CALIBRATING: "Too few scores to rank this one against.",
    Code.CONFIDENCE_LOW: "Confidence is below the level's threshold.",
    Code.FAMILIES_DISAGREE: "Too few signal families agree.",
    Code.COST_HIGH: "The round trip costs too much of the expected move.",
    Code.OUTCOMES_POOR: "Past net outcomes make a positive mean too unlikely.",
    Code.POSITION_HELD: "A position is held and nothing asks to change it.",
    Code.SIGNAL_EXIT: "The evidence has turned against the position.",
    Code.INTERNAL_ERROR: "Something failed inside; the error is stored with its traceback.",
    Code.STATE_REDUCING: "A circuit breaker is tripped: exits only.",
    Code.STATE_HALTED: "Trading was halted by a person.",
    Code.ENTRIES_PAUSED: "Entries are paused.",
    Code.TOKEN_LOCKED: "The token is locked: it is not bought until a stated time.",
    Code.COOL_DOWN: "The token was sold too recently.",
    Code.ADDS_EXHAUSTED: "The position has had all the adds its level allows.",
    Code.POSITIONS_FULL: "The largest number of open positions is reached.",
    Code.DAILY_TRADES_REACHED: "The daily limit of entries is reached.",
    Code.EXPOSURE_FULL: "No exposure is left under the limits.",
    Code.VOLATILITY_UNKNOWN: "A volatility target is set and the token's volatility is unknown.",
    Code.BALANCE_LOW: "Cash would fall below the minimum balance.",
    Code.SIZE_TOO_SMALL: "The allowed size is too small to be worth its gas.",
    Code.GAS_PRICE_UNKNOWN: "Gas cannot be priced in USD: no price for the native token.",
    Code.POSITION_CLOSED: "There was no open position left to sell.",
    Code.ORDER_PENDING: "An order for the token is on its way and not known to be in a block.",
    Code.MINIMUM_OUT_NOT_MET: "The swap returned less than its minimum out and reverted.",
    Code.DEADLINE_PASSED: "The swap came into a block after its deadline and reverted.",
    Code.NOT_INCLUDED: "No block took the transaction in time: nothing moved and nothing was paid.",
    Code.OUTCOME_UNKNOWN: "For a day no price told what became of the swap; it is given up.",
}

#: Failures of transactions that were in no block: they say nothing of price or tolerance.
IN_NO_BLOCK = (Code.NOT_INCLUDED, Code.OUTCOME_UNKNOWN)
