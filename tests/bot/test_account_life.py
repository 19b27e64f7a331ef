"""Random lives of an account, written by the code that writes ticks and read back by others."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from paper_trading.bot import accounts, ledger_check
from paper_trading.bot.position_manager import PositionManager
from paper_trading.engine.enums import Stage, TradingState
from paper_trading.engine.equity import equity
from paper_trading.engine.money import CONTEXT
from paper_trading.engine.steps import StepResult
from paper_trading.engine.trade import TradeRecord
from paper_trading.services import account_state, market_rows
from tests import builders
from tests.engine.machines import (
    WORLD,
    Life,
    assert_books_hold,
    facts,
    folded,
    part_of,
    sale,
)

SIGMAS = st.sampled_from([Decimal(0), Decimal(3)])
SEEDS = st.integers(0, 10**6)
PLACES = st.integers(0, len(WORLD) - 1)


class StoredLife(RuleBasedStateMachine):
    """An account in memory and its rows, which must say the same after every act."""

    @initialize(deposit=st.decimals(1000, 10**6, places=18))
    def open(self, deposit: Decimal) -> None:
        self.first = deposit
        market = builders.make_market()
        row = accounts.open_account(builders.make_user(), "Life", market, deposit)
        self.session = builders.make_session(row)
        world = tuple(
            (
                market_rows.token_value(
                    # Luck goes by the symbol: the same acts must meet the same in each example.
                    builders.make_token(
                        f"LIFE{place}",
                        decimals=token.decimals,
                        pool_fee_pips=token.fee_pips,
                        market=market,
                    )
                ),
                price,
            )
            for place, (token, price) in enumerate(WORLD)
        )
        self.life = Life.begin(deposit, world)

    @rule(amount=st.decimals("0.000001", 10**6, places=18))
    def pay_in(self, amount: Decimal) -> None:
        self.life.deposit(amount)
        accounts.deposit(self.session.account, amount)
        self._same()

    @rule(place=PLACES, sigma=SIGMAS, seed=SEEDS)
    def buy_or_add(self, place: int, sigma: Decimal, seed: int) -> None:
        self._stored(self.life.buy(self.life.tokens[place], sigma, seed))

    @precondition(lambda self: self.life.account.positions)
    @rule(
        data=st.data(),
        share=st.one_of(st.just(Decimal(1)), st.decimals(0, 1, places=6)),
        sigma=SIGMAS,
        seed=SEEDS,
    )
    def sell_some(self, data: st.DataObject, share: Decimal, sigma: Decimal, seed: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.life.account.positions)))
        held = self.life.account.positions[key]
        self._stored(self.life.sell(sale(held, part_of(held, share)), sigma, seed))

    @rule(place=PLACES, factor=st.decimals("0.2", 5, places=4))
    def move_a_price(self, place: int, factor: Decimal) -> None:
        key = self.life.tokens[place].id
        self.life.prices[key] = CONTEXT.multiply(self.life.prices[key], factor)

    def _stored(self, record: TradeRecord) -> None:
        """Write what came of an act as a stage does."""
        number = self.life.step
        tick = builders.make_tick(self.session, number, batch=None)
        result = StepResult(
            account=self.life.account,
            trades=(record,),
            breakers={},
            breaker_events=(),
            state=TradingState.ACTIVE,
            equity=equity(self.life.account, self.life.batch()),
        )
        manager = PositionManager(self.session.account_id)
        manager.load_positions()
        manager.save(tick, Stage.EXECUTION, result, self.life.batch())
        self._same()

    def _same(self) -> None:
        row = self.session.account
        row.refresh_from_db()
        assert account_state.load(row).account == self.life.account

    def teardown(self) -> None:
        if hasattr(self, "life"):
            with localcontext(CONTEXT):
                assert_books_hold(self.life)
            assert facts(folded(self.life, self.first)) == facts(self.life.account)
            assert ledger_check.problems(self.session.account) == []


@pytest.mark.django_db
def test_rows_memory_and_fills_say_the_same_of_any_life() -> None:
    run_state_machine_as_test(
        StoredLife,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
