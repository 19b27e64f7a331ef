"""Watch the statements of the stage that this process runs, and kill at the armed boundary."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from paper_trading.bot.endings import TRADING
from paper_trading.bot.progress import LEASE
from paper_trading.models import Tick
from tests.faults.armory import Armory, append
from tests.faults.boundaries import COMMITTED, Passage, head_of
from tests.faults.forgetting import forget
from tests.faults.plan import DEPOSIT, SERVERS, Kill
from tests.faults.striking import strike

#: What a tick must have left at a fault to be done in time: its lease, a sweep, its stages.
NEEDED_SECONDS = LEASE.total_seconds() + 2.0

#: A stage that may run late is not killed any more at this attempt: one after it, the tick fails.
MOST_ATTEMPTS = 4

_HELD = """
SELECT extract(epoch FROM t.deadline_at - clock_timestamp())::float8,
       t.status = 'OPEN' AND t.stage = %(stage)s AND t.attempt = %(attempt)s AND NOT EXISTS (
           SELECT FROM paper_trading_tickstage s
           WHERE s.tick_id = t.id AND s.stage = %(stage)s AND s.chunk = %(chunk)s)
FROM paper_trading_tick t WHERE t.id = %(tick)s
"""


def time_left(tick: int, stage: str, attempt: int, chunk: int = 0) -> tuple[float, bool]:
    """Ask, beside the stage's own transaction, how long a tick has and whether it is held.

    Held is a stage that is claimed under this attempt and has no committed effect.
    """
    values = {"tick": tick, "stage": stage, "attempt": attempt, "chunk": chunk}
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute(_HELD, values).fetchone()
    return (float(row[0]), bool(row[1])) if row else (0.0, False)


class Watch:
    """The passage that this process is at, and what is armed against it."""

    def __init__(self, armory: Armory) -> None:
        self.armory = armory
        self.passage: Passage | None = None
        self._tick: Tick
        self._armed: list[Kill] = []
        self._known: set[tuple[str, str]] = set()
        self._busy = threading.RLock()

    def claim(self, tick: Tick, stage: str, chunk: int) -> None:
        """Begin a passage: the stage was found due."""
        self._tick = tick
        self.passage = passage = Passage(stage, tick.pk, tick.attempt, chunk)
        self._armed = [] if self.armory.is_quiet() else self.armory.armed()
        mine = self._mine()
        if any(kill.cold for kill in mine):
            forget()
        for kill in mine:
            if kill.after_ms is not None:
                wait = kill.after_ms / 1000
                timer = threading.Timer(wait, self._by_chance, (kill, passage))
                timer.daemon = True
                timer.start()
                break

    def leave(self) -> None:
        """End the passage, whatever became of it."""
        self.passage = None

    def before_statement(self, sql: str) -> None:
        """Note a boundary, and kill at it when that is armed."""
        if self.passage is not None and not self.passage.ended:
            self._reach(self.passage, self.passage.statement(sql), sql)

    def around_commit(self, commit: Callable[[], None]) -> None:
        """Note the boundary before a commit and the one behind it."""
        passage = self.passage
        if passage is None or passage.ended:
            commit()
            return
        self._reach(passage, passage.commit(), "COMMIT")
        with self._busy:
            passage.committing = True
        commit()
        if passage.committed():
            self._reach(passage, COMMITTED, "")

    def _reach(self, passage: Passage, boundary: str, sql: str) -> None:
        if (passage.stage, boundary) not in self._known:
            self._known.add((passage.stage, boundary))
            append(self.armory.seen, {"stage": passage.stage, "boundary": boundary})
        for kill in self._mine():
            if kill.boundary == boundary and kill.after_ms is None:
                with self._busy:
                    self._fire(kill, passage, sql)

    def _mine(self) -> list[Kill]:
        """Return what is armed against this stage of this tick."""
        passage = self.passage
        if passage is None:
            return []
        heads = {found.rpartition(" #")[0] for found in passage.reached}
        return [
            kill
            for kill in self._armed
            if kill.stage == passage.stage
            and kill.session in (None, self._tick.session_id)
            and (not kill.needs or kill.needs in heads)
            and self._is_turn_of(kill)
        ]

    def _is_turn_of(self, kill: Kill) -> bool:
        """Keep the one fault of a tick for what is seldom met, where the census saw it."""
        place = (self._tick.session_id, self._tick.number)
        kept = [armed for armed in self._armed if place in armed.places]
        return not kept or kill in kept or kill.target == DEPOSIT

    def _by_chance(self, kill: Kill, passage: Passage) -> None:
        with self._busy:
            if self._still_at(passage):
                self._fire(kill, passage, "")

    def _still_at(self, passage: Passage) -> bool:
        return self.passage is passage and not passage.committing and not passage.ended

    def _fire(self, kill: Kill, passage: Passage, sql: str) -> None:
        """Kill, when the tick can stand it and nobody else was first."""
        after = kill.boundary == COMMITTED
        if not after and not self._still_at(passage):
            return
        left, held = self._time_left(passage)
        if not (held or after) or not self._can_stand(kill, passage, left):
            return
        free = kill.target == DEPOSIT
        fault = self._fault_of(kill, passage)
        if not free and not self.armory.mark(fault, kill.id):
            return
        if not self.armory.take(kill):
            if not free:
                self.armory.unmark(fault)
            return
        append(self.armory.log, self._line(kill, passage, sql, counts=not (free or after)))
        strike(kill, self.armory, self._tick.session.account_id)
        if kill.target in SERVERS and not self._was_held(kill, passage):
            append(self.armory.log, {"void": kill.id})

    def _can_stand(self, kill: Kill, passage: Passage, left: float) -> bool:
        """Say whether the tick ends all the same: in time, or in a stage that may run late.

        What a tick is kept for may still happen to it after a fault that came from elsewhere.
        """
        if passage.stage in TRADING:
            return passage.attempt <= 1 + self._is_kept_for(kill) and left >= NEEDED_SECONDS
        return passage.attempt < MOST_ATTEMPTS

    def _is_kept_for(self, kill: Kill) -> bool:
        return (self._tick.session_id, self._tick.number) in kill.places

    def _fault_of(self, kill: Kill, passage: Passage) -> str:
        """Name the fault that the kill takes of the tick: its one, or one of a late stage."""
        late = passage.stage not in TRADING and kill.covers
        if not (late or self._is_kept_for(kill)):
            return str(passage.tick)
        return f"{passage.tick}-{passage.attempt}"

    def _was_held(self, kill: Kill, passage: Passage) -> bool:
        """Say whether the stage was still held when the server was gone."""
        try:
            return self._time_left(passage)[1]
        except psycopg.OperationalError:
            return kill.target == "postgres"

    def _time_left(self, passage: Passage) -> tuple[float, bool]:
        return time_left(passage.tick, passage.stage, passage.attempt, passage.chunk)

    def _line(self, kill: Kill, passage: Passage, sql: str, *, counts: bool) -> dict[str, Any]:
        return {
            "kill": kill.id,
            "target": kill.target,
            "stage": passage.stage,
            "boundary": kill.boundary or "between",
            "statement": len(passage.reached),
            "after_ms": kill.after_ms,
            "sql": " ".join(sql.split())[:80],
            "head": head_of(sql),
            "tick": passage.tick,
            "number": self._tick.number,
            "session": self._tick.session_id,
            "attempt": passage.attempt,
            "covers": kill.covers,
            "counts": counts,
            "at": datetime.now(UTC).isoformat(),
        }
