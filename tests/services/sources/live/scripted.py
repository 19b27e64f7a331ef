"""Sources, budgets and a network that say what a test wants."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.trust import Absent, Check
from paper_trading.intelligence.live_step import Seen, seen
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.caller import Call

NOW = datetime(2026, 7, 24, 12, tzinfo=UTC)
LIQUIDITY = Decimal(5_000_000)


def token(symbol: str, chain: int = 8453, pool: str = "yes", is_cash: bool = False) -> LiveToken:
    address = "0x" + symbol.lower().encode().hex().rjust(40, "0")
    return LiveToken(symbol, chain, address, 18, address if pool else "", is_cash=is_cash)


@dataclass
class ScriptedSource:
    """Says prices of its tokens, at most `batch_limit` a call."""

    name: str
    prices: dict[str, Decimal]
    batch_limit: int = 30
    bad_body: bool = False
    #: How old what it says is.
    age: timedelta = timedelta(0)

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        found = []
        for chain in sorted({one.price_chain_id for one in tokens}):
            of_chain = [one for one in tokens if one.price_chain_id == chain]
            for start in range(0, len(of_chain), self.batch_limit):
                part = tuple(of_chain[start : start + self.batch_limit])
                found.append(Request(f"{self.name}/{chain}", f"{self.name}/{chain}", part))
        return found

    def read(self, request: Request, answer: Answer) -> Mapping[str, Seen | Absent]:
        if self.bad_body:
            raise SourceFailure(Reason.BAD_BODY, "not what it documents")
        return {
            one.symbol: seen(
                self.prices[one.symbol],
                LIQUIDITY,
                answer.received_at - self.age,
                one.pool,
                self.name,
            )
            if one.symbol in self.prices
            else Absent("POOL_ABSENT")
            for one in request.tokens
        }


@dataclass
class ScriptedCheck(ScriptedSource):
    """Says checks instead of readings."""

    def read(self, request: Request, answer: Answer) -> Mapping[str, Check]:  # type: ignore[override]
        return {
            one.symbol: Check(self.prices[one.symbol], answer.received_at - self.age)
            for one in request.tokens
            if one.symbol in self.prices
        }


@dataclass
class Network:
    """Answers with an empty body, or with the failure that a source's name is given."""

    failing: dict[str, Reason] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] = lambda _: None

    def get(self, request: Request) -> Answer:
        name = request.url.split("/")[0]
        self.asked.append(request.url)
        self.on_call(name)
        if name in self.failing:
            raise SourceFailure(self.failing[name], "as the test wants it")
        return Answer({}, NOW)


@dataclass
class OpenGate:
    """Grants every call but those of sources without a budget; remembers what was noted."""

    spent: set[str] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    noted: list[Call] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    checked: dict[str, datetime] = field(default_factory=dict)
    agreements: dict[str, tuple[int, int]] = field(default_factory=dict)

    def admit(self, source: str, now: datetime) -> None:
        if source in self.spent:
            raise SourceFailure(Reason.NO_BUDGET, f"{source} has no call left at {now}")

    def rests(self, source: str, now: datetime) -> SourceFailure | None:
        if source not in self.resting:
            return None
        return SourceFailure(Reason.COOLING, f"{source} cools down at {now}")

    def note(self, calls: list[Call], now: datetime) -> None:
        self.noted += calls

    def broke(self, text: str) -> None:
        self.broken.append(text)

    def is_due(self, source: str, every: timedelta, now: datetime) -> bool:
        before = self.checked.get(source)
        due = before is None or now - before >= every
        if due:
            self.checked[source] = now
        return due

    def agreed(self, source: str, agreed: int, disagreed: int, now: datetime) -> None:
        self.agreements[source] = (agreed, disagreed)
