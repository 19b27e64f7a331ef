from decimal import Decimal

import numpy as np
import pytest

from benchmarks.honesty.walks import Shape, Walk

SHAPE = Shape(300, 4, 50)


def prices(walk: Walk, points: int, steps: int) -> list[tuple[Decimal, ...]]:
    taken = [walk.take(points) for _ in range(steps)]
    return [tuple(quote.price_usd for quote in step.quotes.values()) for step in taken]


def test_a_seed_gives_the_same_digits_again_and_another_one_others() -> None:
    first = prices(Walk(7, SHAPE), 4, 50)
    assert first == prices(Walk(7, SHAPE), 4, 50)
    assert first != prices(Walk(8, SHAPE), 4, 50)


def test_steps_of_any_length_see_one_path() -> None:
    whole, parts = Walk(3, SHAPE), Walk(3, SHAPE)
    for _ in range(10):
        bar = whole.take(4)
        seen = [parts.take(1) for _ in range(4)]
        assert bar.market_time == seen[-1].market_time
        for symbol, quote in bar.quotes.items():
            fine = [step.quotes[symbol] for step in seen]
            assert quote.open == fine[0].open
            assert quote.price_usd == fine[-1].price_usd
            assert quote.high == max(one.high for one in fine)
            assert quote.low == min(one.low for one in fine)
            assert quote.volume_usd == sum(one.volume_usd or 0 for one in fine)
            assert quote.liquidity_usd == fine[-1].liquidity_usd


def growth(seed: int, edge: float) -> list[float]:
    """Return what each token of a walk grew to, as a share of its start."""
    walk = Walk(seed, Shape(3600, 1, 24))
    edges = dict.fromkeys(walk.symbols, edge)
    steps = [walk.take(1, edges) for _ in range(24)]
    first, last = steps[0].quotes, steps[-1].quotes
    return [float(last[symbol].price_usd / first[symbol].open) for symbol in walk.symbols]


def test_the_price_is_a_martingale_and_takes_an_edge() -> None:
    edge = 0.002
    still = [float(np.mean(growth(seed, 0.0))) - 1.0 for seed in range(600)]
    moved = [float(np.mean(growth(seed, edge))) - (1.0 + edge) ** 24 for seed in range(600)]
    for gaps in (still, moved):
        error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
        assert 0 < error < 0.005
        assert abs(np.mean(gaps)) < 3 * error


def test_tokens_move_together_and_by_about_their_volatility() -> None:
    walk = Walk(1, Shape(3600, 1, 4000))
    found = np.array(prices(walk, 1, 4000), dtype=float)
    returns = np.diff(np.log(found), axis=0)
    together = np.corrcoef(returns.T)[np.triu_indices(5, 1)]
    assert np.all((together > 0.45) & (together < 0.75))
    yearly = returns.std(axis=0) * np.sqrt(8760)
    assert np.all((yearly > 0.6) & (yearly < 1.05))


@pytest.mark.parametrize("points", [0, 5])
def test_a_step_beyond_its_block_is_refused(points: int) -> None:
    with pytest.raises(ValueError, match=rf"points were {points} at point 0 of block 0; 1 to 4"):
        Walk(1, SHAPE).take(points)


def test_a_walk_ends() -> None:
    walk = Walk(1, Shape(300, 1, 1))
    walk.take(1)
    with pytest.raises(ValueError, match="blocks 0 to 0 are allowed"):
        walk.take(1)


@pytest.mark.parametrize("wrong", [(0, 1, 1), (300, 0, 1), (300, 1, 0), (300, 7, 1)])
def test_a_shape_without_whole_time_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="needed"):
        Shape(*wrong)
