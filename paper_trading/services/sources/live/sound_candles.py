"""Candles that contradict those around them are left out: one alone would make a huge sigma.

Pure. A move that lasts is kept, however large; what is left out came and went within one candle.
"""

from collections.abc import Sequence
from decimal import Decimal

from paper_trading.engine.market import HIGHEST_CASH_PRICE_USD
from paper_trading.engine.money import ONE, exact
from paper_trading.services.sources.live.candles import Candle

#: A price further than this from another one, as a part of it, is away from it.
AWAY = Decimal("0.5")
#: Two prices within this of each other, as a part of the first, say the same.
NEAR = Decimal("0.2")

#: Opening and closing price.
_Prices = tuple[Decimal, Decimal]


@exact
def sound(
    candles: Sequence[Candle], now_usd: Decimal | None, *, is_cash: bool = False
) -> tuple[Candle, ...]:
    """Return the candles that fit the ones beside them; oldest first, as they come.

    A candle is left out when its close is away from the one before and the one behind, on the
    same side of both, and these two are near each other; or its open is, from theirs. One that
    was left out is no neighbour. Behind the newest stands `now_usd`, what the pool's source says
    now; when it is not known, the newest must not be away from the one before it. The oldest is
    judged by the two behind it. Cash is also left out when it is away from one USD.
    """
    left = [one for one in candles if not is_cash or _can_be_cash(one)]
    now = [] if now_usd is None else [(now_usd, now_usd)]
    behind = [*((one.open, one.close) for one in left), *now]
    kept: list[Candle] = []
    before: _Prices | None = None
    for place, candle in enumerate(left, 1):
        beside = [*([] if before is None else [before]), *behind[place:]][:2]
        if (before is None and len(beside) < 2) or not _is_spike(behind[place - 1], beside):
            before = behind[place - 1]
            kept.append(candle)
    return tuple(kept)


def _is_spike(own: _Prices, beside: Sequence[_Prices]) -> bool:
    """Say whether opens or closes are away from those of one or two neighbours that agree."""
    return any(_is_away(price, others) for price, *others in zip(own, *beside, strict=True))


def _is_away(price: Decimal, others: Sequence[Decimal]) -> bool:
    first, last = others[0], others[-1]
    if abs(last - first) > first * NEAR:
        return False
    is_above = all(price > other * (ONE + AWAY) for other in others)
    return is_above or all(price < other * (ONE - AWAY) for other in others)


def _can_be_cash(candle: Candle) -> bool:
    is_near = all(abs(price - ONE) <= AWAY for price in (candle.open, candle.close))
    return is_near and candle.high <= HIGHEST_CASH_PRICE_USD
