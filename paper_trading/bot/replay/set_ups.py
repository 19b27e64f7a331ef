"""A book of set-ups in memory: what `services.set_ups` keeps in rows."""

from collections import deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.equity import market_day
from paper_trading.intelligence import experience as experiences
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.experience import Experience, SetUpDay
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.set_up_folding import BookStep, fold_bars
from paper_trading.intelligence.setups import Matured, Pending


@dataclass(frozen=True, slots=True)
class MemoryBookStep:
    """What one step made of a book, with the days that it finished."""

    made: BookStep
    #: Counted when the step froze what they say.
    finished: tuple[SetUpDay, ...]

    @property
    def experience(self) -> Experience | None:
        """What is in force at the step."""
        return self.made.experience


class MemoryBook:
    """The set-ups of a market under one key, folded step by step after the back-fill."""

    def __init__(self, key: BookKey) -> None:
        self.key = key
        self.days: list[SetUpDay] = []
        self._pending = Pending(key.bracket.hold)
        self._experience: Experience | None = None
        #: Matured since the last day that was counted.
        self._matured: list[Matured] = []
        #: When set-ups were entered, and their learned scores; older ones are dropped.
        self._scores: deque[tuple[datetime, Decimal]] = deque()

    def step(
        self,
        known_at: datetime,
        closed: Sequence[tuple[int, ClosedBar]],
        buyable: Container[int],
        points: Sequence[Decimal] | None,
    ) -> MemoryBookStep:
        """Fold the fast bars that a step closed; `buyable` are the tokens that make set-ups."""
        before = len(self.days)
        made = fold_bars(
            known_at,
            closed,
            buyable,
            points,
            self.key,
            self._pending,
            self._experience,
            self._freeze,
        )
        self._experience = made.experience
        self._matured += made.matured
        self._scores.extend((one.entered_at, one.learned_score) for one in made.entered)
        return MemoryBookStep(made, tuple(self.days[before:]))

    def _freeze(self, at: datetime, base: Mapping[str, Decimal]) -> Experience:
        today = market_day(at)
        finished = [one for one in self._matured if market_day(one.at) < today]
        self._matured = [one for one in self._matured if market_day(one.at) >= today]
        for day in sorted({market_day(one.at) for one in finished}):
            ended = [one for one in finished if market_day(one.at) == day]
            self.days.append(experiences.day_of(day, ended, self.key))
        return experiences.freeze(self.key, at, self.days, self._window(at), base)

    def _window(self, at: datetime) -> list[Decimal]:
        oldest = at - quantiles.SCORE_WINDOW
        # After a gap in one token a bar may be known late: drop from the front, then look at each.
        while self._scores and self._scores[0][0] <= oldest - timedelta(days=1):
            self._scores.popleft()
        return [score for entered_at, score in self._scores if entered_at > oldest]
