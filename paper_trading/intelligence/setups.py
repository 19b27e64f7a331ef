"""Set-ups: what a bar's evidence would have come to inside a bracket, on the closes of bars.

A set-up is one token at one closed fast bar. It belongs to the market and to a key, never to an
account: it is judged whether or not anybody traded on it.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from heapq import heapify, heappop, heappush

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import SetUpEnd
from paper_trading.engine.money import CONTEXT, HUNDRED, PRICE_PLACES, ratio
from paper_trading.intelligence.brackets import Bracket
from paper_trading.intelligence.series import ClosedBar

#: A net beyond it, in percent, is no outcome: what is counted of many must fit a ratio, too.
MOST_PERCENT = Decimal(10) ** 15

_PRICE = Decimal(1).scaleb(-PRICE_PLACES)
#: Ended set-ups stay in the heaps until they come to the top; this many are let be.
_LET_BE = 256


@dataclass(frozen=True, slots=True)
class SetUp:
    """One token at one closed fast bar, waiting for the end of its bracket."""

    token_id: int
    #: End of its bar.
    entered_at: datetime
    #: The bar's close, USD per whole token, and the bar's last reference round trip.
    entry_usd: Decimal
    cost_percent: Decimal
    #: A close at or below `lower_usd` ends it at its stop, at or above `upper_usd` at its target.
    lower_usd: Decimal
    upper_usd: Decimal
    #: Rank of its score by the quantiles then in force, in percent.
    confidence: Decimal
    #: Lowest level whose evidence gates it meets; None: no level.
    level: int | None
    #: Its score under the weights then in force, and whether level 10 would take it by them.
    learned_score: Decimal
    #: None while learned scores could not be ranked.
    learned_pick: bool | None
    signals: tuple[SignalReading, ...]
    #: Volatility of its bar, which scales its bracket; like the signals, of no use while it waits.
    sigma_annual: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Matured:
    """A set-up that has ended."""

    set_up: SetUp
    #: Change of the close since the entry less one round trip, in percent; None: no outcome.
    net_percent: Decimal | None
    ended: SetUpEnd
    #: Market time of the step at which the bar that ended it was known to be closed.
    at: datetime


def bounds(entry_usd: Decimal, cost_percent: Decimal, bracket: Bracket) -> tuple[Decimal, Decimal]:
    """Return the closes, at the scale of prices, that end a bracket at its stop and target.

    Rounded towards the outside, so that comparing a close with them is comparing the exact net
    (close / entry - 1) * 100 - cost with the bracket.
    """
    stop = CONTEXT.subtract(CONTEXT.add(HUNDRED, cost_percent), bracket.stop_percent)
    target = CONTEXT.add(CONTEXT.add(HUNDRED, cost_percent), bracket.target_percent)
    lower, upper = (
        CONTEXT.scaleb(CONTEXT.multiply(entry_usd, percent), -2) for percent in (stop, target)
    )
    return (
        lower.quantize(_PRICE, rounding=ROUND_FLOOR, context=CONTEXT),
        upper.quantize(_PRICE, rounding=ROUND_CEILING, context=CONTEXT),
    )


def net_percent(set_up: SetUp, close_usd: Decimal) -> Decimal | None:
    """Return what a set-up nets at a close, in percent, 12 places; None beyond `MOST_PERCENT`."""
    change = CONTEXT.divide(CONTEXT.subtract(close_usd, set_up.entry_usd), set_up.entry_usd)
    net = CONTEXT.subtract(CONTEXT.multiply(change, HUNDRED), set_up.cost_percent)
    return ratio(net) if abs(net) <= MOST_PERCENT else None


class Pending:
    """The set-ups that wait; those that a close ends are found without looking at the rest."""

    def __init__(self, hold: timedelta) -> None:
        self._hold = hold
        self._tokens: dict[int, _Waiting] = {}

    def add(self, set_up: SetUp) -> None:
        """Take a set-up that has just been entered, or that waits since long.

        :raises ValueError: when one of the same token was entered then or later.
        """
        waiting = self._tokens.get(set_up.token_id)
        if waiting is None:
            waiting = self._tokens[set_up.token_id] = _Waiting()
        waiting.add(set_up)

    def close(self, token_id: int, bar: ClosedBar, known_at: datetime) -> list[Matured]:
        """Take the set-ups of a token that a closed bar ends, by the time of their entry.

        The bar is known to be closed at the market time `known_at`; after a gap that is later
        than its end. A set-up whose time was over before the gap ends as GAP, without an
        outcome: what its token cost later says nothing of its bracket. One whose net is more
        than can be counted ends as BEYOND.
        """
        waiting = self._tokens.get(token_id)
        if waiting is None:
            return []
        close = bar.bar.close
        ended = [(found, SetUpEnd.STOP) for found in waiting.at_stop(close)]
        ended += [(found, SetUpEnd.TARGET) for found in waiting.at_target(close)]
        ended += [(found, SetUpEnd.TIME) for found in waiting.until(bar.bar.end - self._hold)]
        ended.sort(key=lambda one: one[0].entered_at)
        return [self._matured(one, bar, how, known_at) for one, how in ended]

    def _matured(self, set_up: SetUp, bar: ClosedBar, how: SetUpEnd, known_at: datetime) -> Matured:
        if bar.bar.end > set_up.entered_at + self._hold + bar.bar.grace:
            return Matured(set_up, None, SetUpEnd.GAP, known_at)
        net = net_percent(set_up, bar.bar.close)
        return Matured(set_up, net, SetUpEnd.BEYOND if net is None else how, known_at)

    def __len__(self) -> int:
        """Count the set-ups that wait."""
        return sum(len(waiting.live) for waiting in self._tokens.values())


class _Waiting:
    """The waiting set-ups of one token, by entry, by lower and by upper bound.

    One that ended by another bound stays in a heap until it comes to the top.
    """

    def __init__(self) -> None:
        self.live: dict[datetime, SetUp] = {}
        self._entered: deque[datetime] = deque()
        self._low: list[tuple[Decimal, datetime]] = []
        self._high: list[tuple[Decimal, datetime]] = []

    def add(self, set_up: SetUp) -> None:
        at = set_up.entered_at
        if self._entered and at <= self._entered[-1]:
            raise ValueError(
                f"set-up of token {set_up.token_id} was entered {at}; "
                f"later than {self._entered[-1]} is needed"
            )
        self.live[at] = set_up
        self._entered.append(at)
        heappush(self._low, (CONTEXT.minus(set_up.lower_usd), at))
        heappush(self._high, (set_up.upper_usd, at))
        if len(self._high) + len(self._low) > 4 * len(self.live) + _LET_BE:
            self._tidy()

    def at_stop(self, close: Decimal) -> list[SetUp]:
        return self._take(self._low, CONTEXT.minus(close))

    def at_target(self, close: Decimal) -> list[SetUp]:
        return self._take(self._high, close)

    def until(self, entered_at: datetime) -> list[SetUp]:
        found: list[SetUp] = []
        while self._entered and self._entered[0] <= entered_at:
            taken = self.live.pop(self._entered.popleft(), None)
            if taken is not None:
                found.append(taken)
        return found

    def _take(self, heap: list[tuple[Decimal, datetime]], most: Decimal) -> list[SetUp]:
        found: list[SetUp] = []
        while heap and heap[0][0] <= most:
            taken = self.live.pop(heappop(heap)[1], None)
            if taken is not None:
                found.append(taken)
        return found

    def _tidy(self) -> None:
        self._low = [one for one in self._low if one[1] in self.live]
        self._high = [one for one in self._high if one[1] in self.live]
        self._entered = deque(at for at in self._entered if at in self.live)
        heapify(self._low)
        heapify(self._high)
