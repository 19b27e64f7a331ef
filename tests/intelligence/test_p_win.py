"""Shares of winners: the beta distribution against scipy, days as clusters, words."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats  # type: ignore[import-untyped]

from paper_trading.engine.decision import PWin, Twin
from paper_trading.engine.enums import Action
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.p_win import (
    PRIOR_DAYS,
    beta_quantile,
    beta_share,
    bin_of,
    in_words,
    p_win,
)
from tests.intelligence.samples import evidence

EVEN = Decimal("33.333333333333")
parameters = st.floats(0.02, 400)
WON = PWin(
    share=Decimal("43.75"),
    mean=Decimal(41),
    low=Decimal(33),
    high=Decimal(49),
    n=96,
    days=12,
    break_even=Decimal("33.3333"),
)


@settings(max_examples=300, deadline=None)
# Below the smallest normal float it is scipy that is off, by 1 % in 1e-8.
@given(st.floats(0, 1, allow_subnormal=False), parameters, parameters)
def test_the_incomplete_beta_function_agrees_with_scipy(x: float, a: float, b: float) -> None:
    assert beta_share(x, a, b) == pytest.approx(float(special.betainc(a, b, x)), abs=1e-10)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([0.025, 0.5, 0.975]), parameters, parameters)
def test_quantiles_agree_with_scipy(share: float, a: float, b: float) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(float(stats.beta.ppf(share, a, b)), abs=1e-9)


def test_without_a_set_up_the_prior_stands_at_break_even() -> None:
    found = p_win([], EVEN)
    assert (found.share, found.n, found.days) == (None, 0, 0)
    assert found.mean == found.break_even == Decimal("33.3333")
    low, high = stats.beta.ppf([0.025, 0.975], PRIOR_DAYS / 3, PRIOR_DAYS * 2 / 3)
    assert float(found.low) == pytest.approx(100 * low, abs=1e-4)
    assert float(found.high) == pytest.approx(100 * high, abs=1e-4)


def test_a_day_is_one_trial_however_many_set_ups_it_holds() -> None:
    days = [(200, 200), (200, 50), (200, 0)]
    found = p_win(days, EVEN)
    alpha, beta = PRIOR_DAYS / 3 + 1.25, PRIOR_DAYS * 2 / 3 + 1.75
    assert float(found.mean) == pytest.approx(100 * alpha / (alpha + beta), abs=1e-4)
    assert float(found.high) == pytest.approx(100 * stats.beta.ppf(0.975, alpha, beta), abs=1e-4)
    assert (found.n, found.days) == (600, 3)
    assert found.share == Decimal("41.6667")
    many = p_win([(1000 * n, 1000 * wins) for n, wins in days], EVEN)
    assert (many.low, many.high) == (found.low, found.high)


def test_days_of_unlike_size_are_worth_less_than_their_number() -> None:
    found = p_win([(1, 1), (1000, 250), (3, 0)], EVEN)
    # (1004)^2 / (1 + 1000^2 + 9): one day holds nearly all that is known.
    trials = 1004**2 / 1_000_010
    alpha = PRIOR_DAYS / 3 + trials * 251 / 1004
    beta = PRIOR_DAYS * 2 / 3 + trials * 753 / 1004
    assert float(found.low) == pytest.approx(100 * stats.beta.ppf(0.025, alpha, beta), abs=1e-4)
    assert (found.n, found.days, found.share) == (1004, 3, Decimal("25.0000"))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=40))
def test_the_interval_holds_the_mean_and_order_changes_nothing(
    found: list[tuple[int, int]],
) -> None:
    days = [(n, min(n, wins)) for n, wins in found]
    one = p_win(days, EVEN)
    assert 0 <= one.low <= one.mean <= one.high <= 100
    assert p_win(days[::-1], EVEN) == one


@pytest.mark.parametrize("day", [(0, 0), (3, 4), (3, -1)])
def test_a_day_that_cannot_be_is_refused(day: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="winners of"):
        p_win([day], EVEN)


@pytest.mark.parametrize(
    ("rank", "place"), [("0", 0), ("9.9999", 0), ("10", 1), ("99.9999", 9), ("100", 9)]
)
def test_bins_are_deciles_of_the_rank(rank: str, place: int) -> None:
    assert bin_of(Decimal(rank)) == place


def test_the_words_say_what_the_rank_means() -> None:
    decision = IntelSliderEngine(5, Strategy()).decide(evidence())
    assert in_words(decision) == ""
    ranked = replace(decision, confidence=Decimal(88), p_win=WON)
    assert in_words(ranked) == (
        "88: top 12 % of set-ups; of such set-ups 42 of 96 won in 12 days,"
        " p_win 41 % [33, 49], break-even 33 %"
    )
    none = replace(WON, share=None, n=0, days=0)
    assert in_words(replace(ranked, p_win=none)) == (
        "88: top 12 % of set-ups; no such set-up has matured yet, break-even 33 %"
    )


def test_the_words_of_the_learning_level_speak_of_the_base_rank() -> None:
    decision = IntelSliderEngine(10, Strategy()).decide(evidence())
    twin = Twin(Action.HOLD, decision.code, Decimal(61))
    found = in_words(replace(decision, confidence=Decimal(88), p_win=WON, twin=twin))
    assert found.startswith("61: top 39 % of set-ups; of such set-ups 42 of 96 won")


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        ("99.75", "99.8: top 0.2 %"),
        ("99.995", "99.995: top 0.005 %"),
        ("99.9999", "99.9999: top 0.0001 %"),
        ("99.4", "99: top 1 %"),
        ("0.25", "0.2: top 99.8 %"),
        ("0", "0: top 100 %"),
    ],
)
def test_a_rank_is_never_said_to_be_the_first_or_the_last_unless_it_is(
    rank: str, words: str
) -> None:
    decision = IntelSliderEngine(5, Strategy()).decide(evidence())
    found = in_words(replace(decision, confidence=Decimal(rank), p_win=WON))
    assert found.startswith(f"{words} of set-ups")
    first = in_words(replace(decision, confidence=Decimal(100), p_win=WON))
    assert first.startswith("100: at the top of all set-ups; ")


def test_what_never_won_is_not_said_to_be_sure() -> None:
    decision = IntelSliderEngine(5, Strategy()).decide(evidence())
    rare = replace(WON, share=Decimal("0.0008"), n=123_456, mean=Decimal("0.0301"), low=Decimal(0))
    found = in_words(replace(decision, confidence=Decimal(50), p_win=rare))
    assert "of such set-ups 1 of 123,456 won" in found
    assert "p_win 0.03 % [0, 49]" in found
