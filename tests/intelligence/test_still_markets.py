"""Prices that stand still or stop: what is said of them, and that nothing is bought on it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action
from paper_trading.engine.market import Quote
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.bars import Observation, Spans
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.series import ClosedBar, Series, advance
from tests.intelligence.samples import EVEN, TOKEN, at, candles

#: Bars until every signal has spoken.
WARM = 240


def fast(rows: list[Observation]) -> list[ClosedBar]:
    series, bars = Series(), list[ClosedBar]()
    for row in rows:
        series, done = advance(series, row, Spans())
        bars += [bar for bar in done if not bar.slow]
    return bars


def still(first: int, count: int, price: Decimal, step: int = 300) -> list[Observation]:
    """Return recorded steps of one price, from a number of seconds on."""
    return [
        Observation(
            at(first + k * step),
            at(first + (k + 1) * step),
            price,
            price,
            price,
            price,
            Decimal(5000),
            Decimal("0.7"),
        )
        for k in range(count)
    ]


def evidence(bar: ClosedBar, after: timedelta = timedelta(0)) -> Evidence:
    """Return what is known of a token right after a bar, or a while later."""
    now = bar.bar.end + after
    return Evidence(
        token=TOKEN,
        market_time=now,
        pricing=Code.OK,
        quote=Quote(TOKEN, bar.bar.close, now, "test", Decimal(10**7)),
        bar=bar,
        quantiles=EVEN,
        round_trip_percent=Decimal("0.7"),
        held_since=None,
    )


@pytest.mark.parametrize("price", ["0.000000000000000002", "1", "1000000000"])
@pytest.mark.parametrize("level", range(1, 11))
def test_a_price_that_never_moved_is_never_bought(price: str, level: int) -> None:
    bar = fast(still(0, WARM, Decimal(price)))[-1]
    assert bar.sigma_annual == 0
    made = IntelSliderEngine(level, Strategy(confidence_threshold=Decimal(0))).decide(evidence(bar))
    # The evidence may outrank anything: an expected move of nothing pays for no round trip.
    assert made.action is not Action.BUY
    assert made.expected_move_percent == 0
    cost = next(gate for gate in made.gates if gate.name == "cost")
    assert (cost.actual, cost.met) == (None, False)


def test_51_flat_minutes_calm_the_volatility_and_leave_every_number_finite() -> None:
    rows = candles(WARM + 20, seed=4)
    end, last = 300 * len(rows), rows[-1].close
    before = fast(rows)[-1]
    bars = fast([*rows, *still(end, 51, last, step=60)])
    after = bars[len(rows) :]
    # Fifty minutes are ten bars; the minute over waits for the eleventh.
    assert len(after) == 10
    assert all(bar.ready and bar.score is not None for bar in after)
    assert before.sigma_annual is not None
    volatilities = [bar.sigma_annual for bar in (before, *after) if bar.sigma_annual is not None]
    assert len(volatilities) == 11
    assert volatilities == sorted(volatilities, reverse=True)
    assert volatilities[-1] > 0
    assert all(-1 <= said.reading <= 1 for bar in after for said in bar.signals)


def test_a_gap_makes_no_bars_and_the_last_one_soon_says_nothing_of_now() -> None:
    rows = candles(WARM + 20, seed=4)
    last = fast(rows)[-1]
    engine = IntelSliderEngine(10, Strategy())
    for minutes, code in ((0, None), (15, None), (16, Code.BARS_WARMING_UP)):
        made = engine.decide(evidence(last, timedelta(minutes=minutes)))
        assert (made.code is Code.BARS_WARMING_UP) is (code is not None)
    later = still(300 * len(rows) + 3600 * 5, 1, rows[-1].close * 3)
    resumed = fast([*rows, *later])
    assert len(resumed) == len(rows) + 1
    assert resumed[-1].bar.start - last.bar.end == timedelta(hours=5)
    assert resumed[-1].ready


def test_the_jump_over_a_gap_counts_once_and_fades() -> None:
    rows = candles(WARM + 20, seed=4)
    jumped = still(300 * len(rows) + 3600 * 5, 40, rows[-1].close * 3)
    after = fast([*rows, *jumped])[-40:]
    first, last = after[0].sigma_annual, after[-1].sigma_annual
    assert first is not None
    assert last is not None
    assert last < first
