"""The generated market with all of its bars: a replay reads the whole back-fill."""

import pytest

from paper_trading.models import Market
from tests.bot.worlds import Snapshot


@pytest.fixture
def market(db: None, whole: Snapshot) -> Market:
    """The back-filled market."""
    return whole.restore()
