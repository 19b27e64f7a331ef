"""Explain one stored decision from the rows that it names, and prove it by making it again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paper_trading.bot.market_analyzer import thought_row
from paper_trading.bot.replay.checks import (
    Difference,
    Mismatch,
    NoJournal,
    same,
    same_decision,
    same_rows,
)
from paper_trading.bot.replay.export import TickEntry, batch_of, tick_of
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.analysis import evidence_of, judge, skipped
from paper_trading.intelligence.brackets import key_of
from paper_trading.intelligence.decision_inputs import changed, columns, facts_of
from paper_trading.intelligence.decision_json import decision_from_json, decision_to_json
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.experience import Experience
from paper_trading.intelligence.explanation import LevelVerdict, ten_levels
from paper_trading.intelligence.market_folding import gas_of
from paper_trading.intelligence.market_view import Listed, MarketView
from paper_trading.models import (
    FeedMode,
    FrozenExperience,
    InternalError,
    PaperAIThoughtLog,
    PaperTrade,
    PaperTradingSession,
    PriceBatch,
    ScoreQuantiles,
    Tick,
)
from paper_trading.services import set_up_rows, set_ups
from paper_trading.services.frozen_quantiles import quantiles_again
from paper_trading.services.market_view import read_view

#: What a row can raise that holds something no code wrote.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision with everything that stands behind it."""

    tick: Tick
    thought: PaperAIThoughtLog
    decision: Decision
    #: None when nothing was looked at: the token is the cash, is not traded, or failed inside.
    evidence: Evidence | None
    levels: tuple[LevelVerdict, ...]
    quantiles: ScoreQuantiles | None
    trades: tuple[PaperTrade, ...]


class Explainer:
    """Explains decisions; what several ticks share is made again once."""

    def __init__(self) -> None:
        self._frozen: set[tuple[str, int]] = set()
        self._rows: tuple[int, _TickRows] | None = None

    def thoughts(self, session: PaperTradingSession) -> Iterator[PaperAIThoughtLog]:
        """Yield every decision of a session in the order of its ticks."""
        keys = list(session.ticks.order_by("number").values_list("pk", flat=True))
        for key in keys:
            yield from thoughts_of(key)

    def explain(self, thought: PaperAIThoughtLog) -> Explanation:
        """Return a decision with its evidence, its levels and what became of it.

        :raises Mismatch: when the rows cannot be read as what they should be.
        :raises NoJournal: when they do not hold what is needed.
        """
        try:
            return _explained(_Made(thought, _TickRows(thought.tick)))
        except _UNREADABLE as error:
            raise _unreadable(thought, error) from error

    def verify(self, thought: PaperAIThoughtLog) -> None:
        """Make a decision again from the rows that it names and compare every field.

        :raises Mismatch: at the first field that differs, of the row or of an input.
        :raises NoJournal: when the rows do not hold what is needed.
        """
        try:
            made = _Made(thought, self._compared(thought))
            made.same_inputs()
            made.same_decision()
        except _UNREADABLE as error:
            raise _unreadable(thought, error) from error

    def _compared(self, thought: PaperAIThoughtLog) -> "_TickRows":
        """Return what the decisions of a tick share, compared once for all of them."""
        key = thought.tick_id
        if self._rows is None or self._rows[0] != key:
            rows = _TickRows(thought.tick)
            rows.same()
            self._same_quantiles(rows)
            self._same_experience(rows)
            self._rows = (key, rows)
        return self._rows[1]

    def _same_quantiles(self, rows: "_TickRows") -> None:
        """Freeze the quantiles that a tick ranked by again, each once."""
        batch, known = rows.batch, rows.batch.quantiles
        ranked = batch.market.quantiles.filter(frozen_at__lte=batch.market_time)
        newest = ranked.order_by("-frozen_at").first()
        same(f"batch of step {batch.step}", "quantiles", newest, known)
        if known is None or ("quantiles", known.pk) in self._frozen:
            return
        where, again = f"quantiles {known}", quantiles_again(known)
        if again is None:
            raise Mismatch(Difference(where, "points", "too few scores", "quantiles"))
        same_rows(where, again, known)
        self._frozen.add(("quantiles", known.pk))

    def _same_experience(self, rows: "_TickRows") -> None:
        """Freeze what a tick read of matured set-ups again, each once."""
        found = rows.entry.row.experience
        key = key_of(rows.entry.inputs.strategy)
        book = set_ups.find_book(rows.batch.market_id, key)
        in_force = None if book is None else set_ups.newest(book, rows.batch.market_time)
        same(rows.entry.where, "experience", in_force, found)
        if found is None or ("experience", found.pk) in self._frozen:
            return
        again = set_up_rows.experience_row(found.book_id, set_ups.frozen_again(found))
        same_rows(f"experience {found}", again, found)
        self._frozen.add(("experience", found.pk))


#: What a decision is read with.
_WITH = (
    "token",
    "tick__session__account__market",
    "tick__strategy_version",
    "tick__experience__book__market",
    "tick__batch__market",
    "tick__batch__quantiles",
    "tick__batch__token_list",
)


def thought_of(key: int) -> PaperAIThoughtLog:
    """Read a decision with its tick."""
    return PaperAIThoughtLog.objects.select_related(*_WITH).get(pk=key)


def thoughts_of(tick_id: int) -> list[PaperAIThoughtLog]:
    """Read the decisions of a tick by symbol."""
    rows = PaperAIThoughtLog.objects.select_related(*_WITH).filter(tick=tick_id)
    return list(rows.order_by("token__symbol"))


def _unreadable(thought: PaperAIThoughtLog, error: Exception) -> Mismatch:
    where = f"decision {thought.pk} of tick {thought.tick_id}"
    return Mismatch(Difference(where, "a row", "readable", repr(error)))


class _TickRows:
    """What all decisions of a tick share, read once and compared with its seals."""

    def __init__(self, tick: Tick) -> None:
        self.entry: TickEntry = tick_of(tick)
        if tick.batch is None:
            raise NoJournal(f"{self.entry.where} decided without a batch")
        self.batch: PriceBatch = tick.batch
        self.view: MarketView = read_view(tick.batch.pk)
        #: What the tick says was in force, past what is kept in the process.
        self.experience: Experience | None = None
        row: FrozenExperience | None = tick.experience
        if row is not None:
            self.experience = set_up_rows.experience_value(row)

    def same(self) -> None:
        """Compare what was said at the step, and whose it is."""
        row, batch, where = self.entry.row, self.batch, self.entry.where
        batch_of(batch)
        same(where, "market_time", batch.market_time, row.market_time)
        if batch.market.mode != FeedMode.LIVE:
            # Of a live market the newest batch may have stood in; the tick's seal names it.
            same(where, "step", batch.step, row.step)
        same(where, "market", row.session.account.market_id, batch.market_id)
        market = batch.market
        made = gas_of(batch.said, market.price_chain_id, market.seed, batch.market_time)
        for name in ("base_fee_wei", "priority_fee_wei", "l1_base_fee_wei", "l1_blob_base_fee_wei"):
            same(f"{where} batch", name, getattr(made, name), getattr(batch, name))


class _Made:
    """One decision, with what its rows say that it was made from."""

    def __init__(self, thought: PaperAIThoughtLog, rows: _TickRows) -> None:
        self.thought = thought
        self.rows = rows
        self.entry, self.view = rows.entry, rows.view
        self.where = f"{self.entry.where} decision on {thought.token.symbol}"
        self.decision = self._stored()
        self.listed = self._listed()

    def _stored(self) -> Decision:
        try:
            return decision_from_json(self.thought.evidence)
        except _UNREADABLE as error:
            same(self.where, "evidence", "a decision", repr(error))
            raise

    def _listed(self) -> Listed:
        for one in self.view.listed:
            if one.token.id == self.thought.token_id:
                return one
        raise Mismatch(Difference(self.where, "token", "a token of the batch", "another one"))

    def evidence(self) -> Evidence | None:
        """Gather the evidence again; None when nothing was looked at."""
        if self.decision.inputs is None:
            return None
        return evidence_of(
            self.entry.inputs.engine(),
            self.listed,
            self.view,
            facts_of(self.decision.inputs),
            self.rows.experience,
        )

    def same_inputs(self) -> None:
        """Compare every column that was read with its seal or with where it comes from."""
        self._same_bar()
        inputs = self.decision.inputs
        if inputs is None:
            return
        found = columns(self.listed, self.view.batch, facts_of(inputs))
        for name in changed(inputs.seal, found):
            value = str(found.get(name, inputs.seal))
            raise Mismatch(Difference(self.where, name, "a value with its seal", value))
        place = self.view.listed.index(self.listed) % max(1, self.entry.row.chunks_total)
        versions = [
            stage.version
            for stage in self.entry.stages
            if stage.stage is Stage.ANALYSIS and stage.chunk == place
        ]
        same(self.where, "state_version", versions, [inputs.state_version])

    def _same_bar(self) -> None:
        quote = (
            self.rows.batch.quotes.filter(token=self.thought.token_id).select_related("bar").first()
        )
        if quote is None or quote.bar is None:
            return
        bar = quote.bar
        same(self.where, "bar market", self.rows.batch.market_id, bar.market_id)
        same(self.where, "bar token", self.thought.token_id, bar.token_id)
        closed = self.listed.bar
        same(self.where, "bar closes_at", None if closed is None else closed.bar.end, bar.closes_at)

    def same_decision(self) -> None:
        """Decide again and compare every field, those of the row included."""
        made = self._again()
        same_decision(self.where, made, self.decision)
        names = (sorted(decision_to_json(made)), sorted(self.thought.evidence))
        same(self.where, "evidence", *names)
        wanted = thought_row(self.entry.row, made)
        same_rows(self.where, wanted, self.thought, skip=["evidence"])

    def _again(self) -> Decision:
        engine, inputs = self.entry.inputs.engine(), self.decision.inputs
        failed = InternalError.objects.filter(tick=self.thought.tick, token=self.thought.token)
        if self.decision.code is Code.INTERNAL_ERROR and failed.exists():
            return skipped(engine, self.listed, Code.INTERNAL_ERROR)
        if inputs is not None:
            return judge(engine, self.listed, self.view, facts_of(inputs), self.rows.experience)
        if self.listed.is_cash:
            return skipped(engine, self.listed, Code.TOKEN_IS_CASH)
        if not self.listed.tradable:
            return skipped(engine, self.listed, Code.TOKEN_BLOCKED)
        raise NoJournal(f"{self.where} names no inputs: it was made before they were kept")


def _explained(made: _Made) -> Explanation:
    evidence, strategy = made.evidence(), made.entry.inputs.strategy
    trades = PaperTrade.objects.filter(tick=made.thought.tick, token=made.thought.token)
    return Explanation(
        tick=made.entry.row,
        thought=made.thought,
        decision=made.decision,
        evidence=evidence,
        levels=() if evidence is None else ten_levels(evidence, strategy),
        quantiles=made.rows.batch.quantiles,
        trades=tuple(trades.order_by("stage", "sequence")),
    )


def find_tick(text: str) -> Tick:
    """Return the tick of an id, or of SESSION:NUMBER.

    :raises ValueError: when there is none, or the text is neither.
    """
    session, colon, number = text.partition(":")
    words = (session, number) if colon else (session,)
    if not all(word.isascii() and word.isdecimal() and len(word) <= 18 for word in words):
        raise ValueError(f"TICK was {text!r}; allowed are a tick's id, or SESSION:NUMBER")
    wanted: dict[str, Any] = {"pk": int(session)}
    if colon:
        wanted = {"session": int(session), "number": int(number)}
    found = Tick.objects.filter(**wanted).first()
    if found is None:
        raise ValueError(f"there is no tick {text}")
    return found


def find_thought(tick: Tick, token: str) -> PaperAIThoughtLog:
    """Return the decision of a tick on a token by its symbol or address, in any case.

    :raises ValueError: when the tick decided on no such token.
    """
    rows = list(PaperAIThoughtLog.objects.filter(tick=tick).select_related("token"))
    wanted = token.lower()
    for row in sorted(rows, key=lambda one: one.token.symbol.lower() != wanted):
        own = row.token
        if wanted and wanted in (
            own.symbol.lower(),
            own.address.lower(),
            own.price_address.lower(),
        ):
            return thought_of(row.pk)
    known = ", ".join(sorted(row.token.symbol for row in rows)) or "none: it decided on nothing"
    raise ValueError(f"TOKEN was {token!r}; tick {tick.pk} decided on {known}")
