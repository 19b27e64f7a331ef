"""The past of a live market, asked of the upstream through the real budgets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from paper_trading.models import Market, MarketToken
from paper_trading.services import back_fill, live_markets, market_setup
from paper_trading.services.sources.budgets import Granted
from paper_trading.services.sources.live.base import Answer, Request
from paper_trading.services.sources.live.budget_gate import BudgetGate
from paper_trading.services.sources.live.caller import Caller
from paper_trading.services.sources.live.http import HttpClient
from tests.bot import live_upstreams
from tests.bot.live_upstreams import CHAIN_ID
from tests.bot.live_worlds import FakeClock
from tests.upstream.faults import Fault
from tests.upstream.server import Upstream

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Upstream, FakeClock]]:
    monkeypatch.setattr(back_fill, "LENGTH", timedelta(hours=1))
    with live_upstreams.served(monkeypatch) as made:
        yield made


@pytest.fixture
def market(served: tuple[Upstream, FakeClock]) -> Market:
    market_setup.sync_registry()
    return market_setup.live_market(CHAIN_ID)


def waits_of(market: Market, clock: FakeClock) -> list[float]:
    """Fill a market, let the waits pass on the fake clock, and return them."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.time += timedelta(seconds=seconds)

    http = HttpClient(lambda: datetime.now(UTC), allow_private=True, sleep=lambda _: None)
    caller = Caller(http, BudgetGate(live_markets.budgets(), Random(7)))

    def ask(source: str, request: Request) -> Answer:
        return caller.ask(source, request, clock.now())

    back_fill.back_fill(market, live_markets.past_sources(), ask, wait)
    return waits


def without_a_past(market: Market) -> set[str]:
    listed = MarketToken.objects.filter(market=market)
    known = market.bars.filter(slow=False).values("token")
    return set(listed.exclude(token__in=known).values_list("token__symbol", flat=True))


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault.PAGE_503, 1),
        (Fault.ERROR_500, 2),
        (Fault.RESET, 2),
        (Fault.THROTTLED, 3),
        (Fault.THROTTLED_TEXT, 1),
    ],
)
def test_a_call_that_fails_costs_no_token_its_past(
    market: Market, served: tuple[Upstream, FakeClock], fault: Fault, times: int
) -> None:
    upstream, clock = served
    upstream.misbehave("geckoterminal", fault, times)
    waits = waits_of(market, clock)
    assert without_a_past(market) == set()
    assert len(waits) < 5
    assert sum(waits) < 200


def test_a_spent_budget_costs_no_token_its_past(
    market: Market, served: tuple[Upstream, FakeClock]
) -> None:
    upstream, clock = served
    budgets = live_markets.budgets()
    while isinstance(budgets.take("geckoterminal", 1, clock.now()), Granted):
        pass
    waits = waits_of(market, clock)
    assert without_a_past(market) == set()
    assert 0 < sum(waits) < 70
    assert upstream.throttled.total() == 0


def test_a_pool_that_is_gone_costs_the_others_nothing(
    market: Market, served: tuple[Upstream, FakeClock]
) -> None:
    upstream, clock = served
    upstream.world.gone.add("LINK")
    waits = waits_of(market, clock)
    assert without_a_past(market) == {"LINK"}
    assert sum(waits) < 12
