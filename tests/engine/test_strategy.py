import re
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paper_trading.engine.strategy import OPTIONAL, RANGES, Strategy, shown

STEPS = ((Decimal(5), Decimal(50)), (Decimal(8), Decimal(25)))


def test_every_number_has_a_range_and_every_range_a_setting() -> None:
    names = {field.name for field in fields(Strategy)}
    words = {"allowed_tokens", "blocked_tokens", "take_profit_steps"}
    words |= {"use_transaction_manager", "join_swaps"}
    assert set(RANGES) == names - words
    assert {name for name in names if getattr(Strategy(), name) is None} == OPTIONAL


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_setting_outside_of_its_range_is_refused(name: str) -> None:
    low, high = RANGES[name]
    for value in (low - Decimal("0.000001"), high + Decimal("0.000001")):
        # In a plain form, as a person would write it.
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(ValueError, match=rf"^{name} was .*; allowed are .* from {low} to "):
            Strategy(**wrong)


@pytest.mark.parametrize("name", sorted(RANGES))
@pytest.mark.parametrize("value", [5.5, True, "5", Decimal("NaN"), Decimal("Infinity")])
def test_a_setting_that_is_no_exact_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name} was .*; allowed are exact"):
        Strategy(**{name: value})


@pytest.mark.parametrize("name", sorted(set(RANGES) - OPTIONAL))
def test_a_setting_that_must_be_there_is_missed(name: str) -> None:
    unset: Any = {name: None}
    with pytest.raises(TypeError, match=f"^{name} was None"):
        Strategy(**unset)


@pytest.mark.parametrize("name", ["trailing_activation_percent", "trailing_distance_percent"])
def test_half_a_trailing_stop_is_refused(name: str) -> None:
    half: dict[str, Any] = {name: Decimal(3)}
    with pytest.raises(ValueError, match="set both or none"):
        Strategy(**half)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((("5", "50"), ("5", "25")), "each gain must be above the one before it"),
        ((("8", "50"), ("5", "25")), "each gain must be above the one before it"),
        ((("5", "50"), ("10", "25")), "must be below take_profit_percent, 10"),
        ((("5", "60"), ("8", "40.01")), "add up to 100.01, at most 100"),
        ((("0.09", "50"),), "gain of take_profit_steps 1 was 0.09; allowed are .* from 0.1 to"),
        ((("5", "50"), ("8", "0.09")), "share of take_profit_steps 2 was 0.09"),
        ((("5", "100.1"),), "share of take_profit_steps 1 was 100.1"),
        ((("NaN", "50"),), "gain of take_profit_steps 1 was NaN"),
    ],
)
def test_steps_that_cannot_be_are_refused(steps: Any, message: str) -> None:
    found = tuple((Decimal(gain), Decimal(share)) for gain, share in steps)
    with pytest.raises(ValueError, match=message):
        Strategy(take_profit_steps=found)


def test_steps_may_sell_everything_just_below_the_target() -> None:
    steps = ((Decimal(5), Decimal(60)), (Decimal("9.999"), Decimal(40)))
    assert Strategy(take_profit_steps=steps).take_profit_steps == steps
    assert shown(steps) == "5:60,9.999:40"


def test_distances_that_may_double_stay_below_the_whole_price() -> None:
    scaled = Strategy(exit_volatility_percent=Decimal(80), stop_loss_percent=Decimal("49.5"))
    with pytest.raises(ValueError, match=r"stop_loss_percent was 49.6; .* at most 49.5"):
        replace(scaled, stop_loss_percent=Decimal("49.6"))
    with pytest.raises(ValueError, match=r"trailing_distance_percent was 50; .* at most 49.5"):
        replace(
            scaled,
            trailing_activation_percent=Decimal(3),
            trailing_distance_percent=Decimal(50),
        )
    assert Strategy(stop_loss_percent=Decimal(50)).stop_loss_percent == 50


def documented() -> dict[str, tuple[str, str]]:
    """Return the default and the range of each setting as the document has them."""
    path = Path(__file__).parents[2] / "docs" / "STRATEGY.md"
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| ([^|]+) \|", path.read_text(), re.MULTILINE)
    return {name: (default, allowed) for name, default, allowed in rows}


def test_the_document_tells_every_setting_with_its_default_and_range() -> None:
    expected = {}
    for field in fields(Strategy):
        default = getattr(Strategy(), field.name)
        text = "none" if default in (None, ()) else f"{default}"
        if field.name in RANGES:
            low, high = RANGES[field.name]
            expected[field.name] = (text, f"{low:f} to {high:f}")
        else:
            expected[field.name] = (text, documented()[field.name][1])
    assert documented() == expected
