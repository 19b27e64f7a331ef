"""The simulated market: reproducible, consistent, and as volatile as it says."""

import decimal
import json
import math
import re
import statistics
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import mul
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.services.sources import simulation
from paper_trading.services.sources.base import PriceSource, SourceStep
from paper_trading.services.sources.simulation import (
    CASH_SYMBOL,
    DEFAULT_TOKENS,
    EPOCH,
    SimulatedSource,
    SimulatedToken,
    SimulationProfile,
)
from paper_trading.services.sources.simulation_bars import STABLE_RANGE, shock, volume
from paper_trading.services.sources.simulation_regimes import (
    BY_NAME,
    PANIC,
    REGIMES,
    VOLATILITY_SCALE,
)

ETH = SimulatedToken("ETH", Decimal(2000), Decimal(10_000_000))
BTC = SimulatedToken("BTC", Decimal(60_000), Decimal(10_000_000))
TINY = SimulatedToken("TINY", Decimal("2.34e-15"), Decimal(50_000))
STEPS_PER_YEAR = 105_120
# Written down once from seed 1; another digit is another market.
GOLDEN_PRICES = ["2003.06850184", "2004.19165230", "2008.28313731"]
GOLDEN_CASH = "1.00005258448"


def steps(source: SimulatedSource, count: int) -> Iterator[SourceStep]:
    state: Mapping[str, Any] = {}
    for number in range(count):
        step = source.step(number, state)
        state = step.state
        yield step


def log_returns(prices: list[Decimal]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(prices)]


def closes(source: SimulatedSource, count: int) -> dict[str, list[Decimal]]:
    path = list(steps(source, count))
    return {s: [step.quotes[s].price_usd for step in path] for s in source.symbols}


def test_a_step_is_a_function_of_seed_number_and_state() -> None:
    path = list(steps(SimulatedSource(7), 5))
    again = SimulatedSource(7).step(4, json.loads(json.dumps(path[3].state)))
    assert again == path[4]
    assert SimulatedSource(8).step(4, path[3].state).quotes != path[4].quotes


def test_the_digits_are_the_same_on_every_machine() -> None:
    source: PriceSource = SimulatedSource(1, (ETH,))
    path = list(steps(SimulatedSource(1, (ETH,)), 3))
    assert source.step(0, {}) == path[0]
    assert [str(step.quotes["ETH"].price_usd) for step in path] == GOLDEN_PRICES
    assert path[2].state["prices"]["USDC"] == GOLDEN_CASH


def test_the_callers_decimal_context_plays_no_part() -> None:
    state = SimulatedSource(3).step(0, {}).state
    expected = SimulatedSource(3).step(1, state)
    with decimal.localcontext() as context:
        context.prec = 6
        context.rounding = decimal.ROUND_UP
        assert SimulatedSource(3).step(1, state) == expected


def test_a_token_has_the_same_shocks_whoever_else_is_in_the_market() -> None:
    alone = closes(SimulatedSource(5, (ETH,)), 20)["ETH"]
    assert closes(SimulatedSource(5, (BTC, ETH)), 20)["ETH"] == alone


def test_market_time_is_the_end_of_the_bar_counted_from_the_epoch() -> None:
    source = SimulatedSource(1, (ETH,), step_seconds=60)
    first, second = steps(source, 2)
    assert datetime(2026, 1, 1, tzinfo=UTC) == EPOCH
    assert first.market_time == EPOCH + timedelta(seconds=60)
    assert second.market_time == EPOCH + timedelta(seconds=120)
    quote = second.quotes["ETH"]
    assert (quote.start, quote.observed_at) == (first.market_time, second.market_time)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(),
    profile=st.sampled_from(SimulationProfile),
    step_seconds=st.sampled_from([1, 60, 300, 86_400]),
)
def test_bars_are_consistent_and_each_opens_at_the_last_close(
    seed: int, profile: SimulationProfile, step_seconds: int
) -> None:
    source = SimulatedSource(seed, (ETH, TINY, DEFAULT_TOKENS[2]), step_seconds, profile)
    opens = {"ETH": ETH.start_price_usd, "TINY": TINY.start_price_usd, "DAI": Decimal(1)}
    for step in steps(source, 6):
        for symbol, quote in step.quotes.items():
            assert quote.open == opens[symbol]
            assert 0 < quote.low <= min(quote.open, quote.price_usd)
            assert quote.high >= max(quote.open, quote.price_usd)
            assert quote.volume_usd is not None
            assert quote.volume_usd >= 0
            assert quote.liquidity_usd is not None
            assert quote.liquidity_usd > 0
            opens[symbol] = quote.price_usd


def test_a_bar_reaches_beyond_its_open_and_close() -> None:
    quotes = [step.quotes["ETH"] for step in steps(SimulatedSource(2, (ETH,)), 100)]
    assert sum(quote.high > max(quote.open, quote.price_usd) for quote in quotes) > 90
    assert sum(quote.low < min(quote.open, quote.price_usd) for quote in quotes) > 90


def test_the_state_is_small_and_json() -> None:
    *_, last = steps(SimulatedSource(1), 50)
    assert len(json.dumps(last.state)) < 600
    assert set(last.state) == {"regime", "heat", "prices"}


def test_the_regimes_average_to_the_tokens_volatility_and_to_no_drift() -> None:
    hours = sum((regime.weight * regime.mean_hours for regime in REGIMES), Decimal(0))
    shares = [regime.weight * regime.mean_hours / hours for regime in REGIMES]
    swings = [regime.volatility * VOLATILITY_SCALE for regime in REGIMES]
    drifts = [regime.drift for regime in REGIMES]
    assert sum(regime.weight for regime in REGIMES) == 1
    assert abs(sum(map(mul, shares, drifts))) < Decimal("1e-15")
    assert abs(sum(map(mul, shares, map(mul, swings, swings))) - 1) < Decimal("1e-15")
    assert max(swings) == PANIC.volatility * VOLATILITY_SCALE


@pytest.fixture(scope="module")
def long_paths() -> list[list[SourceStep]]:
    """Return seven days of ETH and BTC, from four seeds."""
    return [list(steps(SimulatedSource(seed, (ETH, BTC)), 2016)) for seed in range(4)]


def pooled(paths: list[list[SourceStep]], symbol: str) -> list[float]:
    """Return the log returns of every path, one behind the other."""
    return [
        value
        for path in paths
        for value in log_returns([step.quotes[symbol].price_usd for step in path])
    ]


def test_the_realised_volatility_is_eighty_percent_a_year_within_three_standard_errors(
    long_paths: list[list[SourceStep]],
) -> None:
    # One week's volatility has a standard deviation of 0.11 (30 other seeds, mean 0.79),
    # mostly from the hours of panic that it happens to hold; four weeks halve it.
    for symbol in ("ETH", "BTC"):
        realised = statistics.pstdev(pooled(long_paths, symbol)) * math.sqrt(STEPS_PER_YEAR)
        assert abs(realised - 0.80) <= 3 * 0.11 / math.sqrt(len(long_paths))


def test_the_volatility_is_that_of_the_regimes_that_came_up(
    long_paths: list[list[SourceStep]],
) -> None:
    swings = [
        float(BY_NAME[step.state["regime"]].volatility * VOLATILITY_SCALE)
        for path in long_paths
        for step in path
    ]
    expected = 0.80 * math.sqrt(statistics.fmean(swing**2 for swing in swings))
    for symbol in ("ETH", "BTC"):
        realised = statistics.pstdev(pooled(long_paths, symbol)) * math.sqrt(STEPS_PER_YEAR)
        assert 0.93 <= realised / expected <= 1.07


def test_returns_have_fatter_tails_than_a_normal_distribution(
    long_paths: list[list[SourceStep]],
) -> None:
    returns = pooled(long_paths, "ETH")
    mean, deviation = statistics.fmean(returns), statistics.pstdev(returns)
    assert statistics.fmean(((value - mean) / deviation) ** 4 for value in returns) > 4


def test_tokens_move_together(long_paths: list[list[SourceStep]]) -> None:
    correlation = statistics.correlation(pooled(long_paths, "ETH"), pooled(long_paths, "BTC"))
    assert 0.5 < correlation < 0.75


def test_every_regime_comes_up_and_lasts(long_paths: list[list[SourceStep]]) -> None:
    names = [step.state["regime"] for path in long_paths for step in path]
    changes = sum(before != after for before, after in pairwise(names))
    assert set(names) == set(BY_NAME)
    assert 20 < changes < 300


def test_shocks_have_unit_variance_and_end_at_the_limit() -> None:
    drawn = [shock(1, "test", number) for number in range(4000)]
    assert 0.85 < statistics.pvariance([float(value) for value in drawn]) < 1.15
    assert max(map(abs, drawn)) <= 12


def test_volume_and_depth_move_with_volatility() -> None:
    calm, wild = (
        {"regime": name, "heat": heat, "prices": {"ETH": "2000", "USDC": "1"}}
        for name, heat in (("calm", "0.2"), ("panic", "12"))
    )
    numbers = range(1, 60)
    source = SimulatedSource(1, (ETH,))

    def mean(state: Mapping[str, Any], name: str) -> Decimal:
        quotes = [source.step(number, state).quotes["ETH"] for number in numbers]
        return sum((getattr(quote, name) for quote in quotes), Decimal(0)) / len(quotes)

    assert mean(wild, "volume_usd") > 2 * mean(calm, "volume_usd")
    assert mean(wild, "liquidity_usd") < mean(calm, "liquidity_usd") / 2
    steady, moved = (
        volume(Decimal(1), Decimal(1), Decimal(1), Decimal(z), Decimal(0)) for z in (0, 3)
    )
    assert moved > steady


def test_stablecoins_stay_near_one_and_cash_is_one_of_them() -> None:
    source = SimulatedSource(1)
    path = list(steps(source, 300))
    for symbol in ("USDC", "DAI"):
        prices = [step.quotes[symbol].price_usd for step in path]
        assert len(set(prices)) > 250
        assert max(abs(price - 1) for price in prices) < Decimal("0.005")
    assert all(step.cash_price_usd == step.quotes[CASH_SYMBOL].price_usd for step in path)


def test_a_stablecoin_is_pulled_back_and_held_in_its_range() -> None:
    dai = SimulatedToken("DAI", Decimal(1), Decimal(1000), Decimal(10), is_stable=True)
    prices = closes(SimulatedSource(1, (dai,)), 300)["DAI"]
    assert max(abs(price - 1) for price in prices) == STABLE_RANGE


def test_a_market_without_usdc_still_has_a_price_of_cash() -> None:
    path = list(steps(SimulatedSource(1, (ETH,)), 3))
    with_cash = list(steps(SimulatedSource(1, (ETH, simulation.CASH_TOKEN)), 3))
    assert [list(step.quotes) for step in path] == [["ETH"]] * 3
    assert [step.cash_price_usd for step in path] == [step.cash_price_usd for step in with_cash]


def test_turbo_moves_up_to_five_percent_a_step() -> None:
    prices = closes(SimulatedSource(1, profile=SimulationProfile.TURBO), 400)
    moves = [after / before for before, after in pairwise(prices["WETH"])]
    assert Decimal("0.952") < min(moves) < Decimal("0.96")
    assert Decimal("1.04") < max(moves) <= Decimal("1.05") * (1 + Decimal("1e-10"))
    assert max(abs(price - 1) for price in prices["DAI"]) < Decimal("0.005")


@pytest.mark.parametrize("edge", [Decimal("2e6"), Decimal(2)])
def test_a_price_turns_back_at_the_edge_of_its_range(edge: Decimal) -> None:
    source = SimulatedSource(1, (ETH,), profile=SimulationProfile.TURBO)
    state = {"regime": "calm", "heat": "1", "prices": {"ETH": str(edge), "USDC": "1"}}
    for number in range(1, 20):
        price = source.step(number, state).quotes["ETH"].price_usd
        assert Decimal(2) <= price <= Decimal("2e6")


def test_a_token_without_volatility_drifts_nowhere() -> None:
    still = SimulatedToken("STILL", Decimal(5), Decimal(1000), Decimal(0))
    quote = list(steps(SimulatedSource(1, (still,)), 10))[-1].quotes["STILL"]
    assert {quote.open, quote.high, quote.low, quote.price_usd} == {Decimal(5)}


def test_a_token_that_joins_later_begins_at_its_start_price() -> None:
    state = SimulatedSource(1, (ETH,)).step(0, {}).state
    assert SimulatedSource(1, (ETH, BTC)).step(1, state).quotes["BTC"].open == 60_000


@pytest.mark.parametrize(
    ("number", "state", "message"),
    [
        (-1, {}, "step -1 is below 0, the first step of a simulation"),
        (5, {}, "step 5 needs the state of step 4, was empty"),
        (1, {"regime": "x"}, "state of a simulation needs heat, prices and a regime of calm, "),
    ],
)
def test_a_step_that_cannot_be_made_is_refused(
    number: int, state: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        SimulatedSource(1, (ETH,)).step(number, state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": ()}, "a simulated market needs at least one token"),
        ({"tokens": (ETH, ETH)}, "token ETH appears 2 times"),
        ({"step_seconds": 0}, "step of 0 s is outside 1 to 86400 s"),
        ({"profile": "slow"}, "'slow' is not a valid SimulationProfile"),
        (
            {"tokens": (SimulatedToken("USDC", Decimal(1), Decimal(1)),)},
            "USDC is cash and must be stable",
        ),
    ],
)
def test_a_market_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        SimulatedSource(1, **options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("", 1, 1, 1), "symbol of a simulated token is empty"),
        (("A", 0, 1, 1), "A: start price 0 is outside 1E-15 to 1E+9 USD"),
        (("A", 1, 0, 1), "A: liquidity 0 must be above 0 and at most 1E+12 USD"),
        (("A", 1, 1, 11), "A: volatility 11 is outside 0 to 10 a year"),
    ],
)
def test_a_token_that_cannot_be_is_refused(values: tuple[str, int, int, int], message: str) -> None:
    symbol, price, liquidity, volatility = values
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SimulatedToken(symbol, Decimal(price), Decimal(liquidity), Decimal(volatility))


def test_the_example_of_the_readme_runs() -> None:
    readme = Path(simulation.__file__).with_name("README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102
