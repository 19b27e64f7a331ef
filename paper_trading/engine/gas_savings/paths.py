"""Paths of base fees: modelled from a seeded demand, or taken from prices of a file.

The model (every path of it is called modelled): the demand for gas, in units of the target, is
exp(a + e + d) * level / base fee, where a is an AR(1) of the blocks with correlation 0.97 and
standard deviation 0.35, e is independent with 0.45, and d swings by 0.25 over the day; a block
holds no more than its limit, and EIP-1559 makes the next base fee. Normal draws are sums of
twelve bytes of luck. The price walks without drift at 80 % a year.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from math import isqrt

from paper_trading.engine.gas import chain, next_base_fee
from paper_trading.engine.luck import stream
from paper_trading.engine.money import CONTEXT

DAY_SECONDS = 86_400
_YEAR_SECONDS = 365 * DAY_SECONDS

#: Only shares of it matter.
_GAS_LIMIT = 60_000_000

# Exponents are whole numbers of 2**-24, exponentials of 2**-32; a normal draw is in 256ths.
_EXPONENT_BITS, _FACTOR_BITS, _DRAW_BITS = 24, 32, 8
_ONE = 1 << _EXPONENT_BITS
_HIGHEST = 8
_STEPS = 64
_BOTTOM, _TOP = -_HIGHEST * _STEPS**2, _HIGHEST * _STEPS**2 - 1
_TABLE_BITS = _EXPONENT_BITS - 12
_BYTES, _MEAN = 12, 1_530
#: Per 256th of a draw: 0.35 * sqrt(1 - 0.97**2), and 0.45.
_SHOCK, _NOISE = 5_576, 29_491
_SWING = _ONE // 4
_FIRST_PRICE = 10**12


@dataclass(frozen=True, slots=True)
class FeeRules:
    """How a chain moves its base fee."""

    elasticity: int
    denominator: int
    block_seconds: int
    minimum_wei: int = 0


ETHEREUM = FeeRules(elasticity=2, denominator=8, block_seconds=12)
BASE = FeeRules(
    elasticity=6,
    denominator=125,
    block_seconds=2,
    minimum_wei=chain(8453).minimum_base_fee_wei,
)


@dataclass(frozen=True, slots=True)
class Path:
    """Base fee in wei per gas and mid price of every block; prices are relative."""

    block_seconds: int
    base_fees: Sequence[int]
    prices: Sequence[int]

    def __post_init__(self) -> None:
        """Refuse a path whose parts do not match.

        :raises ValueError: for an empty path, other lengths, a negative fee, a price of nothing.
        """
        if not self.base_fees or len(self.base_fees) != len(self.prices):
            counts = f"{len(self.base_fees)} base fees and {len(self.prices)} prices"
            raise ValueError(f"a path had {counts}; allowed is one of each a block")
        if min(self.base_fees) < 0 or min(self.prices) <= 0:
            raise ValueError("a path had a negative base fee or a price that is not positive")


def modelled(rules: FeeRules, level_wei: int, blocks: int, seed: int) -> Path:
    """Return a modelled path around a level of the base fee; ValueError for no level or blocks."""
    if level_wei < 1 or blocks < 1:
        raise ValueError(f"level was {level_wei} wei, blocks {blocks}; allowed is 1 or more")
    fees, prices = array("q", [max(level_wei, rules.minimum_wei)]), array("q", [_FIRST_PRICE])
    target = _GAS_LIMIT // rules.elasticity
    price, fee = prices[0], fees[0]
    volatility = _volatility(rules.block_seconds)
    for exponent, draw in _demand(rules.block_seconds, blocks - 1, seed):
        used = target * _exponential(exponent) * level_wei // fee >> _FACTOR_BITS
        used = min(used, _GAS_LIMIT)
        fee = next_base_fee(fee, used, _GAS_LIMIT, rules.elasticity, rules.denominator)
        fee = max(fee, rules.minimum_wei, 1)
        price += price * draw * volatility >> _FACTOR_BITS + _DRAW_BITS
        fees.append(fee)
        prices.append(price)
    return Path(rules.block_seconds, fees, prices)


def recorded(gas_prices: Sequence[int], block_seconds: int, outliers_per_mille: int = 5) -> Path:
    """Return a path of gas prices that were recorded, in wei, one a block; the price stands still.

    Prices beyond the quantiles that leave so many per mille out on either side become those
    quantiles. ValueError for no prices, or half of them or more being outliers.
    """
    if not gas_prices or not 0 <= outliers_per_mille < 500:
        raise ValueError(
            f"{len(gas_prices)} prices with {outliers_per_mille} per mille of outliers; "
            "allowed are one or more, and less than 500"
        )
    ordered = sorted(gas_prices)
    out = len(ordered) * outliers_per_mille // 1_000
    low, high = ordered[out], ordered[-1 - out]
    fees = [min(max(price, low), high) for price in gas_prices]
    return Path(block_seconds, fees, [_FIRST_PRICE] * len(fees))


def _demand(block_seconds: int, blocks: int, seed: int) -> Iterator[tuple[int, int]]:
    """Yield the exponent of the demand and the price's draw of every block."""
    level, width = 0, 3 * _BYTES
    a_day = DAY_SECONDS // block_seconds
    for start in range(0, blocks, a_day):
        count = min(a_day, blocks - start)
        luck = stream(width * count, seed, "demand for gas", start // a_day)
        for place in range(count):
            at = width * place
            shock = sum(luck[at : at + _BYTES]) - _MEAN
            noise = sum(luck[at + _BYTES : at + 2 * _BYTES]) - _MEAN
            draw = sum(luck[at + 2 * _BYTES : at + width]) - _MEAN
            level = level * 97 // 100 + shock * _SHOCK
            yield level + noise * _NOISE + _day_swing(place, a_day), draw


def _day_swing(place: int, a_day: int) -> int:
    """Return a quarter of the sine of the time of day, by Bhaskara's formula."""
    half = a_day // 2
    x = place % half if half else 0
    product = x * (half - x)
    sine = 16 * product * _SWING // (5 * half * half - 4 * product) if half else 0
    return sine if place < half else -sine


def _exponential(exponent: int) -> int:
    """Return exp of an exponent from -8 to 8; beyond it is that of the end."""
    high, low = _tables()
    step = min(max(exponent >> _TABLE_BITS, _BOTTOM), _TOP)
    return high[(step >> 6) + _HIGHEST * _STEPS] * low[step & 63] >> _FACTOR_BITS


@cache
def _tables() -> tuple[list[int], list[int]]:
    """Return exp of every 64th from -8 to 8, and of every 4096th below a 64th."""
    with localcontext(CONTEXT, prec=28):
        scale = Decimal(1 << _FACTOR_BITS)
        reach = _HIGHEST * _STEPS
        high = [int((Decimal(n) / _STEPS).exp() * scale) for n in range(-reach, reach)]
        low = [int((Decimal(n) / _STEPS**2).exp() * scale) for n in range(_STEPS)]
    return high, low


def _volatility(block_seconds: int) -> int:
    """Return the standard deviation of a block at 80 % a year, in 2**-32."""
    return isqrt(64 * block_seconds * (1 << 2 * _FACTOR_BITS) // (100 * _YEAR_SECONDS))
