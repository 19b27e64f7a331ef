"""Recurrence states: what a bar does to them, and their JSON."""

import json
import math
from decimal import Decimal
from itertools import pairwise

import pytest

from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.states import (
    FastState,
    SlowState,
    fast_from_json,
    slow_from_json,
    state_to_json,
)
from tests.intelligence.samples import at, candles


def bars(count: int, seed: int) -> list[Bar]:
    """Return a random walk of fast bars."""
    return [
        Bar(o.start, 300, o.open, o.high, o.low, o.close, o.volume_usd)
        for o in candles(count, seed)
    ]


def test_sigma_is_the_root_of_the_faded_variance_a_year() -> None:
    state, rows = FastState(), bars(300, seed=3)
    for bar in rows:
        state = state.after(bar)
    closes = [float(bar.close) for bar in rows]
    variance = 0.0
    for count, (before, after) in enumerate(pairwise(closes), start=1):
        own = max(0.03, 1 / count)
        variance = (1 - own) * variance + own * math.log(after / before) ** 2
    assert state.sigma_annual(300) == pytest.approx(math.sqrt(variance * 105_120))


def test_a_return_over_missing_bars_counts_as_one_bars_variance() -> None:
    one, two = Decimal(1), Decimal(2)
    state = FastState().after(Bar(at(0), 300, one, one, one, one, None))
    near = state.after(Bar(at(300), 300, two, two, two, two, None))
    far = state.after(Bar(at(1200), 300, two, two, two, two, None))
    assert near.returns.variance == pytest.approx(math.log(2) ** 2)
    assert far.returns.variance == pytest.approx(math.log(2) ** 2 / 4)


def test_the_macd_line_begins_with_the_26th_bar() -> None:
    state, gaps = FastState(), []
    for bar in bars(40, seed=4):
        state = state.after(bar)
        gaps.append(state.trend.gap)
        if state.bars == 25:
            assert state.macd_signal == 0.0
    expected = sum(gaps[25:34]) / 9
    for gap in gaps[34:]:
        expected += 0.2 * (gap - expected)
    assert state.macd_signal == pytest.approx(expected)


def test_states_survive_json_exactly() -> None:
    fast, slow = FastState(), SlowState()
    for bar in bars(60, seed=5):
        fast, slow = fast.after(bar), slow.after(bar)
        assert fast_from_json(json.loads(json.dumps(state_to_json(fast)))) == fast
        assert slow_from_json(json.loads(json.dumps(state_to_json(slow)))) == slow


def test_a_store_that_turns_whole_floats_into_integers_changes_nothing() -> None:
    one = Decimal(1)
    fast = FastState().after(Bar(at(0), 300, one, one, one, one, one))
    data = json.loads(json.dumps(state_to_json(fast)).replace("1.0", "1"))
    again = fast_from_json(data)
    assert again == fast
    assert isinstance(again.close, float)
    assert isinstance(again.trend.short, float)
    assert isinstance(again.flow.volumes, int)
