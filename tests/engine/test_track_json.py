"""A record written and read again is the same record, to the last digit and in its text."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings

from paper_trading.engine import track
from paper_trading.engine.track_json import (
    benchmarks_from_json,
    curve_from_json,
    to_json,
    trades_from_json,
)
from tests.engine import histories
from tests.engine.histories import HISTORIES, Event

JSON = ("curve", "trades", "benchmarks")


@settings(deadline=None)
@given(HISTORIES)
def test_a_record_goes_on_from_its_json_as_if_nothing_were(events: list[Event]) -> None:
    """Store and read after every tick, as workers do; the text at the end is the same."""
    whole = histories.folded(events)
    record = track.opened(histories.FIRST)
    for event, at in zip(events, histories.times(events), strict=True):
        kept = json.loads(json.dumps({name: to_json(getattr(record, name)) for name in JSON}))
        record = replace(
            record,
            curve=curve_from_json(kept["curve"]),
            trades=trades_from_json(kept["trades"]),
            benchmarks=benchmarks_from_json(kept["benchmarks"]),
        )
        record = histories.ticked(record, event, at)
    assert record == whole
    assert to_json(record) == to_json(whole)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json({1})
    assert to_json(timedelta(seconds=1)) == 1_000_000
    assert to_json({"b": Decimal("1E+2"), "a": None}) == {"a": None, "b": "100"}
