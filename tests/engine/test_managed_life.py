"""Random lives of accounts whose orders are pending for a while: the books hold after each step."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.enums import Action, PriceVerdict, TradingState
from paper_trading.engine.market import Batch, GasConditions, Quote
from paper_trading.engine.money import CONTEXT, ZERO
from paper_trading.engine.orders import Rules
from paper_trading.engine.steps import auto_close, execute
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import A, B, C
from tests.engine.lives import Books
from tests.engine.worlds import APPETITE, NOON, batch, decision, rules

TOKENS = (A, B, C)
EAGER = replace(
    APPETITE,
    max_position_percent=Decimal(60),
    max_exposure_percent=Decimal(100),
    max_pool_percent=Decimal(100),
    cool_down_minutes=0,
    max_adds=100,
)
MANAGED = Strategy(
    use_transaction_manager=True,
    minimum_balance_usd=ZERO,
    max_daily_trades=1000,
    max_position_size_percent=Decimal(100),
    take_profit_steps=((Decimal(2), Decimal(40)),),
)
CHAINS = (
    GasConditions(8453, 5_000_000, 1_000_000, 160_000_000, 8_350_000),
    GasConditions(1, 30_000_000_000, 1_000_000_000),
)


@dataclass(frozen=True)
class Drawn:
    """One step: moves in percent, what is known, decided and paid in, and how gas changes."""

    moves: tuple[int, int, int]
    #: None: no quote.
    verdicts: tuple[PriceVerdict | None, PriceVerdict | None, PriceVerdict | None]
    actions: tuple[Action, Action, Action]
    gas: str
    paid_in: int
    manual: frozenset[int]
    seconds: int


def three(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(of, of, of)


drawn = st.builds(
    Drawn,
    moves=three(st.integers(-30, 40)),
    verdicts=three(st.sampled_from([None, *PriceVerdict])),
    actions=three(st.sampled_from([Action.BUY, Action.SELL, Action.HOLD])),
    gas=st.sampled_from(["0.3", "1", "1", "4"]),
    paid_in=st.sampled_from([0, 0, 0, 500]),
    manual=st.sampled_from([frozenset[int](), frozenset({A.id})]),
    seconds=st.integers(1, 60),
)


class Life(Books):
    """An account in a world that moves, with everything that it booked."""

    def __init__(self, gas: GasConditions, protected: bool, seed: int) -> None:
        super().__init__("2000")
        self.prices = dict(zip(TOKENS, (Decimal(100), Decimal(3), Decimal("0.0004")), strict=True))
        self.gas, self.at = gas, NOON
        appetite = replace(EAGER, mev_protection=protected)
        self.rules: Rules = replace(rules(MANAGED, appetite, managed=True), seed=seed)

    def world(self, now: Drawn) -> Batch:
        quotes = [
            Quote(token, self.prices[token], self.at, "test", Decimal(1_000_000), verdict)
            for token, verdict in zip(TOKENS, now.verdicts, strict=True)
            if verdict is not None
        ]
        base = int(CONTEXT.multiply(Decimal(self.gas.base_fee_wei), Decimal(now.gas)))
        sigma = dict.fromkeys((token.id for token in TOKENS), Decimal(3))
        gas = replace(self.gas, base_fee_wei=base)
        return batch(*quotes, at=self.at, gas=gas, sigma=sigma)

    def step(self, now: Drawn) -> None:
        self.at += timedelta(seconds=now.seconds)
        for token, move in zip(TOKENS, now.moves, strict=True):
            self.prices[token] *= 1 + Decimal(move) / 100
        world = self.world(now)
        if now.paid_in:
            self.pay_in(Decimal(now.paid_in))
        self.keep(auto_close(self.account, world, {}, self.rules, now.manual))
        wanted = [
            decision(token, action) for token, action in zip(TOKENS, now.actions, strict=True)
        ]
        done = execute(self.account, world, {}, self.rules, wanted, TradingState.ACTIVE)
        self.keep(done)


@settings(max_examples=60, deadline=None)
@given(
    life=st.lists(drawn, min_size=3, max_size=14),
    chain=st.sampled_from(CHAINS),
    protected=st.booleans(),
    seed=st.integers(0, 50),
)
def test_the_books_hold_whatever_happens_on_the_way(
    life: list[Drawn], chain: GasConditions, protected: bool, seed: int
) -> None:
    one = Life(chain, protected, seed)
    for now in life:
        one.step(now)
