"""Random lives in worlds of many pools: the books hold, and no swap gets more than it can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.breaker import Breaker
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    BreakerKind,
    FillGrade,
    PoolKind,
    Side,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.market import Batch, ChainQuote, GasConditions, QuotedSwap
from paper_trading.engine.money import CONTEXT, cash_amount, to_base_units
from paper_trading.engine.orders import Desk, Rules
from paper_trading.engine.pending import Pending
from paper_trading.engine.steps import StepResult, auto_close, execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from paper_trading.engine.ways import pool_in, way_by
from paper_trading.intelligence.levels import appetite
from tests.engine.drawn_worlds import (
    STEPS,
    STILL,
    WETH_ID,
    PoolSpec,
    Step,
    World,
    batch_at,
    pools,
    worlds,
)
from tests.engine.lives import Books
from tests.engine.machines import sale
from tests.engine.worlds import NOON, account, decision, rules

SOUND = st.just(Decimal(1))
SKEWED = st.sampled_from([Decimal(one) for one in ("1", "1.01", "0.98", "0.6", "1.7", "5")])
#: Prices stay in what a row keeps.
ONE_SECOND = timedelta(seconds=1)
LOWEST, HIGHEST = Decimal("1e-24"), Decimal("1e12")
LIVELY = Strategy(
    minimum_balance_usd=Decimal(0),
    max_daily_trades=1000,
    max_concurrent_positions=10,
    max_position_size_percent=Decimal(100),
    take_profit_steps=((Decimal(2), Decimal(40)),),
    max_failed_transactions=1000,
    max_losing_exits=1000,
    max_portfolio_loss_percent=Decimal(100),
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
)


def rules_of(level: int, eager: bool, join: bool) -> Rules:
    """Return a level's rules; of one who is eager, with nothing to hold it back."""
    wants = appetite(level)
    if not eager:
        return rules(Strategy(lock_after_failures=1, join_swaps=join), wants, managed=True)
    hundred = Decimal(100)
    wants = replace(wants, max_pool_percent=hundred, max_position_percent=Decimal(40))
    wants = replace(wants, max_exposure_percent=hundred, cool_down_minutes=0, max_adds=100)
    return rules(replace(LIVELY, join_swaps=join), wants, managed=True)


class Life(Books):
    """An account in a world of many pools."""

    def __init__(self, world: World, by: Rules, seed: int) -> None:
        super().__init__("50000")
        self.world, self.by, self.at = world, replace(by, seed=seed), NOON
        self.prices = {key: world.tokens[key - WETH_ID].price for key in world.ids}
        self.breakers: Mapping[BreakerKind, Breaker] = {}
        self.state = TradingState.ACTIVE

    def step(self, now: Step) -> None:
        self.at += timedelta(seconds=now.seconds)
        for key in self.prices:
            moved = CONTEXT.multiply(self.prices[key], now.moves[key - WETH_ID])
            self.prices[key] = min(max(moved, LOWEST), HIGHEST)
        if now.paid_in:
            self.pay_in(Decimal(now.paid_in))
        self.by = replace(
            self.by, strategy=replace(self.by.strategy, use_transaction_manager=now.managed)
        )
        batch = batch_at(self.world, now, self.prices, self.at)
        batch = replace(batch, chain_quotes=self.chain(now, batch))
        manual = frozenset(key for key in self.world.ids if now.manual >> (key - WETH_ID) & 1)
        wanted = [
            decision(self.world.token(key), now.actions[key - WETH_ID]) for key in self.world.ids
        ]

        def closing(known: Batch, _: Sequence[Decision]) -> StepResult:
            return auto_close(self.account, known, self.breakers, self.by, manual)

        def executing(known: Batch, some: Sequence[Decision]) -> StepResult:
            return execute(self.account, known, self.breakers, self.by, some, self.state)

        for doing in (closing, executing):
            done = doing(batch, wanted)
            # What the batch remembers is forgotten, and decisions arrive in another order.
            assert doing(replace(batch), wanted[::-1]) == done
            before = dict(self.account.pending)
            self.keep(done)
            self.breakers, self.state = done.breakers, done.state
            if self.world.sigma == 0:
                for record in done.trades:
                    check_price(record, before.get(record.token.id), batch)

    def chain(self, now: Step, batch: Batch) -> dict[QuotedSwap, ChainQuote]:
        """Return what a quoter says of what is on its way."""
        said = {}
        for key, one in self.account.pending.items():
            plan, block = one.plan, one.submission.included_at
            at = max(block, batch.market_time) if now.chain != "early" else block - ONE_SECOND
            out = {"sound": plan.quoted_out * 999 // 1000, "absurd": 10**70, "early": 10**6}.get(
                now.chain, 1 + plan.quoted_out // 50
            )
            if now.chain:
                said[(key, plan.pool, plan.side, plan.amount_in)] = ChainQuote(max(out, 1), 1, at)
        return said


def check_price(record: TradeRecord, waited: Pending | None, batch: Batch) -> None:
    """Hold a buy against the better of both prices that it was between, at the depth of now."""
    swap = record.swap
    if swap is None or record.status is not TradeStatus.FILLED or record.side is not Side.BUY:
        return
    best, quote = swap.quoted_out, batch.quotes[record.token.id]
    pool = pool_in(batch, way_by(quote, swap.pool, Side.BUY) or quote)
    if waited is not None and pool is not None:
        price = min(swap.mid_price, pool.mid_price)
        cheap = pool.moved(CONTEXT.divide(price, pool.mid_price))
        there = None if cheap is None else cheap.quote(Side.BUY, swap.amount_in)
        # Beyond the known depth of the cheaper price: what its middle pays.
        middle = to_base_units(cash_amount(swap.amount_in) / price, record.token.decimals)
        best = max(best, middle if there is None else there)
        if swap.grade is FillGrade.A:
            # The chain is believed up to twice the price.
            best = 2 * middle
    # Reserves of ten thousand units carry a price to one basis point.
    assert swap.amount_out <= best + best // 3_000 + 2


@settings(max_examples=150, derandomize=True)
@given(
    world=worlds(pools(SOUND), pools(SKEWED)),
    steps=st.lists(STEPS, min_size=4, max_size=12),
    level=st.sampled_from([1, 5, 10]),
    eager=st.sampled_from([True, True, False]),
    join=st.booleans(),
    seed=st.integers(0, 50),
)
def test_the_books_hold_on_whatever_way(
    world: World, steps: list[Step], level: int, eager: bool, join: bool, seed: int
) -> None:
    life = Life(world, rules_of(level, eager, join), seed)
    for now in steps:
        life.step(now)


# No free money


def of_its_price(pool: PoolSpec) -> PoolSpec:
    """Return a pinned pool whose own price is the quote's: as much of both is none of a stable."""
    stable = pool.kind is PoolKind.SOLIDLY_STABLE
    return replace(pool, kind=PoolKind.SOLIDLY_VOLATILE) if stable else pool


class Still:
    """An account in a world whose prices stand still, where gas is next to nothing."""

    def __init__(self, world: World, by: Rules, cash_price: str) -> None:
        self.world = replace(world, sigma=Decimal(0), gas=GasConditions(8453, 1, 0))
        self.now = replace(STILL, cash_price=cash_price)
        self.prices = {key: one.price for key, one in zip(world.ids, world.tokens, strict=True)}
        self.account, self.by, self.at = account("50000"), by, NOON

    def visit(self, doing: Callable[[Desk], None]) -> None:
        """Let a desk do something, and tell what became of it one block later."""
        desk = self._desk()
        doing(desk)
        if self.by.strategy.join_swaps:
            desk.join()
        self.account = desk.account
        if self.account.pending:
            self.at += timedelta(seconds=2)
            desk = self._desk()
            desk.resolve()
            self.account = desk.account
            assert not self.account.pending

    def key(self, place: int) -> int:
        return WETH_ID + place % len(self.world.tokens)

    def buy(self, places: Sequence[int]) -> None:
        def doing(desk: Desk) -> None:
            for key in map(self.key, places):
                desk.buy(self.world.token(key), None)

        self.visit(doing)

    def sell(self, place: int, percent: int) -> None:
        held = self.account.positions.get(self.key(place))
        if held is not None:
            wanted = sale(held, max(1, held.units * percent // 100))
            self.visit(lambda desk: desk.exit(wanted))

    def _desk(self) -> Desk:
        batch = batch_at(self.world, self.now, self.prices, self.at)
        return Desk(self.account, batch, self.by, TradingState.ACTIVE, ())


PLACES = st.integers(0, 4)


@settings(max_examples=150, derandomize=True)
@given(
    world=worlds(pools(SOUND, least_fee=100).map(of_its_price), pools(SKEWED, least_fee=100)),
    buys=st.lists(st.lists(PLACES, min_size=1, max_size=5), min_size=1, max_size=3),
    sales=st.lists(st.tuples(PLACES, st.integers(1, 99)), max_size=6),
    managed=st.booleans(),
    join=st.booleans(),
    cash_price=st.sampled_from(["1", "0.9"]),
)
def test_no_way_there_and_back_makes_money(
    world: World,
    buys: list[list[int]],
    sales: list[tuple[int, int]],
    managed: bool,
    join: bool,
    cash_price: str,
) -> None:
    """In whatever parts and order, by whatever pools and legs."""
    by = rules_of(10, True, join)
    strategy = replace(by.strategy, use_transaction_manager=managed)
    still = Still(world, replace(by, strategy=strategy), cash_price)
    for places in buys:
        still.buy(places)
    for place, percent in [*sales, *((place, 100) for place in range(len(world.tokens)))]:
        still.sell(place, percent)
    left = still.account
    assert left.cash_usd <= left.deposits_usd
    assert left.cash_usd < left.deposits_usd or not left.nonce
    # What is sold of a token has brought no more than all of it has cost.
    assert left.realized_usd <= 0
