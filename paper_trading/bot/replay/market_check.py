"""A market replayed from its genesis and batches, compared with the rows it left."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from paper_trading.bot.replay import export, signals_check
from paper_trading.bot.replay.checks import (
    Difference,
    Mismatch,
    require_columns,
    same,
    same_rows,
    sealed,
)
from paper_trading.bot.replay.export import BatchEntry
from paper_trading.bot.replay.live_check import LiveReplay
from paper_trading.bot.replay.market import Frozen, MemoryMarket, MemoryStep
from paper_trading.bot.replay.set_up_check import BarKeys, BookReplay
from paper_trading.engine.market import Batch
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.series import Series
from paper_trading.models import Bar, FeedMode, Market, MarketToken, Quote, ScoreQuantiles
from paper_trading.services import genesis
from paper_trading.services.market_heads import terms_of
from paper_trading.services.market_rows import bar_row, closed_bar


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """A step that was found equal to its rows, and the keys of what ticks read at it."""

    made: MemoryStep
    batch_id: int
    #: Of what was frozen of matured set-ups; None: nothing yet.
    experiences: Mapping[BookKey, int | None]


class MarketReplay:
    """The steps of one market, each compared with its rows as it is made.

    `keys` are those of the books of set-ups that the ticks to be replayed have read.
    """

    def __init__(self, market: Market, keys: Iterable[BookKey]) -> None:
        self.market = market
        self._books = {key: BookReplay(market.pk, key) for key in keys}
        self._origin = export.genesis_of(market)
        self._signals = signals_check.SignalReplay(market, self._origin.step)
        self._bars = Bar.objects.filter(market=market, pk__gt=self._origin.last_bar_id)
        self._quantiles = iter(market.quantiles.order_by("frozen_at"))
        self._in_force: ScoreQuantiles | None = None
        #: Key of the newest fast bar of each token, as stored.
        self._newest: dict[int, int] = {}
        self._memory: MemoryMarket | None = None
        self._stored: Iterator[Bar] = iter(())
        self._last_step = self._origin.step
        self._live = LiveReplay(market.name) if market.mode == FeedMode.LIVE else None

    @property
    def first_step(self) -> int:
        """Return the first step that has a batch."""
        return self._origin.step + 1

    def steps(self, last: int) -> Iterator[ComparedStep]:
        """Yield every step up to the last, compared."""
        self._stored = self._bars.order_by("pk").iterator(chunk_size=2_000)
        entries = export.batches_of(self.market, self.first_step, last)
        for expected, entry in enumerate(entries, self.first_step):
            if self._live is None:
                same(self.market.name, "step of the next batch", expected, entry.row.step)
            else:
                self._live.step(entry)
            if self._memory is None:
                self._memory = self._begun(entry)
            self._memory.switch_off(self._signals.off_at(entry.row.step))
            made = self._memory.step(entry.step, entry.tokens)
            self._signals.same_off(made.folded.head.off, entry.row.step)
            self._compare(entry, made, self._stored)
            self._last_step = entry.row.step
            found = {key: book.experience_id for key, book in self._books.items()}
            yield ComparedStep(made, entry.row.pk, found)

    def same_head(self) -> bool:
        """Compare what the market remembers; False when it has gone on since."""
        market, memory = self.market, self._memory
        for book in self._books.values():
            book.same_end()
        newest = market.batches.order_by("-step").values_list("step", flat=True).first()
        same(market.name, "head_step", newest, market.head_step)
        if memory is None or newest != self._last_step:
            return False
        if self._live is not None:
            same(market.name, "head_state", self._live.state, market.head_state)
        native = memory.head.native
        price = "" if native.price_usd is None else str(native.price_usd)
        same(market.name, "native_price_usd", price, market.native_price_usd)
        same(market.name, "native_observed_at", native.observed_at, market.native_observed_at)
        listed = {listing.token.symbol for listing in memory.head.listings}
        # One that was added since the last batch has no head yet.
        rows = [
            row
            for row in MarketToken.objects.filter(market=market).order_by("token__symbol")
            if row.series or row.last_bar_id or row.token.symbol in listed
        ]
        for listing, row in zip(memory.head.listings, rows, strict=True):
            where = f"{market.name} head of {listing.token.symbol}"
            same(where, "token", listing.token.id, row.token_id)
            same(where, "series", listing.series, _series(row))
            same(where, "last_bar", self._newest.get(row.token_id), row.last_bar_id)
        same(market.name, "bars after the last step", None, next(self._stored, None))
        same(market.name, "quantiles after the last step", None, next(self._quantiles, None))
        return True

    def _begun(self, first: BatchEntry) -> MemoryMarket:
        """Return the market as its back-fill left it."""
        self._compare_genesis()
        rows = self._back_filled()
        bars = sorted(rows, key=lambda bar: (bar.closes_at, bar.token_id, bar.slow))
        self._newest = {bar.token_id: bar.pk for bar in bars if not bar.slow}
        origin, signals = self._origin, self._signals
        terms = terms_of(self.market, signals.values)
        native = genesis.native_of(origin)
        tokens = export.first_tokens(self.market) or first.tokens
        memory = MemoryMarket(terms, tokens, native, self._books, signals.reader)
        memory.begin(
            genesis.series_of(origin),
            native,
            # Of the older bars only prices and scores count.
            (
                (bar.token_id, closed_bar(bar, with_signals=self._newest[bar.token_id] == bar.pk))
                for bar in bars
            ),
            origin.market_time,
        )
        if memory.frozen is not None:
            self._compare_quantiles(memory.frozen)
        return memory

    def _compare_genesis(self) -> None:
        """Hold the genesis and its market's terms against their seal."""
        origin, where = self._origin, f"genesis of {self.market.name}"
        columns = genesis.columns(origin)
        if origin.seal:
            require_columns(where, origin.seal, [*columns, *genesis.BAR_SEALS])
        own = {name: text for name, text in origin.seal.items() if name not in genesis.BAR_SEALS}
        sealed(where, own, columns)

    def _back_filled(self) -> list[Bar]:
        """Return the bars of the back-fill, held against the seal of the genesis."""
        origin, where = self._origin, f"back-fill of {self.market.name}"
        rows = list(Bar.objects.filter(market=self.market, pk__lte=origin.last_bar_id))
        for name, text in genesis.bars_seal(rows).items():
            same(where, f"{name} (its seal)", origin.seal.get(name), text)
        return rows

    def _compare(self, entry: BatchEntry, made: MemoryStep, stored: Iterator[Bar]) -> None:
        where = f"batch of step {entry.row.step}"
        batch = made.folded.batch
        bars = self._compare_bars(made, stored)
        if made.froze and made.frozen is not None:
            self._compare_quantiles(made.frozen)
        for key, book in self._books.items():
            book.step(made.books[key], bars)
        in_force = None if self._in_force is None else self._in_force.pk
        same(where, "quantiles", in_force, entry.row.quantiles_id)
        self._compare_batch(where, entry, batch)
        for quote in entry.row.quotes.all():
            self._compare_quote(where, quote, batch)

    def _compare_bars(self, made: MemoryStep, stored: Iterator[Bar]) -> BarKeys:
        """Compare the bars that a step closed, in the order in which they were written.

        Return the keys of the fast ones.
        """
        keys: dict[tuple[int, datetime], int] = {}
        for token_id, closed in made.folded.closed.items():
            for bar in closed:
                row = bar_row(self.market.pk, token_id, bar, made.market_time)
                where = f"bar of token {token_id} from {row.start.isoformat()} ({row.seconds} s)"
                found = next(stored, None)
                if found is None:
                    raise Mismatch(Difference(where, "row", "a closed bar", "nothing"))
                same_rows(where, row, found)
                if not bar.slow:
                    self._newest[token_id] = keys[token_id, bar.bar.end] = found.pk
        return keys

    def _compare_quantiles(self, frozen: Frozen) -> None:
        where = f"quantiles frozen at {frozen.at.isoformat()}"
        row = next(self._quantiles, None)
        if row is None:
            raise Mismatch(Difference(where, "row", "201 quantiles", "nothing"))
        same(where, "frozen_at", frozen.at, row.frozen_at)
        same(where, "sample_size", frozen.sample_size, row.sample_size)
        same(where, "points", [str(point) for point in frozen.points], row.points)
        self._in_force = row

    def _compare_batch(self, where: str, entry: BatchEntry, batch: Batch) -> None:
        row, gas = entry.row, batch.gas
        quoted = set(batch.quotes)
        for name, replayed in (
            ("market", self.market.pk),
            ("native_price_usd", batch.native_price_usd),
            ("base_fee_wei", gas.base_fee_wei),
            ("priority_fee_wei", gas.priority_fee_wei),
            ("l1_base_fee_wei", gas.l1_base_fee_wei),
            ("l1_blob_base_fee_wei", gas.l1_blob_base_fee_wei),
            ("missing", _symbols(entry, quoted)),
        ):
            same(where, name, replayed, getattr(row, "market_id" if name == "market" else name))

    def _compare_quote(self, where: str, row: Quote, batch: Batch) -> None:
        named = f"{where} quote of token {row.token_id}"
        same(named, "sigma_annual", batch.sigma_annual.get(row.token_id), row.sigma_annual)
        same(named, "bar", self._newest.get(row.token_id), row.bar_id)


def _series(row: MarketToken) -> Series:
    return Series.from_json(row.series) if row.series else Series()


def _symbols(entry: BatchEntry, quoted: set[int]) -> list[str]:
    """Return the listed symbols without a quote, as a batch names them."""
    missing = (one.token for one in entry.tokens if one.token.id not in quoted)
    return [token.symbol for token in missing]
