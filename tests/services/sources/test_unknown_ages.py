"""How sure a cached answer is of its own time."""

from datetime import timedelta

import pytest

from paper_trading.intelligence.live_step import Seen
from paper_trading.services.sources.live.geckoterminal import GeckoTerminal
from paper_trading.services.sources.live.http import HttpClient
from tests.services.sources.bodies import WETH
from tests.services.sources.conftest import Clock
from tests.upstream import Upstream


@pytest.mark.parametrize(
    ("header", "age", "spread"),
    [(None, 60, 60), ("0", 0, 0), ("45", 45, 0), ("soon", 60, 60), ("-1", 60, 60), ("", 60, 60)],
)
def test_an_age_that_no_header_says_may_be_anything_up_to_a_minute(
    header: str | None, age: int, spread: int, upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    upstream.age_seconds = header
    source = GeckoTerminal(upstream.url("geckoterminal"))
    (request,) = source.requests([WETH])
    found = source.read(request, client.get(request))["WETH"]
    assert isinstance(found, Seen)
    assert clock.time - found.reading.observed_at == timedelta(seconds=age)
    assert found.reading.spread_seconds == spread
