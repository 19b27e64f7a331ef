"""The live sources of one market, asked together: who serves a step, and who checks it."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from paper_trading.engine import money
from paper_trading.engine.market import L1Fees
from paper_trading.engine.money import HUNDRED
from paper_trading.engine.trust import (
    CHECK_LIFE,
    CLOCK_SKEW,
    DISPUTE_PERCENT,
    OLDEST,
    Absent,
    Check,
)
from paper_trading.intelligence.live_step import NOT_SAID, Said, Seen, seen
from paper_trading.intelligence.observed import Beside
from paper_trading.intelligence.said_quotes import SaidQuote
from paper_trading.services.sources.live import onchain
from paper_trading.services.sources.live.base import (
    Answer,
    CheckSource,
    LiveToken,
    PoolSource,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.caller import Call, Caller, Wanted

#: A tick has five seconds: of these the first source has so many, and so many all together.
FIRST_SECONDS = 2.0
ALL_SECONDS = 3.5
#: A call that has less is not begun.
LEAST_SECONDS = 0.3
#: Sources whose prices are in cash: it is another source that says what cash is worth.
IN_CASH = frozenset({onchain.NAME})
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
    #: And what that chain pays for data on L1.
    read_l1: Callable[[Request, Answer], L1Fees | None] = lambda *_: None


@dataclass(frozen=True, slots=True)
class QuoteReader:
    """Where the chain's quotes of swaps are read: in the answers of one source."""

    source: str
    read: Callable[[Request, Answer], tuple[SaidQuote, ...]]


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
        quotes: QuoteReader | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not ticks:
            raise ValueError("a live market needs a source that serves its ticks")
        self._caller = caller
        self._ticks = ticks
        self._checkers = checkers
        self._turns = turns
        self._served_before = served_before
        self._gas = gas
        self._quotes = quotes
        self._monotonic = monotonic

    def said(
        self, tokens: Sequence[LiveToken], now: datetime, further: Sequence[LiveToken] = ()
    ) -> Said:
        """Return what the sources say of tokens, and of `further` pools of theirs.

        The latter are asked for with the first round alone: no call waits for them.

        A source that failed at the step before is asked beside the one that served it and not
        before it: neither its silence nor its return costs a tick.
        """
        began = self._monotonic()
        priced = [one for one in tokens if one.pool]
        found: dict[str, Seen | Absent] = {
            one.symbol: Absent(NO_POOL) for one in tokens if not one.pool
        }
        at_once, others = self._rounds()
        cash = [one for one in priced if one.is_cash]
        due = [one for one in self._checkers if self._is_due(one, now)]
        wanted = [
            *self._wanted(at_once, [*priced, *further], now),
            *self._wanted(self._for_cash(at_once), cash, now),
            *self._wanted([one.source for one in due], tokens, now),
        ]
        calls = self._caller.all(wanted, now, FIRST_SECONDS)
        calls += self._more_of_cash(calls, cash, now, began)
        made = list(calls)
        self._take(found, self._ticks, priced, calls, now)
        for source in others:
            left = self._left(began)
            missing = [one for one in priced if not _is_usable(found[one.symbol], now)]
            if not missing or left < LEAST_SECONDS:
                break
            more = self._caller.all(self._caller.wanted(source, missing, now), now, left)
            made += more
            self._take(found, [source], missing, more, now)
        checks = self._checks(due, calls, found, now)
        told = (*self._fees(calls), self._quoted(made))
        beside = self._beside(further, calls, found, now)
        return Said(self._served(found, cash), found, checks, *told, beside)

    def _beside(
        self,
        further: Sequence[LiveToken],
        calls: Sequence[Call],
        found: Mapping[str, Seen | Absent],
        now: datetime,
    ) -> dict[str, tuple[Beside, ...]]:
        """Return what was read of further pools, by the symbols of their tokens."""
        read: dict[str, Seen | Absent] = {
            one.symbol: found[one.symbol] for one in self._cash_of(calls) if one.symbol in found
        }
        self._take(read, self._ticks, [*self._cash_of(calls), *further], calls, now)
        beside: dict[str, tuple[Beside, ...]] = {}
        for one in further:
            told = read.get(one.symbol, _NOT)
            if isinstance(told, Seen) and _is_usable(told, now):
                reading, symbol = told.reading, one.listed_as
                figures = Beside(one.pool, reading.price_usd, reading.liquidity_usd, told.depth)
                beside[symbol] = (*beside.get(symbol, ()), figures)
        return beside

    @staticmethod
    def _cash_of(calls: Iterable[Call]) -> list[LiveToken]:
        asked = {one.symbol: one for call in calls for one in call.request.tokens if one.is_cash}
        return list(asked.values())

    def _left(self, began: float) -> float:
        return ALL_SECONDS - (self._monotonic() - began)

    def _served(self, found: Mapping[str, Seen | Absent], cash: Sequence[LiveToken]) -> str:
        """Name the sources of the readings, the one of most readings first.

        Cash is asked apart, and counts for nobody. When nobody served, those of the step before
        stay: what is still known is theirs.
        """
        apart = {one.symbol for one in cash}
        said = {symbol: one.source for symbol, one in found.items() if isinstance(one, Seen)}
        counts = Counter(source for symbol, source in said.items() if symbol not in apart)
        plan = [one.name for one in self._ticks]
        names = sorted(set(said.values()), key=lambda name: (-counts[name], plan.index(name)))
        before = [one for one in self._served_before.split("+") if one in plan]
        return "+".join(names or before or plan[:1])

    def _rounds(self) -> tuple[list[PoolSource], list[PoolSource]]:
        """Return the sources that are asked at once, and those that stand in after them."""
        first, *others = self._ticks
        before = self._served_before.split("+")
        beside = [] if first.name in before else [one for one in others if one.name in before]
        return [first, *beside], [one for one in others if one not in beside]

    def _wanted(
        self,
        sources: Iterable[PoolSource | CheckSource],
        tokens: Sequence[LiveToken],
        now: datetime,
    ) -> list[Wanted]:
        return [one for source in sources for one in self._caller.wanted(source, tokens, now)]

    def _for_cash(self, at_once: Sequence[PoolSource]) -> list[PoolSource]:
        """Return who is asked for the price of cash, which a source of the chain cannot say.

        The next of the plan, and beside it who said it at the step before.
        """
        if self._ticks[0].name not in IN_CASH or len(at_once) > 1:
            return []
        before = self._served_before.split("+")
        others = self._ticks[1:]
        return [one for one in others if one is others[0] or one.name in before]

    def _more_of_cash(
        self, calls: Sequence[Call], cash: Sequence[LiveToken], now: datetime, began: float
    ) -> list[Call]:
        """Ask those not yet asked for the price of cash, while the chain's prices wait for it."""
        more: list[Call] = []
        if not any(call.source in IN_CASH and call.said for call in calls):
            return more
        asked = {call.source for call in calls} | IN_CASH
        for source in self._ticks:
            left = self._left(began)
            if _is_known([*calls, *more], cash, now) or left < LEAST_SECONDS:
                break
            if source.name not in asked:
                more += self._caller.all(self._caller.wanted(source, cash, now), now, left)
        return more

    def _fees(self, calls: Iterable[Call]) -> tuple[int | None, L1Fees | None]:
        """Return the base fee of the price chain, and what it pays for data on L1."""
        if self._gas is None:
            return None, None
        for call in calls:
            if call.answer is None or call.source != self._gas.source:
                continue
            if call.request.tokens[0].price_chain_id == self._gas.chain_id:
                return self._fees_in(call.request, call.answer, self._gas)
        return None, None

    def _fees_in(
        self, request: Request, answer: Answer, gas: GasReader
    ) -> tuple[int | None, L1Fees | None]:
        found = self._caller.isolated(
            gas.source,
            request,
            lambda: (gas.read(request, answer), gas.read_l1(request, answer)),
        )
        return (None, None) if isinstance(found, SourceFailure) else found

    def _quoted(self, calls: Iterable[Call]) -> tuple[SaidQuote, ...]:
        """Return what the chains' quoters said, of every answer of their source."""
        reader = self._quotes
        if reader is None:
            return ()
        told = (self._quoted_in(call, reader) for call in calls if call.source == reader.source)
        return tuple(quote for quotes in told for quote in quotes)

    def _quoted_in(self, call: Call, reader: QuoteReader) -> tuple[SaidQuote, ...]:
        request, answer = call.request, call.answer
        if answer is None:
            return ()
        read = self._caller.isolated(call.source, request, lambda: reader.read(request, answer))
        return () if isinstance(read, SourceFailure) else read

    def _is_due(self, checker: Checker, now: datetime) -> bool:
        return self._turns.is_due(checker.source.name, checker.every, now)

    @staticmethod
    def _take(
        found: dict[str, Seen | Absent],
        sources: Iterable[PoolSource],
        tokens: Sequence[LiveToken],
        calls: Iterable[Call],
        now: datetime,
    ) -> None:
        """Take of each token the first usable reading in the order of sources.

        Without one, an old reading is told rather than a reason, and the first reason before
        others.
        """
        said = [_by_symbol(source.name, calls) for source in sources]
        cash = next((one.symbol for one in tokens if one.is_cash), "")
        for token in sorted(tokens, key=lambda one: not one.is_cash):
            told = [one[token.symbol] for one in said if token.symbol in one]
            told = [_in_usd(one, found.get(cash)) for one in told]
            known = [found[token.symbol]] if token.symbol in found else []
            usable = [one for one in told if _is_usable(one, now)]
            readings = [one for one in (*known, *told) if isinstance(one, Seen)]
            found[token.symbol] = next(iter([*usable, *readings, *known, *told]), _NOT)

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
            # An old one is no check of now, and must not stand before one that is.
            said = {
                symbol: check
                for call in calls
                if call.source == name
                for symbol, check in call.said.items()
                if now - check.observed_at <= CHECK_LIFE
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


def _is_usable(one: Seen | Absent, now: datetime) -> bool:
    """Say whether a reading is of now: with another, the next source is asked."""
    if not isinstance(one, Seen):
        return False
    return -CLOCK_SKEW <= now - one.reading.observed_at <= OLDEST


@money.exact
def _in_usd(told: Seen | Absent, cash: Seen | Absent | None) -> Seen | Absent:
    """Return a reading in USD, at the price that cash has at this very step."""
    if not isinstance(told, Seen) or told.source not in IN_CASH:
        return told
    if not isinstance(cash, Seen) or cash.source in IN_CASH:
        return Absent(onchain.NO_USD_ANCHOR)
    usd, reading, volume = cash.reading.price_usd, told.reading, told.volume_usd
    depth = None if reading.liquidity_usd is None else reading.liquidity_usd * usd
    volume = None if volume is None else volume * usd
    price, at = reading.price_usd * usd, reading.observed_at
    return seen(price, depth, at, reading.pool, told.source, told.block, volume, told.depth)


def _by_symbol(source: str, calls: Iterable[Call]) -> dict[str, Seen | Absent]:
    """Return what a source said of each token that it was asked for, failures as reasons."""
    found: dict[str, Seen | Absent] = {}
    for call in calls:
        if call.source != source:
            continue
        missing = Absent(NOT_SAID if call.failure is None else call.failure.reason)
        found |= {one.symbol: call.said.get(one.symbol, missing) for one in call.request.tokens}
    return found


def _is_known(calls: Iterable[Call], cash: Sequence[LiveToken], now: datetime) -> bool:
    """Say whether a source that can say it said the price of cash; of no cash there is none."""
    symbols = {one.symbol for one in cash}
    said = [call.said for call in calls if call.source not in IN_CASH]
    told = [one[symbol] for one in said for symbol in symbols if symbol in one]
    return not symbols or any(_is_usable(one, now) for one in told)


def _gap(seen: Seen | Absent | None, check: Check | None) -> Decimal | None:
    """Return how far a check is from the pool's price, in percent of the check."""
    if not isinstance(seen, Seen) or check is None:
        return None
    return abs(seen.reading.price_usd - check.price_usd) * HUNDRED / check.price_usd
