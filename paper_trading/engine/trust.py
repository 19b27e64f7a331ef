"""Trust: what a pool's reading may be used for, told from the readings before it.

A token's state is folded with one reading a tick. A crash is not an outlier and an outlier is
no crash: nobody can tell them apart at once, so a jump waits for one more reading, during which
nothing is traded and marks take the worse of the two. Nothing is averaged, clamped or smoothed:
an accepted price is the source's own. While an independent source says a lower one, that is what
a token is worth and sold at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_PRICE_USD, require_zone
from paper_trading.engine.money import HUNDRED, ZERO, exact, price, require

#: A move beyond this waits for confirmation. Over 15 s, even a token of 1,000 % volatility a
#: year has a standard deviation of 0.7 %: ten percent is news or an error, never noise.
JUMP_PERCENT = Decimal(10)
#: A depth that is this many times another waits too: fills are priced by it.
DEPTH_FACTOR = Decimal(3)
#: Five ticks of 15 s; the slowest source that may serve ticks is cached for a minute.
OLDEST = timedelta(seconds=75)
#: A source that steps in for another may be behind it by as much as its cache is old.
BEHIND = timedelta(seconds=60)
#: Readings no further apart than this may be one observation, which cannot confirm itself: a
#: cache says its age in whole seconds, and answers take up to 3.5 s to come.
MOMENT = timedelta(seconds=5)
#: An observation's time is known to a day, or it is of no use.
WIDEST_SPREAD_SECONDS = 86_400
#: Clocks of providers run this much ahead; a reading from further on is refused.
CLOCK_SKEW = timedelta(seconds=5)
#: Pools of one token differ by their fees, at most 1 % each way, and by what moves in a minute.
DISPUTE_PERCENT = Decimal(5)
#: A cross-check comes each minute; older than three of them it says nothing of now.
CHECK_LIFE = timedelta(seconds=180)
#: Both sides of a pool that cannot take the sale of a hundred dollars without losing a third.
SELLABLE_LIQUIDITY_USD = Decimal(1_000)
#: After so many jumps in a row, one that a check agrees with is taken: a price may swing across
#: both bounds for ever.
JUMPS_BEFORE_CHECK = 4
#: A pool is gone when the source has answered this often in a row without it.
GONE_AFTER = 2

#: Why a token has no price. Sources may give reasons of their own.
POOL_OTHER = "POOL_OTHER"
POOL_ABSENT = "POOL_ABSENT"
TIME_AHEAD = "TIME_AHEAD"
EXCHANGED = "EXCHANGED"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source says of a token's pool: USD per whole token, both sides in USD.

    :raises TypeError: when price or depth is a float or no number.
    :raises ValueError: when one is not finite or out of range, or the time has no zone.
    """

    price_usd: Decimal
    #: None when the source does not say.
    liquidity_usd: Decimal | None
    observed_at: datetime
    #: Address of the pool, in lower case.
    pool: str
    #: It may have been observed up to so much later: of a cache that does not say its age.
    spread_seconds: int = 0

    def __post_init__(self) -> None:
        """Refuse what no pool says."""
        require("price_usd of a reading", self.price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
        if self.liquidity_usd is not None:
            require("liquidity_usd of a reading", self.liquidity_usd, ZERO, DEEPEST_POOL_USD)
        require_zone("observed_at of a reading", self.observed_at)
        if not 0 <= self.spread_seconds <= WIDEST_SPREAD_SECONDS:
            raise ValueError(
                f"spread_seconds of a reading was {self.spread_seconds};"
                f" allowed are 0 to {WIDEST_SPREAD_SECONDS}"
            )


@dataclass(frozen=True, slots=True)
class Absent:
    """No reading of a token, with the reason in one word."""

    reason: str

    @property
    def gone(self) -> bool:
        """The source answered, and does not know the pool."""
        return self.reason == POOL_ABSENT


@dataclass(frozen=True, slots=True)
class Check:
    """What an independent source says of a token, in USD.

    :raises TypeError: when the price is a float or no number.
    :raises ValueError: when it is not finite or out of range, or the time has no zone.
    """

    price_usd: Decimal
    observed_at: datetime

    def __post_init__(self) -> None:
        """Refuse what no source says."""
        require("price_usd of a check", self.price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
        require_zone("observed_at of a check", self.observed_at)


@dataclass(frozen=True, slots=True)
class TokenTrust:
    """What is remembered of one token between two readings; empty to begin with."""

    #: The newest reading that could be traded on.
    accepted: Reading | None = None
    #: A jump that waits for confirmation.
    pending: Reading | None = None
    #: The newest check that was taken contradicted; it holds until one agrees.
    disputed: bool = False
    #: How often in a row the source answered without the pool.
    absences: int = 0
    #: The last verdict but for jumps, which pass in a tick: a change of it is news.
    standing: PriceVerdict = PriceVerdict.MISSING
    #: How many jumps there were since a reading was taken.
    jumps: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading with its verdict, and what is remembered after it."""

    state: TokenTrust
    verdict: PriceVerdict
    #: What marks and fills see; None when MISSING.
    quote: Reading | None
    #: Why it is missing; empty when it is not.
    reason: str = ""


@exact
def judge(
    state: TokenTrust, seen: Reading | Absent, check: Check | None, pool: str, now: datetime
) -> Judged:
    """Fold one reading of the pinned pool into a token's state.

    `check` is the newest that an independent source said, if any; `now` is market time. What
    is disputed is worth the lower of the pool's price and the check's: a wrong price that lasts
    must not be sold at. The state keeps what the pool itself said.
    """
    refused = _refused(seen, pool, now)
    if refused is not None:
        return _absent(state, refused)
    if not isinstance(seen, Reading):
        raise TypeError(f"a reading was {seen!r}")
    if _is_old(state.accepted, seen, now):
        return _end(state, PriceVerdict.STALE, seen)
    state, live = replace(state, absences=0), _live(check, now)
    empty = _is_empty(seen)
    if empty and _was_emptying(state, seen):
        gone = replace(state, pending=None, jumps=0)
        return _end(gone, PriceVerdict.UNSELLABLE, _worse(state, seen, check))
    if empty or not _confirmed(state, seen, live):
        waits = replace(state, pending=_waiting(state, seen), jumps=state.jumps + 1)
        return _end(waits, PriceVerdict.JUMP, _worse(state, seen, check))
    # Without a check of these minutes, what was found holds.
    disputed = state.disputed if live is None else _apart(seen, live)
    after = replace(state, accepted=seen, pending=None, disputed=disputed, jumps=0)
    if disputed:
        return _end(after, PriceVerdict.DISPUTED, _at_most(seen, check))
    return _end(after, PriceVerdict.FRESH, seen)


@exact
def exchanged(
    states: Mapping[str, TokenTrust],
    seen: Mapping[str, Reading | Absent],
    checks: Mapping[str, Check],
    now: datetime,
) -> frozenset[str]:
    """Return the symbols whose prices have changed places with each other's, in pairs or rings.

    Tokens that jump to each other's last price at once are a mix-up of the source; no market
    does that. A live check settles it: a price that it agrees with is the token's own. Without
    one, a last price from before an outage proves nothing, and would lock honest tokens for ever.
    """
    jumped = {
        symbol: (accepted, reading)
        for symbol, reading in seen.items()
        if isinstance(reading, Reading)
        and (accepted := states.get(symbol, TokenTrust()).accepted) is not None
        and _price_side(accepted, reading)
        and _is_doubtful(accepted, reading, _live(checks.get(symbol), now), now)
    }
    took = {
        symbol: {
            other
            for other, (was, _) in jumped.items()
            if other != symbol and not _price_side(was, reading)
        }
        for symbol, (_, reading) in jumped.items()
    }
    return frozenset(symbol for symbol in took if symbol in _reached(symbol, took))


def _is_doubtful(accepted: Reading, seen: Reading, live: Check | None, now: datetime) -> bool:
    """Say whether a jump may be another token's price."""
    return now - accepted.observed_at <= OLDEST if live is None else _apart(seen, live)


def _reached(start: str, steps: Mapping[str, set[str]]) -> set[str]:
    """Return all that can be reached in one step or more; with the start, if it is in a ring."""
    found: set[str] = set()
    ahead = set(steps[start])
    while ahead:
        found |= ahead
        ahead = set().union(*(steps[one] for one in ahead)) - found
    return found


def _refused(seen: Reading | Absent, pool: str, now: datetime) -> Absent | None:
    if isinstance(seen, Absent):
        return seen
    if seen.pool.lower() != pool.lower():
        return Absent(POOL_OTHER)
    return Absent(TIME_AHEAD) if seen.observed_at > now + CLOCK_SKEW else None


def _absent(state: TokenTrust, seen: Absent) -> Judged:
    """Return a token without a price; a known one whose pool is gone cannot be sold."""
    absences = state.absences + 1 if seen.gone else state.absences
    state = replace(state, absences=absences)
    if seen.gone and absences >= GONE_AFTER and state.accepted is not None:
        last = replace(state.accepted, liquidity_usd=ZERO)
        return _end(replace(state, pending=None), PriceVerdict.UNSELLABLE, last)
    return _end(state, PriceVerdict.MISSING, None, seen.reason)


def _end(
    state: TokenTrust, verdict: PriceVerdict, quote: Reading | None, reason: str = ""
) -> Judged:
    standing = state.standing if verdict is PriceVerdict.JUMP else verdict
    return Judged(replace(state, standing=standing), verdict, quote, reason)


def _is_old(accepted: Reading | None, seen: Reading, now: datetime) -> bool:
    behind = accepted is not None and accepted.observed_at - seen.observed_at > BEHIND
    return behind or now - seen.observed_at > OLDEST


def _is_empty(seen: Reading) -> bool:
    return seen.liquidity_usd is not None and seen.liquidity_usd < SELLABLE_LIQUIDITY_USD


def _was_emptying(state: TokenTrust, seen: Reading) -> bool:
    """Say whether an empty pool is no news of this reading alone: one may be a glitch."""
    pending, accepted = state.pending, state.accepted
    if state.standing is PriceVerdict.UNSELLABLE:
        return True
    if pending is None or not _is_later(pending, seen):
        return False
    return _is_empty(pending) or (accepted is not None and _depth_side(accepted, pending) < 0)


def _worse(state: TokenTrust, seen: Reading, check: Check | None) -> Reading:
    """Return the lower price and the lesser depth of two readings, at the newer's time."""
    accepted = state.accepted
    if accepted is None:
        return seen
    depths = [one for one in (accepted.liquidity_usd, seen.liquidity_usd) if one is not None]
    worse = replace(
        seen,
        price_usd=min(accepted.price_usd, seen.price_usd),
        liquidity_usd=min(depths) if seen.liquidity_usd is not None else None,
    )
    return _at_most(worse, check) if state.disputed else worse


def _at_most(reading: Reading, check: Check | None) -> Reading:
    """Return a reading at the check's price, at the scale of rows, where that is the lower."""
    if check is None:
        return reading
    other = price(check.price_usd)
    return replace(reading, price_usd=other) if ZERO < other < reading.price_usd else reading


def _confirmed(state: TokenTrust, seen: Reading, live: Check | None) -> bool:
    """Say whether a reading can be traded on: near the last one, or the second of a jump.

    A rise that a live check contradicts is not confirmed, however long it lasts: it would be
    sold at a profit that nobody has. A fall is: not to see a crash is worse.
    """
    accepted, pending = state.accepted, state.pending
    if accepted is not None and _sides(accepted, seen) == (0, 0):
        return True
    if live is not None:
        apart = _apart(seen, live)
        if not apart and state.jumps >= JUMPS_BEFORE_CHECK:
            return True
        if apart and accepted is not None and _price_side(accepted, seen) > 0:
            return False
    return pending is not None and _is_later(pending, seen) and _repeats(accepted, pending, seen)


def _repeats(accepted: Reading | None, pending: Reading, seen: Reading) -> bool:
    """Say whether a reading is the second of a jump.

    It is one beyond the bound on the same side, however far: a crash that goes on is a crash.
    Without a last one, two readings must be near each other.
    """
    if accepted is None:
        return _sides(pending, seen) == (0, 0)
    price_side, depth_side = _sides(accepted, seen)
    if price_side:
        return price_side == _price_side(accepted, pending)
    return depth_side == _depth_side(accepted, pending)


def _waiting(state: TokenTrust, seen: Reading) -> Reading:
    """Return the jump that waits: the older of two alike, so that time passes since it."""
    pending = state.pending
    if pending is None or _is_later(pending, seen):
        return seen
    return pending if _repeats(state.accepted, pending, seen) else seen


def _is_later(pending: Reading, seen: Reading) -> bool:
    """Say whether a reading is surely another observation than the one that waits."""
    newest = pending.observed_at + timedelta(seconds=pending.spread_seconds)
    return seen.observed_at - newest > MOMENT


def _sides(base: Reading, seen: Reading) -> tuple[int, int]:
    """Return on which side of a reading's bounds another's price and depth are: -1, 0 or 1."""
    return _price_side(base, seen), _depth_side(base, seen)


def _price_side(base: Reading, seen: Reading) -> int:
    moved = (seen.price_usd - base.price_usd) * HUNDRED
    bound = base.price_usd * JUMP_PERCENT
    return int(moved > bound) - int(moved < -bound)


def _depth_side(base: Reading, seen: Reading) -> int:
    was, now = base.liquidity_usd, seen.liquidity_usd
    if was is None or now is None:
        return 0
    return int(now > was * DEPTH_FACTOR) - int(now * DEPTH_FACTOR < was)


def _live(check: Check | None, now: datetime) -> Check | None:
    """Return a check that is young enough to say something of now."""
    return None if check is None or now - check.observed_at > CHECK_LIFE else check


def _apart(seen: Reading, check: Check) -> bool:
    apart = abs(seen.price_usd - check.price_usd) * HUNDRED
    return apart > check.price_usd * DISPUTE_PERCENT
