"""A session's own transactions against the baselines."""

from decimal import Decimal

import pytest

from paper_trading.engine import gas
from paper_trading.engine.enums import TransactionKind, TransactionStatus
from paper_trading.engine.gas_savings.policies import B0, B1, B2
from paper_trading.engine.gas_savings.recorded import (
    RecordedTrade,
    Sent,
    baseline_wei,
    savings,
)
from paper_trading.engine.gas_savings.savings import composed
from paper_trading.engine.market import GasConditions

L1 = GasConditions(1, 160_000_000, 10_000_000)
ON_BASE = GasConditions(8453, 5_000_000, 1_000_000, 158_000_000, 8_350_000)
USES = {
    TransactionKind.APPROVE: (gas.APPROVE_GAS, gas.APPROVE_BYTES),
    TransactionKind.SWAP: (gas.SWAP_GAS, gas.SWAP_BYTES),
}


def sent(kind: TransactionKind, conditions: GasConditions, *, reverted: bool = False) -> Sent:
    """Return a transaction as the direct venue charges it."""
    used, size = USES[kind]
    used = gas.FAILED_SWAP_GAS if reverted else used
    status = TransactionStatus.REVERTED if reverted else TransactionStatus.CONFIRMED
    return Sent(kind, status, gas.transaction_fee_wei(used, conditions, size)[2])


def trade(
    conditions: GasConditions, *, approves: bool = False, fails: bool = False
) -> RecordedTrade:
    kinds = [TransactionKind.APPROVE] if approves else []
    swap = sent(TransactionKind.SWAP, conditions, reverted=fails)
    return RecordedTrade(
        conditions, (*(sent(kind, conditions) for kind in kinds), swap), Decimal(2_000)
    )


@pytest.mark.parametrize("conditions", [L1, ON_BASE])
def test_direct_fills_are_the_strict_baseline_to_the_wei(conditions: GasConditions) -> None:
    for one in (
        trade(conditions),
        trade(conditions, approves=True),
        trade(conditions, fails=True),
    ):
        assert baseline_wei(one, B0) == one.paid_wei


def test_a_legacy_price_pads_execution_and_not_the_data() -> None:
    one = trade(ON_BASE)
    data = gas.transaction_fee_wei(0, ON_BASE, gas.SWAP_BYTES)[2]
    assert baseline_wei(one, B1) == gas.SWAP_GAS * 7_200_000 + data
    assert data > 0


def test_an_exact_approval_is_added_where_none_was_sent() -> None:
    price = 170_000_000 * 120 // 100
    both = (gas.SWAP_GAS + gas.APPROVE_GAS) * price
    assert baseline_wei(trade(L1), B2) == baseline_wei(trade(L1, approves=True), B2) == both


def test_a_session_saves_nothing_against_what_it_does_and_a_sixth_against_padding() -> None:
    trades = [trade(L1, approves=True), *(trade(L1, fails=n % 9 == 0) for n in range(40))]
    strict, padded, each = savings(trades, seed=1)
    assert [strict.comparison.saved, *(strict.comparison.interval or ())] == [0, 0, 0]
    assert strict.saved_usd == 0
    assert f"{padded.comparison.saved:.6f}" == "0.166667"
    assert [name for name, _ in padded.parts] == ["price rule", "approvals", "all else"]
    assert padded.comparison.failures == 5
    for found in (strict, padded, each):
        made = composed([part for _, part in found.parts])
        assert abs(made - found.comparison.saved) < Decimal("1E-11")
    assert each.comparison.saved > padded.comparison.saved


def test_savings_in_money_take_each_trades_own_price() -> None:
    cheap, dear = trade(L1), trade(L1)
    dear = RecordedTrade(dear.conditions, dear.sent, Decimal(4_000))
    padding = Decimal(gas.SWAP_GAS * 34_000_000).scaleb(-18)
    assert savings([cheap, dear], seed=1)[1].saved_usd == padding * 6_000


def test_a_cheaper_way_is_a_saving_and_a_dearer_one_is_negative() -> None:
    usual = trade(L1)
    for percent, saved in ((80, "0.2"), (130, "-0.3")):
        fee = usual.paid_wei * percent // 100
        one = RecordedTrade(L1, (Sent(TransactionKind.SWAP, TransactionStatus.CONFIRMED, fee),))
        assert f"{savings([one], seed=1)[0].comparison.saved:.1f}" == saved


def test_a_session_that_paid_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no transaction was paid for"):
        savings([], seed=1)
