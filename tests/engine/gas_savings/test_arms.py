"""What each policy pays, block by block, to the wei."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.gas_savings.arms import Outcome, World, run
from paper_trading.engine.gas_savings.policies import (
    B0,
    B1,
    B2,
    V3_ROUTER,
    Batching,
    Charges,
    PlannedTrade,
    Policy,
    PrivateChannel,
    Waiting,
    steps,
)
from paper_trading.engine.gas_savings.savings import saved
from paper_trading.engine.market import GasConditions
from tests.engine.gas_savings.worlds import GWEI, VECTOR, every, world

SWAP, FAILED, APPROVE = 114_118, 100_509, 46_386
TRADES = every(2, 3)
WHOLE = world(VECTOR)


def swaps_only(policy: Policy, trades: list[PlannedTrade] = TRADES, of: World = WHOLE) -> int:
    """Return what the swaps took: an arm without its approvals."""
    free = replace(V3_ROUTER.approval, gas=0)
    return sum(run(policy, replace(of, table=replace(of.table, approval=free)), trades).paid)


@pytest.mark.parametrize(
    ("policy", "paid", "percent"),
    [
        (B1, 78_056_712_000_000, "18.1287"),
        (Policy(legacy_percent=100), 65_047_260_000_000, "1.7544"),
    ],
)
def test_type_2_against_a_legacy_price(policy: Policy, paid: int, percent: str) -> None:
    managed, baseline = swaps_only(B0), swaps_only(policy)
    assert (managed, baseline) == (63_906_080_000_000, paid)
    assert f"{saved([managed], [baseline]) * 100:.4f}" == percent


@pytest.mark.parametrize(
    ("policy", "paid", "percent"),
    [
        (B0, 74_111_000_000_000, "32.4943"),
        (Policy(batching=Batching(3, 4)), 52_481_560_000_000, "52.1959"),
    ],
)
def test_one_approval_against_one_a_trade(policy: Policy, paid: int, percent: str) -> None:
    managed, baseline = run(policy, WHOLE, TRADES), run(B2, WHOLE, TRADES)
    assert sum(baseline.paid) == 109_784_736_000_000
    assert sum(managed.paid) == paid
    assert f"{saved(managed.paid, baseline.paid) * 100:.4f}" == percent


def test_the_mean_of_percentages_is_another_number() -> None:
    each = [1 - Decimal(swaps_only(B0, [trade])) / swaps_only(B1, [trade]) for trade in TRADES]
    assert [f"{one * 100:.2f}" for one in each] == ["12.70", "21.05", "21.57"]
    assert f"{sum(each) / 3 * 100:.2f}" == "18.44"
    assert f"{saved([swaps_only(B0)], [swaps_only(B1)]) * 100:.2f}" == "18.13"


FLAT = world([GWEI] * 400, tip_wei=0)


@pytest.mark.parametrize(
    ("legacy", "percent"), [(110, "9.09"), (120, "16.67"), (125, "20.00"), (130, "23.08")]
)
def test_padding_is_really_paid(legacy: int, percent: str) -> None:
    padded = run(Policy(legacy_percent=legacy), FLAT, TRADES)
    assert f"{saved(run(B0, FLAT, TRADES).paid, padded.paid) * 100:.2f}" == percent


@pytest.mark.parametrize(("count", "percent"), [(5, "23.1"), (20, "27.5")])
def test_one_approval_is_shared(count: int, percent: str) -> None:
    trades = every(2, count)
    each = run(Policy(approve_each=True), FLAT, trades)
    assert each.approvals == count
    assert f"{saved(run(B0, FLAT, trades).paid, each.paid) * 100:.1f}" == percent


@pytest.mark.parametrize(("most", "percent"), [(2, "16.5"), (3, "22.8")])
def test_swaps_share_a_transaction(most: int, percent: str) -> None:
    trades = every(1, 6)
    batched = swaps_only(Policy(batching=Batching(most, 3)), trades, FLAT)
    assert f"{saved([batched], [swaps_only(B0, trades, FLAT)]) * 100:.1f}" == percent


@pytest.mark.parametrize(("most", "used", "percent"), [(2, 141_843, "37.9"), (3, 180_523, "47.3")])
def test_swaps_in_one_pool_share_more(most: int, used: int, percent: str) -> None:
    swaps = [replace(one, gas=used) for one in V3_ROUTER.swaps]
    one_pool = replace(FLAT, table=replace(FLAT.table, swaps=swaps))
    trades = every(1, 6)
    batched = swaps_only(Policy(batching=Batching(most, 3)), trades, one_pool)
    assert f"{saved([batched], [swaps_only(B0, trades, FLAT)]) * 100:.1f}" == percent


def test_a_tip_of_one_gwei_is_most_of_the_price() -> None:
    fees = [160_000_000] * 8
    small, usual = (
        sum(run(B0, world(fees, tip_wei=tip), TRADES).paid) for tip in (GWEI // 100, GWEI)
    )
    assert f"{saved([small], [usual]) * 100:.0f}" == "85"


@pytest.mark.parametrize(("reverted", "percent"), [(3, "2.6"), (10, "8.1")])
def test_reverts_that_are_not_included_cost_nothing(reverted: int, percent: str) -> None:
    trades = [PlannedTrade(n, 1, fails=n < reverted) for n in range(100)]
    policy = Policy(private=PrivateChannel())
    kept = saved([swaps_only(policy, trades, FLAT)], [swaps_only(B0, trades, FLAT)])
    assert f"{kept * 100:.1f}" == percent
    assert (run(policy, FLAT, trades).failures, run(B0, FLAT, trades).failures) == (0, reverted)


def test_a_failure_is_paid_and_sent_again_in_the_next_block() -> None:
    found = run(B0, world([1, 2, 4, 8], tip_wei=0), [PlannedTrade(0, 1, fails=True)])
    assert found.paid == (APPROVE * 2 + FAILED * 2 + SWAP * 4,)
    assert (found.delays, found.failures, found.transactions) == ((1,), 1, 3)


def test_one_leg_that_fails_reverts_its_batch() -> None:
    trades = [PlannedTrade(0, 1), PlannedTrade(1, 1, fails=True)]
    found = run(Policy(batching=Batching(2, 4)), world([1, 1, 10, 100], tip_wei=0), trades)
    pair = V3_ROUTER.swaps[1]
    assert sum(found.paid) == APPROVE * 1 + pair.failed_gas * 10 + pair.gas * 100
    assert found.delays == (2, 1)


def test_a_lone_trade_waits_its_window_out() -> None:
    found = run(Policy(batching=Batching(3, 4)), WHOLE, [PlannedTrade(0, 1)])
    assert found.delays == (4,)
    early = run(Policy(batching=Batching(2, 4)), WHOLE, every(1, 2))
    assert early.delays == (1, 0)


def test_a_legacy_price_waits_until_it_covers_the_base_fee() -> None:
    found = run(Policy(legacy_percent=100), world([100, 150, 120, 90], tip_wei=5), every(1, 1))
    assert found.delays == (2,)
    assert found.paid == ((SWAP + APPROVE) * 105,)


def test_a_legacy_price_may_be_raised_instead() -> None:
    policy = Policy(legacy_percent=100, legacy_raised=True)
    for fees, price in (([100, 150, 90], 150), ([100, 90, 90], 105)):
        found = run(policy, world(fees, tip_wei=5), every(1, 1))
        assert (found.delays, found.paid) == ((0,), ((SWAP + APPROVE) * price,))


@pytest.mark.parametrize(
    ("fees", "block"),
    [
        ([5, 9, 7, 8, 6, 5, 3], 5),  # The first as low as the lowest quarter of those before.
        ([5, 9, 7, 8, 7, 6, 6], 6),  # The deadline's, however dear.
    ],
)
def test_waiting_takes_the_first_low_block_or_the_deadline(fees: list[int], block: int) -> None:
    policy = Policy(waiting=Waiting(3, 25, 4))
    found = run(policy, world(fees, tip_wei=0), [PlannedTrade(2, 1)])
    assert found.delays == (block - 3,)
    assert found.paid == (APPROVE * fees[3] + SWAP * fees[block],)


def test_waiting_can_lose() -> None:
    rising = world([10, 11, 12, 13, 14, 15], tip_wei=0)
    trades = [PlannedTrade(0, 1)]
    found = run(Policy(waiting=Waiting(3, 25, 10)), rising, trades)
    assert saved(found.paid, run(B0, rising, trades).paid) < 0


def test_a_private_channel_is_slower_by_luck_alone() -> None:
    trades = every(3, 120)
    half = run(Policy(private=PrivateChannel(50)), FLAT, trades)
    sure = run(Policy(private=PrivateChannel(100)), FLAT, trades)
    assert sure == run(B0, FLAT, trades)
    assert 80 < sum(half.delays) < 170  # A mean of one block, 120 times.
    assert half == run(Policy(private=PrivateChannel(50)), FLAT, trades)


def test_a_channel_that_never_includes_is_given_up() -> None:
    policy = Policy(private=PrivateChannel(included_percent=1, give_up_blocks=2))
    assert max(run(policy, FLAT, every(3, 100)).delays) == 2


@pytest.mark.parametrize(("sells", "lost"), [(False, 1_000 + 500), (True, 1_000 - 500)])
def test_the_shortfall_has_the_price_on_its_way(sells: bool, lost: int) -> None:
    moved = world([1, 1], [1_000, 1_005], cost_pips=10_000)
    found = run(B0, moved, [PlannedTrade(0, 1, sells=sells, size_wei=100_000)])
    assert found.shortfall == (lost,)


def test_a_rollup_charges_data_and_operator_too() -> None:
    conditions = GasConditions(8453, 0, 1_000_000, 158_000_000, 8_350_000)
    plain, operated = Charges(conditions), Charges(conditions, 2_000_000, 7)
    assert f"{Decimal(plain.paid_wei(SWAP, 6_000_000, 222) - SWAP * 6_000_000):.3E}" == "2.083E+9"
    more = operated.paid_wei(SWAP, 6_000_000, 222) - plain.paid_wei(SWAP, 6_000_000, 222)
    assert more == 2 * SWAP + 7


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 10**12), min_size=40, max_size=40),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3), st.booleans()), max_size=12),
)
def test_management_switched_off_is_the_strict_baseline(
    fees: list[int], drawn: list[tuple[int, int, bool]]
) -> None:
    trades = [PlannedTrade(block, token, fails) for block, token, fails in sorted(drawn)]
    here = world(fees)
    assert run(Policy(batching=Batching(1, 0)), here, trades) == run(B0, here, trades)
    assert run(Policy(waiting=Waiting(0, 50, 9)), here, trades) == run(B0, here, trades)


@given(
    st.lists(st.integers(1, 10**12), min_size=120, max_size=120),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=12),
)
@settings(max_examples=30)
def test_no_policy_knows_the_blocks_to_come(fees: list[int], drawn: list[tuple[int, bool]]) -> None:
    policy = Policy(
        batching=Batching(3, 8), waiting=Waiting(6, 25, 20), private=PrivateChannel(50, 5)
    )
    trades = [PlannedTrade(block, 1, fails) for block, fails in sorted(drawn)]
    found = run(policy, world(fees), trades)
    last = max(trade.block + 1 + delay for trade, delay in zip(trades, found.delays, strict=True))
    other = [*fees[: last + 1], *(10**13 - fee for fee in fees[last + 1 :])]
    assert run(policy, world(other), trades) == found


def test_the_switches_lead_from_a_baseline_to_the_managed_policy() -> None:
    managed = Policy(batching=Batching(3, 5), waiting=Waiting(5, 25, 9), private=PrivateChannel())
    found = steps(B2, managed)
    assert [name for name, _ in found] == [
        "price rule",
        "approvals",
        "batching",
        "waiting",
        "revert protection",
    ]
    assert found[0][1] == Policy(approve_each=True)
    assert found[-1][1] == managed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Policy(legacy_percent=99),
        lambda: Policy(batching=Batching(4, 1)),
        lambda: Policy(batching=Batching(0, 1)),
        lambda: Policy(batching=Batching(3, -1)),
        lambda: Policy(waiting=Waiting(-1, 25, 9)),
        lambda: Policy(waiting=Waiting(1, 0, 9)),
        lambda: Policy(waiting=Waiting(1, 25, 0)),
        lambda: Policy(private=PrivateChannel(0)),
        lambda: Policy(private=PrivateChannel(50, 0)),
        lambda: run(B0, WHOLE, [PlannedTrade(5, 1)]),
        lambda: run(Policy(waiting=Waiting(9, 25, 9)), WHOLE, TRADES),
        lambda: run(Policy(legacy_percent=100), world([1, 9, 9], tip_wei=0), every(1, 1)),
        lambda: run(B0, WHOLE, [PlannedTrade(2, 1), PlannedTrade(0, 1)]),
        lambda: run(B0, WHOLE, [PlannedTrade(-1, 1)]),
    ],
)
def test_what_cannot_be_sent_is_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"allowed is|allowed are|the path ends"):
        wrong()


def test_no_trades_cost_nothing() -> None:
    assert run(B0, WHOLE, []) == Outcome((), (), (), 0, 0, 0)
