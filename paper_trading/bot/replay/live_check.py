"""The batches of a live market judged again from what its sources said, verdict by verdict."""

from collections.abc import Mapping
from typing import Any

from paper_trading.bot.replay.checks import NoJournal, same
from paper_trading.bot.replay.export import BatchEntry
from paper_trading.intelligence.live_step import Pinned, live_step, said_at
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.intelligence.observed import exact_step

#: What the judging of a reading decides of a quote.
_JUDGED = (
    "verdict",
    "price_usd",
    "liquidity_usd",
    "observed_at",
    "source",
    "pool",
    "block",
    "depth",
)


class LiveReplay:
    """What a live market remembers of its tokens, made again batch by batch.

    Steps that nobody read have no batch; each batch names the one before it, so that a batch
    that was taken out is missed.
    """

    def __init__(self, name: str) -> None:
        self.state: Mapping[str, Any] = {}
        self._name = name

    def step(self, entry: BatchEntry) -> None:
        """Judge a batch and compare it with its rows.

        :raises NoJournal: when the batch does not keep what was said.
        """
        stored, where = entry.step, f"batch of step {entry.row.step}"
        if stored.said is None:
            raise NoJournal(f"{where} does not keep what the live sources of {self._name} said")
        same(where, "batch before", self.state.get("step"), stored.said["after"])
        pinned = [Pinned(one.token.symbol, _pool(entry, one), one.is_cash) for one in entry.tokens]
        said = said_at(stored, entry.row.source)
        made = live_step(stored.number, stored.market_time, said, self.state, pinned)
        made = exact_step(made)
        self.state = made.state
        same(where, "reasons", made.reasons, stored.reasons)
        same(where, "cash_price_usd", made.cash_price_usd, stored.cash_price_usd)
        same(where, "said", made.said, stored.said)
        for symbol in sorted({*made.quotes, *stored.quotes}):
            quotes = made.quotes.get(symbol), stored.quotes.get(symbol)
            for name in _JUDGED:
                found = (getattr(quote, name, None) for quote in quotes)
                same(f"{where} quote of {symbol}", name, *found)


def _pool(entry: BatchEntry, listed: ListedToken) -> str:
    """Return the pinned pool of a token; a list of before they were kept has none.

    Its quote was then read from the pinned one, for no other pool's is kept.
    """
    if listed.pool is not None:
        return listed.pool
    quote = entry.step.quotes.get(listed.token.symbol)
    return "" if quote is None else quote.pool
