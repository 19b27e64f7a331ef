"""The performance panel: intervals with what may be said of them, dates, costs, tables."""

from decimal import Decimal
from typing import Any

import pytest

from paper_trading.dashboard.performance import performance
from paper_trading.models import PaperPerformanceMetrics, PaperTradingSession
from paper_trading.templatetags.figures import MINUS
from tests import builders
from tests.dashboard.test_pages import client_of, panel

pytestmark = pytest.mark.django_db


def interval(value: str, low: str, high: str, more: str | None = None) -> dict[str, Any]:
    needed = None if more is None else str(Decimal(more) + 10)
    found = {"value": value, "error": "1", "low": low, "high": high}
    return {**found, "needed_days": needed, "more_days": more}


DETAILS: dict[str, Any] = {
    "intervals": {
        "mean_return_percent": interval("31.2", "-22.5", "84", "730.2"),
        "sharpe": interval("2.5", "0.5", "4.5", "0"),
        "sortino": interval("3", "0.1", "6", "4.5"),
        "win_rate_percent": {"low": "26.7", "high": "81.1"},
        "expectancy_usd": {"value": "1.5", "error": "1", "low": "-0.5", "high": "3.5"},
        "expectancy_percent": None,
        "lags": 12,
    },
    "skew": "0.1",
    "kurtosis": "3",
    "drawdown": {
        "percent": "4.25",
        "peak_at": "2026-01-05T12:00:00+00:00",
        "trough_at": "2026-01-06T12:00:00+00:00",
        "recovered_at": "2026-01-07T13:00:00+00:00",
        "seconds": 176_400,
    },
    "benchmarks": {
        "ETH": {
            "return_percent": "-2.4",
            "alpha_percent": interval("12", "-3", "27", "55"),
            "beta": interval("0.4", "0.38", "0.42", "0"),
        },
        "EQUAL_WEIGHT": None,
    },
    "costs": {"fee_usd": "12.5", "mev_usd": "0.25"},
    "held_seconds": {"mean": 3_600, "shortest": 60, "longest": 86_400},
    "streaks": {"current": -2, "longest_winning": 3, "longest_losing": 4},
    "by_token": [
        {"name": "WETH", "n": 5, "wins": 2, "net_usd": "-7.5", "mean_net_percent": "-0.75"}
    ],
    "by_exit": [
        {"name": "STOP_LOSS", "n": 5, "wins": 2, "net_usd": "-7.5", "mean_net_percent": None}
    ],
}


@pytest.fixture
def session() -> PaperTradingSession:
    return builders.make_session()


def measured(session: PaperTradingSession, **changes: Any) -> PaperPerformanceMetrics:
    tick = builders.make_tick(session, 20)
    details = {**DETAILS, **changes}
    return builders.make_metrics(tick, details=details, win_rate_percent=Decimal(50))


def test_before_the_first_metrics_the_panel_says_when_they_come(
    session: PaperTradingSession,
) -> None:
    assert "Measured on every 20th tick." in panel(session.account, "performance")
    assert performance(None) is None


def test_a_row_of_before_there_were_details_shows_none(session: PaperTradingSession) -> None:
    builders.make_metrics(builders.make_tick(session, 20))
    assert "Measured on every 20th tick." in panel(session.account, "performance")


def test_a_figure_says_whether_it_is_told_from_zero(session: PaperTradingSession) -> None:
    found = performance(measured(session))
    assert found is not None
    assert [(one.name, one.verdict) for one in found.judged] == [
        ("Mean return a year", "not distinguishable from zero; 731 more days needed"),
        ("Sharpe ratio", "apart from zero"),
        ("Sortino ratio", "apart from zero; 5 more days to be sure of it"),
        ("Win rate", ""),
        ("Expectancy a trade", "not distinguishable from zero"),
    ]
    assert [one.name for one in found.benchmarks] == ["Holding ETH"]


def test_the_panel_shows_it_all(session: PaperTradingSession) -> None:
    measured(session)
    text = panel(session.account, "performance")
    for words in (
        f"{MINUS}22.50% to +84.00%",
        "731 more days needed",
        "4.25%, from 2026-01-05 12:00:00 to 2026-01-06 12:00:00, recovered 2026-01-07 13:00:00",
        "after 2 d 1 h",
        "Fee $12.50, MEV $0.25",
        "mean 1 h, from 1 m to 1 d",
        f"longest won 3, lost 4; now {MINUS}2",
        "Holding ETH",
        "WETH",
        "Stop loss",
        f"{MINUS}$7.50",
    ):
        assert words in text, words


def test_a_fall_that_goes_on_is_said_so(session: PaperTradingSession) -> None:
    measured(session, drawdown={**DETAILS["drawdown"], "recovered_at": None, "seconds": None})
    assert "not recovered" in panel(session.account, "performance")


def test_nothing_fell_and_nothing_was_sold(session: PaperTradingSession) -> None:
    measured(
        session,
        drawdown=None,
        held_seconds={"mean": None, "shortest": None, "longest": None},
        by_token=[],
        by_exit=[],
    )
    text = panel(session.account, "performance")
    assert "none" in text
    assert "Exit reason" not in text


def test_the_api_tells_columns_and_details_in_one_object(session: PaperTradingSession) -> None:
    address = f"/api/accounts/{session.account.pk}/"
    client = client_of(session.account.owner)
    assert client.get(address).json()["performance"] is None
    row = measured(session)
    told = client.get(address).json()["performance"]
    assert (told["tick"], told["win_rate_percent"]) == (row.tick_id, "50")
    assert told["intervals"] == DETAILS["intervals"]
    assert "details" not in told


@pytest.mark.parametrize(("returns", "bare"), [(3, False), (29, False), (30, True)])
def test_ratios_of_too_few_returns_are_not_shown(
    session: PaperTradingSession, returns: int, bare: bool
) -> None:
    row = measured(session)
    ratios = {"sharpe_ratio": "41.5", "sortino_ratio": "62.25", "volatility_percent": "73.125"}
    values = {name: Decimal(value) for name, value in ratios.items()}
    PaperPerformanceMetrics.objects.filter(pk=row.pk).update(
        returns_count=returns, calmar_ratio=None, **values
    )
    text = panel(session.account, "performance")
    assert [number in text for number in ("41.5", "62.25", "73.1")] == [bare] * 3
    assert (f"too few returns: {returns} of 30" in text) is not bare
    client = client_of(session.account.owner)
    told = client.get(f"/api/accounts/{session.account.pk}/").json()["performance"]
    assert (told["sharpe_ratio"], told["returns_count"]) == ("41.5", returns)
