"""The generated market with all of its bars: a replay reads the whole back-fill."""

import pytest

from paper_trading.models import Market
from tests.bot.worlds import Snapshot


@pytest.fixture
def market(db: None, whole: Snapshot) -> Market:
    """The back-filled market."""
    return whole.restore()


@pytest.fixture(scope="module", params=[False, True], ids=["direct", "managed"])
def managed(request: pytest.FixtureRequest) -> bool:
    """Say whether orders are on their way for a while; a module's tests run once for each."""
    return bool(request.param)
