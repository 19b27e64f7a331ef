"""Circuit breakers: what stops entries, for how long, and the words for it.

They never stop an exit. Breakers of loss and failure stay tripped until a person resets
them; the others clear themselves. What cannot be measured trips (fail closed).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.account import Account
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.enums import BreakerKind, TradingState
from paper_trading.engine.equity import settled
from paper_trading.engine.market import Batch
from paper_trading.engine.money import HUNDRED, ZERO, exact, ratio
from paper_trading.engine.strategy import Strategy

#: Why entries are refused while a breaker is tripped.
REASONS: dict[BreakerKind, str] = {
    BreakerKind.PORTFOLIO_LOSS: "Too much of the deposits is lost (percent)",
    BreakerKind.DAILY_LOSS: "Too much is lost since the market day began (percent)",
    BreakerKind.DRAWDOWN: "Equity is too far below its peak (percent)",
    BreakerKind.FAILED_TRANSACTIONS: "Too many transactions failed in a row",
    BreakerKind.LOSING_EXITS: "Too many positions lost in a row",
    BreakerKind.DAILY_TRADES: "The daily limit of entries is reached",
    BreakerKind.MINIMUM_BALANCE: "Cash is below the minimum balance (USD)",
    BreakerKind.STALE_FEED: "The newest price is too old (seconds)",
    BreakerKind.INTERNAL_ERROR: "Something failed inside",
}

_LOSSES = (BreakerKind.PORTFOLIO_LOSS, BreakerKind.DAILY_LOSS, BreakerKind.DRAWDOWN)
_CLEAR_THEMSELVES = (
    BreakerKind.DAILY_TRADES,
    BreakerKind.MINIMUM_BALANCE,
    BreakerKind.STALE_FEED,
)
_MICROSECONDS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """A breaker that tripped or was cleared."""

    kind: BreakerKind
    tripped: bool
    #: What was measured; None when it could not be.
    actual: Decimal | None
    threshold: Decimal | None
    text: str


@dataclass(frozen=True, slots=True)
class _Reading:
    actual: Decimal | None
    threshold: Decimal
    trips: bool


@exact
def evaluate(
    account: Account,
    breakers: Mapping[BreakerKind, Breaker],
    strategy: Strategy,
    equity_usd: Decimal,
    batch: Batch,
) -> tuple[dict[BreakerKind, Breaker], tuple[BreakerEvent, ...], TradingState]:
    """Return every breaker as it stands now, what changed, and ACTIVE or REDUCING.

    A breaker that is not in the mapping is taken as new; one stored under another's name
    trips. Those of losses stay as they are while a mark waits for its second reading.
    """
    after: dict[BreakerKind, Breaker] = {}
    events: list[BreakerEvent] = []
    for kind in BreakerKind:
        before = breakers.get(kind, Breaker(kind))
        after[kind] = _step(kind, before, account, strategy, equity_usd, batch)
        if after[kind].tripped != before.tripped:
            events.append(_event(after[kind]))
    return after, tuple(events), state_of(after)


def tripped(breakers: Mapping[BreakerKind, Breaker]) -> tuple[BreakerKind, ...]:
    """Return the kinds that are tripped, in the order of the enumeration."""
    return tuple(kind for kind in BreakerKind if kind in breakers and breakers[kind].tripped)


def state_of(breakers: Mapping[BreakerKind, Breaker]) -> TradingState:
    """Return REDUCING when any breaker is tripped, else ACTIVE."""
    return TradingState.REDUCING if tripped(breakers) else TradingState.ACTIVE


def new_day(
    breakers: Mapping[BreakerKind, Breaker], begins: bool
) -> tuple[dict[BreakerKind, Breaker], tuple[BreakerEvent, ...]]:
    """Clear the breaker of the day's loss, with its baseline, when a market day begins."""
    before = breakers.get(BreakerKind.DAILY_LOSS)
    if not begins or before is None:
        return dict(breakers), ()
    after = Breaker(BreakerKind.DAILY_LOSS)
    events = (_event(after),) if before.tripped else ()
    return {**breakers, after.kind: after}, events


def reset(breaker: Breaker, equity_usd: Decimal) -> Breaker:
    """Return a breaker that a person reset; losses are measured from this equity on.

    The counters of failures and losing exits live in the account: reset them there too.
    """
    baseline = equity_usd if breaker.kind in _LOSSES else None
    return Breaker(breaker.kind, baseline_usd=baseline)


def trip_for_error(
    breakers: Mapping[BreakerKind, Breaker], at: datetime
) -> dict[BreakerKind, Breaker]:
    """Trip the breaker of internal errors: no entries until a person has looked."""
    before = breakers.get(BreakerKind.INTERNAL_ERROR, Breaker(BreakerKind.INTERNAL_ERROR))
    return {**breakers, before.kind: replace(before, tripped=True, tripped_at=at)}


@exact
def after_deposit(
    breakers: Mapping[BreakerKind, Breaker], amount_usd: Decimal
) -> dict[BreakerKind, Breaker]:
    """Raise every baseline by what a deposit is worth, so that it does not hide a loss."""
    return {
        kind: breaker
        if breaker.baseline_usd is None
        else replace(breaker, baseline_usd=breaker.baseline_usd + amount_usd)
        for kind, breaker in breakers.items()
    }


def reason(breaker: Breaker) -> str:
    """Return the sentence that says why a tripped breaker stops entries, with its numbers."""
    if breaker.threshold is None:
        return f"{REASONS[breaker.kind]}."
    actual = "not measurable" if breaker.actual is None else _plain(breaker.actual)
    return f"{REASONS[breaker.kind]}: {actual}, limit {_plain(breaker.threshold)}."


def _step(
    kind: BreakerKind,
    before: Breaker,
    account: Account,
    strategy: Strategy,
    equity_usd: Decimal,
    batch: Batch,
) -> Breaker:
    if before.kind is not kind:
        return Breaker(kind, tripped=True, tripped_at=batch.market_time)
    if before.tripped and kind not in _CLEAR_THEMSELVES:
        return before
    if kind in _LOSSES and not settled(account, batch):
        return before
    breaker = _ratchet(before, account, equity_usd)
    reading = _read(breaker, account, strategy, equity_usd, batch)
    if reading is None:
        return breaker
    if not reading.trips:
        return Breaker(kind, baseline_usd=breaker.baseline_usd)
    if breaker.tripped:
        return breaker
    return _trip(breaker, reading, batch.market_time)


def _trip(breaker: Breaker, reading: _Reading, at: datetime) -> Breaker:
    return replace(
        breaker,
        tripped=True,
        tripped_at=at,
        actual=reading.actual,
        threshold=reading.threshold,
    )


def _ratchet(breaker: Breaker, account: Account, equity_usd: Decimal) -> Breaker:
    """Let the baseline of a drawdown follow equity up, until the peak is reached again."""
    if breaker.kind is not BreakerKind.DRAWDOWN or breaker.baseline_usd is None:
        return breaker
    if not equity_usd.is_finite() or equity_usd <= breaker.baseline_usd:
        return breaker
    regained = equity_usd >= account.peak_equity_usd
    return replace(breaker, baseline_usd=None if regained else equity_usd)


def _read(
    breaker: Breaker, account: Account, strategy: Strategy, equity_usd: Decimal, batch: Batch
) -> _Reading | None:
    """Measure what a breaker watches; None for the one that the engine does not measure."""
    kind = breaker.kind
    if kind in _LOSSES:
        reference, limit = _loss_reference(kind, account, strategy)
        base = reference if breaker.baseline_usd is None else breaker.baseline_usd
        return _at_most(_loss_percent(base, equity_usd), limit)
    if kind is BreakerKind.FAILED_TRANSACTIONS:
        return _count(account.failed_transactions, strategy.max_failed_transactions)
    if kind is BreakerKind.LOSING_EXITS:
        return _count(account.losing_exits, strategy.max_losing_exits)
    if kind is BreakerKind.DAILY_TRADES:
        return _count(account.entries_today, strategy.max_daily_trades)
    if kind is BreakerKind.MINIMUM_BALANCE:
        cash, least = account.cash_usd, strategy.minimum_balance_usd
        return _Reading(cash, least, not cash.is_finite() or cash < least)
    if kind is BreakerKind.STALE_FEED:
        return _age(batch, Decimal(strategy.max_quote_age_seconds))
    return None


def _loss_reference(
    kind: BreakerKind, account: Account, strategy: Strategy
) -> tuple[Decimal, Decimal]:
    if kind is BreakerKind.PORTFOLIO_LOSS:
        return account.deposits_usd, strategy.max_portfolio_loss_percent
    if kind is BreakerKind.DAILY_LOSS:
        return account.day_start_equity_usd, strategy.max_daily_loss_percent
    return account.peak_equity_usd, strategy.max_drawdown_percent


def _loss_percent(reference: Decimal, equity_usd: Decimal) -> Decimal | None:
    if not (reference.is_finite() and equity_usd.is_finite()) or reference <= 0:
        return None
    return max(ratio((reference - equity_usd) / reference * HUNDRED), ZERO)


def _at_most(actual: Decimal | None, limit: Decimal) -> _Reading:
    return _Reading(actual, limit, actual is None or actual >= limit)


def _count(actual: int, limit: int) -> _Reading:
    return _at_most(Decimal(actual), Decimal(limit))


def _age(batch: Batch, limit: Decimal) -> _Reading:
    """Read the age of the newest quote in seconds; being as old as the limit is allowed."""
    if not batch.quotes:
        return _Reading(None, limit, trips=True)
    newest = max(quote.observed_at for quote in batch.quotes.values())
    age = Decimal((batch.market_time - newest) // timedelta(microseconds=1)) / _MICROSECONDS
    return _Reading(age, limit, age > limit)


def _event(breaker: Breaker) -> BreakerEvent:
    text = reason(breaker) if breaker.tripped else f"Cleared: {REASONS[breaker.kind]}."
    return BreakerEvent(breaker.kind, breaker.tripped, breaker.actual, breaker.threshold, text)


def _plain(number: Decimal) -> str:
    """Write a number without exponent, to two places at most."""
    text = f"{number:.2f}"
    return text.rstrip("0").rstrip(".")
