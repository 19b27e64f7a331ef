"""Vetoes in their order, and the numbers behind the gates."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.codes import Code
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.gates import (
    cost_percent,
    expected_move_percent,
    gates,
    lowest_level,
    veto,
)
from paper_trading.intelligence.levels import LEVELS, appetite
from tests.intelligence.samples import closed_bar, evidence

STRATEGY = Strategy()

# Each evidence misses one more thing than the next; the first veto wins.
SPOILED: list[tuple[Code, dict[str, object]]] = [
    (Code.PRICE_STALE, {"pricing": Code.PRICE_STALE}),
    (Code.PRICE_MISSING, {"quote": None}),
    (Code.BARS_WARMING_UP, {"bar": None}),
    (Code.CALIBRATING, {"quantiles": None}),
]


@pytest.mark.parametrize(("code", "change"), SPOILED)
def test_a_veto_has_its_code(code: Code, change: dict[str, object]) -> None:
    assert veto(replace(evidence(), **change), STRATEGY) is code  # type: ignore[arg-type]


def test_the_first_veto_in_order_wins() -> None:
    spoiled = evidence()
    for code, change in reversed(SPOILED):
        spoiled = replace(spoiled, **change)  # type: ignore[arg-type]
        assert veto(spoiled, STRATEGY) is code
    assert veto(spoiled, Strategy(blocked_tokens=("WETH",))) is Code.TOKEN_BLOCKED


def test_good_evidence_meets_no_veto() -> None:
    assert veto(evidence(), STRATEGY) is None


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy(allowed_tokens=("WETH", "UNI")), None),
        (Strategy(allowed_tokens=("UNI",)), Code.TOKEN_BLOCKED),
        (Strategy(blocked_tokens=("WETH",)), Code.TOKEN_BLOCKED),
        (Strategy(allowed_tokens=("WETH",), blocked_tokens=("WETH",)), Code.TOKEN_BLOCKED),
        (Strategy(blocked_tokens=("UNI",)), None),
    ],
)
def test_tokens_can_be_allowed_and_blocked(strategy: Strategy, expected: Code | None) -> None:
    assert veto(evidence(), strategy) is expected


@pytest.mark.parametrize(
    ("liquidity", "expected"),
    [("9999.99", Code.LIQUIDITY_LOW), ("10000", None), (None, Code.DEPTH_UNKNOWN)],
)
def test_liquidity_has_a_floor(liquidity: str | None, expected: Code | None) -> None:
    assert veto(evidence(liquidity=liquidity), STRATEGY) is expected


@pytest.mark.parametrize(("seconds", "expected"), [(900, None), (901, Code.BARS_WARMING_UP)])
def test_a_bar_that_ended_long_ago_is_not_evidence(seconds: int, expected: Code | None) -> None:
    known: Evidence = evidence()
    later = replace(known, market_time=known.market_time + timedelta(seconds=seconds))
    assert veto(later, STRATEGY) is expected


def test_a_bar_that_is_not_ready_is_not_evidence() -> None:
    assert veto(evidence(closed_bar(ready=False)), STRATEGY) is Code.BARS_WARMING_UP


def test_the_expected_move_is_sigma_over_the_longest_hold() -> None:
    # 80 % a year over one day and over four: 80 / sqrt(365), 160 / sqrt(365).
    assert expected_move_percent(closed_bar(), Decimal(24)) == Decimal("4.187391380722")
    four = expected_move_percent(closed_bar(), Decimal(96))
    assert four == Decimal("8.374782761443")
    assert expected_move_percent(None, Decimal(24)) is None
    assert expected_move_percent(replace(closed_bar(), sigma_annual=None), Decimal(24)) is None


@pytest.mark.parametrize(
    ("round_trip", "move", "expected"),
    [
        ("0.7", "3.5", "20"),
        ("0", "3.5", "0"),
        (None, "3.5", None),
        ("1", None, None),
        ("1", "0", None),
    ],
)
def test_the_cost_gate_knows_no_number_without_both_parts(
    round_trip: str | None, move: str | None, expected: str | None
) -> None:
    numbers = [None if text is None else Decimal(text) for text in (round_trip, move, expected)]
    assert cost_percent(numbers[0], numbers[1]) == numbers[2]


def test_thresholds_themselves_meet_the_gates() -> None:
    row = appetite(5)
    exact = gates(
        row,
        STRATEGY,
        confidence=Decimal(70),
        families=3,
        cost_percent=Decimal(22),
        outcome_percent=Decimal(24),
    )
    assert [gate.met for gate in exact] == [True] * 4
    past = gates(
        row,
        STRATEGY,
        confidence=Decimal("69.9999"),
        families=2,
        cost_percent=Decimal("22.000000000001"),
        outcome_percent=Decimal("23.999999999999"),
    )
    assert [gate.met for gate in past] == [False] * 4
    assert [gate.name for gate in past] == ["confidence", "families", "cost", "outcomes"]


def test_an_unknown_cost_misses_its_gate() -> None:
    found = gates(
        appetite(10),
        STRATEGY,
        confidence=Decimal(99),
        families=6,
        cost_percent=None,
        outcome_percent=Decimal(50),
    )
    assert (found[2].actual, found[2].met) == (None, False)


def test_the_strategys_threshold_replaces_the_levels() -> None:
    found = gates(
        appetite(1),
        Strategy(confidence_threshold=Decimal(40)),
        confidence=Decimal(41),
        families=6,
        cost_percent=Decimal(1),
        outcome_percent=Decimal(50),
    )
    assert (found[0].threshold, found[0].met) == (Decimal(40), True)


@given(
    st.integers(0, 1000),
    st.integers(0, 6),
    st.none() | st.integers(0, 800),
    st.none() | st.integers(0, 100),
)
def test_the_lowest_level_is_where_the_gates_of_evidence_begin_to_be_met(
    rank: int, families: int, cost: int | None, threshold: int | None
) -> None:
    confidence = Decimal(rank) / 10
    cost_percent = None if cost is None else Decimal(cost) / 10
    override = None if threshold is None else Decimal(threshold)
    strategy = Strategy(confidence_threshold=override)
    met = []
    for row in LEVELS:
        found = gates(
            row,
            strategy,
            confidence=confidence,
            families=families,
            cost_percent=cost_percent,
            outcome_percent=Decimal(0),
        )
        met.append(all(gate.met for gate in found[:3]))
    lowest = lowest_level(
        LEVELS, override, confidence=confidence, families=families, cost_percent=cost_percent
    )
    assert [lowest is not None and row.level >= lowest for row in LEVELS] == met
