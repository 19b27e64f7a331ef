"""One step of a series: live and history are the same digits."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.intelligence.bars import Observation, Spans
from paper_trading.intelligence.series import ClosedBar, Series, advance
from paper_trading.intelligence.signals import SIGNALS
from tests.intelligence.samples import at, candles, quote

SPANS = Spans()


def run(
    rows: list[Observation], spans: Spans = SPANS, through_json: bool = False
) -> tuple[Series, list[ClosedBar]]:
    """Fold observations, optionally storing the series as text after every one."""
    series, bars = Series(), list[ClosedBar]()
    for row in rows:
        series, done = advance(series, row, spans)
        bars.extend(done)
        if through_json:
            series = Series.from_json(json.loads(json.dumps(series.to_json())))
    return series, bars


prices = st.decimals("0.000000000000000001", "1000000", places=18)


@st.composite
def markets(draw: st.DrawFn) -> list[Observation]:
    """Quotes at uneven moments, with gaps, repeats and unknown volumes and costs."""
    now, rows = 0, []
    for _ in range(draw(st.integers(1, 60))):
        now += draw(st.sampled_from([0, 1, 15, 60, 299, 300, 301, 4000]))
        price = draw(prices)
        volume = draw(st.none() | st.decimals("0", "1000000", places=2))
        cost = draw(st.none() | st.decimals("0", "5", places=4))
        rows.append(Observation(at(now), at(now), price, price, price, price, volume, cost))
    return rows


@settings(max_examples=60, deadline=None)
@given(markets())
def test_folding_in_pieces_through_json_is_folding_at_once(rows: list[Observation]) -> None:
    assert run(rows, through_json=True) == run(rows)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_pieces_and_whole_agree_to_the_digit_once_warm(seed: int) -> None:
    rows = candles(280, seed, skip=0.05)
    whole, pieces = run(rows), run(rows, through_json=True)
    assert pieces == whole
    assert sum(bar.ready for bar in whole[1]) > 10
    assert repr(pieces[1]) == repr(whole[1])


def test_most_of_600_five_minute_bars_are_scored() -> None:
    fast = [bar for bar in run(candles(600, seed=11))[1] if not bar.slow]
    ready = [bar.ready for bar in fast]
    assert len(fast) == 600
    assert ready.index(True) == 239
    assert all(ready[239:])


def test_a_ready_bar_carries_every_number() -> None:
    bar = run(candles(260, seed=12))[1][-1]
    assert [signal.name for signal in bar.signals] == [signal.name for signal in SIGNALS]
    assert bar.score == sum(signal.contribution for signal in bar.signals)
    assert bar.sigma_annual is not None
    # 0.3 % per five minutes is 97 % a year.
    assert Decimal("0.7") < bar.sigma_annual < Decimal("1.3")
    assert bar.families_agreeing in range(7)


def test_a_slow_bar_says_nothing_itself() -> None:
    slow = [bar for bar in run(candles(300, seed=13))[1] if bar.slow]
    assert len(slow) == 25
    assert all(bar.signals == () and bar.score is None and not bar.ready for bar in slow)


def test_the_fast_bar_that_ends_an_hour_sees_that_hour() -> None:
    rows = candles(240, seed=14)
    bars = run(rows)[1]
    assert bars[-2].slow
    assert "trend_slow" in {signal.name for signal in bars[-1].signals}
    assert "trend_slow" not in {signal.name for signal in bars[-3].signals}


def test_the_quote_that_opens_an_hour_closes_the_hour_before_its_last_fast_bar() -> None:
    quotes = [quote(150 * k, Decimal(100 + k % 7), "5") for k in range(20 * 24 + 1)]
    slow, fast = run(quotes)[1][-2:]
    assert (slow.slow, slow.bar.end) == (True, at(20 * 3600))
    assert (fast.slow, fast.bar.end) == (False, at(20 * 3600))
    assert "trend_slow" in {signal.name for signal in fast.signals}


def test_a_cost_stated_once_holds_until_the_bar_closes() -> None:
    head = candles(250, seed=19)
    end = 250 * 300
    stated, silent = quote(end, "100", "5"), replace(quote(end + 9, "101"), round_trip_percent=None)
    closing = quote(end + 300, "100")
    assert run([*head, stated, silent, closing])[1][-1].ready
    costless = replace(stated, round_trip_percent=None)
    assert not run([*head, costless, silent, closing])[1][-1].ready


def test_an_unknown_cost_is_not_taken_from_the_bar_before() -> None:
    rows = candles(260, seed=15)
    *head, last = rows
    unknown = replace(last, round_trip_percent=None)
    assert run(rows)[1][-1].ready
    assert not run([*head, unknown])[1][-1].ready


@pytest.mark.parametrize("step", [60, 100, 150])
def test_a_finer_record_of_the_same_market_gives_the_same_signals(step: int) -> None:
    coarse = candles(250, seed=16)
    fine = [part for row in coarse for part in _split(row, step)]
    finished = [[bar for bar in run(rows)[1] if not bar.slow] for rows in (coarse, fine)]
    assert finished[0] == finished[1]


def _split(row: Observation, step: int) -> list[Observation]:
    """Return the bar as steps that reach its high and low in the first of them."""
    parts = []
    start = (row.start - at(0)).total_seconds()
    for offset in range(0, 300, step):
        first, last = offset == 0, offset + step >= 300
        opened = row.open if first else row.close
        high, low = (row.high, row.low) if first else (row.close, row.close)
        volume = row.volume_usd if last else None
        parts.append(
            Observation(
                at(start + offset),
                at(start + offset + step),
                opened,
                high,
                low,
                row.close,
                volume,
                row.round_trip_percent,
            )
        )
    return parts


def test_time_never_goes_back() -> None:
    series, _ = run([quote(0, "1"), quote(100, "1")])
    series, _ = advance(series, quote(100, "2"), SPANS)
    with pytest.raises(ValueError, match=r"started .*00:01:39.*already reaches .*00:01:40"):
        advance(series, quote(99, "1"), SPANS)


def test_a_recorded_step_is_not_taken_twice() -> None:
    rows = candles(3, seed=17)
    series, _ = run(rows)
    with pytest.raises(ValueError, match="already reaches"):
        advance(series, rows[-1], SPANS)


def test_an_observation_longer_than_the_fast_bar_is_refused() -> None:
    [row] = candles(1, seed=18, step=900)
    with pytest.raises(ValueError, match="lasted 900 s; the fast bar of 300 s"):
        advance(Series(), row, SPANS)
    assert len(run([row], Spans.for_step(900))[1]) == 1


def test_spans_cannot_change_in_the_middle_of_a_bar() -> None:
    series, _ = run([quote(0, "1")])
    with pytest.raises(ValueError, match="span was 600 s; this series is made of 300 s"):
        advance(series, quote(1, "1"), Spans.for_step(600))


@pytest.mark.parametrize("version", [None, 0, "1"])
def test_a_series_of_another_version_is_refused(version: object) -> None:
    data: dict[str, Any] = Series().to_json() | {"version": version}
    with pytest.raises(ValueError, match=f"version was {version!r}; this score is version 1"):
        Series.from_json(data)
