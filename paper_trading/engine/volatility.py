"""How far the market moves now, against what is usual: what the volatility breaker reads.

Of each token: the range of its newest closed bar, stretched to the present price, as the
volatility that would make such a range on average (Parkinson 1980: the mean of ln(high/low)^2
is 4 ln 2 times the variance), over the annual volatility that its bars tell. The market's
figure is that of the median token.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine.market import Batch, Recent
from paper_trading.engine.money import exact, ratio

#: 4 ln 2.
_FOUR_LN_2 = Decimal("2.772588722239781237668928486")
_YEAR_MICROSECONDS = Decimal(31_536_000_000_000)
#: More says no more; a token of hardly any usual volatility must not leave the column.
_HIGHEST = Decimal(1_000_000)


@exact
def spike(batch: Batch) -> Decimal | None:
    """Return the volatility now over the usual one, of the median token that can be bought.

    None when no token has a current bar, a price and a usual volatility.
    """
    found: Decimal | None = batch.once("spike", lambda: _median(_spikes(batch)))
    return found


def _spikes(batch: Batch) -> list[Decimal]:
    found = []
    for token_id, recent in batch.recent.items():
        quote, usual = batch.quotes.get(token_id), batch.sigma_annual.get(token_id)
        if quote is not None and usual is not None and usual > 0:
            now = _volatility(recent, quote.price_usd, batch)
            found.append(ratio(min(now / usual, _HIGHEST)))
    return found


def _volatility(recent: Recent, price_usd: Decimal, batch: Batch) -> Decimal:
    """Return the annual volatility since the beginning of a bar, as a fraction."""
    high, low = max(recent.high_usd, price_usd), min(recent.low_usd, price_usd)
    passed = Decimal((batch.market_time - recent.start) // timedelta(microseconds=1))
    years = passed / _YEAR_MICROSECONDS
    return (high / low).ln() / (_FOUR_LN_2 * years).sqrt()


def _median(found: Sequence[Decimal]) -> Decimal | None:
    if not found:
        return None
    ordered, middle = sorted(found), len(found) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return ratio((ordered[middle - 1] + ordered[middle]) / 2)
