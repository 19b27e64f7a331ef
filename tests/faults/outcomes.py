"""What became of a session up to a tick, to be compared with an undisturbed run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from paper_trading.bot import endings, progress, stages
from paper_trading.models import (
    LedgerEntry,
    PaperPerformanceMetrics,
    PaperTradingSession,
    SimulatedTransaction,
    Tick,
    TickStatus,
)
from tests.bot.worlds import outcome

Rows = list[dict[str, Any]]


def comparable(session: PaperTradingSession) -> int:
    """Return the last tick number up to which a session has an undisturbed twin.

    That is its last one, or the one before a deposit from outside.
    """
    later = LedgerEntry.objects.filter(
        account=session.account_id, trade=None, market_time__isnull=False
    )
    deposit = later.order_by("market_time").values_list("market_time", flat=True).first()
    if deposit is None:
        return session.last_number
    before = session.ticks.filter(market_time__lte=deposit).order_by("-number").first()
    return (before.number or 0) if before else 0


def expired(session: PaperTradingSession) -> dict[int, list[tuple[str, int]]]:
    """Return the expired ticks by number, each with the stages and chunks that it had done."""
    return {
        tick.number: list(tick.stages.order_by("pk").values_list("stage", "chunk"))
        for tick in session.ticks.filter(status=TickStatus.EXPIRED)
        if tick.number is not None
    }


def expire_after(tick: Tick, done: Sequence[tuple[str, int]]) -> None:
    """Run the stages of a tick that another one had done when it expired; expire it."""
    while steps := [
        step for step in progress.next_steps(tick.pk) if (step.stage.value, step.chunk) in done
    ]:
        stages.run(steps[0].stage, tick.pk, steps[0].chunk)
    endings.expire([tick.pk])


def write(session: PaperTradingSession, number: int, folder: Path) -> None:
    """Write a session's outcome up to a tick as JSON."""
    text = json.dumps(played(session, number), cls=DjangoJSONEncoder, indent=1, sort_keys=True)
    (folder / f"{session.pk}.json").write_text(text)


def played(session: PaperTradingSession, number: int) -> dict[str, Rows]:
    """Return what a session decided, traded, booked and measured up to a tick.

    Positions and track records show the last tick alone, so an earlier end leaves them out.
    """
    found: dict[str, Rows] = {**outcome(session), "metrics": _metrics(session)}
    if session.last_number == number:
        return found
    for kind in ("positions", "track", "hours"):
        del found[kind]
    end = session.ticks.get(number=number).market_time
    sent = SimulatedTransaction.objects.filter(
        account=session.account_id, trade__tick__number__lte=number
    ).count()
    found["transactions"] = found["transactions"][:sent]
    for kind, name in (("decisions", "tick__number"), ("trades", "tick__number")):
        found[kind] = [row for row in found[kind] if row[name] <= number]
    found["ledger"] = [row for row in found["ledger"] if _is_before(row, number)]
    for kind in ("equity", "metrics"):
        found[kind] = [row for row in found[kind] if end and row["market_time"] <= end]
    return found


def _is_before(row: dict[str, Any], number: int) -> bool:
    """Say whether a posting is of a trade up to a tick, or of the first deposit."""
    tick = row["trade__tick__number"]
    return row["market_time"] is None if tick is None else tick <= number


def _metrics(session: PaperTradingSession) -> Rows:
    rows = PaperPerformanceMetrics.objects.filter(session=session).order_by("market_time", "pk")
    return [
        {key: value for key, value in row.items() if key not in {"id", "session_id", "tick_id"}}
        for row in rows.values()
    ]
