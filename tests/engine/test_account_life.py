"""Thousands of random deposits, buys, sells, marks and failures: the books hold after each."""

from decimal import Decimal, localcontext

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.engine.money import CONTEXT
from paper_trading.engine.position import sell
from tests.engine.machines import (
    WORLD,
    Life,
    assert_books_hold,
    facts,
    filled,
    folded,
    part_of,
    sale,
)

KEYS = st.sampled_from([token.id for token, _ in WORLD])
TOKENS = {token.id: token for token, _ in WORLD}
#: No drift, and so much that about every second order misses its minimum.
SIGMAS = st.sampled_from([Decimal(0), Decimal(3)])
SEEDS = st.integers(0, 10**6)
MONEY = st.decimals("0.000001", 10**6, places=18)
SHARES = st.decimals(0, 1, places=6)
FACTORS = st.decimals("0.2", 5, places=4)
#: What a price may become by moving: the least and the most that is dealt with.
LOWEST, HIGHEST = Decimal("2e-18"), Decimal(10) ** 9


class AccountLife(RuleBasedStateMachine):
    """One account, and what must be true of it whatever happens."""

    @initialize(deposit=st.decimals(1000, 10**6, places=18))
    def open(self, deposit: Decimal) -> None:
        self.first = deposit
        self.life = Life.begin(deposit)

    @rule(amount=MONEY)
    def pay_in(self, amount: Decimal) -> None:
        self.life.deposit(amount)

    @rule(key=KEYS, sigma=SIGMAS, seed=SEEDS)
    def buy_or_add(self, key: int, sigma: Decimal, seed: int) -> None:
        before = self.life.account.positions.get(key)
        made = self.life.buy(TOKENS[key], sigma, seed)
        after = self.life.account.positions.get(key)
        if filled(made, Side.BUY):
            assert after is not None
            assert after.adds == (0 if before is None else before.adds + 1)
            assert after.exit_factor == (made.exit_factor if before is None else before.exit_factor)

    @precondition(lambda self: self.life.account.positions)
    @rule(data=st.data(), share=SHARES, sigma=SIGMAS, seed=SEEDS)
    def sell_some(self, data: st.DataObject, share: Decimal, sigma: Decimal, seed: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.life.account.positions)))
        held = self.life.account.positions[key]
        wanted = sale(held, part_of(held, share))
        made = self.life.sell(wanted, sigma, seed)
        after = self.life.account.positions.get(key)
        if filled(made, Side.SELL):
            rest, _ = sell(held, wanted.units)
            assert (after is None) is (rest is None) is (made.closed is not None)
            assert after is None or after.steps_taken == held.steps_taken + 1
        else:
            assert after is not None
            assert (after.units, after.steps_taken) == (held.units, held.steps_taken)

    @precondition(lambda self: self.life.account.positions)
    @rule(data=st.data())
    def any_residue_can_be_sold(self, data: st.DataObject) -> None:
        """Sell down to one unit, then that one too."""
        key = data.draw(st.sampled_from(sorted(self.life.account.positions)))
        for units in (self.life.account.positions[key].units - 1, 1):
            held = self.life.account.positions[key]
            if units:
                wanted = sale(held, units)
                made = self.life.sell(wanted, Decimal(0), 1)
                if made.status is TradeStatus.DENIED:
                    assert made.limit == "gas"
                    return
                assert filled(made, Side.SELL)
        assert key not in self.life.account.positions

    @rule(key=KEYS, factor=FACTORS)
    def move_a_price(self, key: int, factor: Decimal) -> None:
        moved = CONTEXT.multiply(self.life.prices[key], factor)
        self.life.prices[key] = min(max(moved, LOWEST), HIGHEST)
        self.life.mark()

    @rule(price=st.decimals("0.7", "1.1", places=6))
    def move_the_peg(self, price: Decimal) -> None:
        self.life.cash_price = price
        self.life.mark()

    @invariant()
    def the_books_hold(self) -> None:
        with localcontext(CONTEXT):
            assert_books_hold(self.life)

    def teardown(self) -> None:
        if hasattr(self, "life"):
            assert facts(folded(self.life, self.first)) == facts(self.life.account)


AccountLife.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAccountLife = AccountLife.TestCase
