"""A limit that does not bind can be lifted without any change; one that binds cannot."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.money import HUNDRED
from paper_trading.engine.sizing import size_buy
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.user_limits import Standing, UserLimit, user_limits
from paper_trading.intelligence.levels import LEVELS, appetite
from tests.engine.worlds import account, batch, quote, token

EQUITY = Decimal(10_000)
SIGMA = Decimal("0.8")
A = token()
#: So deep that no level's share of it is less than its share of equity.
DEEP = batch(quote(A, liquidity="1000000000"), sigma={A.id: SIGMA})
#: What lifts each limit of one order.
LIFTED: dict[str, Any] = {
    "max_position_size_percent": HUNDRED,
    "risk_per_trade_percent": None,
    "target_volatility_percent": None,
    "max_trade_usd": None,
}


def told(
    strategy: Strategy, level: int, equity: Decimal = EQUITY, *sigmas: Decimal
) -> dict[str, UserLimit]:
    standing = Standing(strategy, appetite(level), equity, sigmas or (SIGMA,))
    return {one.name: one for one in user_limits(standing)}


def allowed(strategy: Strategy, level: int) -> Decimal:
    return size_buy(account(), A, DEEP, strategy, appetite(level), EQUITY).allowed_usd


@given(
    level=st.integers(1, 10),
    position=st.decimals("0.1", "100", places=1),
    risk=st.decimals("0.01", "3", places=2),
    target=st.decimals("0.1", "40", places=1),
    trade=st.integers(10, 4_000),
    name=st.sampled_from(sorted(LIFTED)),
    scaled=st.sampled_from([None, Decimal(40), Decimal(200)]),
)
def test_a_limit_binds_when_lifting_it_alone_lets_more_in(
    level: int,
    position: Decimal,
    risk: Decimal,
    target: Decimal,
    trade: int,
    name: str,
    scaled: Decimal | None,
) -> None:
    asked: dict[str, Any] = {
        "max_position_size_percent": position,
        "risk_per_trade_percent": risk,
        "target_volatility_percent": target,
        "max_trade_usd": Decimal(trade),
    }
    # The limit by itself: against the level alone.
    strategy = Strategy(
        minimum_balance_usd=Decimal(0), exit_volatility_percent=scaled, **{name: asked[name]}
    )
    lifted = replace(strategy, **{name: LIFTED[name]})
    before, after = allowed(strategy, level), allowed(lifted, level)
    assert told(strategy, level)[name].binds == (after > before)


@pytest.mark.parametrize("level", range(1, 11))
def test_defaults_above_a_level_do_not_bind(level: int) -> None:
    found = told(Strategy(), level)
    assert not found["max_position_size_percent"].binds
    assert found["max_slippage_percent"].binds == (level >= 9)
    assert found["max_daily_trades"].binds
    # Not set, so there is nothing to bind.
    assert "confidence_threshold" not in found
    assert "max_trade_usd" not in found


def test_positions_bind_when_exposure_has_room_for_more() -> None:
    rooms = [told(Strategy(), one.level)["max_concurrent_positions"] for one in LEVELS]
    assert [int(one.level or 0) for one in rooms] == [5, 5, 5, 5, 5, 5, 5, 5, 5, 4]
    assert not any(one.binds for one in rooms)
    assert told(Strategy(max_concurrent_positions=4), 5)["max_concurrent_positions"].binds
    assert not told(Strategy(max_concurrent_positions=4), 10)["max_concurrent_positions"].binds
    small = Strategy(max_position_size_percent=Decimal(4))
    assert told(small, 5)["max_concurrent_positions"].level == 13
    assert told(small, 5)["max_concurrent_positions"].binds


def test_a_threshold_binds_as_soon_as_it_is_another_than_the_levels() -> None:
    for asked, binds in (("70", False), ("0", True), ("90", True)):
        found = told(Strategy(confidence_threshold=Decimal(asked)), 5)["confidence_threshold"]
        assert (found.level, found.binds) == (Decimal(70), binds)


def test_the_slippage_of_entries_is_the_levels_share() -> None:
    found = told(Strategy(max_slippage_percent=Decimal(2)), 5)["max_slippage_percent"]
    assert (found.level, found.binds) == (Decimal("1.2"), False)


def test_a_balance_binds_when_exposure_leaves_less() -> None:
    assert told(Strategy(), 10)["minimum_balance_usd"].binds
    assert not told(Strategy(), 9)["minimum_balance_usd"].binds
    assert told(Strategy(), 9, Decimal(900))["minimum_balance_usd"].binds


def test_a_volatility_target_is_compared_with_the_wildest_token() -> None:
    strategy = Strategy(target_volatility_percent=Decimal(10))
    assert not told(strategy, 5, EQUITY, Decimal("0.3"), Decimal(1))[
        "target_volatility_percent"
    ].binds
    assert told(strategy, 5, EQUITY, Decimal("0.3"), Decimal("1.01"))[
        "target_volatility_percent"
    ].binds
    unknown = user_limits(Standing(strategy, appetite(5), EQUITY, ()))
    found = next(one for one in unknown if one.name == "target_volatility_percent")
    assert (found.level, found.binds) == (None, True)


def test_an_account_without_equity_has_no_room_at_all() -> None:
    found = told(Strategy(max_trade_usd=Decimal(10)), 5, Decimal(-5))
    assert found["max_trade_usd"].level == 0
    assert not found["max_trade_usd"].binds
