from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.market import Batch, Recent
from paper_trading.engine.volatility import spike
from tests.engine.worlds import NOON, batch, quote, token

TOKENS = [token(number, f"T{number}") for number in range(1, 5)]
BAR = timedelta(minutes=5)


def world(*ranges: tuple[str, str], price: str = "100", sigma: str = "1") -> Batch:
    """Return a batch at the end of a bar of five minutes for each range of low and high."""
    tokens = TOKENS[: len(ranges)]
    return replace(
        batch(
            *(quote(one, price) for one in tokens),
            sigma={one.id: Decimal(sigma) for one in tokens},
        ),
        recent={
            one.id: Recent(NOON - BAR, Decimal(high), Decimal(low))
            for one, (low, high) in zip(tokens, ranges, strict=True)
        },
    )


def test_a_range_is_the_volatility_that_makes_it_over_the_usual_one() -> None:
    # ln(101/100) / sqrt(4 ln 2 * 300 s of a year), over 100 % a year.
    assert spike(world(("100", "101"))) == Decimal("1.937481085355")
    assert spike(world(("100", "101"), sigma="0.5")) == Decimal("3.874962170710")


def test_the_price_now_stretches_the_range() -> None:
    inside, above, below = (
        spike(world(("100", "101"), price=price)) for price in ("100.5", "110", "91")
    )
    assert inside is not None
    assert above is not None
    assert below is not None
    assert inside < above
    assert inside < below


def test_the_same_range_in_twice_the_time_counts_less_by_the_root_of_two() -> None:
    one, two = world(("100", "101")), world(("100", "101"))
    slow = replace(two, market_time=NOON + BAR)
    fast_spike, slow_spike = spike(one), spike(slow)
    assert fast_spike is not None
    assert slow_spike is not None
    assert abs(fast_spike / slow_spike - Decimal(2).sqrt()) < Decimal("1e-9")


def test_one_token_alone_moves_no_median() -> None:
    calm, wild = ("100", "100.1"), ("50", "150")
    assert spike(world(calm, calm, calm)) == spike(world(calm, wild, calm))
    both = spike(world(calm, wild))
    alone = [spike(world(calm)), spike(world(wild))]
    assert alone[0] is not None
    assert alone[1] is not None
    assert both == (alone[0] + alone[1]) / 2


@pytest.mark.parametrize(
    "unknown",
    [
        batch(),
        replace(world(("100", "101")), recent={}),
        world(("100", "101"), sigma="0"),
        replace(world(("100", "101")), sigma_annual={}),
        replace(world(("100", "101")), quotes={}),
    ],
)
def test_without_bar_price_or_usual_volatility_nothing_is_measured(unknown: Batch) -> None:
    assert spike(unknown) is None


def test_a_token_that_hardly_ever_moves_stays_in_the_column() -> None:
    assert spike(world(("1", "100"), sigma="1e-30")) == 1_000_000
