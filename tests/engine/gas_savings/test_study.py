from decimal import Decimal

import pytest

from paper_trading.engine.gas_savings.arms import World
from paper_trading.engine.gas_savings.paths import modelled, recorded
from paper_trading.engine.gas_savings.policies import B0, Charges
from paper_trading.engine.gas_savings.study import (
    FAILED_PER_MILLE,
    TOKENS,
    report,
    run_scenario,
    scenarios,
    trade_list,
    waits,
)

SCENARIOS = scenarios()


def test_the_scenarios_are_five_levels_of_l1_and_base() -> None:
    assert [one.name for one in SCENARIOS] == [
        "Ethereum 0.05 gwei",
        "Ethereum 0.16 gwei",
        "Ethereum 0.5 gwei",
        "Ethereum 5 gwei",
        "Ethereum 30 gwei",
        "Base 0.005 gwei",
    ]
    assert [one.managed.private is None for one in SCENARIOS] == [False] * 5 + [True]
    assert [one.blocks_a_day for one in SCENARIOS] == [7_200] * 5 + [43_200]


def test_a_scenario_reports_each_baseline_and_its_parts() -> None:
    found = run_scenario(SCENARIOS[1], 60, seed=3)
    assert found.control == 0
    assert [one.baseline for one in found.found] == ["B0", "B1", "B2"]
    strict, padded, each = found.found
    assert strict.comparison.saved < padded.comparison.saved < each.comparison.saved
    for one in found.found:
        assert one.comparison.trades == 60
        assert abs(one.composed - one.comparison.saved) < Decimal("1E-11")
        assert one.comparison.interval is not None
    assert [part for _, part in strict.parts[:2]] == [0, 0]
    # 1 - 1/1.2, and how base fees moved in the one block between decision and inclusion.
    assert Decimal("0.14") < dict(padded.parts)["price rule"] < Decimal("0.20")
    assert found == run_scenario(SCENARIOS[1], 60, seed=3)


def test_on_base_a_saving_is_worth_less_than_a_tenth_of_a_cent() -> None:
    """At 5,000 USD a coin, and against the padded baseline."""
    found = run_scenario(SCENARIOS[-1], 20, seed=3).found[1].comparison
    saved_wei = found.baseline_wei - found.managed_wei
    assert 0 < saved_wei * 5_000 // found.trades < 10**18 // 500


def test_the_strict_policy_against_itself_is_exactly_nothing() -> None:
    scenario = SCENARIOS[0]
    trades = trade_list(40, scenario.blocks_a_day, seed=3)
    path = modelled(scenario.rules, scenario.level_wei, 3 * scenario.blocks_a_day, seed=3)
    world = World(path, Charges(scenario.conditions), 3, swap_cost_pips=10**5)
    found = report("control", B0, world, trades)
    strict = found.found[0].comparison
    figures = [strict.saved, strict.net, found.control]
    assert [*figures, *(strict.interval or ()), *(strict.net_interval or ())] == [0] * 7


def test_a_trade_list_is_in_order_and_has_its_share_of_failures() -> None:
    trades = trade_list(2_000, 7_200, seed=3)
    blocks = [trade.block for trade in trades]
    assert blocks == sorted(blocks)
    assert blocks[19] < 7_200 <= blocks[20]
    assert {trade.token for trade in trades} == set(range(TOKENS))
    assert 40 < sum(trade.fails for trade in trades) < 2_000 * FAILED_PER_MILLE // 500
    assert 900 < sum(trade.sells for trade in trades) < 1_100


def test_waiting_gains_where_prices_swing_and_nothing_where_they_stand() -> None:
    swinging = recorded([100 + 50 * (minute % 30 < 15) for minute in range(600)], 60)
    found = waits(swinging, seed=3)
    assert [waiting.deadline_blocks for waiting, _ in found] == [5, 15, 30, 60]
    assert all(one.saved > 0 for _, one in found)
    still = waits(recorded([100] * 600, 60), seed=3)
    assert [one.saved + one.mean_delay for _, one in still] == [0] * 4
    with pytest.raises(ValueError, match="two hours"):
        waits(recorded([100] * 61, 60), seed=3)
