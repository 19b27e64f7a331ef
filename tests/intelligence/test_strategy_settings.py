"""Every setting of a strategy acts: another value, and something else happens."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine.account import Account
from paper_trading.engine.decision import Decision
from paper_trading.engine.market import Batch, GasConditions, Recent
from paper_trading.engine.orders import Rules
from paper_trading.engine.steps import StepResult
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from tests.engine.desks import WORLD, A, B, closed, executed
from tests.engine.worlds import NOON, account, decision, later, rules
from tests.intelligence.samples import evidence

LIVELY = replace(WORLD, sigma_annual={A.id: Decimal("0.8"), B.id: Decimal("0.8")})
ETHEREUM = replace(LIVELY, gas=GasConditions(1, 160_000_000, 10_000_000))
#: Whatever the default is, a case says which venue it means.
DIRECT: dict[str, Any] = {"use_transaction_manager": False}
MANAGED: dict[str, Any] = {"use_transaction_manager": True}
TRAILING: dict[str, Any] = {
    "trailing_activation_percent": Decimal(3),
    "trailing_distance_percent": Decimal(2),
}
LOCKING: dict[str, Any] = {"max_slippage_percent": Decimal("0.01"), "lock_after_failures": 1}

Outcome = Callable[[Strategy], object]


@dataclass(frozen=True, slots=True)
class Case:
    """A setting's other value, and what happens with the default (or `base`) and with it."""

    name: str
    other: Any
    happens: Outcome
    before: object
    after: object
    base: dict[str, Any] = field(default_factory=dict)


def by(strategy: Strategy) -> Rules:
    return rules(strategy, managed=strategy.use_transaction_manager)


def entry(strategy: Strategy, *decisions: Decision, world: Batch = LIVELY) -> StepResult:
    return executed(*(decisions or (decision(A),)), world=world, by=by(strategy))


def limit(strategy: Strategy) -> str:
    """Return what an entry was limited by."""
    return entry(strategy).trades[0].limit


def second(strategy: Strategy) -> str:
    """Return what became of the second of two entries."""
    return entry(strategy, decision(A), decision(B), world=WORLD).trades[1].code.value


def shared(strategy: Strategy) -> set[str]:
    """Return as what two entries of one step went out."""
    made = entry(strategy, decision(A), decision(B), world=WORLD)
    return {f"leg {one.leg} of {one.legs}" for one in made.sent}


def stale(strategy: Strategy) -> str:
    """Return what becomes of an entry on a price of five minutes ago."""
    world = replace(WORLD, market_time=NOON + timedelta(minutes=5))
    return entry(strategy, world=world).trades[0].code.value


def filled(strategy: Strategy) -> str:
    """Return what becomes of an entry whose price drifts against it."""
    return entry(strategy, world=ETHEREUM).trades[0].status.value


def kept_share(strategy: Strategy) -> Decimal:
    """Return the share of its quote that an exit which failed three times must get."""
    bought = entry(strategy, world=WORLD).account
    failing = bought.with_position(replace(bought.positions[A.id], failed_exits=3))
    (record,) = closed(failing, WORLD, by(strategy), frozenset({A.id})).trades
    assert record.swap is not None
    return round(Decimal(record.swap.minimum_out) / record.swap.quoted_out, 4)


def waiting(strategy: Strategy) -> int:
    """Return how many orders wait for a block after an entry."""
    return len(entry(strategy).sent)


def included(strategy: Strategy) -> str:
    """Return what became of an order that waited for some blocks of Ethereum."""
    sent = entry(strategy, world=ETHEREUM).account
    told = closed(sent, later(ETHEREUM, {}, minutes=5), by(strategy))
    return told.trades[0].code.value


def exits(*prices: str, **delay: int) -> Outcome:
    """Return the reasons of exits, and the share that is left, along some prices."""

    def happens(strategy: Strategy) -> tuple[list[object], int]:
        held, world = entry(strategy).account, LIVELY
        bought = held.positions[A.id].units
        reasons: list[object] = []
        for price in prices:
            world = later(world, {A.id: price}, **(delay or {"minutes": 5}))
            result = closed(held, world, by(strategy))
            reasons += [one.exit_reason for one in result.trades]
            held = result.account
        rest = held.positions.get(A.id)
        return reasons, 0 if rest is None else round(100 * rest.units / bought)

    return happens


def state(of: Account, world: Batch = WORLD) -> Outcome:
    """Return the trading state of an account."""
    return lambda strategy: closed(of, world, by(strategy)).state.value


def locked(minutes: int) -> Outcome:
    """Return what becomes of an entry some minutes after one that failed."""

    def happens(strategy: Strategy) -> str:
        failed = entry(strategy, world=ETHEREUM).account
        world = later(LIVELY, {}, minutes=minutes)
        after = closed(failed, world, by(strategy)).account
        again = executed(decision(A), of=after, world=world, by=by(strategy))
        return again.trades[0].code.value

    return happens


def decided(strategy: Strategy) -> str:
    """Return what level 5 decides on evidence that every level buys on."""
    return IntelSliderEngine(5, strategy).decide(evidence()).code.value


def lost(**figures: str) -> Account:
    """Return an account on its second look of the day whose figures were changed."""
    money: dict[str, Any] = {name: Decimal(figure) for name, figure in figures.items()}
    return replace(account(), day=NOON.date(), **money)


WILD = replace(
    LIVELY,
    recent={A.id: Recent(NOON - timedelta(minutes=5), Decimal(103), Decimal(98))},
)
SOLD, KEPT = 0, 100

CASES = (
    Case("max_position_size_percent", Decimal(4), limit, "level share", "strategy share"),
    Case("stop_loss_percent", Decimal(20), exits("93"), (["STOP_LOSS"], SOLD), ([], KEPT)),
    Case("take_profit_percent", Decimal(50), exits("115"), (["TAKE_PROFIT"], SOLD), ([], KEPT)),
    Case(
        "take_profit_steps",
        ((Decimal(3), Decimal(50)),),
        exits("105"),
        ([], KEPT),
        (["TAKE_PROFIT"], 50),
    ),
    Case("max_hold_hours", Decimal(48), exits("100", hours=25), (["MAX_HOLD"], SOLD), ([], KEPT)),
    Case(
        "trailing_activation_percent",
        Decimal(8),
        exits("106", "103"),
        (["TRAILING_STOP"], SOLD),
        ([], KEPT),
        TRAILING,
    ),
    Case(
        "trailing_distance_percent",
        Decimal(10),
        exits("106", "103"),
        (["TRAILING_STOP"], SOLD),
        ([], KEPT),
        TRAILING,
    ),
    Case("exit_volatility_percent", Decimal(40), exits("93"), (["STOP_LOSS"], SOLD), ([], KEPT)),
    Case("max_daily_trades", 1, second, "OK", "DAILY_TRADES_REACHED"),
    Case("max_concurrent_positions", 1, second, "OK", "POSITIONS_FULL"),
    Case("confidence_threshold", Decimal(100), decided, "OK", "CONFIDENCE_LOW"),
    Case("risk_per_trade_percent", Decimal("0.1"), limit, "level share", "risk to stop"),
    Case("target_volatility_percent", Decimal(1), limit, "level share", "volatility target"),
    Case("max_trade_usd", Decimal(50), limit, "level share", "trade cap"),
    Case("min_liquidity_usd", Decimal(2_000_000), decided, "OK", "LIQUIDITY_LOW"),
    Case("max_slippage_percent", Decimal("0.01"), filled, "FILLED", "FAILED"),
    Case("max_exit_slippage_percent", Decimal(2), kept_share, Decimal("0.95"), Decimal("0.98")),
    Case("use_transaction_manager", True, waiting, 0, 1),
    Case("join_swaps", False, shared, {"leg 0 of 2", "leg 1 of 2"}, {"leg 0 of 1"}, MANAGED),
    Case("deadline_seconds", 12, included, "OK", "NOT_INCLUDED", MANAGED),
    Case("minimum_balance_usd", Decimal(9_900), limit, "level share", "cash"),
    Case(
        "max_failed_transactions",
        3,
        state(replace(account(), failed_transactions=3)),
        "ACTIVE",
        "REDUCING",
    ),
    Case("max_losing_exits", 3, state(replace(account(), losing_exits=3)), "ACTIVE", "REDUCING"),
    Case(
        "max_portfolio_loss_percent",
        Decimal(5),
        state(lost(cash_usd="9000", day_start_equity_usd="9000", peak_equity_usd="9000")),
        "ACTIVE",
        "REDUCING",
    ),
    Case(
        "max_daily_loss_percent",
        Decimal(2),
        state(lost(cash_usd="9700", deposits_usd="9700", peak_equity_usd="9700")),
        "ACTIVE",
        "REDUCING",
    ),
    Case(
        "max_drawdown_percent",
        Decimal(5),
        state(lost(cash_usd="9000", deposits_usd="9000", day_start_equity_usd="9000")),
        "ACTIVE",
        "REDUCING",
    ),
    Case("max_quote_age_seconds", 60, stale, "OK", "PRICE_STALE"),
    Case("max_volatility_ratio", Decimal(2), state(account(), WILD), "ACTIVE", "REDUCING"),
    Case(
        "lock_after_failures",
        None,
        locked(5),
        "TOKEN_LOCKED",
        "MINIMUM_OUT_NOT_MET",
        LOCKING,
    ),
    Case("lock_minutes", 2, locked(5), "TOKEN_LOCKED", "MINIMUM_OUT_NOT_MET", LOCKING),
    Case("allowed_tokens", ("UNI",), decided, "OK", "TOKEN_BLOCKED"),
    Case("blocked_tokens", ("WETH",), decided, "OK", "TOKEN_BLOCKED"),
)


def test_every_setting_has_its_case() -> None:
    assert [case.name for case in CASES] == [setting.name for setting in fields(Strategy)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_another_value_of_a_setting_changes_what_happens(case: Case) -> None:
    plain = Strategy(**(DIRECT | case.base))
    other = replace(plain, **{case.name: case.other})
    assert (case.happens(plain), case.happens(other)) == (case.before, case.after)
