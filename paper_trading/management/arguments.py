"""Argument types of the management commands; each error is one line."""

from argparse import ArgumentTypeError

from paper_trading.bot import intervals
from paper_trading.intelligence.levels import HIGHEST, LOWEST

#: Longer numbers are no ids or counts, and int() refuses the very long ones its own way.
_DIGITS = 18


def interval_ms(text: str) -> int:
    """Return seconds as milliseconds."""
    try:
        return intervals.milliseconds(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def levels(text: str) -> list[int]:
    """Return intel levels from a list such as 5,10 or a range such as 1-10."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = whole_numbers(first)[0], whole_numbers(last if dash else first)[0]
        found += range(low, min(high, HIGHEST + 1) + 1) if dash else [low]
    if not found:
        raise ArgumentTypeError(f"levels were {text!r}; allowed are such as 5, 1-10 or 5,10")
    wrong = [level for level in found if not LOWEST <= level <= HIGHEST]
    if wrong:
        raise ArgumentTypeError(f"level was {wrong[0]}; allowed is {LOWEST} to {HIGHEST}")
    return found


def whole_numbers(text: str) -> list[int]:
    """Return numbers from a list such as 1,2,3."""
    words = text.split(",")
    wrong = [word for word in words if not word.strip().isdecimal() or len(word) > _DIGITS]
    if wrong:
        raise ArgumentTypeError(f"was {text!r}; allowed are whole numbers with commas between")
    return [int(word) for word in words]


def positive(text: str) -> int:
    """Return a whole number from 1 up."""
    if not text.isdecimal() or len(text) > _DIGITS or int(text) < 1:
        raise ArgumentTypeError(f"was {text!r}; allowed is a whole number from 1 up")
    return int(text)
