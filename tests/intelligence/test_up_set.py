"""Over 10,000 generated decisions, the levels that would enter are always {k..10} or none."""

from collections import Counter

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.explanation import ten_levels
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from tests.intelligence.test_intel_slider import evidence_of

ROWS = 10_000
#: All met and missed combinations of the four gates.
COMBINATIONS = 16


def test_the_levels_that_enter_are_those_from_one_level_up() -> None:
    """No experience is frozen here, so level 10 decides by its base weights."""
    strategy = Strategy()
    lowest: Counter[int | None] = Counter()
    combinations: Counter[tuple[bool, ...]] = Counter()
    codes: set[Code] = set()
    for seed in range(ROWS):
        found = evidence_of(seed)
        entering = [one.level for one in ten_levels(found, strategy) if one.action is Action.BUY]
        assert entering == list(range(11 - len(entering), 11)), f"seed {seed}"
        lowest[min(entering, default=None)] += 1
        own = IntelSliderEngine(5, strategy).decide(found)
        combinations[tuple(gate.met for gate in own.gates)] += 1
        codes.add(own.code)
    # Every answer was seen: each lowest level, none at all, and all sides of all gates.
    assert set(lowest) == {None, *range(1, 11)}
    gated = {combination for combination in combinations if combination}
    assert len(gated) == COMBINATIONS
    assert min(combinations[one] for one in gated) >= 10
    assert {Code.OK, Code.POSITION_HELD, Code.SIGNAL_EXIT, Code.CONFIDENCE_LOW} <= codes


def test_a_level_says_which_gate_it_misses_first() -> None:
    for seed in range(500):
        found = evidence_of(seed)
        for one in ten_levels(found, Strategy()):
            made = IntelSliderEngine(one.level, Strategy()).decide(found)
            assert (one.action, one.code) == (made.action, made.code)
            missed = [gate for gate in made.gates if not gate.met]
            assert one.missed == (missed[0] if missed else None)
