"""Which boundaries the stages have, counted over undisturbed ticks."""

from collections import Counter, defaultdict
from collections.abc import Callable

from paper_trading.models import Tick
from tests.faults.boundaries import Passage


class CensusTaker:
    """Counts the boundaries that each stage's runs reach."""

    def __init__(self) -> None:
        self._passage: Passage | None = None
        self._runs: Counter[str] = Counter()
        self._reached: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def claim(self, tick: Tick, stage: str, chunk: int) -> None:
        """Begin a passage."""
        self._passage = Passage(stage, tick.pk, tick.attempt, chunk)

    def leave(self) -> None:
        """Count what the passage reached."""
        passage, self._passage = self._passage, None
        if passage is not None:
            self._runs[passage.stage] += 1
            self._reached[passage.stage].update(set(passage.reached))

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

    def shares(self) -> dict[str, dict[str, float]]:
        """Return the share of a stage's runs that reached each of its boundaries."""
        return {
            stage: {
                boundary: round(count / self._runs[stage], 3)
                for boundary, count in sorted(reached.items())
            }
            for stage, reached in sorted(self._reached.items())
        }
