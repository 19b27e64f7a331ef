"""P(mean net > 0): open without data, led by days and not by trades."""

import random
from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.intelligence.outcomes import DayOutcome, probability_positive


def days(*means: str, n: int = 1) -> list[DayOutcome]:
    """Return one day per mean, each of n outcomes."""
    first = date(2024, 1, 1)
    return [
        DayOutcome(first + timedelta(days=k), n, Decimal(mean) * n) for k, mean in enumerate(means)
    ]


histories = st.lists(st.decimals("-20", "20", places=3), min_size=1, max_size=30)


def test_without_data_it_is_even() -> None:
    assert probability_positive([]) == 50


@given(histories)
def test_it_is_the_normal_posterior_of_the_day_means(means: list[Decimal]) -> None:
    values = [float(mean) for mean in means]
    average = sum(values) / len(values)
    variance = (5 * 36 + sum((v - average) ** 2 for v in values)) / (5 + len(values) - 1)
    precision = 1 + len(values) / variance
    posterior = NormalDist(len(values) * average / variance / precision, precision**-0.5)
    found = probability_positive(days(*map(str, means)))
    assert float(found) == pytest.approx(100 * (1 - posterior.cdf(0)), abs=1e-6)


@given(histories)
def test_losses_mirror_gains(means: list[Decimal]) -> None:
    gains = probability_positive(days(*map(str, means)))
    losses = probability_positive(days(*(str(-mean) for mean in means)))
    assert abs(gains + losses - 100) < Decimal("1e-9")


@given(histories, st.integers(0, 10**9))
def test_the_order_of_days_does_not_matter(means: list[Decimal], seed: int) -> None:
    rows = days(*map(str, means))
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert probability_positive(shuffled) == probability_positive(rows)


def test_many_trades_of_one_day_are_one_observation() -> None:
    assert probability_positive(days("-2", n=500)) == probability_positive(days("-2"))
    assert probability_positive(days("-2")) > 10
    assert probability_positive(days(*["-2"] * 20)) < 1


def test_one_bad_day_silences_no_level_and_a_bad_fortnight_silences_level_1() -> None:
    assert probability_positive(days("-0.3")) > 40
    assert probability_positive(days(*["-0.3"] * 14)) < 40


def test_a_good_day_counts_by_its_outcomes() -> None:
    """A rise makes more set-ups than a fall: 99 of +1 % outweigh one of -10 %."""
    rows = [
        DayOutcome(date(2024, 1, 1), 1, Decimal(-10)),
        DayOutcome(date(2024, 1, 2), 99, Decimal(99)),
    ]
    assert probability_positive(rows) > 50


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(-20, 20)), min_size=1, max_size=30))
def test_days_of_unlike_size_have_the_mean_and_error_of_clusters(
    found: list[tuple[int, int]],
) -> None:
    first = date(2024, 1, 1)
    rows = [
        DayOutcome(first + timedelta(days=k), n, Decimal(n * mean))
        for k, (n, mean) in enumerate(found)
    ]
    total = sum(n for n, _ in found)
    average = sum(n * mean for n, mean in found) / total
    kish = total**2 / sum(n * n for n, _ in found)
    # Liang and Zeger's error of the mean, squared, without a correction for few clusters.
    robust = sum((n * (mean - average)) ** 2 for n, mean in found) / total**2
    variance = (5 * 36 + kish * kish * robust) / (5 + kish - 1)
    precision = 1 + kish / variance
    posterior = NormalDist(kish * average / variance / precision, precision**-0.5)
    wanted = 100 * (1 - posterior.cdf(0))
    assert float(probability_positive(rows)) == pytest.approx(wanted, abs=1e-6)


def test_of_a_mean_of_zero_it_is_even_however_days_grow_with_their_gains() -> None:
    """Days draw their mean, and more outcomes the better it is, about a mean of zero over all."""
    luck = random.Random(5)
    found = []
    for _ in range(400):
        rows = []
        for k in range(30):
            n, total = luck.choice(((10, -30), (30, 30)))
            rows.append(DayOutcome(date(2024, 1, 1) + timedelta(days=k), n, Decimal(total)))
        found.append(float(probability_positive(rows)))
    assert sum(found) / len(found) == pytest.approx(50, abs=3)


def test_a_day_twice_or_without_outcomes_is_refused() -> None:
    [day] = days("1")
    with pytest.raises(ValueError, match="2024-01-01 appeared more than once"):
        probability_positive([day, day])
    with pytest.raises(ValueError, match="outcomes of 2024-01-01 were 0"):
        DayOutcome(date(2024, 1, 1), 0, Decimal(0))
