"""One bad candle is left out; a move that lasts is kept, however large it is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.services.sources.live.candles import CANDLE, Candle
from paper_trading.services.sources.live.sound_candles import sound
from tests.services.token_bodies import NOW

prices = st.decimals("0.01", "1000", places=2)


def candle(place: int, first: str | Decimal, last: str | Decimal) -> Candle:
    opened, closed = Decimal(first), Decimal(last)
    high, low = max(opened, closed), min(opened, closed)
    return Candle(NOW + place * CANDLE, opened, high, low, closed, None)


def row(*closes: str | Decimal) -> list[Candle]:
    """Return candles that open where they close."""
    return [candle(place, close, close) for place, close in enumerate(closes)]


def left(closes: str, now: str | None = None, *, is_cash: bool = False) -> str:
    kept = sound(row(*closes.split()), None if now is None else Decimal(now), is_cash=is_cash)
    return " ".join(str(one.close) for one in kept)


@pytest.mark.parametrize(
    ("closes", "kept"),
    [
        ("100 3000 100 100", "100 100 100"),
        ("100 3 100 100", "100 100 100"),
        ("100 179 119 119", "100 119 119"),
        ("100 151 119 119", "100 151 119 119"),
        ("100 150 100 100", "100 150 100 100"),
        ("100 50 100 100", "100 50 100 100"),
        ("100 200 121 121", "100 200 121 121"),
        ("100 100 300 300", "100 100 300 300"),
        ("100 40 16 6.4", "100 40 16 6.4"),
        ("100 3000 100 3000 100", "100 100 100"),
        ("3000 100 100", "100 100"),
    ],
)
def test_what_comes_and_goes_within_one_candle_is_left_out(closes: str, kept: str) -> None:
    assert left(closes, now=kept.split()[-1]) == kept


@pytest.mark.parametrize(
    ("closes", "now", "kept"),
    [
        ("100 100 3000", None, "100 100"),
        ("100 100 150", None, "100 100 150"),
        ("100 100 3000", "101", "100 100"),
        ("100 100 300", "310", "100 100 300"),
        ("100 300", "300", "300"),
        ("3000", None, "3000"),
        ("3000", "100", "3000"),
        ("", "100", ""),
    ],
)
def test_the_newest_is_judged_by_the_one_before_and_the_price_of_now(
    closes: str, now: str | None, kept: str
) -> None:
    assert left(closes, now) == kept


def test_opens_are_judged_as_closes_are() -> None:
    good = row("100", "100", "100", "100")
    bad = candle(2, "3000", "100")
    assert sound([*good[:2], bad, *good[3:]], Decimal(100)) == (*good[:2], *good[3:])


def test_cash_is_near_one() -> None:
    assert left("1 1.6 1.6 1.6 0.88 0.4 0.4", "0.4", is_cash=True) == "1 0.88"
    assert left("1 1.6 1.6 1.6", "1.6") == "1 1.6 1.6 1.6"


@given(st.lists(prices, max_size=12), st.none() | prices, st.booleans())
def test_what_is_kept_is_in_order_and_unchanged(
    closes: list[Decimal], now: Decimal | None, is_cash: bool
) -> None:
    known = row(*closes)
    kept = sound(known, now, is_cash=is_cash)
    assert list(kept) == [one for one in known if one in kept]


@given(st.lists(st.decimals("75", "110", places=2), min_size=1, max_size=12))
def test_calm_candles_are_all_kept(closes: list[Decimal]) -> None:
    assert list(sound(row(*closes), None)) == row(*closes)
