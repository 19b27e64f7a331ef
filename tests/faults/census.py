"""Which boundaries the stages have, and where, over undisturbed ticks."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from paper_trading.models import Tick
from tests.faults.boundaries import Passage

#: Ticks named for one boundary at most: more are not seldom.
PLACES = 200
#: How much more often a boundary comes to a process that knows nothing, to be called cold.
COLDER = 0.5


class CensusTaker:
    """Counts the boundaries that each stage's runs reach.

    It is set `cold` while the process forgets what it knows before each stage.
    """

    def __init__(self) -> None:
        self.cold = False
        self._passage: Passage | None = None
        self._place = (0, 0)
        self._runs: Counter[tuple[str, bool]] = Counter()
        self._reached: Counter[tuple[str, str, bool]] = Counter()
        self._places: defaultdict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)

    def claim(self, tick: Tick, stage: str, chunk: int) -> None:
        """Begin a passage."""
        self._passage = Passage(stage, tick.pk, tick.attempt, chunk)
        self._place = (tick.session_id, tick.number or 0)

    def leave(self) -> None:
        """Count what the passage reached."""
        passage, self._passage = self._passage, None
        if passage is None:
            return
        self._runs[passage.stage, self.cold] += 1
        for boundary in set(passage.reached):
            self._reached[passage.stage, boundary, self.cold] += 1
            if not self.cold:
                self._places[passage.stage, boundary].add(self._place)

    def before_statement(self, sql: str) -> None:
        """Note a statement."""
        if self._passage is not None and not self._passage.ended:
            self._passage.statement(sql)

    def around_commit(self, commit: Callable[[], None]) -> None:
        """Note a commit."""
        if self._passage is not None and not self._passage.ended:
            self._passage.commit()
            commit()
            self._passage.committed()
        else:
            commit()

    def result(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return each stage's boundaries: share of its runs, places, and whether only cold."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for stage, boundary, _ in sorted(self._reached):
            warm, cold = (self._share(stage, boundary, cold=cold) for cold in (False, True))
            needs_cold = cold - warm > COLDER
            places = [] if needs_cold else sorted(self._places[stage, boundary])[:PLACES]
            seen = {"share": round(warm, 3), "places": places, "cold": needs_cold}
            found.setdefault(stage, {})[boundary] = seen
        return found

    def _share(self, stage: str, boundary: str, *, cold: bool) -> float:
        runs = self._runs[stage, cold]
        return self._reached[stage, boundary, cold] / runs if runs else 0.0
