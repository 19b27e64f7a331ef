"""What an account carries between stages, and when its version grows."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine import accounting, steps
from paper_trading.engine.account import Account
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.enums import Action, BreakerKind, ExitReason, TradingState
from paper_trading.engine.market import Batch
from paper_trading.engine.steps import StepResult
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.track import Worth, measure
from paper_trading.intelligence.book import (
    Book,
    after_deposit,
    after_reset,
    after_step,
    after_tick,
    after_trip,
    opened,
)
from paper_trading.intelligence.inputs import PROGRAM, TickInputs, program
from paper_trading.intelligence.levels import appetite
from tests.engine import worlds
from tests.engine.worlds import NOON

TOKEN = worlds.token()
BATCH = worlds.batch(worlds.quote(TOKEN))
INPUTS = TickInputs(seed=7, level=5, strategy=Strategy(use_transaction_manager=False))
LOSS, ERROR = BreakerKind.PORTFOLIO_LOSS, BreakerKind.INTERNAL_ERROR


def executed(book: Book, action: Action = Action.BUY, batch: Batch = BATCH) -> StepResult:
    decisions = [worlds.decision(TOKEN, action)]
    return steps.execute(
        book.account, batch, book.breakers, INPUTS.rules(), decisions, TradingState.ACTIVE
    )


def test_a_new_book_holds_its_deposit() -> None:
    book = opened(Decimal(500))
    assert book.account == accounting.open_account(Decimal(500))
    assert (book.version, book.breakers, book.last_equity) == (1, {}, None)
    assert book.total_pnl_usd == 0
    state = book.state()
    assert (state.version, state.account) == (1, book.account)


def test_a_stage_that_trades_makes_a_new_version() -> None:
    book = opened(Decimal(10_000))
    result = executed(book)
    assert [one.status.value for one in result.trades] == ["FILLED"]
    after = after_step(book, result)
    assert after.version == 2
    assert (after.account, after.breakers) == (result.account, result.breakers)
    assert after.total_pnl_usd == result.total_pnl_usd < 0
    assert after.record.trades.bought_usd == after.account.positions[TOKEN.id].bought_usd
    assert after.record.trades.n == 0


def test_a_stage_that_writes_nothing_keeps_the_version_and_the_result() -> None:
    book = after_step(opened(Decimal(10_000)), executed(opened(Decimal(10_000))))
    still = replace(executed(book, Action.HOLD), account=book.account, trades=())
    other = replace(still, equity=replace(still.equity, equity_usd=Decimal(1)))
    after = after_step(book, other)
    assert (after.version, after.total_pnl_usd) == (book.version, book.total_pnl_usd)


def test_a_round_trip_is_counted_from_the_opening_of_its_position() -> None:
    book = opened(Decimal(10_000))
    book = after_step(book, executed(book))
    later = worlds.later(BATCH, {}, hours=3)
    after = after_step(book, executed(book, Action.SELL, later))
    assert after.version == book.version + 1
    assert after.account.positions == {}
    trades = after.record.trades
    assert (trades.n, set(trades.by_exit)) == (1, {ExitReason.SIGNAL})
    assert trades.held == timedelta(hours=3)


def test_a_tick_leaves_its_worth_and_no_new_version() -> None:
    book = opened(Decimal(10_000))
    worth = Worth(NOON, Decimal(9_900), Decimal(0), Decimal(1))
    prices = Prices({TOKEN.id: Decimal(100)}, frozenset({TOKEN.id}), None)
    after = after_tick(book, worth, prices, timedelta(minutes=5))
    assert (after.version, after.last_equity) == (1, (NOON, Decimal(9_900)))
    assert measure(after.account, worth, after.record).performance.total_return_percent == -1


def test_a_deposit_raises_the_references_by_what_it_is_worth() -> None:
    breakers = {LOSS: Breaker(LOSS, baseline_usd=Decimal(900)), ERROR: Breaker(ERROR)}
    start = replace(opened(Decimal(1_000)), breakers=breakers)
    start = replace(start, account=replace(start.account, cash_price_usd=Decimal("0.8")))
    after = after_deposit(start, Decimal(100))
    assert after.account.cash_usd == after.account.deposits_usd == 1_100
    assert after.version == 2
    assert after.breakers[LOSS].baseline_usd == 980
    assert after.breakers[ERROR] == breakers[ERROR]
    worth = Worth(NOON, Decimal(1_100), Decimal(0), Decimal(1))
    seen = after_tick(after, worth, Prices({}, frozenset(), None), timedelta(minutes=5))
    assert measure(seen.account, worth, seen.record).performance.total_return_percent == 0


@pytest.mark.parametrize(
    ("last", "baseline"), [(None, 1_000), ((NOON, Decimal(700)), 700)], ids=["before", "after"]
)
def test_losses_are_measured_from_a_reset_on(last: Any, baseline: int) -> None:
    tripped = {LOSS: Breaker(LOSS, tripped=True, tripped_at=NOON), ERROR: Breaker(ERROR, True)}
    start = replace(opened(Decimal(1_000)), breakers=tripped, last_equity=last)
    after = after_reset(start, LOSS)
    assert after.breakers == {**tripped, LOSS: Breaker(LOSS, baseline_usd=Decimal(baseline))}
    assert after.version == 2


def test_a_reset_starts_the_counter_of_its_breaker_anew() -> None:
    account: Account = replace(opened(Decimal(1_000)).account, failed_transactions=3)
    start = replace(opened(Decimal(1_000)), account=replace(account, losing_exits=2))
    after = after_reset(start, BreakerKind.FAILED_TRANSACTIONS)
    assert (after.account.failed_transactions, after.account.losing_exits) == (0, 2)
    assert after.breakers[BreakerKind.FAILED_TRANSACTIONS].baseline_usd is None


def test_a_tick_that_failed_for_good_stops_entries() -> None:
    start = replace(opened(Decimal(1_000)), breakers={LOSS: Breaker(LOSS)})
    after = after_trip(start, NOON)
    tripped = Breaker(ERROR, tripped=True, tripped_at=NOON)
    assert after.breakers == {LOSS: Breaker(LOSS), ERROR: tripped}
    assert after.version == 2
    begun = steps.auto_close(
        after.account, BATCH, after.breakers, INPUTS.rules(), INPUTS.manual_closes
    )
    assert begun.state is TradingState.REDUCING


def test_a_tick_trades_by_its_own_level_and_by_what_a_person_asked() -> None:
    strategy = Strategy(max_quote_age_seconds=60)
    rules = replace(INPUTS, level=8, strategy=strategy, entries_paused=True, halted=True).rules()
    assert (rules.strategy, rules.appetite, rules.seed) == (strategy, appetite(8), 7)
    assert (rules.entries_paused, rules.halted) == (True, True)
    assert (INPUTS.rules().entries_paused, INPUTS.rules().halted) == (False, False)
    engine = replace(INPUTS, level=3).engine()
    assert (engine.level, engine.strategy) == (3, INPUTS.strategy)


def test_the_program_is_another_with_other_signals() -> None:
    assert program() == PROGRAM
    assert program("0123456789abcdef") == f"{PROGRAM}, signals 0123456789ab"
