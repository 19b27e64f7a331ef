"""One step of a market, folded into a book of set-ups: the same in rows and in memory."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.intelligence import learner
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.experience import Experience, is_due
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.set_up_entry import set_up_of
from paper_trading.intelligence.setups import Matured, Pending, SetUp

#: Freezes what is known at a market time, given the base weights then in use.
Freeze = Callable[[datetime, Mapping[str, Decimal]], Experience]


@dataclass(frozen=True, slots=True)
class BookStep:
    """What one step made of a book."""

    #: In force at the step; None before the first ready bar.
    experience: Experience | None
    froze: bool
    matured: tuple[Matured, ...] = ()
    #: In the order of the bars that made them.
    entered: tuple[SetUp, ...] = ()


def fold_bars(
    known_at: datetime,
    closed: Sequence[tuple[int, ClosedBar]],
    buyable: Container[int],
    points: Sequence[Decimal] | None,
    key: BookKey,
    pending: Pending,
    experience: Experience | None,
    freeze: Freeze,
) -> BookStep:
    """Fold the fast bars that one step closed, with their token ids, oldest first a token.

    The first ready bars of a market day freeze what was known before their step. Then each bar
    ends what waited of its token, and becomes a set-up itself when its token is `buyable` at the
    step. The order of the tokens does not matter. `points` are the quantiles in force then.
    """
    froze = False
    ready = [bar for _, bar in closed if bar.ready]
    if ready and is_due(None if experience is None else experience.frozen_at, known_at):
        experience, froze = freeze(known_at, learner.base_of(ready)), True
    matured: list[Matured] = []
    entered: list[SetUp] = []
    for token_id, bar in closed:
        matured += pending.close(token_id, bar, known_at)
        if experience is None or token_id not in buyable:
            continue
        made = set_up_of(token_id, bar, known_at, points, key, experience)
        if made is not None:
            pending.add(made)
            entered.append(made)
    return BookStep(experience, froze, tuple(matured), tuple(entered))
