from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.breakers import (
    REASONS,
    BreakerEvent,
    after_deposit,
    evaluate,
    new_day,
    reason,
    reset,
    state_of,
    trip_for_error,
    tripped,
)
from paper_trading.engine.enums import BreakerKind, TradingState
from paper_trading.engine.market import Batch
from paper_trading.engine.strategy import Strategy
from tests.engine.worlds import NOON, account, batch, quote, token

FRESH = batch(quote(token()))
STRATEGY = Strategy()
States = dict[BreakerKind, Breaker]


def evaluated(
    of: Account | None = None,
    known: Mapping[BreakerKind, Breaker] | None = None,
    equity: str = "10000",
    world: Batch = FRESH,
) -> tuple[States, tuple[BreakerEvent, ...], TradingState]:
    return evaluate(of or account(), known or {}, STRATEGY, Decimal(equity), world)


def test_a_sound_account_is_active_with_every_breaker_known() -> None:
    states, events, state = evaluated()
    assert list(states) == list(BreakerKind)
    assert not any(breaker.tripped for breaker in states.values())
    assert events == ()
    assert state is TradingState.ACTIVE


TRIPPING: list[tuple[BreakerKind, Account, str]] = [
    (BreakerKind.PORTFOLIO_LOSS, replace(account(), day_start_equity_usd=Decimal(8500)), "8500"),
    (BreakerKind.DAILY_LOSS, account(), "9500"),
    (
        BreakerKind.DRAWDOWN,
        replace(account(), peak_equity_usd=Decimal(12_500)),
        "10000",
    ),
    (BreakerKind.FAILED_TRANSACTIONS, replace(account(), failed_transactions=5), "10000"),
    (BreakerKind.LOSING_EXITS, replace(account(), losing_exits=5), "10000"),
    (BreakerKind.DAILY_TRADES, replace(account(), entries_today=50), "10000"),
    (BreakerKind.MINIMUM_BALANCE, replace(account(), cash_usd=Decimal("99.99")), "10000"),
]


@pytest.mark.parametrize(("kind", "of", "equity"), TRIPPING)
def test_each_breaker_trips_alone_at_its_threshold(
    kind: BreakerKind, of: Account, equity: str
) -> None:
    states, events, state = evaluated(of, equity=equity)
    assert tripped(states) == (kind,)
    assert state is TradingState.REDUCING
    assert states[kind].tripped_at == NOON
    assert [event.kind for event in events] == [kind]
    assert events[0].tripped
    assert REASONS[kind] in events[0].text


@pytest.mark.parametrize(
    ("of", "equity"),
    [
        (replace(account(), day_start_equity_usd=Decimal(8501)), "8500.01"),
        (account(), "9500.01"),
        (replace(account(), peak_equity_usd=Decimal(12_500)), "10000.01"),
        (replace(account(), failed_transactions=4), "10000"),
        (replace(account(), losing_exits=4), "10000"),
        (replace(account(), entries_today=49), "10000"),
        (replace(account(), cash_usd=Decimal(100)), "10000"),
    ],
)
def test_just_short_of_a_threshold_nothing_trips(of: Account, equity: str) -> None:
    assert evaluated(of, equity=equity)[2] is TradingState.ACTIVE


@pytest.mark.parametrize(("kind", "of", "equity"), TRIPPING[:5])
def test_losses_and_failures_stay_until_a_person_resets_them(
    kind: BreakerKind, of: Account, equity: str
) -> None:
    states, _, _ = evaluated(of, equity=equity)
    again, events, state = evaluated(account(), states)
    assert again == states
    assert events == ()
    assert state is TradingState.REDUCING
    cleared = {**again, kind: reset(again[kind], Decimal(10_000))}
    assert evaluated(account(), cleared)[2] is TradingState.ACTIVE


@pytest.mark.parametrize(("kind", "of", "equity"), TRIPPING[5:])
def test_limits_of_the_moment_clear_themselves(kind: BreakerKind, of: Account, equity: str) -> None:
    states, _, _ = evaluated(of, equity=equity)
    again, events, state = evaluated(account(), states)
    assert again[kind] == Breaker(kind)
    assert [(event.kind, event.tripped) for event in events] == [(kind, False)]
    assert events[0].text.startswith("Cleared: ")
    assert state is TradingState.ACTIVE


@pytest.mark.parametrize(("seconds", "stale"), [(900, False), (901, True)])
def test_a_feed_is_stale_by_its_newest_quote(seconds: int, stale: bool) -> None:
    old = quote(token(1), at=NOON - timedelta(days=1))
    newest = quote(token(2), at=NOON - timedelta(seconds=seconds))
    states, _, _ = evaluated(world=batch(old, newest))
    assert states[BreakerKind.STALE_FEED].tripped is stale
    if stale:
        assert states[BreakerKind.STALE_FEED].actual == 901


def test_a_batch_without_quotes_is_stale_and_recovers() -> None:
    states, events, _ = evaluated(world=batch())
    assert states[BreakerKind.STALE_FEED].actual is None
    assert "not measurable, limit 900" in events[0].text
    assert evaluated(known=states)[2] is TradingState.ACTIVE


def test_a_new_day_clears_the_daily_loss_and_its_baseline_only() -> None:
    lost = {
        kind: Breaker(kind, tripped=True, baseline_usd=Decimal(9))
        for kind in (BreakerKind.DAILY_LOSS, BreakerKind.DRAWDOWN)
    }
    assert new_day(lost, begins=False) == (lost, ())
    after, events = new_day(lost, begins=True)
    assert after[BreakerKind.DAILY_LOSS] == Breaker(BreakerKind.DAILY_LOSS)
    assert after[BreakerKind.DRAWDOWN] == lost[BreakerKind.DRAWDOWN]
    assert [(event.kind, event.tripped) for event in events] == [(BreakerKind.DAILY_LOSS, False)]
    assert new_day({}, begins=True) == ({}, ())


def test_after_a_reset_losses_are_measured_from_that_equity() -> None:
    states, _, _ = evaluated(equity="8000")
    assert set(tripped(states)) == {
        BreakerKind.PORTFOLIO_LOSS,
        BreakerKind.DAILY_LOSS,
        BreakerKind.DRAWDOWN,
    }
    clear = {kind: reset(breaker, Decimal(8000)) for kind, breaker in states.items()}
    assert evaluated(known=clear, equity="7601")[2] is TradingState.ACTIVE
    states, _, _ = evaluated(known=clear, equity="7600")
    assert tripped(states) == (BreakerKind.DAILY_LOSS,)


def test_a_reset_of_a_counter_sets_no_baseline() -> None:
    failed = Breaker(BreakerKind.FAILED_TRANSACTIONS, tripped=True)
    assert reset(failed, Decimal(1)) == Breaker(BreakerKind.FAILED_TRANSACTIONS)


def test_the_baseline_of_a_drawdown_follows_equity_up_to_the_peak() -> None:
    known = {BreakerKind.DRAWDOWN: Breaker(BreakerKind.DRAWDOWN, baseline_usd=Decimal(7000))}
    risen, _, _ = evaluated(known=known, equity="9900")
    assert risen[BreakerKind.DRAWDOWN].baseline_usd == 9900
    fallen, _, _ = evaluated(known=risen, equity="7920")
    assert fallen[BreakerKind.DRAWDOWN].tripped
    regained, _, _ = evaluated(known=known, equity="10000")
    assert regained[BreakerKind.DRAWDOWN].baseline_usd is None


def test_a_deposit_raises_the_baselines() -> None:
    known = {
        BreakerKind.DRAWDOWN: Breaker(BreakerKind.DRAWDOWN, baseline_usd=Decimal(7000)),
        BreakerKind.DAILY_LOSS: Breaker(BreakerKind.DAILY_LOSS),
    }
    after = after_deposit(known, Decimal(500))
    assert after[BreakerKind.DRAWDOWN].baseline_usd == 7500
    assert after[BreakerKind.DAILY_LOSS] == known[BreakerKind.DAILY_LOSS]


@pytest.mark.parametrize(
    ("of", "equity"),
    [
        (account(), "NaN"),
        (account(), "-Infinity"),
        (replace(account(), deposits_usd=Decimal(0)), "10000"),
        (replace(account(), peak_equity_usd=Decimal(-1)), "10000"),
        (replace(account(), cash_usd=Decimal("NaN")), "10000"),
    ],
)
def test_what_cannot_be_measured_trips(of: Account, equity: str) -> None:
    assert evaluated(of, equity=equity)[2] is TradingState.REDUCING


def test_a_breaker_stored_under_another_name_trips() -> None:
    known = {BreakerKind.DRAWDOWN: Breaker(BreakerKind.DAILY_LOSS)}
    states, events, _ = evaluated(known=known)
    assert tripped(states) == (BreakerKind.DRAWDOWN,)
    assert events[0].text == f"{REASONS[BreakerKind.DRAWDOWN]}."


def test_an_internal_error_stays_until_it_is_reset() -> None:
    known = {BreakerKind.INTERNAL_ERROR: Breaker(BreakerKind.INTERNAL_ERROR, tripped=True)}
    assert evaluated(known=known)[2] is TradingState.REDUCING


def test_an_internal_error_trips_and_leaves_the_others_as_they_are() -> None:
    others = {BreakerKind.DRAWDOWN: Breaker(BreakerKind.DRAWDOWN, tripped=True)}
    after = trip_for_error(others, NOON)
    assert tripped(after) == (BreakerKind.DRAWDOWN, BreakerKind.INTERNAL_ERROR)
    assert after[BreakerKind.INTERNAL_ERROR].tripped_at == NOON
    assert after[BreakerKind.DRAWDOWN] == others[BreakerKind.DRAWDOWN]


def test_a_reason_carries_its_numbers() -> None:
    loss = Breaker(
        BreakerKind.DAILY_LOSS, tripped=True, actual=Decimal("5.25"), threshold=Decimal(5)
    )
    assert reason(loss) == "Too much is lost since the market day began (percent): 5.25, limit 5."


def test_every_breaker_has_its_words() -> None:
    assert set(REASONS) == set(BreakerKind)


@given(
    st.dictionaries(st.sampled_from(BreakerKind), st.booleans()),
    st.decimals(-(10**6), 10**6, places=18),
)
def test_a_latched_breaker_never_clears_itself(
    stored: dict[BreakerKind, bool], equity: Decimal
) -> None:
    known = {kind: Breaker(kind, tripped=on) for kind, on in stored.items()}
    states, events, state = evaluated(known=known, equity=str(equity))
    for kind, _, _ in TRIPPING[:5]:
        assert states[kind].tripped or not stored.get(kind)
    changed = {kind for kind in BreakerKind if states[kind].tripped != stored.get(kind, False)}
    assert {event.kind for event in events} == changed
    assert state is state_of(states)
