"""Decisions survive JSON exactly."""

import json
from datetime import UTC
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision, DecisionInputs, Gate, PWin, SignalReading, Twin
from paper_trading.engine.enums import Action, Family
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.decision_json import (
    decision_from_json,
    decision_to_json,
    signals_from_json,
    signals_to_json,
)
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from tests.intelligence.samples import evidence

numbers = st.decimals("-1000", "1000", places=12)
maybe = st.none() | numbers
signals = st.builds(
    SignalReading, st.text(max_size=8), st.sampled_from(Family), numbers, numbers, numbers
)
gates = st.builds(Gate, st.text(max_size=8), numbers, maybe, st.booleans())
counts = st.integers(0, 10**6)
p_wins = st.builds(PWin, maybe, numbers, numbers, numbers, counts, counts, numbers)
# In UTC no moment comes twice.
moments = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda one: one.replace(fold=0))
inputs = st.builds(
    DecisionInputs,
    state_version=counts,
    held_since=moments,
    notional_usd=numbers,
    observed_at=moments,
    bar_end=moments,
    seal=st.text("0123456789abcdef", max_size=12),
)
decisions = st.builds(
    Decision,
    token_id=st.integers(1, 10**9),
    symbol=st.text(max_size=8),
    action=st.sampled_from(Action),
    code=st.sampled_from(Code),
    level=st.integers(1, 10),
    score=maybe,
    confidence=maybe,
    outcome_percent=maybe,
    expected_move_percent=maybe,
    round_trip_percent=maybe,
    families_agreeing=st.none() | st.integers(0, 6),
    outcome_n=st.none() | st.integers(0, 10**6),
    outcome_days=st.none() | st.integers(0, 30),
    p_win=st.none() | p_wins,
    twin=st.none() | st.builds(Twin, st.sampled_from(Action), st.sampled_from(Code), maybe),
    inputs=st.none() | inputs,
    signals=st.lists(signals, max_size=3).map(tuple),
    gates=st.lists(gates, max_size=3).map(tuple),
)


@given(decisions)
def test_a_decision_comes_back_to_the_digit(decision: Decision) -> None:
    again = decision_from_json(json.loads(json.dumps(decision_to_json(decision))))
    assert again == decision
    assert repr(again) == repr(decision)


@given(st.lists(signals, max_size=5))
def test_readings_come_back_to_the_digit(rows: list[SignalReading]) -> None:
    assert signals_from_json(json.loads(json.dumps(signals_to_json(rows)))) == tuple(rows)


def test_what_is_unknown_is_left_out_and_numbers_are_text() -> None:
    data = decision_to_json(Decision(1, "UNI", Action.SKIP, Code.PRICE_MISSING, 5))
    assert data == {
        "token_id": 1,
        "symbol": "UNI",
        "action": "SKIP",
        "code": "PRICE_MISSING",
        "level": 5,
        "signals": [],
        "gates": [],
    }
    full = decision_to_json(IntelSliderEngine(5, Strategy()).decide(evidence()))
    assert full["confidence"] == "99.5000"
    assert Decimal(full["gates"][0][1]) == 70
    assert "float" not in {type(value).__name__ for value in full.values()}
