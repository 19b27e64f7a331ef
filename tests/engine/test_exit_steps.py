"""Take-profit in steps and exits that volatility scales: when, how much, and in what order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Account, Position
from paper_trading.engine.enums import ExitReason, TradeStatus
from paper_trading.engine.exits import Exit, exit_reason, step_exit, wanted_exit
from paper_trading.engine.money import ONE
from paper_trading.engine.position import buy, sell
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, closed, executed, holding, only
from tests.engine.worlds import APPETITE, NOON, batch, decision, later, quote, rules, token

ABC = token(3, "ABC")
NOW = batch(quote(ABC))
STEPS = Strategy(
    take_profit_steps=((Decimal(4), Decimal(50)), (Decimal(8), Decimal(25))),
    max_hold_hours=Decimal(2),
)


def position(net: str | None = None, units: int = 10 * 10**18) -> Position:
    """Ten tokens of 100 each, at a net."""
    held = buy(None, ABC, units, Decimal(1000), Decimal(100), NOON)
    return replace(held, net_pnl_percent=None if net is None else Decimal(net))


def step(held: Position, strategy: Strategy = STEPS) -> Exit | None:
    return step_exit(held, strategy, NOW)


@pytest.mark.parametrize(
    ("net", "taken", "due"),
    [
        (None, 0, None),
        ("3.999999999999", 0, None),
        ("4", 0, (5, 1)),
        ("7.99", 0, (5, 1)),
        # A jump over both takes both in one sale.
        ("8", 0, ("7.5", 2)),
        ("7.99", 1, None),
        ("8", 1, ("2.5", 2)),
        ("9.9", 2, None),
    ],
)
def test_a_step_sells_its_share_of_what_was_bought_once(
    net: str | None, taken: int, due: tuple[int | str, int] | None
) -> None:
    sold = (0, 5, "7.5")[taken]
    held = replace(position(net), steps_taken=taken, units=int((10 - Decimal(sold)) * 10**18))
    expected = None
    if due is not None:
        expected = Exit(ABC, ExitReason.TAKE_PROFIT, int(Decimal(due[0]) * 10**18), due[1])
    assert step(held) == expected


def test_a_step_after_an_add_catches_up_with_the_shares_of_all_that_was_bought() -> None:
    half, _ = sell(position("4"), 5 * 10**18)
    assert half is not None
    more = buy(half, ABC, 10 * 10**18, Decimal(1000), Decimal(104), NOON)
    # The step that was taken is not taken again for what was added.
    assert step(replace(more, steps_taken=1, net_pnl_percent=Decimal(5))) is None
    # 75 % of 20 tokens, of which 5 are sold.
    due = step(replace(more, steps_taken=1, net_pnl_percent=Decimal(8)))
    assert due == Exit(ABC, ExitReason.TAKE_PROFIT, 10 * 10**18, 2)


def test_a_part_of_no_unit_waits_and_a_rest_of_no_worth_goes_with_it() -> None:
    whole = token(3, "ABC", decimals=0)
    held = replace(position("4"), token=whole, units=1, bought_units=1)
    third = replace(STEPS, take_profit_steps=((Decimal(4), Decimal(30)),))
    # Thirty percent of one unit is none.
    assert step(held, third) is None
    assert step(replace(held, units=10, bought_units=10), third) == Exit(
        whole, ExitReason.TAKE_PROFIT, 3, 1
    )


@pytest.mark.parametrize(
    ("worth", "share", "due"),
    [
        # 0.2 tokens are 20 USD, of which half leaves 10.
        ("0.2", "50", Decimal("0.1")),
        ("0.2", "50.1", Decimal("0.2")),
        # A part of 9.99 USD waits, one of 10 does not.
        ("0.3", "33.3", None),
        ("0.3", "33.334", Decimal("0.100002")),
        ("0.3", "90", Decimal("0.3")),
    ],
)
def test_parts_and_rests_under_the_smallest_order_are_not_left(
    worth: str, share: str, due: Decimal | None
) -> None:
    units = int(Decimal(worth) * 10**18)
    held = replace(position("4"), units=units, bought_units=units)
    found = step(held, Strategy(take_profit_steps=((Decimal(4), Decimal(share)),)))
    if due is None:
        assert found is None
        return
    assert found is not None
    assert found.units == int(due * 10**18)
    assert found.steps_taken == (None if found.units == units else 1)


def test_worth_is_in_cash() -> None:
    units = 2 * 10**17
    held = replace(position("4"), units=units, bought_units=units)
    strategy = Strategy(take_profit_steps=((Decimal(4), Decimal(52)),))
    assert step_exit(held, strategy, NOW) == Exit(ABC, ExitReason.TAKE_PROFIT, units)
    # The same 9.60 USD are 12 of a cash that fell to 80 cents.
    depegged = step_exit(held, strategy, batch(quote(ABC), cash_price="0.8"))
    assert depegged is not None
    assert depegged.steps_taken == 1


# --- the order of reasons --------------------------------------------------------------

ALL_REASONS = Strategy(
    stop_loss_percent=Decimal(5),
    take_profit_percent=Decimal(10),
    trailing_activation_percent=Decimal(5),
    trailing_distance_percent=Decimal(3),
    max_hold_hours=Decimal(2),
    take_profit_steps=((Decimal(4), Decimal(50)),),
)
#: What makes each reason true, without making another one true.
CAUSES: dict[ExitReason, dict[str, object]] = {
    ExitReason.MANUAL: {"manual": True},
    ExitReason.STOP_LOSS: {"net_pnl_percent": Decimal(-5)},
    ExitReason.TRAILING_STOP: {"high_price_usd": Decimal(110), "mark_price_usd": Decimal(106)},
    ExitReason.TAKE_PROFIT: {"net_pnl_percent": Decimal(10)},
    ExitReason.MAX_HOLD: {"opened_at": NOON - timedelta(hours=2)},
}


def due(*causes: dict[str, object], strategy: Strategy = ALL_REASONS) -> Exit | None:
    merged = {key: value for cause in causes for key, value in cause.items()}
    manual = merged.pop("manual", False) is True
    made: Position = replace(position("0"), **merged)  # type: ignore[arg-type]
    return wanted_exit(made, strategy, NOW, manual)


@pytest.mark.parametrize("reason", CAUSES)
def test_each_reason_alone_sells_everything_for_itself(reason: ExitReason) -> None:
    assert due(CAUSES[reason]) == Exit(ABC, reason, 10 * 10**18)


@pytest.mark.parametrize(("first", "second"), list(combinations(CAUSES, 2)))
def test_of_two_reasons_the_one_that_comes_first_in_the_rule_is_stored(
    first: ExitReason, second: ExitReason
) -> None:
    order = list(ExitReason)
    assert order.index(first) < order.index(second)
    # Later causes first: a net of both signs is that of the more urgent reason.
    found = due(CAUSES[second], CAUSES[first])
    assert found == Exit(ABC, first, 10 * 10**18)


def test_all_reasons_are_in_the_rule() -> None:
    # A signal is wanted by the analysis, in a later stage.
    assert set(CAUSES) == set(ExitReason) - {ExitReason.SIGNAL}


@pytest.mark.parametrize("reason", CAUSES)
def test_a_reason_to_sell_everything_comes_before_a_step(reason: ExitReason) -> None:
    found = due({"net_pnl_percent": Decimal(4)}, CAUSES[reason])
    assert found == Exit(ABC, reason, 10 * 10**18)
    part = due({"net_pnl_percent": Decimal(4)})
    assert part == Exit(ABC, ExitReason.TAKE_PROFIT, 5 * 10**18, 1)


# --- what volatility scales ------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "net", "reason"),
    [
        ("0.5", "-2.5", ExitReason.STOP_LOSS),
        ("0.5", "-2.49", None),
        ("0.5", "5", ExitReason.TAKE_PROFIT),
        ("0.5", "4.99", None),
        ("2", "-9.99", None),
        ("2", "-10", ExitReason.STOP_LOSS),
        ("2", "19.99", None),
        ("2", "20", ExitReason.TAKE_PROFIT),
    ],
)
def test_stop_and_target_follow_the_position_factor(
    factor: str, net: str, reason: ExitReason | None
) -> None:
    held = replace(position(net), exit_factor=Decimal(factor))
    assert exit_reason(held, Strategy(), NOON, manual=False, cash_price_usd=ONE) is reason


def test_steps_and_trailing_follow_the_position_factor() -> None:
    held = replace(position("7.99"), exit_factor=Decimal(2))
    assert step(held) is None
    assert step(replace(held, net_pnl_percent=Decimal(8))) is not None
    trailing = replace(ALL_REASONS, take_profit_steps=())
    risen = replace(held, high_price_usd=Decimal("109.99"), mark_price_usd=Decimal(100))
    assert exit_reason(risen, trailing, NOON, manual=False, cash_price_usd=ONE) is None
    active = replace(risen, high_price_usd=Decimal(110), mark_price_usd=Decimal("103.41"))
    assert exit_reason(active, trailing, NOON, manual=False, cash_price_usd=ONE) is None
    fallen = replace(active, mark_price_usd=Decimal("103.4"))
    assert (
        exit_reason(fallen, trailing, NOON, manual=False, cash_price_usd=ONE)
        is ExitReason.TRAILING_STOP
    )


def test_the_factor_is_that_of_the_entry_and_stays() -> None:
    scaled = rules(
        Strategy(exit_volatility_percent=Decimal(50)), replace(APPETITE, cool_down_minutes=5)
    )
    world = replace(WORLD, sigma_annual={A.id: Decimal("0.75")})
    bought = executed(decision(A), world=world, by=scaled)
    assert only(bought).exit_factor == Decimal("1.5")
    assert bought.account.positions[A.id].exit_factor == Decimal("1.5")
    wild = replace(later(world, {}, minutes=5), sigma_annual={A.id: Decimal(3)})
    added = executed(decision(A), of=shrunk(bought.account), world=wild, by=scaled)
    assert only(added).status is TradeStatus.FILLED
    assert only(added).exit_factor is None
    assert added.account.positions[A.id].exit_factor == Decimal("1.5")
    # -5 % is a stop as written; with the factor it takes -7.5 %.
    fallen = later(world, {A.id: "94"}, minutes=5)
    assert closed(bought.account, fallen, scaled).trades == ()
    deeper = closed(bought.account, later(world, {A.id: "92"}, minutes=5), scaled)
    assert only(deeper).exit_reason is ExitReason.STOP_LOSS


def shrunk(account: Account) -> Account:
    """Leave room for an add: half of a position went for nothing."""
    held = account.positions[A.id]
    return account.with_position(replace(held, cost_usd=held.cost_usd / 2, units=held.units // 2))


# --- through the step ------------------------------------------------------------------


def test_steps_sell_parts_and_the_rest_rides_to_the_target() -> None:
    by = rules(STEPS)
    held, world = holding(), WORLD
    bought = held.positions[A.id]
    parts = []
    for price, steps in (("105", 1), ("105.2", 1), ("110", 2), ("110.5", 2)):
        world = later(world, {A.id: price}, minutes=5)
        result = closed(held, world, by)
        parts += list(result.trades)
        held = result.account
        assert held.positions[A.id].steps_taken == steps
    assert [(one.exit_reason, one.steps_taken) for one in parts] == [
        (ExitReason.TAKE_PROFIT, 1),
        (ExitReason.TAKE_PROFIT, 2),
    ]
    assert [one.swap.amount_in for one in parts if one.swap] == [
        bought.units // 2,
        bought.units * 3 // 4 - bought.units // 2,
    ]
    assert all(one.closed is None and one.status is TradeStatus.FILLED for one in parts)
    assert held.last_exits == {}
    last = only(closed(held, later(world, {A.id: "113"}, minutes=5), by))
    assert (last.exit_reason, last.steps_taken) == (ExitReason.TAKE_PROFIT, None)
    assert last.closed is not None
    made = [one.realized_usd for one in (*parts, last)]
    assert last.closed.realized_usd == sum(one for one in made if one is not None)
    assert last.closed.bought_usd == bought.bought_usd


def test_a_step_that_reverts_is_not_taken() -> None:
    by = rules(replace(STEPS, max_slippage_percent=Decimal("0.01")))
    held = holding()
    outcomes = set()
    for seed in range(40):
        world = replace(later(WORLD, {A.id: "105"}, minutes=5), sigma_annual={A.id: Decimal(2)})
        result = closed(held, world, replace(by, seed=seed))
        trade, after = only(result), result.account.positions[A.id]
        outcomes.add(trade.status)
        taken = trade.status is TradeStatus.FILLED
        assert trade.steps_taken == (1 if taken else None)
        assert after.steps_taken == int(taken)
        assert (after.units < held.positions[A.id].units) is taken
    assert outcomes == {TradeStatus.FILLED, TradeStatus.FAILED}


@given(
    bought=st.integers(1, 10**30),
    shares=st.lists(st.decimals("0.1", 20, places=1), min_size=1, max_size=5),
    adds=st.lists(st.integers(0, 10**30), min_size=5, max_size=5),
)
def test_steps_never_sell_more_than_is_held_and_the_last_of_all_leaves_nothing(
    bought: int, shares: list[Decimal], adds: list[int]
) -> None:
    shares = [*shares, 100 - sum(shares, Decimal(0))] if sum(shares) < 100 else shares
    steps = tuple((Decimal(number + 1), share) for number, share in enumerate(shares))
    strategy = Strategy(take_profit_steps=steps)
    held: Position | None = replace(position(), units=bought, bought_units=bought)
    for number in range(len(steps)):
        if held is None:
            break
        held = replace(held, net_pnl_percent=Decimal(number + 1))
        found = step_exit(held, strategy, NOW)
        if found is not None:
            assert 1 <= found.units <= held.units
            assert (found.steps_taken is None) is (found.units == held.units)
            held, _ = sell(held, found.units)
            if held is not None and found.steps_taken is not None:
                held = replace(held, steps_taken=found.steps_taken)
        if held is not None and number < len(steps) - 1 and adds[number % 5]:
            held = buy(held, ABC, adds[number % 5], Decimal(1), Decimal(100), NOON)
    assert held is None
