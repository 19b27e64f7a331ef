"""Trades are round trips; every running figure is the one that all of them give."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.account import ClosedPosition
from paper_trading.engine.enums import ExitReason, Side, TransactionStatus
from paper_trading.engine.tallies import (
    COSTS,
    DaySums,
    RoundTrip,
    Swapped,
    Tally,
    TradeStats,
    counted,
    round_trip,
    swapped,
)
from tests.engine.desks import A
from tests.engine.worlds import NOON, record, swap

COST = {name: Decimal(place) for place, name in enumerate(COSTS, 1)}


def sale(
    net: str, hours: int = 1, token: int = 1, reason: ExitReason = ExitReason.STOP_LOSS
) -> Swapped:
    """Return a sale that closes a position of 200 USD, a gas of 1 USD being off its net."""
    at = NOON + timedelta(hours=hours)
    trip = round_trip(NOON, reason, Decimal(200), Decimal(net) + 1, Decimal(1))
    return Swapped(at, token, f"T{token}", COST, sold_usd=Decimal(200), trip=trip)


def stats_of(*sales: Swapped) -> TradeStats:
    stats = TradeStats()
    for one in sales:
        stats = counted(stats, one)
    return stats


def test_wins_losses_and_zeros_are_counted_apart() -> None:
    stats = stats_of(sale("30"), sale("0"), sale("-10"), sale("5"))
    assert (stats.n, stats.wins, stats.losses) == (4, 2, 1)
    assert [stats.won_usd, stats.lost_usd] == [35, 10]
    assert stats.net_percent == Decimal("12.5")
    assert [stats.usd_days.trades, stats.usd_days.amount] == [3, 25]
    assert stats.percent_days.amount == Decimal("12.5")


def test_a_streak_ends_with_its_opposite_and_not_with_a_zero() -> None:
    stats = stats_of(*map(sale, ["1", "1", "0", "1", "-1", "-1"]))
    assert (stats.streak, stats.longest_winning, stats.longest_losing) == (-2, 3, 2)
    assert counted(stats, sale("1")).streak == 1
    assert stats_of(sale("0")).streak == 0


def test_trades_are_grouped_by_token_and_reason() -> None:
    stats = stats_of(
        sale("4"), sale("-2", token=2), sale("6", token=2, reason=ExitReason.TAKE_PROFIT)
    )
    assert stats.by_token == {
        1: Tally("T1", 1, 1, Decimal(4), Decimal(2)),
        2: Tally("T2", 2, 1, Decimal(4), Decimal(2)),
    }
    assert stats.by_exit == {
        "STOP_LOSS": Tally("STOP_LOSS", 2, 1, Decimal(2), Decimal(1)),
        "TAKE_PROFIT": Tally("TAKE_PROFIT", 1, 1, Decimal(6), Decimal(3)),
    }


def test_holding_times_keep_their_sum_and_both_ends() -> None:
    stats = stats_of(sale("1", hours=5), sale("1", hours=2), sale("1", hours=9))
    hours = [
        one // timedelta(hours=1) for one in (stats.held, stats.shortest, stats.longest) if one
    ]
    assert hours == [16, 2, 9]


def test_costs_and_amounts_are_of_every_swap() -> None:
    failed = Swapped(NOON, 1, "T1", COST)
    bought = Swapped(NOON, 1, "T1", COST, bought_usd=Decimal(150))
    stats = stats_of(failed, bought, sale("1"))
    assert stats.costs == {name: 3 * paid for name, paid in COST.items()}
    assert [stats.bought_usd, stats.sold_usd, stats.n] == [150, 200, 1]


def test_days_that_ended_keep_sums_only() -> None:
    stats = stats_of(
        sale("3", hours=1), sale("4", hours=2), sale("-5", hours=13), sale("1", hours=40)
    )
    sums = stats.usd_days
    assert sums == DaySums(
        trades=4,
        amount=Decimal(3),
        day=(NOON + timedelta(hours=40)).date(),
        n=1,
        total=Decimal(1),
        days=2,
        squares=Decimal(49 + 25),
        cross=Decimal(2 * 7 - 5),
        counts=4 + 1,
    )


def test_a_round_trip_is_net_of_all_gas_in_percent_of_what_was_bought() -> None:
    trip = round_trip(NOON, ExitReason.SIGNAL, Decimal(400), Decimal(10), Decimal(2))
    closed = ClosedPosition(Decimal(400), Decimal(10), Decimal(2), Decimal(2))
    assert trip == RoundTrip(NOON, ExitReason.SIGNAL, closed)
    with pytest.raises(ValueError, match="bought for 0 USD; allowed is more than 0"):
        round_trip(NOON, ExitReason.SIGNAL, Decimal(0), Decimal(1), Decimal(0))


def test_a_buy_and_a_failure_pay_and_close_nothing() -> None:
    made = swapped(record(A, Side.BUY, swap(2_000_000, 10, gas="3")), None)
    assert made is not None
    assert [made.bought_usd, made.sold_usd, made.costs["gas_usd"]] == [2, 0, 3]
    assert (made.token_id, made.symbol, made.trip) == (A.id, "AAA", None)
    reverted = swap(2_000_000, 10, gas="3", status=TransactionStatus.REVERTED)
    failed = swapped(record(A, Side.BUY, reverted), None)
    assert failed is not None
    assert [failed.bought_usd, failed.costs["gas_usd"]] == [0, 3]


def test_a_sale_of_all_brings_its_round_trip() -> None:
    closed = ClosedPosition(Decimal(5), Decimal(1), Decimal(0), Decimal(20))
    sold = replace(record(A, Side.SELL, swap(10, 6_000_000)), closed=closed)
    made = swapped(sold, NOON)
    assert made is not None
    assert made.sold_usd == 6
    assert made.trip == RoundTrip(NOON, ExitReason.SIGNAL, closed)
    for missing, opened_at in ((sold, None), (replace(sold, exit_reason=None), NOON)):
        with pytest.raises(ValueError, match="without a time or a reason"):
            swapped(missing, opened_at)


def test_a_denial_is_not_counted() -> None:
    assert swapped(record(A, Side.BUY, None), None) is None
