from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.account import Account, ClosedPosition, LastExit
from paper_trading.engine.accounting import (
    after_reset,
    apply,
    cash_identity,
    closing,
    deposit,
    open_account,
)
from paper_trading.engine.enums import (
    BreakerKind,
    Channel,
    ExitReason,
    Side,
    TradeStatus,
    TransactionStatus,
)
from paper_trading.engine.market import Token
from paper_trading.engine.money import ZERO, exact
from paper_trading.engine.pending import Pending
from paper_trading.engine.swaps import Plan
from paper_trading.engine.trade import Submission, Swap
from tests.engine.worlds import NOON, account, record, swap, token

ABC = token(3, "ABC")
REVERTED = TransactionStatus.REVERTED


def bought(cash: int = 1_000_000_000, units: int = 10**19, gas: str = "0") -> Account:
    return apply(account(), record(ABC, Side.BUY, swap(cash, units, gas=gas)))


def sold(start: Account, units: int, cash: int, gas: str = "0") -> Account:
    return apply(start, record(ABC, Side.SELL, swap(units, cash, gas=gas)))


def test_a_new_account_holds_its_deposit() -> None:
    new = open_account(Decimal(10_000))
    assert new.cash_usd == new.deposits_usd == new.peak_equity_usd == 10_000
    assert cash_identity(new) == 0
    assert new.max_drawdown_percent == 0
    assert not new.approvals


def test_a_buy_moves_cash_into_a_position_and_counts_an_entry() -> None:
    after = bought(gas="0.5")
    assert after.cash_usd == Decimal("8999.5")
    assert after.positions[ABC.id].cost_usd == 1000
    assert after.gas_usd == Decimal("0.5")
    assert after.entries_today == 1
    assert after.nonce == 1


def test_a_buy_is_marked_at_the_price_that_is_given_else_at_the_pool_mid() -> None:
    fill = record(ABC, Side.BUY, swap(1_000_000, 10**18, mid_price="99"))
    assert apply(account(), fill).positions[ABC.id].mark_price_usd == 99
    assert apply(account(), fill, Decimal(101)).positions[ABC.id].mark_price_usd == 101


def test_a_buy_off_the_peg_is_marked_in_dollars_and_its_high_in_cash() -> None:
    off = replace(account(), cash_price_usd=Decimal("0.8"))
    fill = record(ABC, Side.BUY, swap(1_000_000, 10**18, mid_price="100"))
    held = apply(off, fill).positions[ABC.id]
    # A pool's mid is in units of its cash, each worth 80 cents.
    assert held.mark_price_usd == 80
    assert held.high_price_usd == 100
    given = apply(off, fill, Decimal(60)).positions[ABC.id]
    assert given.mark_price_usd == 60
    assert given.high_price_usd == 75


def test_a_partial_sell_realizes_its_part_and_stays_open() -> None:
    after = sold(bought(), 5 * 10**18, 600_000_000)
    held = after.positions[ABC.id]
    assert after.realized_usd == held.realized_usd == 100
    assert held.cost_usd == 500
    assert after.last_exits == {}


def test_a_full_sell_closes_and_remembers_when_and_why() -> None:
    after = sold(bought(), 10**19, 900_000_000)
    assert after.positions == {}
    assert after.realized_usd == -100
    assert after.last_exits == {ABC.id: LastExit(NOON, ExitReason.SIGNAL)}


def test_an_exit_wins_or_loses_by_what_its_gas_leaves_of_it() -> None:
    won = sold(bought(), 10**19, 1_001_000_000, gas="0.5")
    assert (won.winning_trades, won.losing_trades, won.losing_exits) == (1, 0, 0)
    lost = sold(bought(), 10**19, 1_001_000_000, gas="1.5")
    assert (lost.winning_trades, lost.losing_trades, lost.losing_exits) == (0, 1, 1)
    even = sold(bought(), 10**19, 1_001_000_000, gas="1")
    assert (even.winning_trades, even.losing_trades, even.losing_exits) == (0, 0, 0)


def test_an_exit_bears_the_gas_of_its_entry_and_of_what_failed_between() -> None:
    # One dollar more than what was paid, and forty cents of gas each way.
    made = sold(bought(gas="0.4"), 10**19, 1_001_000_000, gas="0.4")
    assert (made.winning_trades, made.losing_trades) == (1, 0)
    failed = record(ABC, Side.SELL, swap(10**19, 1, gas="0.4", status=REVERTED))
    tried = sold(apply(bought(gas="0.4"), failed), 10**19, 1_001_000_000, gas="0.4")
    assert (tried.winning_trades, tried.losing_trades, tried.losing_exits) == (0, 1, 1)


def test_a_win_ends_a_run_of_losing_exits() -> None:
    losing = replace(bought(), losing_exits=4)
    assert sold(losing, 10**19, 1).losing_exits == 5
    assert sold(losing, 10**19, 10**12).losing_exits == 0


def counts(of: Account) -> tuple[int, int, int]:
    return of.winning_trades, of.losing_trades, of.losing_exits


def test_a_sale_of_a_part_is_no_outcome() -> None:
    losing = replace(bought(), losing_exits=4)
    for cash in (1, 10**12):
        assert counts(sold(losing, 10**18, cash)) == (0, 0, 4)


def test_a_position_is_won_or_lost_as_a_whole() -> None:
    start = replace(bought(), losing_exits=4)
    # Half of what cost 1,000 is sold at a gain of 100, then the rest at a loss of 150.
    part = sold(start, 5 * 10**18, 600_000_000)
    assert counts(sold(part, 5 * 10**18, 350_000_000)) == (0, 1, 5)
    assert counts(sold(part, 5 * 10**18, 450_000_000)) == (1, 0, 0)
    assert counts(sold(part, 5 * 10**18, 400_000_000)) == (0, 0, 4)


def test_a_failed_swap_pays_gas_and_counts_until_one_confirms() -> None:
    failed = record(ABC, Side.BUY, swap(1_000_000, 1, gas="2", status=REVERTED))
    once = apply(account(), failed)
    twice = apply(once, failed)
    assert (once.failed_transactions, twice.failed_transactions) == (1, 2)
    assert twice.cash_usd == 9996
    assert twice.positions == {}
    assert twice.entries_today == 0
    confirmed = apply(twice, record(ABC, Side.BUY, swap(1_000_000, 1)))
    assert confirmed.failed_transactions == 0
    left = sold(replace(bought(), failed_transactions=3), 10**18, 1)
    assert left.failed_transactions == 0


def test_an_approval_lasts_even_when_its_swap_reverts() -> None:
    failed = swap(1_000_000, 1, gas="2", status=REVERTED, approve=True)
    after = apply(account(), record(ABC, Side.BUY, failed))
    assert after.approvals == {0}
    assert after.nonce == 2
    exit_ = swap(10**18, 1, approve=True)
    assert apply(bought(), record(ABC, Side.SELL, exit_)).approvals == {ABC.id}


def test_a_denial_changes_nothing() -> None:
    start = bought()
    assert apply(start, record(ABC, Side.SELL, None)) == start


def test_a_person_can_have_the_counters_start_anew() -> None:
    start = replace(account(), losing_exits=5, failed_transactions=6)
    assert after_reset(start, BreakerKind.LOSING_EXITS) == replace(start, losing_exits=0)
    assert after_reset(start, BreakerKind.FAILED_TRANSACTIONS) == replace(
        start, failed_transactions=0
    )


def test_a_deposit_keeps_the_percentages_of_loss() -> None:
    start = replace(account(), peak_equity_usd=Decimal(20_000), day_start_equity_usd=Decimal(8000))
    after = deposit(start, Decimal(5000))
    assert after.cash_usd == 15_000
    assert after.deposits_usd == 15_000
    assert after.peak_equity_usd == 30_000
    assert after.day_start_equity_usd == 12_000
    assert cash_identity(after) == 0


def test_a_deposit_into_an_account_worth_nothing_raises_its_references() -> None:
    broke = replace(account(), cash_usd=ZERO)
    assert deposit(broke, Decimal(10)).peak_equity_usd == 10_010


def test_a_deposit_into_an_account_worth_cents_keeps_its_percentages() -> None:
    nearly = replace(account(), cash_usd=Decimal("0.5"), peak_equity_usd=Decimal(2))
    assert deposit(nearly, Decimal("0.5")).peak_equity_usd == 4


@pytest.mark.parametrize("amount", ["0", "-5"])
def test_deposits_must_be_positive(amount: str) -> None:
    with pytest.raises(ValueError, match=r"deposit was .*; allowed are .* above 0 to"):
        open_account(Decimal(amount))
    with pytest.raises(ValueError, match=r"deposit was .*; allowed are .* above 0 to"):
        deposit(account(), Decimal(amount))


def test_records_that_contradict_themselves_or_the_account_are_refused() -> None:
    confirmed = swap(10**18, 1_000_000)
    with pytest.raises(ValueError, match="ABC, which the account does not hold"):
        apply(account(), record(ABC, Side.SELL, confirmed))
    with pytest.raises(ValueError, match="FILLED record of ABC has no swap"):
        apply(account(), record(ABC, Side.BUY, None, status=TradeStatus.FILLED))
    with pytest.raises(ValueError, match="FAILED record carries a CONFIRMED swap"):
        apply(account(), record(ABC, Side.BUY, confirmed, status=TradeStatus.FAILED))
    wrong = replace(record(ABC, Side.SELL, confirmed), realized_usd=Decimal(1))
    with pytest.raises(ValueError, match="says 1 was realized, but its cost says"):
        apply(bought(), wrong)
    with pytest.raises(ValueError, match="must say why it was sold"):
        apply(bought(), record(ABC, Side.SELL, swap(10**19, 1), reason=None))


OPERATIONS = st.tuples(
    st.sampled_from(["buy", "sell", "fail", "deposit"]),
    st.integers(1, 3),
    st.integers(1, 10**9),
    st.integers(1, 10**24),
    st.decimals(0, 3, places=18),
)


@settings(max_examples=150)
@given(st.lists(OPERATIONS, max_size=30))
@exact
def test_cash_and_cost_equal_deposits_and_realized_less_gas_to_the_digit(
    operations: list[tuple[str, int, int, int, Decimal]],
) -> None:
    held = account("1000000")
    for kind, token_id, cash, units, gas in operations:
        of = token(token_id)
        position = held.positions.get(token_id)
        if kind == "deposit":
            held = deposit(held, gas + 1)
        elif kind == "fail":
            failed = swap(cash, units, gas=str(gas), status=REVERTED)
            held = apply(held, record(of, Side.BUY, failed))
        elif kind == "buy" or position is None:
            held = apply(held, record(of, Side.BUY, swap(cash, units, gas=str(gas))))
        else:
            part = min(units, position.units)
            held = apply(held, record(of, Side.SELL, swap(part, cash, gas=str(gas))))
        assert cash_identity(held) == 0
    assert all(one.units > 0 and one.cost_usd >= 0 for one in held.positions.values())


def test_gas_is_charged_to_the_position_whose_swap_it_was() -> None:
    opened = bought(gas="0.5")
    assert opened.positions[ABC.id].gas_usd == Decimal("0.5")
    assert opened.positions[ABC.id].opened_at == NOON
    added = apply(opened, record(ABC, Side.BUY, swap(1_000_000, 10**16, gas="0.25")))
    assert added.positions[ABC.id].gas_usd == Decimal("0.75")
    failed = record(ABC, Side.SELL, swap(10**18, 7, gas="0.125", status=REVERTED))
    reverted = apply(added, failed)
    assert reverted.positions[ABC.id].gas_usd == Decimal("0.875")
    part = sold(reverted, 10**18, 90_000_000, gas="0.0625")
    assert part.positions[ABC.id].gas_usd == Decimal("0.9375")
    elsewhere = record(token(4, "XYZ"), Side.BUY, swap(1_000_000, 10**16, gas="3"))
    assert apply(part, elsewhere).positions[ABC.id] == part.positions[ABC.id]


def test_a_buy_that_opens_takes_the_factor_of_its_record() -> None:
    fill = record(ABC, Side.BUY, swap(1_000_000, 10**18))
    assert apply(account(), fill).positions[ABC.id].exit_factor == 1
    scaled = apply(account(), replace(fill, exit_factor=Decimal("1.25")))
    assert scaled.positions[ABC.id].exit_factor == Decimal("1.25")
    assert apply(scaled, fill).positions[ABC.id].exit_factor == Decimal("1.25")


def test_steps_are_taken_by_the_sale_that_says_so_and_once() -> None:
    part = record(ABC, Side.SELL, swap(10**18, 110_000_000))
    start = bought()
    assert apply(start, part).positions[ABC.id].steps_taken == 0
    stepped = apply(start, replace(part, steps_taken=2))
    assert stepped.positions[ABC.id].steps_taken == 2
    assert apply(stepped, part).positions[ABC.id].steps_taken == 2
    for again in (1, 2):
        with pytest.raises(ValueError, match=f"of ABC says that {again} steps are taken, but 2"):
            apply(stepped, replace(part, steps_taken=again))
    assert apply(stepped, replace(part, steps_taken=3)).positions[ABC.id].steps_taken == 3


def test_a_deposit_off_the_peg_scales_by_what_it_is_worth() -> None:
    start = replace(account(), cash_price_usd=Decimal("0.8"), peak_equity_usd=Decimal(16_000))
    after = deposit(start, Decimal(2500))
    # 8,000 and 2,000 more: a quarter, of the peak too.
    assert after.peak_equity_usd == 20_000
    assert after.cash_usd == after.deposits_usd == 12_500
    assert cash_identity(after) == 0
    broke = replace(start, cash_usd=ZERO)
    assert deposit(broke, Decimal(10)).peak_equity_usd == 16_008


def test_what_a_position_came_to_is_net_of_all_its_gas() -> None:
    part = sold(bought(gas="0.5"), 5 * 10**18, 600_000_000, gas="0.25")
    held = part.positions[ABC.id]
    last = swap(5 * 10**18, 450_000_000, gas="1.25")
    assert closing(held, last, Decimal(-50)) == ClosedPosition(
        bought_usd=Decimal(1000),
        realized_usd=Decimal(50),
        gas_usd=Decimal(2),
        net_percent=Decimal("4.8"),
    )


@exact
def exact_difference(cash_usd: Decimal, made: Swap) -> Decimal:
    return cash_usd - Decimal(made.amount_in) / 10**6 - made.gas_usd


def test_no_context_of_the_caller_rounds_an_account() -> None:
    big = Decimal("123456789012.123456789012345678")
    made = swap(1_234_567_891_234, 3 * 10**18, gas="1234567.123456789012345678")
    fill = record(ABC, Side.BUY, made)
    with localcontext(prec=4):
        rich = deposit(open_account(big), big)
        after = apply(rich, fill)
        part = apply(after, record(ABC, Side.SELL, swap(10**18, 7)))
        assert cash_identity(part) == 0
        unit = Decimal("0.000000000000000001")
        one_off = replace(part, cash_usd=exact(Decimal.__add__)(part.cash_usd, unit))
        assert cash_identity(one_off) == unit
        closed = closing(part.positions[ABC.id], swap(1, 1, gas="0.000000000000000001"), big)
    assert rich.cash_usd == Decimal("246913578024.246913578024691356")
    assert rich.peak_equity_usd == rich.cash_usd
    assert after.cash_usd == exact_difference(rich.cash_usd, made)
    assert closed.gas_usd == Decimal("1234567.123456789012345679")


def failed_exits(of: Account) -> int:
    return of.positions[ABC.id].failed_exits


def test_failed_sales_in_a_row_are_counted_until_one_confirms() -> None:
    failed = record(ABC, Side.SELL, swap(10**18, 1, status=REVERTED))
    once = apply(bought(), failed)
    twice = apply(once, failed)
    assert [failed_exits(one) for one in (bought(), once, twice)] == [0, 1, 2]
    assert failed_exits(sold(twice, 10**18, 1)) == 0
    reverted = record(ABC, Side.BUY, swap(1_000_000, 1, status=REVERTED))
    filled = record(ABC, Side.BUY, swap(1_000_000, 10**18))
    assert [failed_exits(apply(twice, buy)) for buy in (reverted, filled)] == [2, 2]


SENT = Submission(NOON, NOON, NOON, Channel.PUBLIC)


def sent(of: Token, nonce: int = 1) -> Pending:
    """Return a pending buy with its approval."""
    plan = Plan(of, Side.BUY, 1_000_000, 10**18, 0, Decimal(1), 3_000)
    return Pending(
        record(of, Side.BUY, swap(1_000_000, 10**18)), plan, SENT, nonce, True, NOON, 1, ZERO, ()
    )


def test_the_outcome_of_what_was_sent_uses_no_nonce_again() -> None:
    other = token(4, "XYZ")
    waiting = account().with_pending(sent(ABC)).with_pending(sent(other, 3))
    assert waiting.nonce == 4
    told = record(ABC, Side.BUY, swap(1_000_000, 10**18, gas="1", approve=True))
    after = apply(waiting, replace(told, submission=SENT))
    assert (after.nonce, set(after.pending)) == (4, {other.id})
    assert after.gas_usd == 1
    # A swap that was sent and told in one tick has used up none before, nor has one of a token
    # whose transaction still waits.
    at_once = apply(account().with_pending(sent(other)), replace(told, submission=SENT))
    assert (at_once.nonce, set(at_once.pending)) == (4, {other.id})
    beside = apply(waiting, told)
    assert (beside.nonce, set(beside.pending)) == (6, {ABC.id, other.id})
