"""The live sources of one market, asked together: who serves a step, and who checks it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from paper_trading.engine.money import HUNDRED
from paper_trading.engine.trust import DISPUTE_PERCENT, Absent, Check
from paper_trading.intelligence.live_step import NOT_SAID, Said, Seen
from paper_trading.services.sources.live.base import (
    Answer,
    CheckSource,
    LiveToken,
    PoolSource,
    Request,
)
from paper_trading.services.sources.live.caller import Call, Caller, Wanted

#: A tick has five seconds: of these the first source has so many, then the others together.
FIRST_SECONDS = 2.0
OTHERS_SECONDS = 1.5
#: The token has no pool that could be asked for.
NO_POOL = "NO_POOL"


@dataclass(frozen=True, slots=True)
class Checker:
    """A cross-check and how often it is asked."""

    source: CheckSource
    every: timedelta


@dataclass(frozen=True, slots=True)
class GasReader:
    """Where the base fee of a market's price chain is read: in the answers of one source."""

    source: str
    chain_id: int
    read: Callable[[Request, Answer], int | None]

    @property
    def of(self) -> tuple[str, int]:
        """Return source and chain."""
        return self.source, self.chain_id


class Turns(Protocol):
    """Remembers over all processes when a market was last checked, and how checks agreed."""

    def is_due(self, source: str, every: timedelta, now: datetime) -> bool:
        """Say whether a check is due, and take it as asked."""
        ...

    def agreed(self, source: str, agreed: int, disagreed: int, now: datetime) -> None:
        """Count how many checks were near the pool's price, and how many were not."""
        ...


class MarketFeed:
    """Asks the sources of a market at one step, in the order of its plan."""

    def __init__(
        self,
        caller: Caller,
        ticks: Sequence[PoolSource],
        checkers: Sequence[Checker],
        turns: Turns,
        served_before: str = "",
        gas: GasReader | None = None,
    ) -> None:
        if not ticks:
            raise ValueError("a live market needs a source that serves its ticks")
        self._caller = caller
        self._ticks = ticks
        self._checkers = checkers
        self._turns = turns
        self._served_before = served_before
        self._gas = gas

    def said(self, tokens: Sequence[LiveToken], now: datetime) -> Said:
        """Return what the sources say of tokens.

        A source that failed at the step before is asked beside the next one and not before
        it: neither its silence nor its return costs a tick.
        """
        first, *others = self._ticks
        failed = self._served_before.split("+")[0] not in ("", first.name)
        beside = others if failed else []
        priced = [one for one in tokens if one.pool]
        found: dict[str, Seen | Absent] = {
            one.symbol: Absent(NO_POOL) for one in tokens if not one.pool
        }
        due = [one for one in self._checkers if self._is_due(one, now)]
        wanted = [*_wanted([first, *beside], priced), *_wanted([one.source for one in due], tokens)]
        calls = self._caller.all(wanted, now, FIRST_SECONDS)
        self._take(found, [first, *beside], priced, calls)
        missing = [one for one in priced if not isinstance(found[one.symbol], Seen)]
        if missing and not beside and others:
            more = self._caller.all(_wanted(others, missing), now, OTHERS_SECONDS)
            self._take(found, others, missing, more)
        checks = self._checks(due, calls, found, now)
        return Said(_served(found) or first.name, found, checks, self._base_fee(calls))

    def _base_fee(self, calls: Iterable[Call]) -> int | None:
        if self._gas is None:
            return None
        for call in calls:
            chain_id = call.request.tokens[0].price_chain_id
            if call.answer is not None and (call.source, chain_id) == self._gas.of:
                return self._gas.read(call.request, call.answer)
        return None

    def _is_due(self, checker: Checker, now: datetime) -> bool:
        return self._turns.is_due(checker.source.name, checker.every, now)

    @staticmethod
    def _take(
        found: dict[str, Seen | Absent],
        sources: Iterable[PoolSource],
        tokens: Iterable[LiveToken],
        calls: Iterable[Call],
    ) -> None:
        """Take of each token the first reading in the order of sources, else the first reason."""
        said = [_by_symbol(source.name, calls) for source in sources]
        for token in tokens:
            told = [one[token.symbol] for one in said if token.symbol in one]
            readings = [one for one in told if isinstance(one, Seen)]
            known = found.get(token.symbol)
            found[token.symbol] = next(iter([*readings, *([known] if known else []), *told]), _NOT)

    def _checks(
        self,
        checkers: Iterable[Checker],
        calls: Sequence[Call],
        found: Mapping[str, Seen | Absent],
        now: datetime,
    ) -> dict[str, Check]:
        """Return of each token the check that is furthest from its pool: one doubt is enough."""
        checks: dict[str, Check] = {}
        for checker in checkers:
            name = checker.source.name
            said = {
                symbol: check
                for call in calls
                if call.source == name
                for symbol, check in call.said.items()
            }
            gaps = {symbol: _gap(found.get(symbol), check) for symbol, check in said.items()}
            known = [gap for gap in gaps.values() if gap is not None]
            apart = sum(gap > DISPUTE_PERCENT for gap in known)
            self._turns.agreed(name, len(known) - apart, apart, now)
            for symbol, check in said.items():
                other = _gap(found.get(symbol), checks.get(symbol))
                gap = gaps[symbol]
                if other is None or (gap is not None and gap > other):
                    checks[symbol] = check
        return checks


_NOT = Absent(NOT_SAID)


def _wanted(
    sources: Iterable[PoolSource | CheckSource], tokens: Sequence[LiveToken]
) -> list[Wanted]:
    return [
        Wanted(source.name, request, source.read)
        for source in sources
        for request in source.requests(tokens)
    ]


def _by_symbol(source: str, calls: Iterable[Call]) -> dict[str, Seen | Absent]:
    """Return what a source said of each token that it was asked for, failures as reasons."""
    found: dict[str, Seen | Absent] = {}
    for call in calls:
        if call.source != source:
            continue
        missing = Absent(NOT_SAID if call.failure is None else call.failure.reason)
        found |= {one.symbol: call.said.get(one.symbol, missing) for one in call.request.tokens}
    return found


def _served(found: Mapping[str, Seen | Absent]) -> str:
    """Name the sources of the readings, the one of most readings first."""
    names = [one.source for one in found.values() if isinstance(one, Seen)]
    return "+".join(sorted(set(names), key=lambda name: (-names.count(name), name)))


def _gap(seen: Seen | Absent | None, check: Check | None) -> Decimal | None:
    """Return how far a check is from the pool's price, in percent of the check."""
    if not isinstance(seen, Seen) or check is None:
        return None
    return abs(seen.reading.price_usd - check.price_usd) * HUNDRED / check.price_usd
