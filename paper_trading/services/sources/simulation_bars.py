"""One simulated bar: a fat-tailed return, its high and low, its volume and its depth.

Every function works in the caller's decimal context and draws from luck by key alone.
"""

from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.luck import student_t4, uniform

#: Standard deviations; a longer tail would only be cut by whoever reads the price.
SHOCK_LIMIT = Decimal(12)
#: Share of a pool's value that changes hands on a mean day.
TURNOVER_PER_DAY = Decimal("0.6")
#: Prices stay within this factor of the start, both ways: a step that would leave turns back.
PRICE_RANGE = Decimal(1000)
#: A stablecoin stays within this share of its start.
STABLE_RANGE = Decimal("0.02")
#: Half-life and more: a deviation of a stablecoin shrinks by 1/e in this time.
STABLE_HOURS = Decimal(3)

SECONDS_PER_DAY = Decimal(86_400)
DAYS_PER_YEAR = Decimal(365)

_ROOT_OF_TWO = Decimal("1.41421356237309505")
_PRICE_PREC = 12
_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Path:
    """Open to close of a bar, and the spread it was drawn with."""

    open: Decimal
    close: Decimal
    #: log(close / open)
    log_return: Decimal
    #: Standard deviation of `log_return`.
    sigma: Decimal


def shock(seed: int, *key: str | int) -> Decimal:
    """Draw a Student t shock with 4 degrees of freedom and unit variance, cut at the limit."""
    drawn = student_t4(uniform(seed, *key)) / _ROOT_OF_TWO
    return max(-SHOCK_LIMIT, min(SHOCK_LIMIT, drawn))


def wander(open_price: Decimal, start: Decimal, log_return: Decimal, sigma: Decimal) -> Path:
    """Move a price by a log return, or by its opposite where it would leave its range."""
    factor = log_return.exp()
    if not start / PRICE_RANGE <= open_price * factor <= start * PRICE_RANGE:
        log_return, factor = -log_return, _ONE / factor
    return Path(open_price, significant(open_price * factor), log_return, sigma)


def hover(
    open_price: Decimal, start: Decimal, move: Decimal, sigma: Decimal, pull: Decimal
) -> Path:
    """Move a stablecoin: pulled towards its start, never further away than its range."""
    deviation = (open_price / start - 1) * (1 - pull) + move
    deviation = max(-STABLE_RANGE, min(STABLE_RANGE, deviation))
    close = significant(start * (1 + deviation))
    return Path(open_price, close, (close / open_price).ln(), sigma)


def extremes(path: Path, seed: int, symbol: str, number: int) -> tuple[Decimal, Decimal]:
    """Return high and low as a Brownian bridge from open to close reaches them.

    Its maximum m has P(m > x) = exp(-2x(x - r) / sigma**2), so for a uniform u
    m = (r + sqrt(r**2 - 2 sigma**2 ln u)) / 2; the minimum is its mirror image.
    """
    reach = [
        (path.log_return**2 - 2 * path.sigma**2 * uniform(seed, "token", symbol, number, end).ln())
        for end in ("high", "low")
    ]
    up = (path.log_return + reach[0].sqrt()) / 2
    down = (path.log_return - reach[1].sqrt()) / 2
    high = max(path.open, path.close, significant(path.open * up.exp()))
    low = min(path.open, path.close, significant(path.open * down.exp()))
    return high, low


def volume(
    liquidity_usd: Decimal, days: Decimal, swing: Decimal, size: Decimal, luck: Decimal
) -> Decimal:
    """Return the USD traded in a bar: more in a wild market and in a bar that moved far.

    `swing` is the volatility relative to its mean, `size` the shock in standard deviations,
    `luck` uniform. The mean of |size| is 1/sqrt 2, that of the whole activity about `swing`.
    """
    activity = swing * (Decimal("0.3") + abs(size)) * (Decimal("0.5") + luck)
    return (liquidity_usd * TURNOVER_PER_DAY * days * activity).quantize(_CENT)


def depth(liquidity_usd: Decimal, price: Decimal, start: Decimal, heat: Decimal) -> Decimal:
    """Return both sides of a pool in USD.

    A constant-product pool is worth the square root of the price; providers leave a hot
    market: 5/4 of the depth without any heat, all of it at the mean heat of 1, 1/2 at 6.
    """
    value = liquidity_usd * (price / start).sqrt() * 5 / (4 + heat)
    return value.quantize(_CENT)


def significant(price: Decimal) -> Decimal:
    """Round a price to 12 significant digits, half-even."""
    places = price.adjusted() - _PRICE_PREC + 1
    return price.quantize(_ONE.scaleb(places))
