"""A seal names what was changed, and equal values have one seal however they are written."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import Side
from paper_trading.engine.seal import broken, seal, seal_rows
from tests.engine.worlds import NOON

RECORD: dict[str, Any] = {
    "side": Side.BUY,
    "price": Decimal("12.500"),
    "units": 7,
    "held": True,
    "note": None,
    "at": NOON,
    "day": NOON.date(),
    "depth": {"0xb": Decimal(2), "0xa": [1, (2, "x")]},
}
OTHER: dict[str, Any] = {
    "side": Side.SELL,
    "price": Decimal("12.501"),
    "units": 8,
    "held": False,
    "note": "",
    "at": NOON + timedelta(microseconds=1),
    "day": NOON.date() + timedelta(days=1),
    "depth": {"0xb": Decimal(2), "0xa": [1, (2, "y")]},
}


def test_what_is_unchanged_is_not_broken() -> None:
    sealed = seal(RECORD)
    assert broken(sealed, RECORD) == []
    assert {len(digest) for digest in sealed.values()} == {12}


@pytest.mark.parametrize("name", RECORD)
def test_a_changed_column_is_named_and_so_is_its_changed_seal(name: str) -> None:
    sealed = seal(RECORD)
    assert broken(sealed, {**RECORD, name: OTHER[name]}) == [name]
    assert broken({**sealed, name: "0" * 12}, RECORD) == [name]


def test_a_column_that_one_side_lacks_is_named() -> None:
    sealed = seal(RECORD)
    assert broken(sealed, {**RECORD, "more": 1}) == ["more"]
    assert broken({**sealed, "gone": "0" * 12}, RECORD) == ["gone"]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (Decimal("12.50"), Decimal("12.500000")),
        (Decimal("1e3"), Decimal(1000)),
        (NOON, NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, 2], (1, 2)),
        (Side.BUY, "BUY"),
    ],
)
def test_equal_values_have_one_seal(one: object, same: object) -> None:
    assert broken(seal({"it": one}), {"it": same}) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, "1"),
        (1, Decimal(1)),
        (None, "None"),
        (date(2026, 3, 2), datetime(2026, 3, 2, tzinfo=UTC)),
        (["ab", "c"], ["a", "bc"]),
        ([["a"], ["b"]], [["a", "b"]]),
        ({"a": "b"}, ["a=b"]),
    ],
)
def test_values_that_differ_in_kind_or_shape_have_two(one: object, other: object) -> None:
    assert broken(seal({"it": one}), {"it": other}) == ["it"]


@given(st.decimals("-1e20", "1e20", places=18), st.integers(1, 9))
def test_no_digit_is_lost_whatever_the_callers_context(number: Decimal, units: int) -> None:
    with localcontext(prec=60):
        near = number + Decimal(units).scaleb(-18)
    with localcontext(prec=3):
        assert broken(seal({"it": number}), {"it": near}) == ["it"]


def test_many_records_have_one_seal_a_column_in_their_order() -> None:
    rows = [("a", 1), ("b", 2)]
    sealed = seal_rows(["name", "count"], rows)
    assert seal_rows(["name", "count"], iter(rows)) == sealed
    turned = seal_rows(["name", "count"], rows[::-1])
    assert {name for name in sealed if sealed[name] != turned[name]} == {"name", "count"}
    changed = seal_rows(["name", "count"], [("a", 1), ("b", 3)])
    assert {name for name in sealed if sealed[name] != changed[name]} == {"count"}


@pytest.mark.parametrize("value", [0.5, {1, 2}, object(), b"a"])
def test_what_has_no_one_text_is_refused_wherever_it_stands(value: object) -> None:
    for column in (value, [value], {"in": value}):
        with pytest.raises(TypeError, match="cannot be sealed"):
            seal({"it": column})
