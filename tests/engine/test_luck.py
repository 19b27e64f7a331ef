import hashlib
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.luck import student_t4, uniform
from paper_trading.engine.money import CONTEXT

KEYS = st.lists(st.one_of(st.integers(), st.text()), max_size=4)


def t4_probability(t: Decimal) -> Decimal:
    """Closed-form distribution function of Student's t with 4 degrees of freedom."""
    with localcontext(CONTEXT):
        spread = 1 + t * t / 4
        return Decimal("0.5") + Decimal("0.375") * t / spread.sqrt() * (1 - t * t / spread / 12)


@given(st.integers(), KEYS)
def test_draws_lie_strictly_between_0_and_1_and_repeat(seed: int, key: list[int | str]) -> None:
    drawn = uniform(seed, *key)
    assert 0 < drawn < 1
    assert drawn == uniform(seed, *key)


@given(st.integers(), KEYS, st.integers(), KEYS)
def test_different_keys_draw_different_luck(
    seed: int, key: list[int | str], other_seed: int, other: list[int | str]
) -> None:
    same = (seed, *map(repr, key)) == (other_seed, *map(repr, other))
    assert (uniform(seed, *key) == uniform(other_seed, *other)) is same


@pytest.mark.parametrize(
    ("one", "another"),
    [(("ab", "c"), ("a", "bc")), ((1, 23), (12, 3)), (("1",), (1,)), (("",), ()), ((-1,), (1,))],
)
def test_keys_that_read_alike_are_kept_apart(
    one: tuple[str | int, ...], another: tuple[str | int, ...]
) -> None:
    assert uniform(7, *one) != uniform(7, *another)


def test_a_draw_is_the_first_96_bits_of_the_digest_exactly() -> None:
    digest = hashlib.sha256(b"i2:42s4:swapi1:3").digest()
    with localcontext(CONTEXT):
        drawn = uniform(42, "swap", 3)
        assert drawn * 2**97 == 2 * int.from_bytes(digest[:12], "big") + 1


def test_draws_fill_the_interval_evenly() -> None:
    tenths = [int(uniform(1, "even", n) * 10) for n in range(5000)]
    counts = [tenths.count(tenth) for tenth in range(10)]
    # Five standard deviations of a binomial count are 106.
    assert all(394 <= count <= 606 for count in counts)


@pytest.mark.parametrize(
    ("probability", "quantile"),
    [
        ("0.975", "2.7764451052"),
        ("0.95", "2.1318467863"),
        ("0.5", "0"),
        ("0.05", "-2.1318467863"),
        ("0.025", "-2.7764451052"),
    ],
)
def test_quantiles_are_those_of_the_tables(probability: str, quantile: str) -> None:
    assert abs(student_t4(Decimal(probability)) - Decimal(quantile)) < Decimal("1e-9")


@given(st.decimals("0.001", "0.999", places=9))
def test_the_distribution_of_a_quantile_is_its_probability(probability: Decimal) -> None:
    assert abs(t4_probability(student_t4(probability)) - probability) < Decimal("1e-11")


@given(st.integers(1, 2**97 - 1), st.integers(1, 2**97 - 1))
def test_quantiles_rise_and_mirror(one: int, another: int) -> None:
    with localcontext(CONTEXT):
        low, high = sorted((Decimal(one) / 2**97, Decimal(another) / 2**97))
        assert student_t4(low) <= student_t4(high)
        assert student_t4(1 - low) == -student_t4(low)


@pytest.mark.parametrize("probability", ["0", "1", "-0.1", "1.1"])
def test_a_probability_outside_the_open_interval_is_refused(probability: str) -> None:
    with pytest.raises(ValueError, match=f"probability {probability} is outside"):
        student_t4(Decimal(probability))
