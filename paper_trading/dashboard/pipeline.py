"""The pipeline strip: what each stage of the newest ticks took."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from paper_trading.engine.enums import Stage
from paper_trading.models import Tick, TickReason, TickStage, TickStatus

REASONS: dict[str, str] = {
    TickReason.OVERLAP: "The tick before it was still open.",
    TickReason.NOT_SERVED: "Nothing was running to serve this slot.",
    TickReason.DEADLINE: "Its deadline passed before trading was done.",
    TickReason.ATTEMPTS: "It failed too many times.",
    TickReason.NO_PRICES: "Nobody could fetch prices in time.",
    TickReason.SAME_PRICES: "There were no newer prices than the account had read.",
    TickReason.RECORD_ENDED: "The recorded prices ended.",
    TickReason.RECORD_CHANGED: "The recorded file is gone or has changed.",
    TickReason.SESSION_STOPPED: "The session was stopped.",
}
_TONES: dict[str, str] = {
    TickStatus.OPEN: "warn",
    TickStatus.CLOSED: "ok",
    TickStatus.SKIPPED: "warn",
    TickStatus.EXPIRED: "bad",
    TickStatus.FAILED: "bad",
}
_ORDER = list(Stage)


@dataclass(frozen=True, slots=True)
class StageCell:
    """One stage: first start to last finish, over all of its chunks."""

    stage: str
    chunks: int
    retried: bool
    started_at: datetime
    finished_at: datetime

    @property
    def took(self) -> timedelta:
        """How long the stage ran."""
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class TickRow:
    """One tick with a cell for each stage; None where a stage has not run."""

    tick: Tick
    tone: str
    reason: str
    cells: tuple[StageCell | None, ...]
    next_stage: str

    @property
    def took(self) -> timedelta | None:
        """From opening to the final state; None while open or when skipped."""
        if self.tick.closed_at is None or self.tick.status == TickStatus.SKIPPED:
            return None
        return self.tick.closed_at - self.tick.opened_at


def tick_rows(ticks: Iterable[Tick]) -> list[TickRow]:
    """Return a row for each tick."""
    return [_row(tick) for tick in ticks]


def _row(tick: Tick) -> TickRow:
    cells = {cell.stage: cell for cell in stage_cells(tick.stages.all())}
    return TickRow(
        tick=tick,
        tone=_TONES[tick.status],
        reason=REASONS.get(tick.reason, ""),
        cells=tuple(cells.get(stage) for stage in Stage),
        next_stage=tick.stage if tick.status == TickStatus.OPEN else "",
    )


def stage_cells(rows: Iterable[TickStage]) -> list[StageCell]:
    """Group the completion rows of a tick by stage, in the order of the stages."""
    ordered = sorted(rows, key=lambda row: _ORDER.index(Stage(row.stage)))
    cells: list[StageCell] = []
    for stage, group in groupby(ordered, key=lambda row: row.stage):
        chunks = list(group)
        cells.append(
            StageCell(
                stage=stage,
                chunks=len(chunks),
                retried=any(chunk.attempt > 1 for chunk in chunks),
                started_at=min(chunk.started_at for chunk in chunks),
                finished_at=max(chunk.finished_at for chunk in chunks),
            )
        )
    return cells
