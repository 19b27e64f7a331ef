"""Rows of set-ups for tests: each builder makes one valid row, as `tests.builders` does."""

from decimal import Decimal
from itertools import count
from typing import Any

from paper_trading.intelligence import experience
from paper_trading.intelligence.experience_json import day_to_json
from paper_trading.models import (
    FrozenExperience,
    Market,
    SetUp,
    SetUpBook,
    SetUpDay,
    Token,
)
from paper_trading.services.set_up_rows import experience_row, key_value
from tests.builders import MINUTE, START, make_bar

_numbers = count(1)


def make_set_up_book(market: Market, **fields: Any) -> SetUpBook:
    values: dict[str, Any] = {
        "market": market,
        "stop_percent": Decimal(5),
        "target_percent": Decimal(10),
        "hold_hours": Decimal(24),
        **fields,
    }
    return SetUpBook.objects.create(**values)


def some_book(market: Market) -> SetUpBook:
    """Return a book of a market, made when it has none."""
    return market.set_up_books.first() or make_set_up_book(market)


def make_set_up(market: Market, token: Token, **fields: Any) -> SetUp:
    """Make a waiting set-up on a bar of its own."""
    start = START + next(_numbers) * MINUTE
    bar = make_bar(market, token, start=start, closes_at=start + 5 * MINUTE)
    values: dict[str, Any] = {
        "book": some_book(market),
        "bar": bar,
        "token": token,
        "entered_at": bar.closes_at,
        "lower_usd": Decimal("10.5"),
        "upper_usd": Decimal("12.2"),
        "confidence": Decimal("88.5"),
        "level": 3,
        "learned_score": Decimal("0.25"),
        "learned_pick": True,
        **fields,
    }
    return SetUp.objects.create(**values)


def make_set_up_day(market: Market, **fields: Any) -> SetUpDay:
    """Make a day on which nothing that counts matured."""
    day = experience.SetUpDay(START.date())
    values: dict[str, Any] = {
        "book": some_book(market),
        "day": day.day,
        "counts": day_to_json(day),
        **fields,
    }
    return SetUpDay.objects.create(**values)


def make_experience(market: Market, **fields: Any) -> FrozenExperience:
    """Make what is frozen when nothing has matured."""
    book = some_book(market)
    base = {"trend_fast": Decimal("0.1")}
    found = experience.freeze(key_value(book), START, [], [], base)
    row = experience_row(book.pk, found)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row
