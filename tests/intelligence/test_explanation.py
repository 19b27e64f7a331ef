"""The table of the ten levels on one evidence."""

from dataclasses import replace

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.explanation import ten_levels
from tests.intelligence.samples import closed_bar, evidence


def test_each_level_has_its_verdict() -> None:
    # Rank 70 with three families: level 5 takes it, level 4 asks for 75.
    found = ten_levels(evidence(closed_bar("0.4", 3)), Strategy())
    assert [one.level for one in found] == list(range(1, 11))
    assert [one.action for one in found] == [Action.HOLD] * 4 + [Action.BUY] * 6
    assert found[3].missed is not None
    assert (found[3].code, found[3].missed.name) == (Code.CONFIDENCE_LOW, "confidence")
    assert found[4].missed is None


def test_a_veto_is_the_same_for_all() -> None:
    found = ten_levels(replace(evidence(), quantiles=None), Strategy())
    assert {(one.action, one.code, one.missed) for one in found} == {
        (Action.SKIP, Code.CALIBRATING, None)
    }
