"""Circuit breakers: what stops entries, for how long, and the words for it.

They never stop an exit. Breakers of failure and loss stay tripped until a person resets them,
but that of the day's loss ends with its market day; the others clear themselves, each beyond a
margin, so that none flaps at its limit. What cannot be measured trips, and so does an error
inside (fail closed).
"""

import traceback
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
from paper_trading.engine.sizing import MINIMUM_SIZE_USD
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.volatility import spike

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
    BreakerKind.VOLATILITY: "Prices move too many times more than is usual",
    BreakerKind.INTERNAL_ERROR: "Something failed inside",
}

_LOSSES = (BreakerKind.PORTFOLIO_LOSS, BreakerKind.DAILY_LOSS, BreakerKind.DRAWDOWN)
_CLEAR_THEMSELVES = (
    BreakerKind.DAILY_TRADES,
    BreakerKind.MINIMUM_BALANCE,
    BreakerKind.STALE_FEED,
    BreakerKind.VOLATILITY,
)
#: Losses wait no longer for marks to settle; then they are taken at the worse ones, as marked.
LONGEST_WAIT = timedelta(minutes=5)
#: Volatility must stay below its limit for so long. Three of the shortest bars: one that is
#: quiet by chance between two that are not ends nothing.
CALM = timedelta(minutes=15)
#: What a value that nobody meant raises. The breaker of internal errors trips for it.
FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
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
    #: The traceback of an error inside.
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Reading:
    actual: Decimal | None
    threshold: Decimal
    trips: bool
    #: Beyond the margin behind which a tripped breaker clears itself.
    clears: bool


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
    trips. Those of losses stay as they are while a mark waits for its second reading, for
    `LONGEST_WAIT` at most. One that cannot be evaluated stays as it is and trips the breaker
    of internal errors, whose event carries the traceback.
    """
    after: dict[BreakerKind, Breaker] = {}
    events: list[BreakerEvent] = []
    faults: list[tuple[str, str]] = []
    for kind in BreakerKind:
        before = breakers.get(kind, Breaker(kind))
        try:
            after[kind] = _step(kind, before, account, strategy, equity_usd, batch)
        except FAULTS as error:
            faults.append((f"{kind}: {error!r}", traceback.format_exc()))
            after[kind] = before
        if after[kind].tripped != before.tripped:
            events.append(_event(after[kind]))
    if faults and not after[BreakerKind.INTERNAL_ERROR].tripped:
        after = trip_for_error(after, batch.market_time)
        events.append(_fault_event(after[BreakerKind.INTERNAL_ERROR], faults))
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
    at = batch.market_time
    if before.kind is not kind:
        return Breaker(kind, tripped=True, tripped_at=at)
    if before.tripped and kind not in _CLEAR_THEMSELVES:
        return before
    breaker = before
    if kind in _LOSSES and not settled(account, batch):
        breaker = replace(before, waiting_since=before.waiting_since or at)
        if at - (before.waiting_since or at) < LONGEST_WAIT:
            return breaker
    elif kind in _LOSSES:
        breaker = _ratchet(replace(before, waiting_since=None), account, equity_usd)
    reading = _read(breaker, account, strategy, equity_usd, batch)
    if reading is None:
        return Breaker(kind)
    if not breaker.tripped:
        return _trip(breaker, reading, at) if reading.trips else breaker
    return _recovering(breaker, reading, at)


def _recovering(breaker: Breaker, reading: _Reading, at: datetime) -> Breaker:
    """Return a tripped breaker that clears itself, clear when it is beyond its margin."""
    if not reading.clears:
        return replace(breaker, waiting_since=None)
    if breaker.kind is BreakerKind.VOLATILITY:
        since = breaker.waiting_since or at
        if at - since < CALM:
            return replace(breaker, waiting_since=since)
    return Breaker(breaker.kind)


def _trip(breaker: Breaker, reading: _Reading, at: datetime) -> Breaker:
    return replace(
        breaker,
        tripped=True,
        tripped_at=at,
        actual=reading.actual,
        threshold=reading.threshold,
        waiting_since=None,
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
    """Measure what a breaker watches; None when nothing is measured: it is switched off."""
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
        return _balance(account.cash_usd, strategy.minimum_balance_usd)
    if kind is BreakerKind.STALE_FEED:
        return _age(batch, Decimal(strategy.max_quote_age_seconds))
    if kind is BreakerKind.VOLATILITY and strategy.max_volatility_ratio is not None:
        return _at_most(spike(batch), strategy.max_volatility_ratio)
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
    trips = actual is None or actual >= limit
    return _Reading(actual, limit, trips, clears=not trips)


def _count(actual: int, limit: int) -> _Reading:
    return _at_most(Decimal(actual), Decimal(limit))


def _balance(cash: Decimal, least: Decimal) -> _Reading:
    """Read the cash. It is enough again with a smallest order above the minimum.

    Below that no entry could be made, so that the margin costs none.
    """
    if not cash.is_finite():
        return _Reading(cash, least, trips=True, clears=False)
    return _Reading(cash, least, cash < least, clears=cash >= least + MINIMUM_SIZE_USD)


def _age(batch: Batch, limit: Decimal) -> _Reading:
    """Read the age of the newest quote in seconds; being as old as the limit is allowed.

    A feed is back with a price of half that age: one that is just young enough would be too
    old again at once.
    """
    if not batch.quotes:
        return _Reading(None, limit, trips=True, clears=False)
    newest = max(quote.observed_at for quote in batch.quotes.values())
    age = Decimal((batch.market_time - newest) // timedelta(microseconds=1)) / _MICROSECONDS
    return _Reading(age, limit, age > limit, clears=2 * age <= limit)


def _event(breaker: Breaker) -> BreakerEvent:
    text = reason(breaker) if breaker.tripped else f"Cleared: {REASONS[breaker.kind]}."
    return BreakerEvent(breaker.kind, breaker.tripped, breaker.actual, breaker.threshold, text)


def _fault_event(breaker: Breaker, faults: list[tuple[str, str]]) -> BreakerEvent:
    """Return the event of errors inside: what each said, and their tracebacks."""
    text = f"{reason(breaker)} Not evaluated: {'; '.join(said for said, _ in faults)}."
    return replace(_event(breaker), text=text, fault="\n".join(trace for _, trace in faults))


def _plain(number: Decimal) -> str:
    """Write a number without exponent, to two places at most."""
    text = f"{number:.2f}"
    return text.rstrip("0").rstrip(".")
