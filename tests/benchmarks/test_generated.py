"""The studies on generated markets, made small."""

import math
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from benchmarks.honesty import cadence, driftless, planted
from benchmarks.honesty.planted import GAIN, GAIN_BLOCKS, POINTS, Planter
from benchmarks.honesty.traders import BACKFILL_BLOCKS, GeneratedMarket, Trader
from benchmarks.honesty.walks import Shape, Walk
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.quantiles import rank

LEVELS = (4, 10)


@cache
def still(seed: int) -> tuple[driftless.Outcome, ...]:
    return tuple(driftless.run(seed, LEVELS, days=0.25))


def test_a_seed_gives_the_same_run_again() -> None:
    assert still(1) == tuple(driftless.run(1, LEVELS, days=0.25))


def test_prices_less_costs_explain_every_result() -> None:
    for found in still(1):
        assert found.entries > 0
        assert found.cost > 0
        assert found.unexplained < driftless.MOST_UNEXPLAINED_USD


def outcome(**changed: float) -> driftless.Outcome:
    made = driftless.Outcome(
        level=5, net=-10.0, cost=10.0, traded=1000.0, entries=4, unexplained=0.0,
        called=0, called_gross=0,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_market_without_drift_is_judged_by_three_claims() -> None:
    luck = [[outcome(net=-10.0 + gap)] for gap in (-3.0, 3.0, -1.0, 1.0)]
    assert driftless.report(luck).failures == ()
    flattered = [[outcome(net=-5.0 + gap)] for gap in (-1.0, 1.0, -0.5, 0.5)]
    assert "errors from zero" in driftless.report(flattered).failures[0]
    called = [[outcome(net=-10.0 + gap, called=1)] for gap in (-3.0, 3.0)]
    assert "called a gain" in driftless.report(called).failures[0]
    lost = [[outcome(net=-10.0 + gap, called=-1)] for gap in (-3.0, 3.0)]
    assert driftless.report(lost).failures == (), "the costs are real"
    leaking = [[outcome(unexplained=0.01)], [outcome()]]
    assert "no move of the price" in driftless.report(leaking).failures[0]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("calls", "holds"), [(5, True), (6, False)])
def test_calls_on_either_side_are_false_when_costs_are_given_back(
    side: int, calls: int, holds: bool
) -> None:
    """Of 50 runs a test of 5 % may call 11.2 % by chance: 5 % and two errors of a share."""
    sides = [side] * calls + [0] * (50 - calls)
    runs = [
        [outcome(net=-9.0 - 2.0 * (k % 2), called_gross=called)] for k, called in enumerate(sides)
    ]
    assert (driftless.report(runs).failures == ()) is holds


def test_a_gain_begins_behind_a_high_rank_and_ends_in_time() -> None:
    seed, strategy = 1, Strategy()
    shape = Shape(planted.BLOCK_SECONDS, POINTS, BACKFILL_BLOCKS + 30)
    market = GeneratedMarket(Walk(seed, shape), seed, strategy)
    planter, gaining = Planter(), dict[str, int]()
    started = 0
    for _ in range(30):
        step = market.step(POINTS)
        points = step.view.quantiles
        assert points is not None
        for one in step.view.listed:
            assert one.bar is not None
            assert one.bar.score is not None
            if one.token.symbol not in gaining and rank(points, one.bar.score) >= planted.RANK:
                gaining[one.token.symbol] = GAIN_BLOCKS
                started += 1
        planter.look(step)
        assert planter.edges() == dict.fromkeys(gaining, planter.edge)
        gaining = {symbol: left - 1 for symbol, left in gaining.items() if left > 1}
    assert started > 3
    assert (1.0 + planter.edge) ** (POINTS * GAIN_BLOCKS) == pytest.approx(1.0 + GAIN)


def test_what_was_planted_is_counted_on_what_was_held() -> None:
    shape = Shape(planted.BLOCK_SECONDS, POINTS, BACKFILL_BLOCKS + 24)
    strategy = planted.STRATEGY
    market = GeneratedMarket(Walk(2, shape), 2, strategy)
    trader = Trader(10, strategy, 2)
    edges = dict.fromkeys((one.token.symbol for one in market.tokens), 0.001)
    expected = 0.0
    for _ in range(24):
        step = market.step(POINTS, edges)
        for token_id, held in trader.book.account.positions.items():
            grown = math.expm1(POINTS * math.log1p(0.001))
            expected += float(held.units) * 1e-18 * float(held.mark_price_usd) * grown
            assert token_id in planted.changes(step, edges)
        trader.tick(step, timedelta(hours=1), planted.changes(step, edges))
    assert expected > 0
    assert float(trader.captured_usd) == pytest.approx(expected, rel=1e-6)
    assert abs(float(trader.unexplained_usd)) < driftless.MOST_UNEXPLAINED_USD


def test_the_end_of_an_edge_is_watched() -> None:
    found = planted.trade(1, [10], 500, days_on=1, days_off=1)
    assert [one.level for one in found] == [10]
    assert found[0].entries > 0
    assert found[0].captured > 0
    assert not found[0].silent_before
    assert (found[0].days, found[0].trades) == (None, None)
    report = planted.report([[found[0]], [replace(found[0], days=3.0, trades=8)]], 500)
    assert report.data["levels"][0]["fell_silent"] == 1
    assert report.data["levels"][0]["median_trades"] == 8
    stayed = planted.report([[found[0]], [found[0]]], 500)
    assert any("the veto stayed open in 2 of 2 runs" in one for one in stayed.failures)


def test_one_path_is_traded_at_every_cadence() -> None:
    found = cadence.run(1, [10], days=0.02)
    assert [one.seconds for one in found] == [15, 60, 300]
    assert all(one.entries > 0 for one in found)
    counted = [replace(one, entries=count) for one, count in zip(found, (10, 12, 13), strict=True)]
    assert cadence.report([counted]).failures == ("level 10: 30.0 % apart",)
    assert cadence.report([[replace(one, entries=4) for one in found]]).failures == ()
    assert cadence.report([[replace(one, entries=0) for one in found]]).failures != ()
