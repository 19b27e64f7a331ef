"""The slider's decisions, and that the levels that buy are always {k..10}."""

import random
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision, Outcome, PWin, Twin
from paper_trading.engine.enums import Action, Family, PriceVerdict
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence import signals
from paper_trading.intelligence.brackets import key_of
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.experience import freeze
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.series import ClosedBar
from tests.intelligence.samples import EVEN, closed_bar, evidence
from tests.intelligence.set_up_samples import reading

STRATEGY = Strategy()


def decide(found: Evidence, level: int = 5, strategy: Strategy = STRATEGY) -> Decision:
    """Return one level's decision."""
    return IntelSliderEngine(level, strategy).decide(found)


def evidence_of(seed: int) -> Evidence:
    """Return evidence of any kind: flat and held, vetoed and not, most of it near the gates."""
    luck = random.Random(seed)

    def between(low: int, high: int) -> Decimal:
        return Decimal(luck.randint(low, high)).scaleb(-3)

    score = between(-300, 1100) if luck.random() < 0.8 else between(-1100, -700)
    bar = closed_bar(
        score=str(score),
        families=luck.randint(0, 6),
        sigma=str(between(300, 3000) if luck.random() < 0.95 else 0),
        ready=luck.random() < 0.95,
    )
    found = evidence(
        bar,
        pricing=Code.OK if luck.random() < 0.95 else Code.PRICE_STALE,
        liquidity="1000000" if luck.random() < 0.95 else "5",
        cost=str(between(0, 1500)) if luck.random() < 0.95 else None,
        held_seconds=luck.choice([None, 0, 299, 300, 9000]),
    )
    return replace(found, outcome=Outcome(between(0, 60_000), luck.randint(0, 500), 8))


# A seed rather than drawn parts: drawn numbers crowd at their bounds, far from the gates.
evidences = st.builds(evidence_of, st.integers(0, 2**40))
thresholds = st.none() | st.integers(0, 100).map(Decimal)


# Without a threshold, 10,000 rows are judged in `test_up_set`.
@settings(max_examples=400, deadline=None)
@given(evidences, thresholds)
def test_the_levels_that_buy_are_an_up_set(found: Evidence, threshold: Decimal | None) -> None:
    strategy = Strategy(confidence_threshold=threshold)
    decisions = [decide(found, level, strategy) for level in range(1, 11)]
    buying = [decision.action is Action.BUY for decision in decisions]
    assert buying == sorted(buying)
    # What is true is the same for all: sells, skips, and every number but the thresholds.
    for action in (Action.SELL, Action.SKIP):
        assert len({decision.action is action for decision in decisions}) == 1
    plain = {
        replace(decision, level=1, action=Action.HOLD, code=Code.OK, gates=(), twin=None)
        for decision in decisions
    }
    assert len(plain) == 1
    assert len({tuple(gate.actual for gate in decision.gates) for decision in decisions}) == 1


@settings(max_examples=300, deadline=None)
@given(evidences, st.integers(1, 10))
def test_a_decision_follows_from_its_own_row(found: Evidence, level: int) -> None:
    decision = decide(found, level)
    if decision.action is Action.SKIP:
        assert decision.gates == ()
        assert decision.confidence is None
        return
    assert [gate.name for gate in decision.gates] == ["confidence", "families", "cost", "outcomes"]
    met = all(gate.met for gate in decision.gates)
    assert met == (decision.action is Action.BUY) == (decision.code is Code.OK)
    if decision.action is Action.SELL:
        assert decision.code is Code.SIGNAL_EXIT
    for name in (field.name for field in fields(decision)):
        assert not isinstance(getattr(decision, name), float)


def test_every_gate_met_is_a_buy_for_all_levels() -> None:
    assert {decide(evidence(), level).action for level in range(1, 11)} == {Action.BUY}


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (evidence(closed_bar("0.39", 2), cost="9"), Code.CONFIDENCE_LOW),
        (evidence(closed_bar("0.40", 2), cost="9"), Code.FAMILIES_DISAGREE),
        (evidence(closed_bar("0.40", 3), cost="9"), Code.COST_HIGH),
        (evidence(closed_bar("0.40", 3), cost=None), Code.COST_HIGH),
        (
            replace(
                evidence(closed_bar("0.40", 3)),
                outcome=Outcome(Decimal("23.999999999999"), 40, 20),
            ),
            Code.OUTCOMES_POOR,
        ),
        (evidence(closed_bar("0.40", 3)), Code.OK),
    ],
)
def test_the_first_missed_gate_names_the_code(found: Evidence, code: Code) -> None:
    decision = decide(found)
    assert decision.code is code
    assert decision.action is (Action.BUY if code is Code.OK else Action.HOLD)
    assert len(decision.gates) == 4


def test_confidence_is_the_rank_of_the_score() -> None:
    decision = decide(evidence(closed_bar("0.4", 3)))
    assert decision.score == Decimal("0.4")
    assert decision.confidence == Decimal(70)


def test_a_held_position_is_kept_or_added_to() -> None:
    kept = decide(evidence(closed_bar("0.39", 3), held_seconds=9000))
    assert (kept.action, kept.code) == (Action.HOLD, Code.POSITION_HELD)
    added = decide(evidence(held_seconds=9000))
    assert (added.action, added.code) == (Action.BUY, Code.OK)


def disputed(found: Evidence) -> Evidence:
    assert found.quote is not None
    return replace(found, quote=replace(found.quote, verdict=PriceVerdict.DISPUTED))


def test_a_disputed_price_stops_an_entry_and_no_exit() -> None:
    entry = decide(disputed(evidence()))
    assert (entry.action, entry.code) == (Action.HOLD, Code.PRICE_DISPUTED)
    missed = decide(disputed(evidence(closed_bar("0.39", 3))))
    assert missed.code is Code.CONFIDENCE_LOW
    held = decide(disputed(evidence(held_seconds=9000)))
    assert (held.action, held.code) == (Action.HOLD, Code.POSITION_HELD)
    turned = decide(disputed(evidence(closed_bar("-0.8", 1), held_seconds=9000)))
    assert (turned.action, turned.code) == (Action.SELL, Code.SIGNAL_EXIT)


@pytest.mark.parametrize(
    ("score", "families", "held", "action"),
    [
        ("-0.8", 1, 300, Action.SELL),
        ("-0.8", 0, 9000, Action.SELL),
        ("-0.799", 1, 9000, Action.HOLD),
        ("-0.8", 2, 9000, Action.HOLD),
        ("-0.8", 1, 299, Action.HOLD),
        ("-0.8", 1, None, Action.HOLD),
    ],
)
def test_evidence_against_a_position_sells_it_at_every_level(
    score: str, families: int, held: int | None, action: Action
) -> None:
    found = evidence(closed_bar(score, families), held_seconds=held)
    assert {decide(found, level).action for level in range(1, 11)} == {action}


def test_a_skip_still_says_what_is_known() -> None:
    found = replace(evidence(), quantiles=None)
    decision = decide(found)
    assert (decision.action, decision.code) == (Action.SKIP, Code.CALIBRATING)
    assert decision.score == Decimal("0.99")
    assert decision.families_agreeing == 5
    assert decision.round_trip_percent == Decimal("0.3")
    assert decision.expected_move_percent is not None
    assert decision.confidence is None


@pytest.mark.parametrize("level", [0, 11])
def test_an_unknown_level_makes_no_engine(level: int) -> None:
    with pytest.raises(ValueError, match=f"intel level was {level}"):
        IntelSliderEngine(level, STRATEGY)


def test_the_banner_states_the_numbers_that_act() -> None:
    engine = IntelSliderEngine(8, STRATEGY)
    lines = engine.describe()
    assert lines["Intel level"] == "8 of 10"
    assert lines["Confidence"] == "at least 55 %"
    assert lines["MEV protection"] == "off"
    assert lines["Cool-down"] == "20 minutes, adds 2"
    override = IntelSliderEngine(8, Strategy(confidence_threshold=Decimal(40))).describe()
    assert override["Confidence"] == "at least 40 % (set by the strategy)"
    assert engine.appetite.level == 8


def learned(found: Evidence, weights: dict[str, Decimal], points: bool = True) -> Evidence:
    """Return an evidence whose level 10 has learned weights, ranked among even scores."""
    made = freeze(key_of(STRATEGY), found.market_time, [], [], weights)
    return replace(found, experience=replace(made, points=EVEN if points else None))


def signalled() -> Evidence:
    """Return an evidence of two families: at base weights its score is 0, half of all."""
    both = (
        reading("a", "0.8", "0.5", Family.TREND),
        reading("b", "-0.8", "0.5", Family.FLOW),
    )
    bar = replace(closed_bar("0", 1), signals=both)
    return evidence(bar)


def test_only_the_learning_level_learns_and_its_twin_keeps_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two signals are all that there are, so that the families can be counted.
    monkeypatch.setattr(signals, "SIGNALS", signals.SIGNALS[:2])
    monkeypatch.setattr(signals, "_NAMES", frozenset({"a", "b"}))
    weights = {"a": Decimal("0.75"), "b": Decimal("0.25")}
    found = learned(signalled(), weights)
    plain = decide(replace(found, experience=None), 10)
    assert plain.confidence == Decimal(50)
    assert plain.twin == Twin(plain.action, plain.code, Decimal(50))
    for level in range(1, 10):
        assert decide(found, level) == replace(
            decide(replace(found, experience=None), level), p_win=plain_p_win(found)
        )
    made = decide(found, 10)
    assert (made.score, made.confidence) == (Decimal("0.4"), Decimal(70))
    assert [(one.weight, one.contribution) for one in made.signals] == [
        (Decimal("0.75"), Decimal("0.6")),
        (Decimal("0.25"), Decimal("-0.2")),
    ]
    assert made.twin == plain.twin
    # How such set-ups went is the market's: it is looked up by the base rank.
    assert made.p_win == plain_p_win(found)


def plain_p_win(found: Evidence) -> PWin | None:
    """Return the figures of the bin of rank 50."""
    return None if found.experience is None else found.experience.p_win(Decimal(50))


def test_until_learned_scores_can_be_ranked_level_10_decides_by_base_weights() -> None:
    weights = {"a": Decimal("0.75"), "b": Decimal("0.25")}
    made = decide(learned(signalled(), weights, points=False), 10)
    assert made.score == Decimal(0)
    assert made.confidence == Decimal(50)
    assert made.twin == Twin(made.action, made.code, made.confidence)


def test_a_skip_of_the_learning_level_has_a_twin_that_skips() -> None:
    made = decide(learned(replace(signalled(), quantiles=None), {"a": Decimal(1)}), 10)
    assert (made.action, made.code) == (Action.SKIP, Code.CALIBRATING)
    assert made.twin == Twin(Action.SKIP, Code.CALIBRATING, None)


def test_the_veto_s_number_is_told_with_what_stands_behind_it() -> None:
    made = decide(replace(evidence(), outcome=Outcome(Decimal(30), 96, 12)))
    assert (made.outcome_n, made.outcome_days) == (96, 12)
    assert made.outcome_percent == Decimal(30)
    assert made.gates[3].actual == 30


@pytest.mark.parametrize(
    "bar",
    [
        replace(closed_bar("0.99", 5), score=None),
        replace(closed_bar("0.99", 5), families_agreeing=None),
    ],
)
def test_a_ready_bar_without_a_score_is_skipped(bar: ClosedBar) -> None:
    made = decide(evidence(bar))
    assert (made.action, made.code, made.gates) == (Action.SKIP, Code.BARS_WARMING_UP, ())
    assert made.confidence is None
