"""What is remembered of a token survives JSON to the digit."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.trust import Check, Reading, TokenTrust
from paper_trading.engine.trust_json import (
    check_from_json,
    check_to_json,
    trust_from_json,
    trust_to_json,
)
from tests.engine.worlds import NOON

readings = st.builds(
    Reading,
    st.decimals("1e-36", "1e20", places=36),
    st.none() | st.decimals("0", "1e15", places=18),
    st.integers(0, 10**9).map(lambda passed: NOON + timedelta(microseconds=passed)),
    st.sampled_from(["", "0x" + "ab" * 20]),
    st.sampled_from([0, 0, 60]),
)
states = st.builds(
    TokenTrust,
    st.none() | readings,
    st.none() | readings,
    st.booleans(),
    st.integers(0, 100),
    st.sampled_from(PriceVerdict),
    st.integers(0, 100),
)


@given(states)
def test_a_state_comes_back_as_it_was(state: TokenTrust) -> None:
    assert trust_from_json(json.loads(json.dumps(trust_to_json(state)))) == state


def test_a_state_of_before_jumps_were_counted_is_read() -> None:
    data = trust_to_json(TokenTrust(absences=1))
    del data["jumps"]
    assert trust_from_json(data) == TokenTrust(absences=1)


def test_a_reading_that_is_of_one_time_is_written_as_before_there_were_others() -> None:
    reading = Reading(Decimal(1), None, NOON, "0xab")
    state = trust_to_json(TokenTrust(accepted=reading, pending=replace(reading, spread_seconds=9)))
    assert state["accepted"] == ["1", None, NOON.isoformat(), "0xab"]
    assert state["pending"] == ["1", None, NOON.isoformat(), "0xab", 9]


def test_a_check_comes_back_as_it_was() -> None:
    check = Check(Decimal("0.123456789012345678"), NOON)
    assert check_from_json(json.loads(json.dumps(check_to_json(check)))) == check


@pytest.mark.parametrize("name", ["accepted", "pending", "disputed", "absences", "standing"])
def test_what_was_not_written_is_refused(name: str) -> None:
    data = trust_to_json(replace(TokenTrust(), absences=1))
    del data[name]
    with pytest.raises(KeyError, match=name):
        trust_from_json(data)
