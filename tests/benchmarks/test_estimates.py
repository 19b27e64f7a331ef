import math

import numpy as np
import pytest

from benchmarks.honesty.estimates import over_hours, over_seeds, returns_of, verdict


def test_a_mean_over_seeds_has_the_error_of_its_deviation() -> None:
    found = over_seeds([1.0, 2.0, 3.0, 6.0])
    assert found.mean == 3.0
    assert found.error == pytest.approx(math.sqrt(14.0 / 3.0 / 4.0))
    assert found.z == pytest.approx(found.mean / found.error)
    assert not found.is_zero
    assert over_seeds([1.0, -1.0, 0.5]).is_zero


def test_values_that_do_not_vary_are_zero_or_infinitely_far_from_it() -> None:
    assert over_seeds([0.0, 0.0]).is_zero
    assert over_seeds([-1.0, -1.0]).z == -math.inf


def test_a_long_run_error_adds_weighted_covariances() -> None:
    returns = [0.01, 0.02, -0.01, -0.03, 0.02, 0.04]
    series = np.array(returns) - np.mean(returns)
    # 1.3 sqrt(6) is 3 lags: weights 3/4, 1/2 and 1/4.
    covariances = [float(series[lag:] @ series[: 6 - lag]) for lag in range(4)]
    expected = covariances[0] + 2 * sum(
        weight * covariances[lag] for lag, weight in ((1, 0.75), (2, 0.5), (3, 0.25))
    )
    assert over_hours(returns).error == pytest.approx(math.sqrt(expected) / 6)


def test_a_run_is_called_what_it_is() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, 200)
    assert verdict(list(noise - noise.mean())) == 0
    assert verdict(list(noise + 0.01)) == 1
    assert verdict(list(noise - 0.01)) == -1
    assert verdict([0.0] * 50) == 0


def test_too_few_values_give_no_error() -> None:
    with pytest.raises(ValueError, match="there were 1 values; at least 2"):
        over_seeds([1.0])
    with pytest.raises(ValueError, match="there were 1 returns; at least 2"):
        over_hours([1.0])


def test_returns_are_simple() -> None:
    assert returns_of([100.0, 110.0, 99.0]) == pytest.approx([0.1, -0.1])
