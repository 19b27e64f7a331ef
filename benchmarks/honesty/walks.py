"""A generated market whose price is a martingale, and to which a known edge can be added.

The price of a token moves at every grid point by the factor 1 + r + g. The return r is simple,
not logarithmic, and symmetric about zero given everything before it, so without g the price
expected at any later time is the price now, whatever rule says when to look. g is the edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from paper_trading.intelligence.observed import SourceQuote, SourceStep
from paper_trading.services.sources.simulation_regimes import REGIMES, VOLATILITY_SCALE

Floats = NDArray[np.float64]

#: Symbols with their prices at the start, in USD; the first one pays for gas.
TOKENS = {"WETH": 1860.0, "WBTC": 68200.0, "AAVE": 142.0, "LINK": 13.2, "UNI": 6.1}
#: Both sides of every pool at the start, in USD.
LIQUIDITY_USD = 20_000_000.0
VOLATILITY_ANNUAL = 0.8
#: Part of a token's variance that is the market's: the correlation of any two tokens.
MARKET_SHARE = 0.6
#: Share of a pool's value that changes hands on a mean day.
TURNOVER_PER_DAY = 0.6
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

#: Student's t with 4 degrees of freedom, cut at so many standard deviations on both sides.
_FREEDOM, _MOST_SHOCK = 4, 12.0
_YEAR_SECONDS, _DAY_SECONDS, _HOUR_SECONDS = 31_536_000.0, 86_400.0, 3_600.0
_HEAT_HOURS, _MOST_HEAT = 1.0, 25.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How long a walk is and how fine: blocks of one fast bar, each of so many grid points."""

    block_seconds: int
    points: int
    blocks: int

    def __post_init__(self) -> None:
        """Refuse a shape without time."""
        for name in ("block_seconds", "points", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} was {getattr(self, name)}; at least 1 is needed")
        if self.block_seconds % self.points:
            said = f"block of {self.block_seconds} s has {self.points} points"
            raise ValueError(f"{said}; whole seconds between points are needed")

    @property
    def point_seconds(self) -> int:
        """Seconds between two grid points."""
        return self.block_seconds // self.points


class Walk:
    """The path of a seed, read from its start to its end, one step after the other.

    The same seed and shape give the same path however many points a step takes.
    """

    def __init__(self, seed: int, shape: Shape) -> None:
        self.shape = shape
        self.symbols = tuple(TOKENS)
        draw = np.random.default_rng(seed)
        wide = (shape.blocks, shape.points, len(TOKENS))
        swing = _swings(draw, shape)
        market = _shocks(draw, wide[:2])[:, :, None]
        own = _shocks(draw, wide)
        unit = np.sqrt(MARKET_SHARE) * market + np.sqrt(1.0 - MARKET_SHARE) * own
        sigma = VOLATILITY_ANNUAL * np.sqrt(shape.point_seconds / _YEAR_SECONDS)
        self._returns: Floats = sigma * swing[:, None, None] * unit
        luck = draw.uniform(0.5, 1.5, wide)
        daily = LIQUIDITY_USD * TURNOVER_PER_DAY * shape.point_seconds / _DAY_SECONDS
        # The mean of |unit| is near 0.7, that of the whole activity near `swing`.
        self._volumes: Floats = daily * swing[:, None, None] * (0.3 + np.abs(unit)) * luck
        self._heat = _heats(swing, market[:, :, 0], shape)
        self._start: Floats = np.array(list(TOKENS.values()))
        self._price = self._start.copy()
        self._point = 0
        self._number = 0

    def take(self, points: int, edges: Mapping[str, float] | None = None) -> SourceStep:
        """Return the next `points` grid points as one step.

        `edges` are expected simple returns a grid point, by symbol. ValueError for a step that
        crosses the end of a block or of the walk.
        """
        block, first = divmod(self._point, self.shape.points)
        if points < 1 or first + points > self.shape.points or block >= self.shape.blocks:
            raise ValueError(
                f"points were {points} at point {first} of block {block}; 1 to "
                f"{self.shape.points - first} in blocks 0 to {self.shape.blocks - 1} are allowed"
            )
        extra = np.array([(edges or {}).get(symbol, 0.0) for symbol in self.symbols])
        part = slice(first, first + points)
        path = self._price * np.cumprod(1.0 + self._returns[block, part] + extra, axis=0)
        step = self._step(path, self._volumes[block, part], float(self._heat[block]), points)
        self._price = path[-1]
        self._point += points
        self._number += 1
        return step

    def _step(self, path: Floats, volumes: Floats, heat: float, points: int) -> SourceStep:
        seconds = self.shape.point_seconds
        begin = EPOCH + timedelta(seconds=self._point * seconds)
        end = begin + timedelta(seconds=points * seconds)
        quotes = {
            symbol: self._quote(place, path[:, place], volumes[:, place], heat, begin, end)
            for place, symbol in enumerate(self.symbols)
        }
        return SourceStep(
            number=self._number,
            market_time=end,
            quotes=dict(sorted(quotes.items())),
            cash_price_usd=Decimal(1),
            state={},
        )

    def _quote(
        self,
        place: int,
        path: Floats,
        volumes: Floats,
        heat: float,
        begin: datetime,
        end: datetime,
    ) -> SourceQuote:
        prices = [_significant(float(one)) for one in (self._price[place], *path)]
        # A constant-product pool is worth the root of its price; providers leave a hot market.
        worth = float(np.sqrt(path[-1] / self._start[place])) * 5.0 / (4.0 + heat)
        return SourceQuote(
            symbol=self.symbols[place],
            price_usd=prices[-1],
            liquidity_usd=_cents(LIQUIDITY_USD * worth),
            source="generated",
            start=begin,
            observed_at=end,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            volume_usd=sum((_cents(float(one)) for one in volumes), Decimal(0)),
        )


def _shocks(draw: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Return symmetric fat-tailed shocks of about unit variance."""
    drawn = draw.standard_t(_FREEDOM, size) / np.sqrt(_FREEDOM / (_FREEDOM - 2))
    kept: Floats = np.clip(drawn, -_MOST_SHOCK, _MOST_SHOCK)
    return kept


def _swings(draw: np.random.Generator, shape: Shape) -> Floats:
    """Return each block's volatility relative to its mean: the regimes without their drifts."""
    hours = shape.block_seconds / _HOUR_SECONDS
    weights = [float(regime.weight) for regime in REGIMES]
    place, found = 0, []
    for _ in range(shape.blocks):
        if draw.random() < 1.0 - np.exp(-hours / float(REGIMES[place].mean_hours)):
            place = int(draw.choice(len(REGIMES), p=weights))
        found.append(float(REGIMES[place].volatility * VOLATILITY_SCALE))
    return np.array(found)


def _heats(swing: Floats, market: Floats, shape: Shape) -> Floats:
    """Return the recent variance relative to its mean before each block."""
    share = 1.0 - np.exp(-shape.block_seconds / (_HEAT_HOURS * _HOUR_SECONDS))
    moved = market.sum(axis=1) / np.sqrt(shape.points)
    heat, found = 1.0, []
    for size in np.minimum(_MOST_HEAT, (swing * moved) ** 2):
        found.append(heat)
        heat += float(share) * (float(size) - heat)
    return np.array(found)


def _significant(price: float) -> Decimal:
    return Decimal(f"{price:.12g}")


def _cents(amount: float) -> Decimal:
    return Decimal(f"{amount:.2f}")
