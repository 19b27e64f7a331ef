"""An explained decision as lines of at most 80 columns, and as JSON."""

import textwrap
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.bot.explanation import Explanation
from paper_trading.engine.decision import Gate, SignalReading
from paper_trading.engine.enums import Action, TradeStatus
from paper_trading.engine.words import number_of
from paper_trading.intelligence.decision_json import decision_to_json
from paper_trading.intelligence.p_win import in_words
from paper_trading.intelligence.signals import AGREEMENT
from paper_trading.models import PaperTrade

#: Characters of a bar on each side of zero, and the contribution that fills it.
_HALF = 12
_FULL = Decimal("0.1")
_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
#: Fields of a decision that have a place of their own.
_SHOWN = {"token_id", "symbol", "action", "code", "level", "signals", "gates", "inputs"}


def lines(found: Explanation, *, colour: bool) -> Iterator[str]:
    """Yield an explanation line by line; `colour` is for terminals."""
    yield from _tick(found)
    yield from _inputs(found)
    yield from _signals(found, colour)
    yield from _families(found)
    yield from _gates(found)
    made = found.decision
    yield f"Conclusion  {made.action.value} {made.code.value}"
    yield f"  {made.code.text}"
    if (words := in_words(made)) != "":
        yield from (f"  {line}" for line in textwrap.wrap(words, 76))
    yield from _orders(found)
    yield from _levels(found)


def as_json(found: Explanation) -> dict[str, Any]:
    """Return an explanation as one JSON object; numbers are strings, nothing is rounded."""
    made, evidence = found.decision, found.evidence
    quote = None if evidence is None else evidence.quote
    bar = None if evidence is None else evidence.bar
    quantiles = found.quantiles
    return {
        "tick": found.tick.pk,
        "session": found.tick.session_id,
        "number": found.tick.number,
        "market_time": _moment(found.tick.market_time),
        "program": found.tick.program,
        "decision": decision_to_json(made),
        "text": made.code.text,
        "quote": None if quote is None else _plain(quote, ("token",)),
        "bar": None if bar is None else {**_plain(bar.bar), "end": _moment(bar.bar.end)},
        "quantiles": None
        if quantiles is None
        else {
            "id": quantiles.pk,
            "frozen_at": _moment(quantiles.frozen_at),
            "sample_size": quantiles.sample_size,
        },
        "experience": found.tick.experience_id,
        "levels": [
            {
                "level": one.level,
                "action": one.action.value,
                "code": one.code.value,
                "missed": None if one.missed is None else one.missed.name,
            }
            for one in found.levels
        ],
        "trades": [_trade(row) for row in found.trades],
    }


def _plain(value: Any, leave: tuple[str, ...] = ()) -> dict[str, Any]:
    named = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in leave}
    return {name: _json(given) for name, given in named.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    return str(value) if isinstance(value, Decimal) else value


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _trade(row: PaperTrade) -> dict[str, Any]:
    names = ("stage", "side", "status", "code", "exit_reason", "limit")
    numbers = ("asked_usd", "allowed_usd", "shortfall_usd", "gas_usd", "realized_usd")
    return {
        **{name: str(getattr(row, name)) for name in names},
        **{name: _json(getattr(row, name)) for name in numbers},
    }


def _tick(found: Explanation) -> Iterator[str]:
    row = found.tick
    yield f"{found.decision.symbol} at tick {row.pk}: session {row.session_id}, number {row.number}"
    yield f"  market time {row.market_time:%Y-%m-%d %H:%M:%S}, level {found.decision.level}"
    yield f"  program     {row.program}"


def _inputs(found: Explanation) -> Iterator[str]:
    evidence, inputs, now = found.evidence, found.decision.inputs, found.tick.market_time
    if evidence is None or inputs is None or now is None:
        yield "Inputs      nothing was looked at"
        return
    yield "Inputs"
    quote, closed, ranked = evidence.quote, evidence.bar, found.quantiles
    if quote is None:
        yield "  quote       none"
    else:
        yield f"  quote       {_number(quote.price_usd)} USD from {quote.source},"
        yield f"              {_when(quote.observed_at, now)}, pool {_usd(quote.liquidity_usd)}"
    if closed is None:
        yield "  bar         none"
    else:
        bar = closed.bar
        yield f"  bar         {bar.start:%Y-%m-%d %H:%M} to {bar.end:%H:%M}, {_age(bar.end, now)}"
    if ranked is None:
        yield "  quantiles   none: too few scores"
    else:
        yield f"  quantiles   set {ranked.pk}, {number_of(ranked.sample_size, 'score')},"
        yield f"              frozen {_when(ranked.frozen_at, now)}"
    cost = _number(evidence.round_trip_percent)
    yield f"  round trip  {cost} % of {_usd(inputs.notional_usd)}"
    outcome, known = evidence.outcome, evidence.experience
    frozen = "nothing frozen yet" if known is None else f"frozen {_when(known.frozen_at, now)}"
    matured = f"{number_of(outcome.n, 'set-up')} of {number_of(outcome.days, 'day')}"
    yield f"  outcomes    {matured},"
    yield f"              {frozen}"
    held = inputs.held_since
    position = "flat" if held is None else f"held since {_when(held, now)}"
    yield f"  account     state version {inputs.state_version}, {position}"


def _when(at: datetime, now: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}, {_age(at, now)}"


def _age(at: datetime, now: datetime) -> str:
    return f"{int((now - at).total_seconds()):,} s old"


def _number(value: Decimal | None) -> str:
    """Write a number in full where that is short, else with 12 significant digits."""
    if value is None:
        return "unknown"
    plain = f"{value.normalize():f}"
    return plain if len(plain) <= 24 else f"{value:.12g}"


def _usd(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:,.2f} USD"


def _signals(found: Explanation, colour: bool) -> Iterator[str]:
    if not found.decision.signals:
        yield "Signals     none"
        return
    yield f"{'Signals':<24}{'reading':>9}{'weight':>8}{'adds':>9}  {'-':<{_HALF}}|{'+':>{_HALF}}"
    for one in found.decision.signals:
        figures = f"{one.reading:>9.4f}{one.weight:>8.4f}{one.contribution:>9.5f}"
        yield f"  {one.name[:22]:<22}{figures}  {bar_of(one.contribution, colour=colour)}"
    score = found.decision.score
    yield f"  {'score':<22}{'':>17}{'unknown' if score is None else f'{score:.5f}':>9}"


def bar_of(contribution: Decimal, *, colour: bool) -> str:
    """Draw a contribution to the left or right of zero; a tenth or more fills its side."""
    size = int((min(abs(contribution), _FULL) / _FULL * _HALF).to_integral_value())
    down = "#" * size if contribution < 0 else ""
    up = "#" * size if contribution > 0 else ""
    left, right = f"{down:>{_HALF}}", f"{up:<{_HALF}}"
    if colour:
        left, right = f"{_RED}{left}{_PLAIN}", f"{_GREEN}{right}{_PLAIN}"
    return f"{left}|{right}".rstrip() if not colour else f"{left}|{right}"


def _families(found: Explanation) -> Iterator[str]:
    by_family: dict[str, list[SignalReading]] = {}
    for one in found.decision.signals:
        by_family.setdefault(one.family.value, []).append(one)
    if by_family:
        agreeing = found.decision.families_agreeing
        yield f"Families    {'unknown' if agreeing is None else agreeing} agree (above {AGREEMENT})"
    for family, members in by_family.items():
        total = sum((one.contribution for one in members), Decimal(0))
        mean = total / sum((one.weight for one in members), Decimal(0))
        yield f"  {family:<16}{mean:>9.4f}  {'agrees' if mean > AGREEMENT else ''}".rstrip()


def _gates(found: Explanation) -> Iterator[str]:
    made = found.decision
    yield "Gates" if made.gates else "Gates       not asked"
    for gate in made.gates:
        yield f"  {_gate(gate)}"
    yield "Figures"
    for one in fields(made):
        value = getattr(made, one.name)
        if one.name not in _SHOWN and value is not None:
            yield from _figure(one.name, value)


def _gate(gate: Gate) -> str:
    side = "at most" if gate.name == "cost" else "at least"
    met = "met" if gate.met else "missed"
    return f"{gate.name:<12}{_number(gate.actual):>20}  {side} {_number(gate.threshold):<8}{met}"


def _figure(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Decimal | int):
        yield f"  {name:<24}{_number(Decimal(value))}"
        return
    for one in fields(value):
        part = getattr(value, one.name)
        shown = "none" if part is None else str(part)
        if isinstance(part, Decimal | int):
            shown = _number(Decimal(part))
        yield f"  {f'{name} {one.name}':<24}{shown}"


def _orders(found: Explanation) -> Iterator[str]:
    if not found.trades:
        asked = found.decision.action in (Action.BUY, Action.SELL)
        why = "the tick did not execute it" if asked else "none was asked for"
        yield f"Order       none: {why}"
        return
    for row in found.trades:
        yield f"Order       {row.side} {row.status} {row.code} in stage {row.stage}"
        yield f"  size      asked {_usd(row.asked_usd)}, allowed {_usd(row.allowed_usd)}"
        yield f"  limit     {row.limit or 'none'}"
        if row.status == TradeStatus.FILLED:
            cost = f"shortfall {_usd(row.shortfall_usd)}, gas {_usd(row.gas_usd)}"
            yield f"  filled    in {row.amount_in}, out {row.amount_out}"
            yield f"            {cost}"


def _levels(found: Explanation) -> Iterator[str]:
    if not found.levels:
        return
    yield "Levels      on the same evidence"
    for one in found.levels:
        missed = "" if one.missed is None else f"first missed: {one.missed.name}"
        own = "*" if one.level == found.decision.level else " "
        yield f" {own}{one.level:>3}  {one.action.value:<5}{one.code.value:<20}{missed}".rstrip()
