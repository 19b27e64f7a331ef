"""Each technique alone: what it comes to where it can be reckoned, and on modelled blocks."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.gas_savings.arms import World, run
from paper_trading.engine.gas_savings.policies import (
    B0,
    V3_ROUTER,
    PlannedTrade,
    Policy,
    PrivateChannel,
)
from paper_trading.engine.gas_savings.study import Scenario, scenarios, world_of
from paper_trading.engine.gas_savings.techniques import Alone, alone
from tests.engine.gas_savings.worlds import GWEI, every, world

USUAL = {one.conditions.chain_id: one for one in scenarios() if one.usual}
ETHEREUM, ON_BASE = USUAL[1], USUAL[8453]
SWAP, FAILED, APPROVE = 114_118, 100_509, 46_386

FLAT = world([GWEI] * 1_000, tip_wei=0)
#: The swaps alone: in their pools the approvals were given long ago.
APPROVED = replace(FLAT, table=replace(V3_ROUTER, approval=replace(V3_ROUTER.approval, gas=0)))


def found(of: World, trades: Sequence[PlannedTrade], chain: Scenario = ETHEREUM) -> list[Alone]:
    return alone(chain, of, trades)


def percents(of: World, trades: Sequence[PlannedTrade], digits: str) -> dict[str, str]:
    """Return what each technique saved, in percent with so many digits."""
    return {one.technique: f"{one.comparison.saved * 100:{digits}}" for one in found(of, trades)}


def private_percent(per_hundred: int) -> Decimal:
    """Return the share of the gas that goes into reverts, when so many of a hundred do."""
    lost = Decimal(per_hundred) / 100 * FAILED
    return 100 * lost / (SWAP + lost)


@pytest.mark.parametrize(
    ("technique", "percent"),
    [
        ("type 2, not legacy at 110 %", "9.09"),
        ("type 2, not legacy at 120 %", "16.67"),
        ("type 2, not legacy at 125 %", "20.00"),
        ("type 2, not legacy at 130 %", "23.08"),
        ("up to 2 swaps in 15 min", "16.51"),
        ("up to 3 swaps in 15 min", "22.82"),
        ("up to 3 swaps in 60 min", "22.82"),
        ("wait 2 min for low 25 %", "0.00"),
        ("wait 5 min for low 25 %", "0.00"),
        ("wait 30 min for low 10 %", "0.00"),
        ("private channel", "0.00"),
        ("tight gas limit", "0.00"),
    ],
)
def test_a_technique_is_what_its_arithmetic_says(technique: str, percent: str) -> None:
    assert percents(APPROVED, every(1, 6), ".2f")[technique] == percent


@pytest.mark.parametrize(("trades", "percent"), [(5, "23.1"), (20, "27.5")])
def test_an_approval_is_shared_by_the_trades_of_its_token(trades: int, percent: str) -> None:
    assert percents(FLAT, every(2, trades), ".1f")["one approval a token, not each"] == percent


def test_a_small_tip_saves_most_of_what_the_fallback_costs() -> None:
    cheap = world([160_000_000] * 800)
    assert percents(cheap, every(2, 6), ".0f")["the usual tip, not 1 gwei"] == "85"


@pytest.mark.parametrize(("per_hundred", "percent"), [(3, "2.6"), (10, "8.1")])
def test_a_private_channel_saves_the_reverts(per_hundred: int, percent: str) -> None:
    trades = [PlannedTrade(n, 1, fails=n < per_hundred) for n in range(100)]
    assert percents(APPROVED, trades, ".1f")["private channel"] == percent
    assert f"{private_percent(per_hundred):.1f}" == percent


def test_every_technique_is_named_once_and_base_has_no_private_channel() -> None:
    trades = every(1, 6)
    names = [one.technique for one in found(FLAT, trades)]
    assert len(set(names)) == len(names)
    long = world([5_000_000] * 3_000)
    on_base = [one.technique for one in found(long, trades, ON_BASE)]
    assert set(names) - set(on_base) == {"private channel"}


# The gas limit


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 10**12), min_size=30, max_size=30),
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=8),
    st.integers(100, 1_000),
)
def test_a_tight_gas_limit_saves_nothing(
    fees: list[int], drawn: list[tuple[int, bool]], percent: int
) -> None:
    trades = [PlannedTrade(block, 1, fails) for block, fails in sorted(drawn)]
    here = world(fees)
    assert run(Policy(gas_limit_percent=percent), here, trades) == run(B0, here, trades)


@pytest.mark.parametrize("fails", [False, True])
def test_a_limit_that_is_too_tight_is_paid_and_the_swap_goes_out_again(fails: bool) -> None:
    here, trade = world([1, 10, 100, 1_000], tip_wei=0), [PlannedTrade(0, 1, fails=fails)]
    outcome = run(Policy(gas_limit_percent=78), here, trade)
    # A limit of 90,000 was measured to cost 88,970.
    limit = SWAP * 78 // 100
    assert abs(limit - 88_970) < 100
    after = FAILED * 100 + SWAP * 1_000 if fails else SWAP * 100
    assert outcome.paid == (APPROVE * 10 + limit * 10 + after,)
    assert (outcome.delays, outcome.failures) == ((1 + fails,), 1 + fails)


def test_private_builders_leave_out_what_runs_out_of_gas() -> None:
    trades = every(1, 3)
    tight = run(Policy(private=PrivateChannel(100), gas_limit_percent=78), FLAT, trades)
    assert tight.paid == run(B0, FLAT, trades).paid
    assert tight.failures == 0


@pytest.mark.parametrize("percent", [0, 1_001])
def test_a_limit_that_nobody_sets_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match=f"gas_limit_percent was {percent}; allowed are"):
        Policy(gas_limit_percent=percent)


# Waiting, on modelled blocks

#: What another program found with the same demand, with its interval. Its baseline was a legacy
#: price without padding: against that, not waiting at all saved 0.8 %.
FOUND = [
    ("wait 2 min for low 25 %", "2.3", "1.1", "3.5"),
    ("wait 5 min for low 25 %", "4.9", "3.1", "6.6"),
    ("wait 30 min for low 10 %", "20.2", "18.0", "22.3"),
]
NOT_WAITING = Decimal("0.008")


def test_waiting_on_ethereum_saves_what_another_program_found() -> None:
    waited = {one.technique: one.comparison for one in found(*world_of(ETHEREUM, 500, seed=3))}
    saved = []
    for name, theirs, low, high in FOUND:
        one = waited[name]
        assert one.interval is not None
        against_theirs = 100 * (1 - (1 - one.saved) * (1 - NOT_WAITING))
        width = 100 * (one.interval[1] - one.interval[0])
        # Three standard errors of the difference; an interval of 95 % is 3.92 of one wide.
        most = 3 * (width**2 + (Decimal(high) - Decimal(low)) ** 2).sqrt() / Decimal("3.92")
        assert abs(against_theirs - Decimal(theirs)) <= most
        saved.append(one.saved)
    assert Decimal("0.005") < saved[0] < saved[1] < saved[2]


def test_waiting_two_minutes_on_base_saves_less_than_one_percent() -> None:
    """The modelled base fee is above its floor for part of the time; at the floor it is nothing."""
    waited = {
        one.technique: one.comparison for one in found(*world_of(ON_BASE, 60, seed=3), ON_BASE)
    }
    two = waited["wait 2 min for low 25 %"]
    assert abs(two.saved) < Decimal("0.01")
    still = world([5_000_000] * 3_000, tip_wei=1_000_000)
    for one in found(still, every(3, 40), ON_BASE):
        if one.technique.startswith("wait"):
            assert one.comparison.saved == 0
            assert one.comparison.mean_delay == 0
