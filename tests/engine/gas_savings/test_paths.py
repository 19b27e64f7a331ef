from itertools import pairwise

import pytest

from paper_trading.engine.gas_savings.paths import BASE, ETHEREUM, Path, modelled, recorded
from paper_trading.engine.luck import stream

DAY = 7_200


def quantiles(values: list[int]) -> tuple[int, int, int]:
    ordered = sorted(values)
    return tuple(ordered[len(ordered) * part // 100] for part in (5, 50, 95))  # type: ignore[return-value]


def test_a_modelled_path_moves_as_the_protocol_lets_it() -> None:
    fees = modelled(ETHEREUM, 160_000_000, 2 * DAY, seed=3).base_fees
    for before, after in pairwise(fees):
        assert abs(after - before) <= before // 8 + 1
    assert any(8 * (after - before) >= before - 8 for before, after in pairwise(fees))


def test_a_modelled_path_stays_around_its_level() -> None:
    low, middle, high = quantiles(list(modelled(ETHEREUM, 10**9, 4 * DAY, seed=3).base_fees))
    assert 4 * 10**8 < low < 8 * 10**8 < middle < 14 * 10**8 < high < 25 * 10**8


def test_base_stays_at_its_floor_or_a_little_above() -> None:
    fees = list(modelled(BASE, 5_000_000, 2 * DAY, seed=3).base_fees)
    assert min(fees) == 5_000_000 < quantiles(fees)[2] < 15_000_000
    assert all(abs(after - before) <= before // 25 for before, after in pairwise(fees))


def test_the_price_walks_at_eighty_percent_a_year() -> None:
    prices = modelled(ETHEREUM, 10**9, 2 * DAY, seed=3).prices
    squares = [((b - a) * 10**9 // a) ** 2 for a, b in pairwise(prices)]
    a_year = sum(squares) * 365 * DAY // len(squares)
    assert 60 * 10**16 < a_year < 68 * 10**16


def test_the_same_seed_walks_the_same_way_however_long() -> None:
    short, long = (modelled(ETHEREUM, 10**9, blocks, seed=5) for blocks in (500, 900))
    assert list(long.base_fees[:500]) == list(short.base_fees)
    assert list(modelled(ETHEREUM, 10**9, 500, seed=6).base_fees) != list(short.base_fees)
    assert stream(40, 5, "x") == stream(90, 5, "x")[:40] != stream(40, 5, "y")


def test_the_day_has_its_busy_half() -> None:
    fees = [modelled(ETHEREUM, 10**9, DAY, seed).base_fees for seed in range(8)]
    halves = [sum(sum(day[start : start + 3_600]) for day in fees) for start in (0, 3_600)]
    assert halves[0] > halves[1] * 12 // 10


def test_outliers_of_a_file_are_drawn_in() -> None:
    prices = [100, *range(1_000, 1_998), 10**9]
    path = recorded(prices, 60, outliers_per_mille=2)
    assert (min(path.base_fees), max(path.base_fees)) == (1_001, 1_996)
    assert list(recorded(prices, 60, 0).base_fees) == prices
    assert set(path.prices) == {10**12}


@pytest.mark.parametrize(("fees", "prices"), [([], []), ([1], []), ([-1], [1]), ([1, 1], [1, 0])])
def test_a_path_that_cannot_be_is_refused(fees: list[int], prices: list[int]) -> None:
    with pytest.raises(ValueError, match="a path had"):
        Path(12, fees, prices)


def test_no_level_no_blocks_and_no_prices_are_refused() -> None:
    for level, blocks in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="allowed is 1 or more"):
            modelled(ETHEREUM, level, blocks, seed=1)
    for prices, outliers in (([], 5), ([1], 500), ([1], -1)):
        with pytest.raises(ValueError, match="less than 500"):
            recorded(prices, 60, outliers)
