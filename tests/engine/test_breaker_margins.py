"""Breakers clear beyond a margin, wait for marks no longer than stated, and fail closed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from paper_trading.engine import breakers as circuit
from paper_trading.engine.account import Account
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.breakers import CALM, LONGEST_WAIT, evaluate
from paper_trading.engine.enums import BreakerKind, PriceVerdict, TradingState
from paper_trading.engine.market import Batch, Recent
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, executed
from tests.engine.worlds import NOON, account, batch, decision, quote, token

MINUTE = timedelta(minutes=1)
SPIKES = Strategy(max_volatility_ratio=Decimal(4))
Breakers = Mapping[BreakerKind, Breaker]


def stepped(
    known: Breakers,
    world: Batch,
    strategy: Strategy | None = None,
    of: Account | None = None,
    equity: str = "10000",
) -> dict[BreakerKind, Breaker]:
    return evaluate(of or account(), known, strategy or Strategy(), Decimal(equity), world)[0]


def moved(high: str, at: datetime = NOON) -> Batch:
    """Return a batch whose last five minutes went from 100 to a high; 1 % is a usual 1.94."""
    recent = {A.id: Recent(at - 5 * MINUTE, Decimal(high), Decimal(100))}
    return replace(batch(quote(A, at=at), at=at, sigma={A.id: Decimal(1)}), recent=recent)


def test_a_spike_trips_by_its_setting_alone() -> None:
    kind, wild = BreakerKind.VOLATILITY, moved("103")
    found = stepped({}, wild, SPIKES)[kind]
    assert found.tripped
    assert found.actual is not None
    assert found.actual > 5
    assert found.threshold == 4
    assert not stepped({}, wild, replace(SPIKES, max_volatility_ratio=Decimal(6)))[kind].tripped
    assert not stepped({}, wild)[kind].tripped
    # Switched off, it is over at once.
    assert stepped({kind: found}, wild)[kind] == Breaker(kind)


def test_volatility_that_cannot_be_measured_trips() -> None:
    assert stepped({}, batch(quote(A)), SPIKES)[BreakerKind.VOLATILITY].tripped


def test_a_spike_is_over_after_a_quarter_of_an_hour_of_calm_and_not_between_two() -> None:
    kind = BreakerKind.VOLATILITY
    known: Breakers = stepped({}, moved("103"), SPIKES)
    for minute, high, tripped in (
        (5, "100.5", True),
        (15, "100.5", True),
        (19, "103", True),
        (24, "100.5", True),
        (38, "100.5", True),
        (39, "100.5", False),
    ):
        known = stepped(known, moved(high, NOON + minute * MINUTE), SPIKES)
        assert known[kind].tripped is tripped, minute
    assert CALM == 15 * MINUTE


@pytest.mark.parametrize(
    ("cash", "tripped"), [("99.99", True), ("100", True), ("109.99", True), ("110", False)]
)
def test_cash_is_enough_again_with_a_smallest_order_above_the_minimum(
    cash: str, tripped: bool
) -> None:
    kind = BreakerKind.MINIMUM_BALANCE
    known = {kind: Breaker(kind, tripped=True, tripped_at=NOON)}
    after = stepped(known, WORLD, of=replace(account(), cash_usd=Decimal(cash)))
    assert after[kind].tripped is tripped
    # Without having tripped, the minimum itself is enough.
    fresh = stepped({}, WORLD, of=replace(account(), cash_usd=Decimal(100)))
    assert not fresh[kind].tripped


@pytest.mark.parametrize(("age", "tripped"), [(450, False), (451, True), (900, True)])
def test_a_feed_is_back_with_a_price_of_half_the_allowed_age(age: int, tripped: bool) -> None:
    kind = BreakerKind.STALE_FEED
    known = {kind: Breaker(kind, tripped=True, tripped_at=NOON)}
    world = batch(quote(token(), at=NOON - timedelta(seconds=age)))
    assert stepped(known, world)[kind].tripped is tripped
    assert not stepped({}, world)[kind].tripped


def test_a_reading_that_dances_on_its_limit_changes_the_state_once() -> None:
    known: Breakers = {}
    changes = 0
    for tick in range(40):
        cash = Decimal(101 if tick % 2 else 99)
        known, events, _ = evaluate(
            replace(account(), cash_usd=cash), known, Strategy(), Decimal(10_000), WORLD
        )
        changes += len(events)
    assert changes == 1


def unsettled(at: datetime) -> Batch:
    """Return the world at a time with the price of A unconfirmed."""
    quotes = {
        key: replace(
            one,
            observed_at=at,
            verdict=PriceVerdict.JUMP if key == A.id else PriceVerdict.FRESH,
        )
        for key, one in WORLD.quotes.items()
    }
    return replace(WORLD, market_time=at, quotes=quotes)


LOSSES = (BreakerKind.PORTFOLIO_LOSS, BreakerKind.DAILY_LOSS, BreakerKind.DRAWDOWN)


def test_losses_wait_for_marks_five_minutes_and_then_count_the_worse_ones() -> None:
    held = executed(decision(A)).account
    known: Breakers = {}
    for seconds, tripped in ((0, False), (0, False), (299, False), (300, True)):
        world = unsettled(NOON + timedelta(seconds=seconds))
        known = stepped(known, world, of=held, equity="5000")
        assert [known[kind].tripped for kind in LOSSES] == [tripped] * 3, seconds
    assert LONGEST_WAIT == 5 * MINUTE


def test_marks_that_settle_begin_a_new_wait() -> None:
    held = executed(decision(A)).account
    waits = stepped({}, unsettled(NOON), of=held, equity="5000")
    assert {waits[kind].waiting_since for kind in LOSSES} == {NOON}
    calm = replace(WORLD, market_time=NOON + MINUTE)
    settled = stepped(waits, calm, of=held)
    assert {settled[kind].waiting_since for kind in LOSSES} == {None}
    again = stepped(settled, unsettled(NOON + 6 * MINUTE), of=held, equity="5000")
    assert not circuit.tripped(again)


def test_a_wait_that_is_over_still_moves_no_baseline() -> None:
    kind, held = BreakerKind.DRAWDOWN, executed(decision(A)).account
    known = {kind: Breaker(kind, baseline_usd=Decimal(7000), waiting_since=NOON)}
    after = stepped(known, unsettled(NOON + 6 * MINUTE), of=held, equity="9000")
    assert after[kind] == known[kind]


@pytest.mark.parametrize(
    "broken",
    [
        replace(account(), failed_transactions="x"),  # type: ignore[arg-type]
        replace(account(), deposits_usd=None),  # type: ignore[arg-type]
        replace(account(), cash_usd=Decimal("sNaN")),
    ],
)
def test_what_raises_inside_is_reducing_with_the_error_kept(broken: Account) -> None:
    known = {BreakerKind.LOSING_EXITS: Breaker(BreakerKind.LOSING_EXITS)}
    after, events, state = evaluate(broken, known, Strategy(), Decimal(10_000), WORLD)
    assert state is TradingState.REDUCING
    assert circuit.tripped(after)
    assert list(after) == list(BreakerKind)
    for event in events:
        if event.kind is BreakerKind.INTERNAL_ERROR:
            assert "Traceback" in event.fault
            assert "Not evaluated: " in event.text


def test_an_error_inside_is_kept_once_and_again_after_a_reset() -> None:
    broken = replace(account(), failed_transactions="x")  # type: ignore[arg-type]
    after, events, _ = evaluate(broken, {}, Strategy(), Decimal(10_000), WORLD)
    (event,) = events
    assert event.text.startswith("Something failed inside. Not evaluated: FAILED_TRANSACTIONS: ")
    assert "InvalidOperation" in event.fault
    again, events, state = evaluate(broken, after, Strategy(), Decimal(10_000), WORLD)
    assert (again, events, state) == (after, (), TradingState.REDUCING)
    kind = BreakerKind.INTERNAL_ERROR
    reset = {**again, kind: circuit.reset(again[kind], Decimal(10_000))}
    assert evaluate(broken, reset, Strategy(), Decimal(10_000), WORLD)[1][0].fault


def test_a_breaker_that_cannot_be_evaluated_stays_as_it_is() -> None:
    kind = BreakerKind.FAILED_TRANSACTIONS
    known = {kind: Breaker(kind, tripped=True, tripped_at=NOON)}
    broken = replace(account(), cash_usd="x")  # type: ignore[arg-type]
    after = stepped(known, WORLD, of=broken)
    assert after[kind] == known[kind]
    assert not after[BreakerKind.MINIMUM_BALANCE].tripped
    assert after[BreakerKind.INTERNAL_ERROR].tripped
