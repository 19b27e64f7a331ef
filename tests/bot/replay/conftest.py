"""The generated market with all of its bars: a replay reads the whole back-fill."""

from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from paper_trading.models import Market
from paper_trading.services import market_setup
from tests.bot.worlds import Snapshot


@pytest.fixture(scope="session")
def whole(record: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Snapshot:
    with django_db_blocker.unblock(), transaction.atomic():
        found = Snapshot.of(market_setup.recorded_market(record), whole=True)
        transaction.set_rollback(True)
    return found


@pytest.fixture
def market(db: None, whole: Snapshot) -> Market:
    """The back-filled market."""
    return whole.restore()
