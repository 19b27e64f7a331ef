"""Seeding beside a worker: neither waits for the other for ever."""

import threading
from decimal import Decimal

import pytest
from django.db import OperationalError, connection

from paper_trading.bot import seeding, stages
from paper_trading.bot.position_manager import PositionManager
from paper_trading.engine.enums import Stage
from paper_trading.models import Market, Tick, TickStatus
from tests.bot import worlds

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stage_at_work_and_a_start_with_another_interval_do_not_cross(
    committed_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = seeding.admin_user("a password")
    session = seeding.seed_sessions(owner, committed_market, [10], worlds.HOUR_MS, None)[0]
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    locked, seeded, failed = threading.Event(), threading.Event(), []
    load = PositionManager.load_positions

    def slowly(self: PositionManager) -> object:
        found = load(self)
        locked.set()
        # Until the other one waits for something that is locked here, or is through.
        seeded.wait(1.0)
        return found

    monkeypatch.setattr(PositionManager, "load_positions", slowly)

    def work() -> None:
        try:
            stages.run(Stage.EXECUTION, tick.pk)
        except OperationalError as error:
            failed.append(error)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert locked.wait(10)
    made = seeding.seed_sessions(owner, committed_market, [10], worlds.HOUR_MS // 2, None)[0]
    seeded.set()
    worker.join(20)
    assert failed == []
    assert made.pk != session.pk
    assert Tick.objects.get(pk=tick.pk).status == TickStatus.EXPIRED
    assert made.account.cash_usd <= Decimal(10_000)
