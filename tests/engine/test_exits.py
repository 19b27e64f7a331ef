from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Position
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.exits import exit_reason, mark
from paper_trading.engine.fills import leaving
from paper_trading.engine.money import HUNDRED, ONE, exact
from paper_trading.engine.position import buy
from paper_trading.engine.strategy import Strategy
from tests.engine.worlds import NOON, batch, quote, token

ABC = token(3, "ABC")
APPROVED = frozenset({ABC.id})
TRAILING = Strategy(trailing_activation_percent=Decimal(4), trailing_distance_percent=Decimal(2))


def position(net: str | None = None, high: str = "100", at: str = "100") -> Position:
    """Ten tokens that cost 100 each."""
    held = buy(None, ABC, 10 * 10**18, Decimal(1000), Decimal(100), NOON)
    return replace(
        held,
        high_price_usd=Decimal(high),
        mark_price_usd=Decimal(at),
        net_pnl_percent=None if net is None else Decimal(net),
    )


def reason(held: Position, strategy: Strategy = TRAILING, **age: int) -> ExitReason | None:
    return exit_reason(held, strategy, NOON + timedelta(**age), manual=False, cash_price_usd=ONE)


@pytest.mark.parametrize(("price", "high"), [("90", "100"), ("120", "120")])
def test_a_mark_takes_the_quote_and_raises_the_high(price: str, high: str) -> None:
    at = NOON + timedelta(minutes=3)
    marked = mark(position(), batch(quote(ABC, price, at), at=at), APPROVED, 900)
    assert marked.mark_price_usd == Decimal(price)
    assert marked.high_price_usd == Decimal(high)
    assert marked.marked_at == at


@exact
def test_net_is_what_leaving_pays_after_gas_in_percent_of_cost() -> None:
    world = batch(quote(ABC, "110"))
    left = leaving(10 * 10**18, ABC.id, world, frozenset())
    assert left is not None
    proceeds, gas = left
    net = mark(position(), world, frozenset(), 900).net_pnl_percent
    assert net is not None
    assert abs(net - (proceeds - gas - 1000) / 1000 * HUNDRED) < Decimal("1e-12")
    # The price rose by 10 %; the pool's fee, its impact and gas come off.
    assert 9 < net < 10


def test_a_due_approval_makes_leaving_dearer() -> None:
    world = batch(quote(ABC, "110"))
    due = mark(position(), world, frozenset(), 900).net_pnl_percent
    paid = mark(position(), world, APPROVED, 900).net_pnl_percent
    assert due is not None
    assert paid is not None
    assert due < paid


def test_without_a_fresh_quote_the_mark_stays_and_the_net_is_unknown() -> None:
    held = position(net="1")
    expected = replace(held, net_pnl_percent=None)
    assert mark(held, batch(), APPROVED, 900) == expected
    stale = batch(quote(ABC, "50", NOON - timedelta(seconds=901)))
    assert mark(held, stale, APPROVED, 900) == expected
    assert mark(held, batch(quote(ABC, "50", NOON - timedelta(seconds=900))), APPROVED, 900) != (
        expected
    )


def test_an_unknown_depth_or_gas_price_still_marks() -> None:
    shallow = mark(position(), batch(quote(ABC, "120", liquidity=None)), APPROVED, 900)
    assert shallow.mark_price_usd == 120
    assert shallow.net_pnl_percent is None
    gasless = mark(position(), batch(quote(ABC, "120"), native_price=None), APPROVED, 900)
    assert gasless.mark_price_usd == 120
    assert gasless.net_pnl_percent is None


def test_a_residue_without_cost_has_no_net() -> None:
    held = replace(position(), cost_usd=Decimal(0))
    assert mark(held, batch(quote(ABC, "120")), APPROVED, 900).net_pnl_percent is None


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        ("-5.000000000001", ExitReason.STOP_LOSS),
        ("-5", ExitReason.STOP_LOSS),
        ("-4.999999999999", None),
        ("9.999999999999", None),
        ("10", ExitReason.TAKE_PROFIT),
        (None, None),
    ],
)
def test_stop_and_take_profit_act_at_their_thresholds(
    net: str | None, expected: ExitReason | None
) -> None:
    assert reason(position(net), Strategy()) is expected


@pytest.mark.parametrize(
    ("high", "at", "expected"),
    [
        ("103.99", "90", None),  # never activated
        ("104", "101.93", None),
        ("104", "101.92", ExitReason.TRAILING_STOP),
        ("200", "196", ExitReason.TRAILING_STOP),
        ("200", "196.01", None),
    ],
)
def test_a_trailing_stop_acts_at_its_distance_once_activated(
    high: str, at: str, expected: ExitReason | None
) -> None:
    assert reason(position("1", high, at)) is expected


def test_maximum_hold_counts_market_time_to_the_microsecond() -> None:
    strategy = Strategy(max_hold_hours=Decimal("1.5"))
    held = position("0")
    assert reason(held, strategy, minutes=90) is ExitReason.MAX_HOLD
    assert reason(held, strategy, minutes=89, seconds=59, microseconds=999_999) is None


def test_the_most_urgent_of_several_reasons_wins() -> None:
    late = NOON + timedelta(days=9)
    losing = position("-50", "200", "100")
    assert exit_reason(losing, TRAILING, late, manual=True, cash_price_usd=ONE) is ExitReason.MANUAL
    assert (
        exit_reason(losing, TRAILING, late, manual=False, cash_price_usd=ONE)
        is ExitReason.STOP_LOSS
    )
    winning = position("50", "200", "100")
    assert (
        exit_reason(winning, TRAILING, late, manual=False, cash_price_usd=ONE)
        is ExitReason.TRAILING_STOP
    )
    steady = position("50", "200", "199")
    assert (
        exit_reason(steady, TRAILING, late, manual=False, cash_price_usd=ONE)
        is ExitReason.TAKE_PROFIT
    )
    assert (
        exit_reason(position("0"), TRAILING, late, manual=False, cash_price_usd=ONE)
        is ExitReason.MAX_HOLD
    )


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_the_high_never_falls_and_is_never_under_the_mark(first: int, second: int) -> None:
    held = position()
    for price in (first, second):
        before = held
        held = mark(held, batch(quote(ABC, str(price))), APPROVED, 900)
        assert held.high_price_usd >= max(before.high_price_usd, held.mark_price_usd)
