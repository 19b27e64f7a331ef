"""Decisions and signal readings as compact JSON: numbers are strings, nothing is lost."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import (
    Decision,
    DecisionInputs,
    Gate,
    SignalReading,
    Twin,
)
from paper_trading.engine.enums import Action, Family
from paper_trading.intelligence.experience_json import p_win_from_json, p_win_to_json

_NUMBERS = (
    "score",
    "confidence",
    "outcome_percent",
    "expected_move_percent",
    "round_trip_percent",
)

_COUNTS = ("families_agreeing", "outcome_n", "outcome_days")


def signals_to_json(signals: Iterable[SignalReading]) -> list[list[str]]:
    """Return readings as rows of name, family, reading, weight, contribution."""
    return [
        [s.name, s.family.value, str(s.reading), str(s.weight), str(s.contribution)]
        for s in signals
    ]


def signals_from_json(rows: Iterable[Sequence[str]]) -> tuple[SignalReading, ...]:
    """Return the readings that `signals_to_json` wrote."""
    return tuple(
        SignalReading(name, Family(family), Decimal(value), Decimal(weight), Decimal(part))
        for name, family, value, weight, part in rows
    )


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as a dict of JSON values; what is None is left out."""
    data: dict[str, Any] = {
        "token_id": decision.token_id,
        "symbol": decision.symbol,
        "action": decision.action.value,
        "code": decision.code.value,
        "level": decision.level,
        "signals": signals_to_json(decision.signals),
        "gates": [_gate_to_json(gate) for gate in decision.gates],
    }
    for name in _NUMBERS:
        number: Decimal | None = getattr(decision, name)
        if number is not None:
            data[name] = str(number)
    for name in _COUNTS:
        count: int | None = getattr(decision, name)
        if count is not None:
            data[name] = count
    if decision.p_win is not None:
        data["p_win"] = p_win_to_json(decision.p_win)
    if decision.twin is not None:
        twin = decision.twin
        rank = None if twin.confidence is None else str(twin.confidence)
        data["twin"] = [twin.action.value, twin.code.value, rank]
    if decision.inputs is not None:
        data["inputs"] = _inputs_to_json(decision.inputs)
    return data


def decision_from_json(data: Mapping[str, Any]) -> Decision:
    """Return the decision that `decision_to_json` wrote."""
    numbers = {name: Decimal(data[name]) if name in data else None for name in _NUMBERS}
    return Decision(
        token_id=data["token_id"],
        symbol=data["symbol"],
        action=Action(data["action"]),
        code=Code(data["code"]),
        level=data["level"],
        p_win=p_win_from_json(data["p_win"]) if "p_win" in data else None,
        twin=_twin_from_json(data["twin"]) if "twin" in data else None,
        signals=signals_from_json(data["signals"]),
        gates=tuple(_gate_from_json(row) for row in data["gates"]),
        families_agreeing=data.get("families_agreeing"),
        outcome_n=data.get("outcome_n"),
        outcome_days=data.get("outcome_days"),
        inputs=_inputs_from_json(data["inputs"]) if "inputs" in data else None,
        **numbers,
    )


def _twin_from_json(row: Sequence[Any]) -> Twin:
    action, code, rank = row
    return Twin(Action(action), Code(code), None if rank is None else Decimal(rank))


def _inputs_to_json(found: DecisionInputs) -> list[Any]:
    moments = (found.held_since, found.observed_at, found.bar_end)
    held, observed, ended = (None if one is None else one.isoformat() for one in moments)
    return [found.state_version, held, str(found.notional_usd), observed, ended, found.seal]


def _inputs_from_json(row: Sequence[Any]) -> DecisionInputs:
    version, held, notional, observed, ended, seal = row
    return DecisionInputs(
        state_version=version,
        held_since=_moment(held),
        notional_usd=Decimal(notional),
        observed_at=_moment(observed),
        bar_end=_moment(ended),
        seal=seal,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _gate_to_json(gate: Gate) -> list[Any]:
    actual = None if gate.actual is None else str(gate.actual)
    return [gate.name, str(gate.threshold), actual, gate.met]


def _gate_from_json(row: Sequence[Any]) -> Gate:
    name, threshold, actual, met = row
    return Gate(name, Decimal(threshold), None if actual is None else Decimal(actual), met)
