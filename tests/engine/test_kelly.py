from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.kelly import KellyAdvice, advice, continuous, discrete, shrunk
from paper_trading.engine.money import exact


def told(nets: list[Decimal]) -> KellyAdvice:
    found = advice(nets)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("share", "payoff", "fraction"),
    [("0.55", "1", "0.10"), ("0.45", "2", "0.175"), ("0.40", "1.2", "-0.10")],
)
def test_the_discrete_fraction_of_known_odds(share: str, payoff: str, fraction: str) -> None:
    assert discrete(Decimal(share), Decimal(payoff)) == Decimal(fraction)


def test_the_continuous_fraction_is_mean_over_variance() -> None:
    assert continuous(Decimal("0.02"), Decimal("0.04")) == Decimal("0.5")
    assert continuous(Decimal("-0.01"), Decimal("0.04")) == Decimal("-0.25")
    assert continuous(Decimal(1), Decimal(0)) is None


@pytest.mark.parametrize(
    ("wins", "losses", "share"),
    [
        (0, 0, "0.5"),
        (40, 20, "0.6"),
        # The last trade of the prior, and the first without it.
        (99, 0, "0.856115107914"),
        (100, 0, "1"),
        (0, 100, "0"),
        (55, 45, "0.55"),
    ],
)
def test_few_trades_are_shrunk_to_even_odds(wins: int, losses: int, share: str) -> None:
    assert shrunk(wins, losses) == Decimal(share)


def test_advice_of_a_hundred_outcomes_is_a_quarter_of_kelly() -> None:
    found = told([Decimal(4)] * 45 + [Decimal(-2)] * 55 + [Decimal(0)] * 3)
    assert found.trades == 100
    assert found.win_percent == 45
    assert found.payoff == 2
    # What a lost position may cost in equity; a position loses 2 % of itself.
    assert found.risk_percent == Decimal("4.375")
    assert found.position_percent == Decimal("218.75")
    assert found.continuous_percent is not None
    assert found.continuous_percent > 0


@exact
def test_a_lost_position_of_the_advised_size_costs_the_advised_risk() -> None:
    lost = [Decimal(-3), Decimal(-7)] * 30
    found = told([Decimal(6)] * 60 + lost)
    assert found.position_percent is not None
    assert found.position_percent * 5 / 100 == found.risk_percent


@exact
def test_both_sizes_agree_where_wins_and_losses_are_small_and_even() -> None:
    # Kelly's growth has its maximum at 2p - 1 over the move; mean / variance is near it.
    found = told([Decimal("0.1")] * 102 + [Decimal("-0.1")] * 98)
    assert found.position_percent == Decimal(500)
    assert found.continuous_percent == pytest.approx(Decimal(500), rel=Decimal("0.01"))


def test_continuous_advice_is_in_fractions_of_equity() -> None:
    # Mean 1 %, variance 2 of percent squared, 0.0002 as a fraction: Kelly 50, a quarter 12.5.
    found = told([Decimal(2), Decimal(0)])
    assert found.continuous_percent == 1250


def test_a_losing_record_advises_nothing_at_all() -> None:
    found = told([Decimal(1)] * 30 + [Decimal(-3)] * 90)
    assert found.risk_percent == found.position_percent == 0
    assert found.continuous_percent == 0


def test_what_is_undefined_is_none() -> None:
    assert advice([]) is None
    assert advice([Decimal(0), Decimal(0)]) is None
    winners = told([Decimal(3), Decimal(3)])
    figures = winners.payoff, winners.risk_percent, winners.position_percent
    assert (*figures, winners.continuous_percent) == (None,) * 4
    assert told([Decimal("1e-15"), Decimal(-90)]).risk_percent is None


@pytest.mark.parametrize(
    "nets",
    [
        # Payoffs, sizes and variances beyond what a column keeps.
        ["1e9", "-1e-12"],
        ["1e17", "-1e17", "3e17"],
        ["1e-12", "2e-12", "-1e-15"],
    ],
)
def test_figures_that_are_out_of_range_are_none(nets: list[str]) -> None:
    found = told([Decimal(net) for net in nets])
    assert found.trades == len(nets)
    assert found.position_percent is None or found.continuous_percent is None


@pytest.mark.parametrize("share", ["0.250001", "-0.1", "NaN"])
def test_more_than_a_quarter_is_never_advised(share: str) -> None:
    with pytest.raises(ValueError, match=f"share was {share}; allowed are .* from 0 to 0.25"):
        advice([], Decimal(share))


def test_impossible_odds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"win_share was 1\.1"):
        discrete(Decimal("1.1"), Decimal(1))
    with pytest.raises(ValueError, match=r"payoff was 0; allowed are .* above 0"):
        discrete(Decimal("0.5"), Decimal(0))
    with pytest.raises(ValueError, match="variance was -1"):
        continuous(Decimal(1), Decimal(-1))
    with pytest.raises(ValueError, match="wins was -1; allowed are whole numbers from 0"):
        shrunk(-1, 0)
    with pytest.raises(ValueError, match="losses was -1"):
        shrunk(0, -1)


@given(st.lists(st.decimals(-100, 1000, places=6), max_size=120))
def test_advice_is_never_negative_and_never_risks_over_a_quarter(nets: list[Decimal]) -> None:
    found = advice(nets)
    if found is None:
        assert not any(nets)
        return
    assert found.risk_percent is None or 0 <= found.risk_percent <= 25
    assert (found.risk_percent is None) or found.position_percent is not None
    assert found.continuous_percent is None or found.continuous_percent >= 0
