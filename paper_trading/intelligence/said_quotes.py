"""What the chain's quoter said of swaps on their way, as a batch keeps it with what was said."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from paper_trading.engine.enums import Side
from paper_trading.engine.market import ChainQuote, QuotedSwap
from paper_trading.engine.trust import CLOCK_SKEW

#: Under which name `said` holds them; absent when nothing was quoted.
CHAIN_QUOTES = "chain_quotes"

#: How a plan names the pool that prices its token.
_PINNED = ""


@dataclass(frozen=True, slots=True)
class SaidQuote:
    """What the quoter said of one swap, through the pools that were asked, in their order."""

    symbol: str
    side: Side
    #: Base units of what is sold: of cash for a BUY, of the token for a SELL.
    amount_in: int
    #: Addresses in lower case.
    pools: tuple[str, ...]
    quote: ChainQuote
    #: As a plan names it: the address of a further pool; empty: the one that prices the token.
    pool: str = _PINNED

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Return what sorts quotes, and tells two swaps apart."""
        return self.symbol, self.side.value, self.amount_in, self.pool

    @property
    def from_cash(self) -> tuple[str, ...]:
        """Return the pools in the order of a buy: the token's own is the last."""
        return self.pools if self.side is Side.BUY else self.pools[::-1]


def sound(
    quotes: Iterable[SaidQuote],
    pinned: Mapping[str, str],
    firsts: Collection[str],
    market_time: datetime,
) -> tuple[SaidQuote, ...]:
    """Return the quotes that count at a step, in their order, each swap once.

    Those of the pool that prices the token at that step (`pinned`: lower case, by symbol), or of
    the further one that they name; of two pools the one from cash is among `firsts`, the pinned
    ones of what is no cash. None is of a block that lies ahead of the market's time.
    """
    latest = market_time + CLOCK_SKEW
    kept = {
        one.order: one
        for one in quotes
        if one.quote.observed_at <= latest and _is_way(one, pinned, firsts)
    }
    return tuple(kept[order] for order in sorted(kept))


def _is_way(one: SaidQuote, pinned: Mapping[str, str], firsts: Collection[str]) -> bool:
    """Say whether a quote went through the pools that an order of its token goes through."""
    if one.symbol not in pinned:
        return False
    own = one.pool or pinned[one.symbol]
    match one.from_cash:
        case [last]:
            return last == own
        case [first, last]:
            return last == own != first and first in firsts
    return False


def quotes_to_json(quotes: Iterable[SaidQuote]) -> list[list[Any]]:
    """Return quotes as JSON values; `quotes_of` reads them."""
    return [
        [
            one.symbol,
            one.side.value,
            str(one.amount_in),
            list(one.pools),
            str(one.quote.amount_out),
            one.quote.block,
            one.quote.observed_at.astimezone(UTC).isoformat(),
            # Left out where it is empty, as it was before other pools were asked.
            *([one.pool] if one.pool else []),
        ]
        for one in quotes
    ]


def quotes_of(said: Mapping[str, Any] | None) -> tuple[SaidQuote, ...]:
    """Return the quotes that a batch keeps; none of one that was made without them.

    :raises ValueError: when one is not what `quotes_to_json` writes.
    """
    return tuple(_quote(row) for row in (said or {}).get(CHAIN_QUOTES, ()))


def quoted_swaps(
    said: Mapping[str, Any] | None, token_ids: Mapping[str, int]
) -> dict[QuotedSwap, ChainQuote]:
    """Return what a batch's quoter said, by swap; `token_ids` are those of its tokens by symbol."""
    return {
        (token_ids[one.symbol], one.pool, one.side, one.amount_in): one.quote
        for one in quotes_of(said)
        if one.symbol in token_ids
    }


def _quote(row: Any) -> SaidQuote:
    told, named = (row[:-1], row[-1]) if _is_named(row) else (row, _PINNED)
    match told, named:
        case [
            [str(symbol), str(side), str(amount_in), [*pools], str(out), int(block), str(at)],
            str(pool),
        ]:
            quote = ChainQuote(int(out), block, datetime.fromisoformat(at))
            return SaidQuote(symbol, Side(side), int(amount_in), tuple(pools), quote, pool)
    raise ValueError(f"{row!r} is no quote of a swap")


def _is_named(row: Any) -> bool:
    """Say whether a row names its pool, after what all have."""
    return isinstance(row, list) and len(row) == 8
