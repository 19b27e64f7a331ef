from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from paper_trading.engine import locks
from paper_trading.engine.account import Account, TokenLock
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import ExitReason, Side, TradeStatus, TransactionStatus
from paper_trading.engine.steps import auto_close, execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from tests.engine.desks import WORLD, A, B, executed
from tests.engine.worlds import NOON, account, decision, record, rules, swap

HOUR = timedelta(hours=1)
LOCK = TokenLock(NOON + HOUR, "Its team sells", by_person=True)
RULE = Strategy(lock_after_failures=2, lock_minutes=30)
FAILED = record(A, Side.BUY, swap(1, 1, status=TransactionStatus.REVERTED))
FILLED = record(A, Side.BUY, swap(1, 1))
DENIED = record(A, Side.BUY, None)


def after(*trades: TradeRecord, of: Account | None = None, rule: Strategy = RULE) -> Account:
    return locks.after_swaps(of or account(), trades, rule, NOON)


def test_an_entry_of_a_locked_token_is_denied_with_reason_and_end() -> None:
    held = locks.locked(account(), A.id, LOCK)
    result = execute(held, WORLD, {}, rules(), [decision(A), decision(B)], executed().state)
    said = {trade.token.symbol: trade for trade in result.trades}
    assert (said["AAA"].status, said["AAA"].code) == (TradeStatus.DENIED, Code.TOKEN_LOCKED)
    assert said["AAA"].limit == "Its team sells, until 2026-03-02 13:00:00"
    assert said["BBB"].status is TradeStatus.FILLED


def test_an_exit_of_a_locked_token_passes() -> None:
    held = locks.locked(executed(decision(A)).account, A.id, LOCK)
    result = auto_close(held, WORLD, {}, rules(), frozenset({A.id}))
    (sold,) = result.trades
    assert (sold.status, sold.exit_reason) == (TradeStatus.FILLED, ExitReason.MANUAL)


@pytest.mark.parametrize(
    ("at", "locked"),
    [
        (NOON, True),
        (NOON + HOUR - timedelta(microseconds=1), True),
        (NOON + HOUR, False),
        (NOON + 2 * HOUR, False),
    ],
)
def test_a_lock_ends_at_its_time_and_goes_with_the_next_tick(at: datetime, locked: bool) -> None:
    held = locks.locked(account(), A.id, LOCK)
    assert bool(locks.denial(held, A.id, at)) is locked
    assert locks.current(held, at).locks == ({A.id: LOCK} if locked else {})
    closing = auto_close(held, replace(WORLD, market_time=at), {}, rules(), frozenset())
    assert bool(closing.account.locks) is locked


def test_a_released_token_is_bought_again() -> None:
    held = locks.released(locks.locked(account(), A.id, LOCK), A.id)
    assert held == account()
    assert locks.denial(held, A.id, NOON) == ""


def test_failed_swaps_in_a_row_lock_a_token_and_a_fill_ends_the_row() -> None:
    assert after(FAILED).failed_swaps == {A.id: 1}
    assert after(FAILED).locks == {}
    assert after(FAILED, FILLED, FAILED).locks == {}
    assert after(FAILED, DENIED, FAILED).locks == {
        A.id: TokenLock(NOON + HOUR / 2, "2 failed swaps in a row", by_person=False)
    }
    # A lock begins a new row.
    assert after(FAILED, FAILED).failed_swaps == {}


def test_rows_are_counted_without_a_rule_and_lock_nothing() -> None:
    counted = after(*[FAILED] * 9, rule=Strategy())
    assert (counted.failed_swaps, counted.locks) == ({A.id: 9}, {})
    assert after(FAILED, of=counted).locks.keys() == {A.id}


def test_a_rule_never_shortens_the_lock_of_a_person() -> None:
    held = locks.locked(account(), A.id, LOCK)
    assert after(FAILED, FAILED, of=held).locks == {A.id: LOCK}
    longer = replace(RULE, lock_minutes=90)
    assert after(FAILED, FAILED, of=held, rule=longer).locks[A.id].by_person is False


def test_a_step_that_swaps_nothing_leaves_the_account_as_it_is() -> None:
    held = account()
    assert after(DENIED, of=held) is held
    assert locks.current(held, NOON) is held


@pytest.mark.parametrize("reason", ["", "x" * (locks.LONGEST_REASON + 1)])
def test_a_lock_needs_a_reason_that_a_record_can_keep(reason: str) -> None:
    with pytest.raises(ValueError, match="reason of a lock"):
        locks.locked(account(), A.id, replace(LOCK, reason=reason))
    with pytest.raises(ValueError, match="no time zone"):
        locks.locked(account(), A.id, replace(LOCK, until=datetime(2026, 1, 1)))  # noqa: DTZ001
