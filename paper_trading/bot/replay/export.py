"""The inputs of a replay, read from rows into frozen values: journal, batches, genesis."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from paper_trading.bot import journal
from paper_trading.bot.replay.checks import NoJournal, same, sealed
from paper_trading.engine.depth import depth_from_json
from paper_trading.engine.enums import PriceVerdict, Stage
from paper_trading.intelligence.inputs import TickInputs, program
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.intelligence.observed import (
    SourceQuote,
    SourceStep,
    beside_from_json,
    step_seal,
)
from paper_trading.models import (
    AccountEvent,
    FeedMode,
    Market,
    MarketGenesis,
    PaperTradingSession,
    PriceBatch,
    StrategyVersion,
    Tick,
    TickStatus,
    TokenList,
)
from paper_trading.services import genesis
from paper_trading.services.market_rows import listed_from_json, token_list_seal
from paper_trading.services.price_feed_service import live_step_of

#: Ticks, or batches, that are read at once.
PORTION = 200

#: What only live sources say of a quote, as others leave it.
_PLAIN = {"verdict": PriceVerdict.FRESH, "pool": "", "block": None, "depth": None, "beside": ()}
_ORDER = {stage: rank for rank, stage in enumerate(Stage)}
#: Stages that read an account, each with the version that it read.
_READING = (Stage.AUTO_CLOSE, Stage.ANALYSIS, Stage.EXECUTION, Stage.METRICS)


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A stage that was done, or a chunk of the analysis."""

    stage: Stage
    chunk: int
    #: Version of the account's state that it read.
    version: int


@dataclass(frozen=True, slots=True)
class TickEntry:
    """What a tick read, and how far it came."""

    row: Tick
    inputs: TickInputs
    stages: tuple[StageEntry, ...]

    @property
    def where(self) -> str:
        """Name the tick for a message."""
        return f"session {self.row.session_id} tick {self.row.number}"

    def did(self, stage: Stage) -> bool:
        """Say whether a stage was done."""
        return any(entry.stage is stage for entry in self.stages)


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """What a source said at a step, with the tokens as they stood."""

    row: PriceBatch
    step: SourceStep
    tokens: tuple[ListedToken, ...]


def genesis_of(market: Market) -> MarketGenesis:
    """Return where a market's replay begins.

    :raises NoJournal: when the market was back-filled before geneses were kept.
    """
    found = MarketGenesis.objects.filter(market=market).first()
    if found is None:
        raise NoJournal(
            f"{market.name} has no genesis: it was back-filled before the journal was kept"
        )
    try:
        genesis.series_of(found)
    except (KeyError, TypeError, ValueError) as error:
        raise NoJournal(f"genesis of {market.name}: heads cannot be read: {error}") from error
    return found


def first_tokens(market: Market) -> tuple[ListedToken, ...] | None:
    """Return a market's tokens as they stood at its back-fill; None when none were kept."""
    found = market.token_lists.order_by("number").first()
    return None if found is None else _tokens(found)


def events_of(account_id: int) -> list[AccountEvent]:
    """Return what happened to an account outside of its ticks, in order, seals checked."""
    found = list(AccountEvent.objects.filter(account=account_id).order_by("version"))
    for event in found:
        where = f"account {account_id} event at version {event.version}"
        sealed(where, event.seal, journal.event_columns(event))
    return found


def ticks_of(session: PaperTradingSession) -> Iterator[TickEntry]:
    """Yield the numbered ticks of a session in order, checked against their seals.

    A tick that is still open is not in it, nor is one that read nothing.
    """
    where = f"session {session.pk}"
    sealed(where, session.seal, journal.session_columns(session))
    strategies: dict[int, StrategyVersion] = {}
    numbers = _numbers(session)
    rows = session.ticks.filter(number__isnull=False).exclude(status=TickStatus.OPEN)
    for portion in _portions(rows.order_by("number").values_list("pk", flat=True)):
        ticks = Tick.objects.filter(pk__in=portion).select_related("strategy_version")
        for row in ticks.prefetch_related("stages").order_by("number"):
            entry = _tick(session, row, strategies)
            same(entry.where, "number", next(numbers), row.number)
            yield entry


def tick_of(row: Tick) -> TickEntry:
    """Return one tick, its session, strategy and journal checked against their seals."""
    session = row.session
    sealed(f"session {session.pk}", session.seal, journal.session_columns(session))
    return _tick(session, row, {})


def batch_of(row: PriceBatch) -> BatchEntry:
    """Return one batch, its tokens and quotes checked against their seals."""
    return _batch(row, {})


def batches_of(market: Market, first: int, last: int) -> Iterator[BatchEntry]:
    """Yield the batches of a market's steps in order, checked against their seals."""
    lists: dict[int, tuple[ListedToken, ...]] = {}
    rows = market.batches.filter(step__gte=first, step__lte=last).order_by("step")
    for portion in _portions(rows.values_list("pk", flat=True)):
        batches = PriceBatch.objects.filter(pk__in=portion).select_related("token_list")
        for row in batches.prefetch_related("quotes").order_by("step"):
            yield _batch(row, lists)


def _numbers(session: PaperTradingSession) -> Iterator[int]:
    """Yield the numbers of a session's ticks; one that found no prices has lost its own."""
    if session.account.market.mode == FeedMode.LIVE:
        opened = session.ticks.filter(step__isnull=False).order_by("pk")
        kept = opened.values_list("number", flat=True)
        return (rank for rank, number in enumerate(kept, 1) if number is not None)
    unread = session.ticks.filter(number=None, step__isnull=False).values_list("step", flat=True)
    without = set(unread)
    return (number for number in count(1) if session.start_step + number - 1 not in without)


def _tick(
    session: PaperTradingSession, row: Tick, strategies: dict[int, StrategyVersion]
) -> TickEntry:
    where = f"session {session.pk} tick {row.number}"
    version = row.strategy_version
    if version is None or row.intel_level is None:
        raise NoJournal(f"{where} names no strategy version or level")
    if version.pk not in strategies:
        sealed(f"strategy {version}", version.seal, version.parameters)
        strategies[version.pk] = version
    inputs = TickInputs(
        seed=session.seed,
        level=row.intel_level,
        strategy=version.as_strategy(),
        entries_paused=row.entries_paused,
        halted=row.halted,
        manual_closes=frozenset(row.manual_closes),
    )
    entry = TickEntry(row, inputs, _stages(where, row))
    if entry.did(Stage.AUTO_CLOSE):
        known = program(session.account.market.signals)
        if row.seal and row.program != known:
            raise NoJournal(f"{where}: its program was {row.program}, this one is {known}")
        sealed(where, row.seal, journal.tick_columns(row, row.manual_closes))
    same(where, "step", _step(session, row), row.step)
    return entry


def _step(session: PaperTradingSession, row: Tick) -> int:
    """Return the step that a tick of a session reads."""
    market = session.account.market
    if market.mode == FeedMode.LIVE:
        return live_step_of(row.opened_at, market.step_seconds)
    return session.start_step + (row.number or 0) - 1


def _stages(where: str, row: Tick) -> tuple[StageEntry, ...]:
    found: list[StageEntry] = []
    for done in row.stages.all():
        stage = Stage(done.stage)
        if stage not in _READING:
            continue
        if done.state_version is None:
            raise NoJournal(f"{where} stage {stage} names no state version")
        found.append(StageEntry(stage, done.chunk, done.state_version))
    # A chunk may have read the account after a deposit that an earlier chunk did not see yet.
    ordered = tuple(
        sorted(found, key=lambda entry: (_ORDER[entry.stage], entry.version, entry.chunk))
    )
    for entry in ordered:
        if entry.stage is not Stage.ANALYSIS:
            same(f"{where} stage {entry.stage}", "chunk", 0, entry.chunk)
    return ordered


def _batch(row: PriceBatch, lists: dict[int, tuple[ListedToken, ...]]) -> BatchEntry:
    where = f"batch of step {row.step}"
    if row.token_list is None:
        raise NoJournal(f"{where} names no token list")
    tokens = lists.get(row.token_list.pk)
    if tokens is None:
        tokens = lists[row.token_list.pk] = _tokens(row.token_list)
    step = _source_step(where, row, tokens)
    found, made = row.seal, step_seal(step, row.source, row.token_list.number)
    if not found:
        raise NoJournal(f"{where} has no seal: it was written before the journal was kept")
    for name in {**made, **found}:
        same(where, f"{name} (its seal)", found.get(name), made.get(name))
    if step.said is None:
        _same_plain(where, step)
    return BatchEntry(row, step, tokens)


def _same_plain(where: str, step: SourceStep) -> None:
    """Compare the columns that only live sources fill: of other batches no seal covers them."""
    same(where, "reasons", {}, step.reasons)
    for symbol, quote in step.quotes.items():
        for name, plain in _PLAIN.items():
            same(f"{where} quote of {symbol}", name, plain, getattr(quote, name))


def _tokens(row: TokenList) -> tuple[ListedToken, ...]:
    made = token_list_seal(row.tokens)
    for name in {**made, **row.seal}:
        same(f"token list {row.number}", f"{name} (its seal)", row.seal.get(name), made.get(name))
    return listed_from_json(row.tokens)


def _source_step(where: str, row: PriceBatch, tokens: Iterable[ListedToken]) -> SourceStep:
    symbols = {one.token.id: one.token.symbol for one in tokens}
    quotes: dict[str, SourceQuote] = {}
    for quote in row.quotes.all():
        if quote.token_id not in symbols:
            raise NoJournal(f"{where} quotes token {quote.token_id}, which its list does not have")
        symbol = symbols[quote.token_id]
        quotes[symbol] = SourceQuote(
            symbol=symbol,
            price_usd=quote.price_usd,
            liquidity_usd=quote.liquidity_usd,
            source=quote.source,
            start=_known(where, symbol, quote.start),
            observed_at=quote.observed_at,
            open=quote.price_usd if quote.open is None else quote.open,
            high=quote.price_usd if quote.high is None else quote.high,
            low=quote.price_usd if quote.low is None else quote.low,
            volume_usd=quote.volume_usd,
            verdict=PriceVerdict(quote.verdict),
            pool=quote.pool,
            block=quote.block,
            depth=depth_from_json(quote.depth),
            beside=beside_from_json(quote.others),
        )
    ordered = {symbol: quotes[symbol] for symbol in sorted(quotes)}
    return SourceStep(
        row.step, row.market_time, ordered, row.cash_price_usd, {}, row.reasons, row.said
    )


def _known(where: str, symbol: str, start: datetime | None) -> datetime:
    if start is None:
        raise NoJournal(f"{where} does not say when the bar of {symbol} began")
    return start


def _portions(keys: Iterable[int]) -> Iterator[list[int]]:
    ordered = list(keys)
    for first in range(0, len(ordered), PORTION):
        yield ordered[first : first + PORTION]
