"""What is known of a pool's ticks: where liquidity changes, and how far that knowledge goes."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from paper_trading.engine.money import require
from paper_trading.engine.pools.tick_math import MAX_TICK, MIN_TICK

#: How far from its price a pool is taken to hold its liquidity when its ticks are unknown.
ASSUMED_SPACINGS = 2
MAX_TICK_SPACING = 16_383
#: What the chain's word for liquidity holds.
MAX_LIQUIDITY = 2**128 - 1
#: The chain looks for the next tick in words of this many spacings, and rounds at their ends.
_WORD = 256


@dataclass(frozen=True, slots=True)
class Tick:
    """An initialised tick: the liquidity that joins when the price rises through it."""

    index: int
    net_liquidity: int


def _index(tick: Tick) -> int:
    return tick.index


@dataclass(frozen=True, slots=True)
class Ladder:
    """All initialised ticks from `lowest` to `highest`, ascending; `None` when unknown.

    :raises TypeError: when a figure is no whole number.
    :raises ValueError: when ticks are out of range, out of order or no multiple of the spacing.
    """

    spacing: int
    lowest: int
    highest: int
    ticks: tuple[Tick, ...] | None

    @classmethod
    def assumed(cls, tick: int, spacing: int) -> "Ladder":
        """Take the liquidity at a tick to hold for two spacings each way; ticks are unknown."""
        require("tick spacing", spacing, 1, MAX_TICK_SPACING, whole=True)
        reach = ASSUMED_SPACINGS * spacing
        return cls(spacing, max(tick - reach, MIN_TICK), min(tick + reach, MAX_TICK), None)

    def __post_init__(self) -> None:
        """Refuse ticks that no pool on chain can have."""
        require("tick spacing", self.spacing, 1, MAX_TICK_SPACING, whole=True)
        require("lowest tick", self.lowest, MIN_TICK, MAX_TICK, whole=True)
        require("highest tick", self.highest, self.lowest, MAX_TICK, whole=True)
        last = self.lowest - 1
        for tick in self.ticks or ():
            require("tick", tick.index, self.lowest, self.highest, whole=True)
            if tick.index % self.spacing:
                raise ValueError(f"tick {tick.index} is no multiple of spacing {self.spacing}")
            if tick.index <= last:
                raise ValueError(f"tick {tick.index} comes after {last}; ticks must ascend")
            last = tick.index

    def check(self, tick: int, liquidity: int) -> None:
        """Raise ValueError when the ticks would make the liquidity negative or too large."""
        ticks = self.ticks or ()
        here = bisect_right(ticks, tick, key=_index)
        above = below = liquidity
        for one in ticks[here:]:
            above += one.net_liquidity
            require(f"liquidity over tick {one.index}", above, 0, MAX_LIQUIDITY, whole=True)
        for one in reversed(ticks[:here]):
            below -= one.net_liquidity
            require(f"liquidity under tick {one.index}", below, 0, MAX_LIQUIDITY, whole=True)

    def change(self, start: int, end: int) -> int:
        """Return what the liquidity gains from one tick of the known range to another."""
        ticks = self.ticks or ()
        low, high = sorted((start, end))
        first, last = (bisect_right(ticks, tick, key=_index) for tick in (low, high))
        between = sum(one.net_liquidity for one in ticks[first:last])
        return between if end > start else -between

    def net_at(self, tick: int) -> int | None:
        """Return the net liquidity of a tick; None when it is not initialised."""
        ticks = self.ticks or ()
        place = bisect_left(ticks, tick, key=_index)
        found = place < len(ticks) and ticks[place].index == tick
        return ticks[place].net_liquidity if found else None

    def stop(self, tick: int, falling: bool) -> int | None:
        """Return where the next step of a swap ends at the latest; None at the edge.

        That is the next initialised tick, the end of a word or the edge of what is known.
        """
        if falling:
            down = [one for one in self._below(tick) if self.lowest <= one <= tick]
            return max(down, default=None)
        return min((one for one in self._above(tick) if tick < one <= self.highest), default=None)

    def _below(self, tick: int) -> Iterator[int]:
        ticks = self.ticks or ()
        place = bisect_right(ticks, tick, key=_index)
        yield self.lowest
        yield tick // self.spacing // _WORD * _WORD * self.spacing
        if place:
            yield ticks[place - 1].index

    def _above(self, tick: int) -> Iterator[int]:
        ticks = self.ticks or ()
        place = bisect_right(ticks, tick, key=_index)
        yield self.highest
        yield ((tick // self.spacing + 1) // _WORD * _WORD + _WORD - 1) * self.spacing
        if place < len(ticks):
            yield ticks[place].index
