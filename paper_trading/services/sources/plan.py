"""The source plan: who serves ticks, who cross-checks, who back-fills, and what that costs.

Pure: it follows from the keys that are set, the tokens and the tick, and is told before anything
is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from fractions import Fraction

from paper_trading.services.sources.limits import (
    ALCHEMY,
    COINGECKO,
    DEFILLAMA,
    DEXSCREENER,
    GECKOTERMINAL,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    MONTH_SECONDS,
    ONCHAIN,
    CoinGeckoPlan,
    Limit,
    usable,
)

#: Sources whose calls name tokens of several chains at once.
ACROSS_CHAINS = frozenset({ALCHEMY, COINGECKO, DEFILLAMA})
#: Checks come no faster: the sources behind them cache for a minute.
CHECK_SECONDS = 60
#: CoinGecko's free plan fits one call in about 298 s into its month.
DEMO_CHECK_SECONDS = 300
#: Seven days of five-minute bars are 2,016; a call brings 1,000.
BACKFILL_CALLS_A_TOKEN = 3


@unique
class Role(StrEnum):
    """What a source is asked for."""

    TICK = "tick"
    #: The chain says prices in cash: what that is worth comes from here, each tick.
    CASH = "price of cash"
    FALL_BACK = "fall-back"
    CHECK = "cross-check"
    BACKFILL = "back-fill"


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys and addresses are set; never what they are."""

    coingecko: CoinGeckoPlan = CoinGeckoPlan.NONE
    alchemy: bool = False
    rpc_chains: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One source in one role. A back-fill is made once, the others every `period_seconds`."""

    limit: Limit
    role: Role
    #: Of one refresh; of a back-fill all of them.
    calls: int
    #: 0 for a back-fill.
    period_seconds: int
    #: As it would be without limits.
    wished_seconds: int

    @property
    def source(self) -> str:
        """Name the source."""
        return self.limit.source

    @property
    def is_stretched(self) -> bool:
        """Say whether the limits made the period longer than wished."""
        return self.period_seconds > self.wished_seconds

    def calls_in(self, seconds: int) -> Fraction:
        """Return the mean number of calls in a span of time."""
        return Fraction(self.calls * seconds, self.period_seconds)

    def share(self) -> Fraction:
        """Return the largest part of a documented limit that is used, 1 for all of it.

        Of the minute and the hour that hold most calls, and of the longest month.
        """
        limit = self.limit
        parts = [
            Fraction(most_in(self.calls, self.period_seconds, seconds), documented)
            for seconds, documented in (
                (MINUTE_SECONDS, limit.per_minute),
                (HOUR_SECONDS, limit.per_hour),
            )
            if documented is not None
        ]
        if limit.per_month is not None:
            parts.append(Fraction(self.calls_in(MONTH_SECONDS), limit.per_month))
        return max(parts, default=Fraction(0))


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """Who is asked for what, in order, and what people must know of it."""

    tick_seconds: int
    #: The first serves ticks; the others stand in for it, in order.
    tick: tuple[PlannedSource, ...]
    checks: tuple[PlannedSource, ...]
    backfill: tuple[PlannedSource, ...]
    #: Asked for cash alone, beside a tick source that cannot say it.
    cash: tuple[PlannedSource, ...]
    #: What was changed to stay inside limits.
    notes: tuple[str, ...]
    #: What cannot be done inside limits; with one of these nothing should be started.
    problems: tuple[str, ...]

    @property
    def all(self) -> tuple[PlannedSource, ...]:
        """Return every source in every role."""
        return (*self.tick[:1], *self.cash, *self.tick[1:], *self.checks, *self.backfill)


def plan(
    keys: Keys,
    tokens_by_chain: Mapping[int, int],
    tick_seconds: int,
    limits: Mapping[str, Limit],
) -> SourcePlan:
    """Return the source plan of markets with so many tokens on each price chain.

    `limits` are those of `limits.limits` for the same keys. A check that would exceed a limit
    comes less often. A tick cannot: a source that is too slow for it stands behind those that
    are not, and when there is none, that is a problem.
    """
    if tick_seconds < 1:
        raise ValueError(f"a tick of {tick_seconds} s; at least 1 s is needed")
    counts = {chain: count for chain, count in tokens_by_chain.items() if count > 0}
    tick = _tick_sources(keys, counts, tick_seconds, limits)
    checks = _checks(keys, counts, tick_seconds, limits)
    return SourcePlan(
        tick_seconds=tick_seconds,
        tick=tick,
        checks=checks,
        backfill=_backfill(keys, counts, limits),
        cash=_cash(tick, tick_seconds),
        notes=tuple(_stretched(one) for one in (*tick[1:], *checks) if one.is_stretched),
        problems=tuple(_problems(tick)),
    )


def calls_of_refresh(limit: Limit, counts: Iterable[int]) -> int:
    """Return the calls that ask for so many tokens of each price chain.

    A call of a pool's source has one chain.
    """
    parts = [sum(counts)] if limit.source in ACROSS_CHAINS else counts
    return sum(-(-count // limit.batch) for count in parts)


def most_in(calls: int, period_seconds: int, seconds: int) -> int:
    """Return the most calls in any span of time, both of its ends included."""
    return calls * (seconds // period_seconds + 1)


def shortest_period(limit: Limit, calls: int) -> int:
    """Return the shortest whole seconds between refreshes of `calls` calls within a limit.

    A refresh that is larger than a window is spread over several.
    """
    shortest = 1
    for seconds, most in limit.windows():
        refreshes = most // max(calls, 1)
        # The closed window of `seconds` may hold `refreshes`, so the next is beyond its end.
        spread = (seconds + 1) * -(-calls // most)
        shortest = max(shortest, seconds // refreshes + 1 if refreshes else spread)
    if limit.month_calls is not None:
        shortest = max(shortest, -(-MONTH_SECONDS * calls // limit.month_calls))
    return shortest


def _planned(
    limit: Limit, role: Role, counts: Mapping[int, int], wished_seconds: int
) -> PlannedSource:
    calls = calls_of_refresh(limit, counts.values())
    period = max(wished_seconds, shortest_period(limit, calls))
    return PlannedSource(limit, role, calls, period, wished_seconds)


def _tick_sources(
    keys: Keys, counts: Mapping[int, int], tick_seconds: int, limits: Mapping[str, Limit]
) -> tuple[PlannedSource, ...]:
    names = [DEXSCREENER, GECKOTERMINAL]
    if counts and keys.rpc_chains >= counts.keys():
        names.insert(0, ONCHAIN)
    found = [_planned(limits[name], Role.FALL_BACK, counts, tick_seconds) for name in names]
    # Sorting is stable: of those that are fast enough, the order of trust stays.
    found.sort(key=lambda one: one.is_stretched)
    return (replace(found[0], role=Role.TICK), *found[1:])


def _cash(tick: Sequence[PlannedSource], tick_seconds: int) -> tuple[PlannedSource, ...]:
    serving, *others = tick
    if serving.source != ONCHAIN or not others:
        return ()
    period = max(tick_seconds, shortest_period(others[0].limit, 1))
    return (PlannedSource(others[0].limit, Role.CASH, 1, period, tick_seconds),)


def _checks(
    keys: Keys, counts: Mapping[int, int], tick_seconds: int, limits: Mapping[str, Limit]
) -> tuple[PlannedSource, ...]:
    wished = {DEFILLAMA: CHECK_SECONDS}
    if keys.alchemy:
        wished[ALCHEMY] = CHECK_SECONDS
    if keys.coingecko is not CoinGeckoPlan.NONE:
        is_demo = keys.coingecko is CoinGeckoPlan.DEMO
        wished[COINGECKO] = DEMO_CHECK_SECONDS if is_demo else CHECK_SECONDS
    return tuple(
        _planned(limits[source], Role.CHECK, counts, max(seconds, tick_seconds))
        for source, seconds in wished.items()
    )


def _backfill(
    keys: Keys, counts: Mapping[int, int], limits: Mapping[str, Limit]
) -> tuple[PlannedSource, ...]:
    sources = [GECKOTERMINAL]
    if keys.coingecko is not CoinGeckoPlan.NONE:
        sources.append(COINGECKO)
    calls = BACKFILL_CALLS_A_TOKEN * sum(counts.values())
    return tuple(PlannedSource(limits[one], Role.BACKFILL, calls, 0, 0) for one in sources)


def backfill_minutes(planned: PlannedSource) -> int:
    """Return the minutes that a back-fill takes inside the limit of its source."""
    most = usable(planned.limit.per_minute or planned.calls or 1)
    return -(-planned.calls // most)


def _stretched(one: PlannedSource) -> str:
    return (
        f"{one.source} ({one.role}) would exceed its limit every {one.wished_seconds} s:"
        f" it is asked every {one.period_seconds} s."
    )


def _problems(tick: tuple[PlannedSource, ...]) -> Iterable[str]:
    serving = tick[0]
    if serving.is_stretched:
        shortest = min(one.period_seconds for one in tick)
        yield (
            f"No source can serve a tick of {serving.wished_seconds} s inside its limits;"
            f" the shortest possible is {shortest} s."
        )
