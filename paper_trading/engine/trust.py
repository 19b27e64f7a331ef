"""Trust: what a pool's reading may be used for, told from the readings before it.

A token's state is folded with one reading a tick. A crash is not an outlier and an outlier is
no crash: nobody can tell them apart at once, so a jump waits for one more reading, during which
nothing is traded and marks take the worse of the two. Nothing is averaged, clamped or smoothed:
an accepted price is the source's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_PRICE_USD, require_zone
from paper_trading.engine.money import HUNDRED, ZERO, exact, require

#: A move beyond this waits for confirmation. Over 15 s, even a token of 1,000 % volatility a
#: year has a standard deviation of 0.7 %: ten percent is news or an error, never noise.
JUMP_PERCENT = Decimal(10)
#: A depth that is this many times another waits too: fills are priced by it.
DEPTH_FACTOR = Decimal(3)
#: Four ticks of 15 s; the slowest source that may serve ticks is cached for a minute.
OLDEST = timedelta(seconds=60)
#: Clocks of providers run this much ahead; a reading from further on is refused.
CLOCK_SKEW = timedelta(seconds=5)
#: Pools of one token differ by their fees, at most 1 % each way, and by what moves in a minute.
DISPUTE_PERCENT = Decimal(5)
#: A cross-check comes each minute; older than three of them it says nothing of now.
CHECK_LIFE = timedelta(seconds=180)
#: Both sides of a pool that cannot take the sale of a hundred dollars without losing a third.
SELLABLE_LIQUIDITY_USD = Decimal(1_000)
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

    def __post_init__(self) -> None:
        """Refuse what no pool says."""
        require("price_usd of a reading", self.price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
        if self.liquidity_usd is not None:
            require("liquidity_usd of a reading", self.liquidity_usd, ZERO, DEEPEST_POOL_USD)
        require_zone("observed_at of a reading", self.observed_at)


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

    `check` is the newest that an independent source said, if any; `now` is market time.
    """
    refused = _refused(seen, pool, now)
    if refused is not None:
        return _absent(state, refused)
    if not isinstance(seen, Reading):
        raise TypeError(f"a reading was {seen!r}")
    accepted = state.accepted
    late = accepted is not None and seen.observed_at < accepted.observed_at
    if late or now - seen.observed_at > OLDEST:
        return _end(state, PriceVerdict.STALE, seen)
    state = replace(state, absences=0)
    if seen.liquidity_usd is not None and seen.liquidity_usd < SELLABLE_LIQUIDITY_USD:
        return _end(replace(state, pending=None), PriceVerdict.UNSELLABLE, _worse(accepted, seen))
    if not _confirmed(state, seen):
        return _end(replace(state, pending=seen), PriceVerdict.JUMP, _worse(accepted, seen))
    disputed = _disputed(state, seen, check, now)
    after = replace(state, accepted=seen, pending=None, disputed=disputed)
    return _end(after, PriceVerdict.DISPUTED if disputed else PriceVerdict.FRESH, seen)


@exact
def exchanged(
    states: Mapping[str, TokenTrust], seen: Mapping[str, Reading | Absent]
) -> frozenset[str]:
    """Return the symbols whose prices have changed places with each other's.

    Two tokens that jump to each other's last price at once are a mix-up of the source, however
    long it lasts; no market does that.
    """
    jumped = {
        symbol: (accepted, reading)
        for symbol, reading in seen.items()
        if isinstance(reading, Reading)
        and (accepted := states.get(symbol, TokenTrust()).accepted) is not None
        and _price_side(accepted, reading)
    }
    return frozenset(
        symbol
        for symbol, (was, now) in jumped.items()
        for other, (other_was, other_now) in jumped.items()
        if symbol != other and not _price_side(other_was, now) and not _price_side(was, other_now)
    )


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


def _worse(accepted: Reading | None, seen: Reading) -> Reading:
    """Return the lower price and the lesser depth of two readings, at the newer's time."""
    if accepted is None:
        return seen
    depths = [one for one in (accepted.liquidity_usd, seen.liquidity_usd) if one is not None]
    return replace(
        seen,
        price_usd=min(accepted.price_usd, seen.price_usd),
        liquidity_usd=min(depths) if seen.liquidity_usd is not None else None,
    )


def _confirmed(state: TokenTrust, seen: Reading) -> bool:
    """Say whether a reading can be traded on: near the last one, or the second of a jump.

    A jump is confirmed by a second reading beyond the bound on the same side, however far:
    a crash that goes on is a crash. Without a last one, two readings must be near each other.
    """
    accepted, pending = state.accepted, state.pending
    if accepted is None:
        return pending is not None and _sides(pending, seen) == (0, 0)
    price, depth = _sides(accepted, seen)
    if price == depth == 0:
        return True
    if pending is None:
        return False
    pending_price, pending_depth = _sides(accepted, pending)
    return price == pending_price if price else depth == pending_depth


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


def _disputed(state: TokenTrust, seen: Reading, check: Check | None, now: datetime) -> bool:
    """Compare with the newest check; without one of these minutes, what was found holds."""
    if check is None or now - check.observed_at > CHECK_LIFE:
        return state.disputed
    apart = abs(seen.price_usd - check.price_usd) * HUNDRED
    return apart > check.price_usd * DISPUTE_PERCENT
