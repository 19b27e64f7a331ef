"""A fake upstream, a client of it and budgets; a clock stands still until it is moved."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from paper_trading.services.sources.budgets import Budgets
from paper_trading.services.sources.live.http import HttpClient
from tests.services.sources.budget_counts import LIMITS, forget_counts
from tests.upstream import Upstream, registry_world

START = datetime(2026, 7, 24, 13, 46, 40, tzinfo=UTC)


@dataclass
class Clock:
    """A time that tests move."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Pauses:
    """What stands for sleep: remembers, and does not wait."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def upstream(clock: Clock) -> Iterator[Upstream]:
    with Upstream(registry_world(now=clock)) as served:
        yield served


@pytest.fixture
def client(upstream: Upstream, clock: Clock, pauses: Pauses) -> Iterator[HttpClient]:
    made = HttpClient(clock, allow_private=True, total_seconds=5.0, rng=lambda: 0.5, sleep=pauses)
    yield made
    made.close()


@pytest.fixture
def budgets() -> Iterator[Budgets]:
    """Return budgets of which nothing is counted yet."""
    forget_counts()
    yield Budgets(LIMITS)
    forget_counts()
