"""Costs act: without them P&L is higher by what they were, and with a higher fee less is bought."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.bot.replay.file_run import FileMarket, LevelRun
from paper_trading.bot.replay.market import MemoryStep
from paper_trading.bot.replay.ticks import trades_of
from paper_trading.engine.account import Account
from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.engine.money import ZERO, cash_amount, exact, from_base_units, usd
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import Swap, TradeRecord
from paper_trading.models.strategy import strategy_with
from paper_trading.services.sources.recorded import RecordedFile
from tests.bot import worlds

TICKS = 60
#: A round trip of 0.6 % is affordable within an hour of these walks, one of 1.2 % seldom is.
PLAIN = {"max_hold_hours": "1", "confidence_threshold": "0"}
TIGHT = {**PLAIN, "max_slippage_percent": "0.05", "max_exit_slippage_percent": "0.1"}
DIRECT = strategy_with({**TIGHT, "use_transaction_manager": "False"})
MANAGED = strategy_with({**TIGHT, "use_transaction_manager": "True"})
EASY = strategy_with({**PLAIN, "use_transaction_manager": "False"})


@dataclass(frozen=True, slots=True)
class World:
    """A market's steps with the fee of its file, and with the double."""

    seed: int
    length: timedelta
    plain: list[MemoryStep]
    doubled: list[MemoryStep]

    def ran(
        self, level: int, strategy: Strategy, *, doubled: bool = False
    ) -> tuple[LevelRun, list[TradeRecord]]:
        """Run a level and return it with its records."""
        run = LevelRun(level, strategy, self.seed)
        steps = self.doubled if doubled else self.plain
        made = [run.tick(step, self.length) for step in steps]
        return run, [record for tick in made for record in trades_of(tick)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Walks whose past is folded once: the fee changes behind it."""
    path = tmp_path_factory.mktemp("costs") / "walks.csv"
    file = RecordedFile.open(worlds.write_record(path, TICKS, worlds.WALKS))
    market = FileMarket(file, (DIRECT, MANAGED, EASY))
    dear = deepcopy(market)
    dear._tokens = tuple(
        replace(one, token=replace(one.token, fee_pips=2 * one.token.fee_pips))
        for one in market._tokens
    )
    steps, dearer = list(market.steps(TICKS)), list(dear.steps(TICKS))
    return World(market.seed, market.length, steps, dearer)


def swaps(records: list[TradeRecord], status: TradeStatus) -> Iterator[tuple[TradeRecord, Swap]]:
    for record in records:
        if record.status is status and record.swap is not None:
            yield record, record.swap


@exact
def cash_without_costs(deposit_usd: Decimal, records: list[TradeRecord]) -> Decimal:
    """Fold the fills anew: the same tokens change hands, at the middle of the pool and for free."""
    cash = deposit_usd
    for record, swap in swaps(records, TradeStatus.FILLED):
        buys = record.side is Side.BUY
        tokens = swap.amount_out if buys else swap.amount_in
        worth = usd(from_base_units(tokens, record.token.decimals) * swap.mid_price)
        cash += -worth if buys else worth
    return cash


@exact
def pnl_usd(account: Account, cash_usd: Decimal) -> Decimal:
    """Return what the account is worth at its marks above its deposits, with so much cash."""
    held = account.positions.values()
    worth = (from_base_units(one.units, one.token.decimals) * one.mark_price_usd for one in held)
    return cash_usd + sum(worth, ZERO) - account.deposits_usd


@pytest.mark.parametrize("strategy", [DIRECT, MANAGED], ids=["direct", "managed"])
def test_without_costs_pnl_is_higher_by_the_shortfalls_and_the_gas(
    world: World, strategy: Strategy
) -> None:
    run, records = world.ran(10, strategy)
    account = run.book.account
    fills = list(swaps(records, TradeStatus.FILLED))
    failed = list(swaps(records, TradeStatus.FAILED))
    # Both sides, and failures: they pay gas alone.
    assert {record.side for record, _ in fills} == set(Side)
    assert failed
    assert len(fills) > 10
    shortfall = sum((swap.shortfall_usd for _, swap in fills), ZERO)
    gas = sum((swap.gas_usd for _, swap in fills + failed), ZERO)
    assert min(shortfall, gas) > 0
    free = cash_without_costs(account.deposits_usd, records)
    gained = pnl_usd(account, free) - pnl_usd(account, account.cash_usd)
    assert gained == shortfall + gas


def test_the_terms_of_each_fill_are_its_shortfall(world: World) -> None:
    _, records = world.ran(10, EASY)
    fills = list(swaps(records, TradeStatus.FILLED))
    assert {record.side for record, _ in fills} == set(Side)
    for record, swap in fills:
        tokens = swap.amount_out if record.side is Side.BUY else swap.amount_in
        cash = swap.amount_in if record.side is Side.BUY else swap.amount_out
        worth = usd(from_base_units(tokens, record.token.decimals) * swap.mid_price)
        lost = cash_amount(cash) - worth if record.side is Side.BUY else worth - cash_amount(cash)
        assert swap.shortfall_usd == lost
        assert swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd == lost


def test_with_the_fee_doubled_entries_fall_at_the_cost_gate(world: World) -> None:
    found = []
    for doubled in (False, True):
        run, records = world.ran(7, EASY, doubled=doubled)
        bought = [one for one, _ in swaps(records, TradeStatus.FILLED) if one.side is Side.BUY]
        found.append((len(bought), run.codes["COST_HIGH"], run.decisions["BUY"]))
    plain, dear = found
    assert plain[0] > dear[0]
    assert plain[1] < dear[1]
    assert plain[2] > dear[2]
