"""What each live source allows, by plan, and how much of it is used: plain data.

A limit over a minute or an hour must hold over any such span, wherever it begins. A month is a
calendar month in UTC, as providers bill it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from fractions import Fraction
from types import MappingProxyType

#: At most this part of a limit is used. The rest covers calls that reach the provider closer
#: together than they left, and whoever else uses the key.
USED_SHARE = Fraction(9, 10)

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
#: The longest month: what fits into it fits into every other.
MONTH_SECONDS = 31 * DAY_SECONDS

DEXSCREENER = "dexscreener"
GECKOTERMINAL = "geckoterminal"
COINGECKO = "coingecko"
DEFILLAMA = "defillama"
ALCHEMY = "alchemy"
ONCHAIN = "onchain"


@unique
class CoinGeckoPlan(StrEnum):
    """Which key of CoinGecko is set. Without one CoinGecko is not asked."""

    NONE = ""
    DEMO = "demo"
    PRO = "pro"


@dataclass(frozen=True, slots=True)
class Limit:
    """What one account at a source may call; None: no such limit."""

    source: str
    #: Tokens in one call.
    batch: int
    per_minute: int | None = None
    per_hour: int | None = None
    per_month: int | None = None
    #: Of several that a source sells.
    plan: str = ""

    @property
    def budget(self) -> str:
        """Return the name that calls are counted under: a month spent on one plan leaves another.

        Rows and keys carry it.
        """
        return f"{self.source}-{self.plan}" if self.plan else self.source

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yield the sliding windows: length in seconds, and the calls that we make in it."""
        for seconds, documented in (
            (MINUTE_SECONDS, self.per_minute),
            (HOUR_SECONDS, self.per_hour),
        ):
            if documented is not None:
                yield seconds, usable(documented)

    @property
    def month_calls(self) -> int | None:
        """Return the calls that we make in a calendar month."""
        return None if self.per_month is None else usable(self.per_month)


def usable(documented: int) -> int:
    """Return the calls of a documented limit that are used: nine tenths, and at least one."""
    return max(1, int(documented * USED_SHARE))


_LIMITS = (
    Limit(DEXSCREENER, batch=30, per_minute=300),
    Limit(GECKOTERMINAL, batch=30, per_minute=30),
    # No limit is published: this bound is our own. 200 coins are allowed, but not in a URL of
    # more than 8,500 characters, which 160 addresses fill.
    Limit(DEFILLAMA, batch=160, per_minute=60),
    Limit(ALCHEMY, batch=25, per_hour=300),
    # Plans of RPC providers differ: the settings say. One account serves all chains.
    Limit(ONCHAIN, batch=100, per_minute=300, per_month=3_000_000),
)
#: 100 a minute in newer documents, 30 in older ones.
_DEMO = Limit(COINGECKO, batch=515, per_minute=30, per_month=10_000, plan=CoinGeckoPlan.DEMO)
_PRO = Limit(COINGECKO, batch=515, per_minute=500, per_month=500_000, plan=CoinGeckoPlan.PRO)

LIMITS: Mapping[str, Limit] = MappingProxyType({one.source: one for one in _LIMITS})
COINGECKO_LIMITS: Mapping[CoinGeckoPlan, Limit] = MappingProxyType(
    {CoinGeckoPlan.DEMO: _DEMO, CoinGeckoPlan.PRO: _PRO}
)


@dataclass(frozen=True, slots=True)
class Override:
    """What the settings say in place of a documented limit; None leaves it."""

    per_minute: int | None = None
    per_month: int | None = None


def limits(
    coingecko: CoinGeckoPlan = CoinGeckoPlan.NONE, overrides: Mapping[str, Override] | None = None
) -> dict[str, Limit]:
    """Return the limits by source; CoinGecko is among them when one of its keys is set."""
    found = dict(LIMITS)
    if coingecko is not CoinGeckoPlan.NONE:
        found[COINGECKO] = COINGECKO_LIMITS[coingecko]
    for source, override in (overrides or {}).items():
        if source in found:
            found[source] = _overridden(found[source], override)
    return found


def _overridden(limit: Limit, override: Override) -> Limit:
    return replace(
        limit,
        per_minute=limit.per_minute if override.per_minute is None else override.per_minute,
        per_month=limit.per_month if override.per_month is None else override.per_month,
    )
