"""The limits that a user may set: the risk to the stop, a volatility target, a trade cap."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import TradeStatus
from paper_trading.engine.market import Batch
from paper_trading.engine.money import cash_amount, cash_units
from paper_trading.engine.position import buy
from paper_trading.engine.sizing import (
    Verdict,
    limits,
    risk_to_stop,
    size_buy,
    volatility_share,
)
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, executed, only
from tests.engine.worlds import APPETITE, NOON, account, batch, decision, quote, rules, token

ABC = token(3, "ABC")
DEEP = batch(quote(ABC, liquidity="1000000000"), sigma={ABC.id: Decimal("0.65")})
EQUITY = Decimal(10_000)
#: A level that leaves the decision to the strategy.
GREEDY = replace(APPETITE, max_position_percent=Decimal(100), max_exposure_percent=Decimal(100))
OPEN = Strategy(max_position_size_percent=Decimal(100))


def sized(strategy: Strategy, of: Account | None = None, world: Batch = DEEP) -> Verdict:
    return size_buy(of or account(), ABC, world, strategy, GREEDY, EQUITY)


def rooms(strategy: Strategy, of: Account | None = None) -> dict[str, Decimal]:
    found = limits(of or account(), ABC, DEEP, strategy, GREEDY, EQUITY)
    return {limit.name: limit.room_usd for limit in found}


# --- the formulas, by their vectors ----------------------------------------------------


def test_a_fixed_fraction_of_risk() -> None:
    assert risk_to_stop(EQUITY, Decimal(1), Decimal(5)) == 2000


def test_a_stop_at_two_average_ranges() -> None:
    stop = 2 * Decimal(60) / Decimal("1863.64") * 100
    assert round(risk_to_stop(EQUITY, Decimal(1), stop), 2) == Decimal("1553.03")


@pytest.mark.parametrize(
    ("sigma", "cap", "share"), [("0.95", "99", "0.2105"), ("0.65", "25", "0.25")]
)
def test_a_volatility_target_under_a_cap(sigma: str, cap: str, share: str) -> None:
    wanted = volatility_share(EQUITY, Decimal(20), Decimal(sigma))
    capped = min(wanted, EQUITY * Decimal(cap) / 100)
    assert round(capped / EQUITY, 4) == Decimal(share)
    world = replace(DEEP, sigma_annual={ABC.id: Decimal(sigma)})
    strategy = Strategy(
        max_position_size_percent=Decimal(cap), target_volatility_percent=Decimal(20)
    )
    assert sized(strategy, world=world).allowed_usd == cash_amount(cash_units(capped))


@pytest.mark.parametrize("sigma", ["0", "-1"])
def test_no_share_has_a_volatility_of_nothing(sigma: str) -> None:
    with pytest.raises(ValueError, match=f"sigma was {sigma}; allowed are numbers above 0"):
        volatility_share(EQUITY, Decimal(20), Decimal(sigma))


# --- each setting bites, and says so ---------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "limit", "allowed"),
    [
        ("risk_per_trade_percent", "0.5", "risk to stop", "1000"),
        ("target_volatility_percent", "6.5", "volatility target", "1000"),
        ("max_trade_usd", "1234.5", "trade cap", "1234.5"),
    ],
)
def test_a_limit_that_is_set_bites_when_it_is_the_smallest(
    setting: str, value: str, limit: str, allowed: str
) -> None:
    free = sized(OPEN)
    assert (free.limit, limit in rooms(OPEN)) == ("cash", False)
    changed: dict[str, Any] = {setting: Decimal(value)}
    verdict = sized(replace(OPEN, **changed))
    assert (verdict.code, verdict.limit) == (Code.OK, limit)
    assert verdict.allowed_usd == Decimal(allowed)
    assert verdict.asked_usd == free.asked_usd
    assert {one.name: one.room_usd for one in verdict.limits}[limit] == Decimal(allowed)


ALL = replace(
    OPEN,
    risk_per_trade_percent=Decimal(1),
    target_volatility_percent=Decimal(20),
    max_trade_usd=Decimal(5000),
)


def test_every_limit_is_told_with_its_amount_in_the_order_of_the_rule() -> None:
    found = rooms(ALL)
    assert list(found) == [
        "level share",
        "strategy share",
        "exposure",
        "risk to stop",
        "volatility target",
        "pool side",
        "cash",
        "trade cap",
    ]
    assert found["risk to stop"] == 2000
    assert round(found["volatility target"], 2) == Decimal("3076.92")
    assert found["pool side"] == Decimal(1_000_000_000) / 2 * Decimal("0.8") * Decimal("0.0015")


def test_what_is_held_counts_against_risk_and_volatility_but_not_against_one_order() -> None:
    held = buy(None, ABC, 6 * 10**18, Decimal(600), Decimal(90), NOON)
    free, used = rooms(ALL), rooms(ALL, account().with_position(held))
    less = {name: free[name] - used[name] for name in free}
    assert less["risk to stop"] == less["volatility target"] == less["level share"] == 600
    assert less["pool side"] == less["trade cap"] == 0
    full = replace(held, cost_usd=Decimal(2000))
    risky = replace(OPEN, risk_per_trade_percent=Decimal(1))
    verdict = sized(risky, account().with_position(full))
    assert (verdict.code, verdict.limit) == (Code.EXPOSURE_FULL, "risk to stop")


def test_the_stop_of_an_add_is_that_of_its_position() -> None:
    scaled = replace(ALL, exit_volatility_percent=Decimal(65))
    held = buy(None, ABC, 10**15, Decimal("0.1"), Decimal(90), NOON, Decimal(2))
    of = account().with_position(held)
    assert rooms(scaled)["risk to stop"] == 2000
    # Its stop is twice as far, whatever the volatility is now.
    assert rooms(scaled, of)["risk to stop"] == Decimal("999.9")
    wide = replace(scaled, exit_volatility_percent=Decimal("32.5"))
    assert rooms(wide)["risk to stop"] == 1000


@pytest.mark.parametrize("sigma", [{}, {ABC.id: Decimal(0)}])
def test_a_target_without_a_volatility_is_no_trade(sigma: dict[int, Decimal]) -> None:
    world = replace(DEEP, sigma_annual=sigma)
    verdict = sized(ALL, world=world)
    assert (verdict.code, verdict.limit) == (Code.VOLATILITY_UNKNOWN, "volatility target")
    assert verdict.allowed_usd == 0
    assert verdict.limits == ()
    assert sized(replace(ALL, target_volatility_percent=None), world=world).code is Code.OK


def test_the_denial_is_recorded() -> None:
    by = rules(Strategy(target_volatility_percent=Decimal(20)))
    trade = only(executed(decision(A), world=replace(WORLD, sigma_annual={}), by=by))
    assert (trade.status, trade.code) == (TradeStatus.DENIED, Code.VOLATILITY_UNKNOWN)
    assert trade.limit == "volatility target"
    assert trade.asked_usd == 1000


@given(
    risk=st.decimals("0.01", 100, places=2),
    target=st.decimals("0.1", 1000, places=1),
    cap=st.decimals(10, 10**6, places=2),
    cash=st.decimals("0.9", "1.1", places=3),
)
def test_what_is_allowed_is_the_smallest_of_all_limits(
    risk: Decimal, target: Decimal, cap: Decimal, cash: Decimal
) -> None:
    strategy = replace(
        OPEN, risk_per_trade_percent=risk, target_volatility_percent=target, max_trade_usd=cap
    )
    world = replace(DEEP, cash_price_usd=cash)
    verdict = sized(strategy, account("1000000"), world)
    least = min(one.room_usd for one in verdict.limits)
    assert {one.name: one.room_usd for one in verdict.limits}[verdict.limit] == least
    if verdict.code is Code.OK:
        assert verdict.allowed_usd == cash_amount(cash_units(least))
    else:
        assert verdict.code is Code.SIZE_TOO_SMALL
        assert verdict.allowed_usd == 0
