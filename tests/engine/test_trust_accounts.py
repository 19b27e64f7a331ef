"""Trust: what an account may do, and keeps, when a price cannot be trusted."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import breakers as circuit
from paper_trading.engine import track
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    BreakerKind,
    ExitReason,
    PriceVerdict,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.steps import execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trust import Check, Judged, TokenTrust
from tests.engine import worlds
from tests.engine.readings import (
    DISPUTED,
    JUMP,
    STALE,
    TICK,
    UNSELLABLE,
    Holder,
    filled,
    fold,
    of,
    reading,
    verdicts,
)
from tests.engine.worlds import NOON


@given(st.decimals("1.11", "1000", places=3), st.integers(1, 8))
def test_a_rise_that_a_live_check_contradicts_is_never_sold_at(rise: Decimal, last: int) -> None:
    holder = Holder(Strategy(take_profit_percent=Decimal(5)))
    judged = fold(of("100", "100", *[100 * rise] * last), Check(Decimal(100), NOON))
    assert verdicts(judged)[2:] == [JUMP] * last
    results = [holder.lives(one, tick) for tick, one in enumerate(judged)]
    assert [filled(result) for result in results] == [[]] * (2 + last)
    assert max(one.equity.equity_usd for one in results) == results[1].equity.equity_usd


@given(
    st.decimals("0.1", "0.6", places=3),
    st.decimals("100", "400000", places=2),
    st.lists(st.decimals("0.5", "1", places=2), min_size=1, max_size=3),
)
def test_a_real_crash_with_liquidity_pulled_is_left_within_two_ticks_or_unsellable(
    crash: Decimal, depth: Decimal, then: list[Decimal]
) -> None:
    said: list[tuple[str | Decimal, str | None]] = [("100", "1000000")] * 2
    low, left = 100 * crash, depth
    for factor in [Decimal(1), *then]:
        low, left = low * factor, left * factor
        said.append((low, str(left)))
    holder = Holder()
    judged = fold(of(*said))
    results = [holder.lives(one, tick) for tick, one in enumerate(judged)]
    sold = [reason for result in results[2:4] for reason in filled(result)]
    if sold:
        assert sold == [ExitReason.STOP_LOSS]
    else:
        assert UNSELLABLE in verdicts(judged)[2:4]
        assert results[3].account.positions[holder.token.id].mark_price_usd <= 100 * crash
        if judged[3].verdict is UNSELLABLE:
            assert results[3].equity.equity_if_closed_usd == holder.account.cash_usd


@given(
    st.decimals("0.01", "100", places=3).filter(lambda f: not Decimal("0.6") < f < Decimal("1.4")),
    st.integers(2, 5),
)
def test_an_outlier_never_makes_a_trade(factor: Decimal, at: int) -> None:
    said: list[str | Decimal] = ["100"] * 8
    said[at] = 100 * factor
    holder = Holder(
        Strategy(
            stop_loss_percent=Decimal(5),
            take_profit_percent=Decimal(5),
            trailing_activation_percent=Decimal(1),
            trailing_distance_percent=Decimal(1),
        )
    )
    results = [holder.lives(one, tick) for tick, one in enumerate(fold(of(*said)))]
    assert [filled(result) for result in results] == [[]] * 8
    assert results[-1].equity.positions_usd == results[1].equity.positions_usd


ENTRY = [
    (JUMP, Code.PRICE_JUMPED),
    (STALE, Code.PRICE_STALE),
    (UNSELLABLE, Code.UNSELLABLE),
    (PriceVerdict.CASH_UNSURE, Code.CASH_UNSURE),
    (DISPUTED, Code.PRICE_DISPUTED),
]


@pytest.mark.parametrize(("verdict", "code"), ENTRY)
def test_no_entry_is_made_on_a_price_that_is_not_trusted(verdict: PriceVerdict, code: Code) -> None:
    token = worlds.token()
    batch = worlds.batch(replace(worlds.quote(token), verdict=verdict))
    buy = worlds.decision(token)
    result = execute(worlds.account(), batch, {}, worlds.rules(), [buy], TradingState.ACTIVE)
    assert [(one.status, one.code) for one in result.trades] == [(TradeStatus.DENIED, code)]


@pytest.mark.parametrize(("verdict", "code"), ENTRY)
def test_an_exit_is_made_on_a_disputed_price_only(verdict: PriceVerdict, code: Code) -> None:
    holder = Holder()
    crashed = Judged(TokenTrust(), verdict, reading("50", tick=1))
    result = holder.lives(crashed, 1)
    if verdict is STALE:
        # An old price is no mark: nothing is wanted on it.
        assert result.trades == ()
        return
    sold = verdict is DISPUTED
    status = TradeStatus.FILLED if sold else TradeStatus.DENIED
    expected = (status, Code.OK if sold else code)
    assert [(one.status, one.code) for one in result.trades] == [expected]


GLITCHES = [("30", "1000000"), ("30", "0"), ("100", "0")]


@pytest.mark.parametrize("glitch", GLITCHES)
def test_one_wrong_reading_decides_nothing_that_stays(glitch: tuple[str, str]) -> None:
    strict = Strategy(
        stop_loss_percent=Decimal(5),
        max_drawdown_percent=Decimal(2),
        max_daily_loss_percent=Decimal(2),
        max_portfolio_loss_percent=Decimal(2),
    )
    holder, calm_one = Holder(strict), Holder(strict)
    for tick, one in enumerate(fold(of("100", "100", glitch, "100"))):
        result = holder.lives(one, tick)
        assert circuit.tripped(result.breakers) == ()
        if tick == 2 and glitch[0] == "30":
            assert result.equity.equity_usd < calm_one.account.peak_equity_usd - 400
            assert result.equity.drawdown_percent > 4
    for tick, one in enumerate(fold(of("100", "100", "100", "100"))):
        calm_one.lives(one, tick)
    assert holder.account == calm_one.account


def test_two_low_readings_trip_the_breakers_of_losses() -> None:
    holder = Holder(Strategy(stop_loss_percent=Decimal(50), max_drawdown_percent=Decimal(2)))
    results = [
        holder.lives(one, tick) for tick, one in enumerate(fold(of("100", "100", "60", "60")))
    ]
    assert [circuit.tripped(one.breakers) for one in results[:3]] == [()] * 3
    assert BreakerKind.DRAWDOWN in circuit.tripped(results[3].breakers)
    assert results[3].account.max_drawdown_percent > 2


def test_a_day_does_not_begin_on_a_wrong_reading() -> None:
    holder = Holder()
    before = holder.lives(fold(of("100", "100"))[-1], 1).equity.equity_usd
    wrong = fold(of("100", "100", "30"))[-1]
    result = holder.lives(wrong, 4 * 60 * 13)
    assert result.account.day_start_equity_usd == before
    assert result.account.day is not None
    assert result.account.day > NOON.date()


@pytest.mark.parametrize("glitch", ["30", "400"])
def test_a_wrong_reading_is_neither_peak_nor_drawdown_of_the_track_record(glitch: str) -> None:
    records = []
    for prices in (("100", "100", glitch, "100"), ("100", "100", "100", "100")):
        holder, record = Holder(), track.opened(Decimal(10_000))
        for tick, one in enumerate(fold(of(*prices))):
            worth = track.worth_of(holder.lives(one, tick).equity)
            assert worth.settled is (one.verdict is not JUMP)
            record = track.observed(record, worth, Prices({}, frozenset(), None), TICK)
        records.append(record)
    wrong, calm = (record.curve for record in records)
    assert wrong.drawdown == calm.drawdown
    assert wrong.peak_index == calm.peak_index
