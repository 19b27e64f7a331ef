"""The database refuses what must not be, whatever the code above it believes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from paper_trading.engine.enums import ExitReason, LedgerAccount, Side, Stage
from paper_trading.models import (
    LedgerEntry,
    ManualRequest,
    Market,
    MarketToken,
    PaperTradingSession,
    RequestKind,
    ScoreQuantiles,
    SessionStatus,
    StopReason,
    StrategyVersion,
    Tick,
    TickReason,
    TickStatus,
    Token,
)
from tests import builders as make
from tests.full_account import make_one_of_each

pytestmark = pytest.mark.django_db


class World:
    """A session on a market with a token and a closed tick: what most refusals need."""

    def __init__(self) -> None:
        self.account = make.make_account()
        self.session = make.make_session(self.account)
        self.market = self.account.market
        self.token = make.make_token()
        self.tick = make.make_tick(self.session)
        self.batch = make.batch_of(self.tick)

    def open_tick(self, number: int, **fields: Any) -> Any:
        values = {
            "status": TickStatus.OPEN,
            "stage": Stage.PRICES,
            "closed_at": None,
            "lease_until": make.START,
            "deadline_at": make.START,
            "batch": None,
            **fields,
        }
        return make.make_tick(self.session, number, **values)


def twice(act: Callable[[World], Any]) -> Callable[[World], Any]:
    def run(world: World) -> None:
        act(world)
        act(world)

    return run


def two_deposits_on_one_line(world: World) -> None:
    for _ in range(2):
        LedgerEntry.objects.create(
            account=world.account, line=0, book=LedgerAccount.CASH, amount_usd=Decimal(1)
        )


def two_lines_of_one_trade(world: World) -> None:
    trade = make.make_trade(world.tick, world.token)
    for _ in range(2):
        LedgerEntry.objects.create(
            account=world.account, trade=trade, line=0, book=LedgerAccount.CASH, amount_usd=1
        )


def two_transactions_of_one_nonce(world: World) -> None:
    for sequence in range(2):
        make.make_transaction(make.make_trade(world.tick, world.token, sequence), nonce=0)


def two_open_ticks(world: World) -> None:
    world.open_tick(5)
    world.open_tick(6)


def tick_of(status: TickStatus, **fields: Any) -> Callable[[World], Any]:
    """Return an act that makes a tick whose status and times disagree."""
    return lambda world: make.make_tick(
        world.session, 2, status=status, **{"batch": None, **fields}
    )


def session_of(**fields: Any) -> Callable[[World], Any]:
    return lambda world: make.make_session(
        make.make_account(), strategy=world.session.strategy, **fields
    )


REFUSALS: list[tuple[str, str, Callable[[World], Any]]] = [
    (
        "two running sessions on one account",
        "session_one_running_an_account",
        lambda w: make.make_session(w.account, strategy=w.session.strategy),
    ),
    (
        "two open positions of one token",
        "position_one_open_a_token",
        twice(lambda w: make.make_position(w.session, w.token)),
    ),
    (
        "two ticks of one slot",
        "tick_one_a_slot",
        lambda w: make.make_tick(w.session, 1, number=2, batch=None),
    ),
    (
        "two ticks of one number",
        "tick_number_once",
        lambda w: make.make_tick(w.session, 2, number=1, batch=None),
    ),
    ("two open ticks of a session", "tick_one_open", two_open_ticks),
    (
        "two decisions for one token",
        "thought_once",
        twice(lambda w: make.make_thought(w.tick, w.token)),
    ),
    ("a stage done twice", "stage_done_once", twice(lambda w: make.make_stage(w.tick, Stage.OPEN))),
    ("a trade twice", "trade_once", twice(lambda w: make.make_trade(w.tick, w.token))),
    ("a nonce twice", "transaction_nonce_once", two_transactions_of_one_nonce),
    ("a ledger line twice", "ledger_line_once", two_lines_of_one_trade),
    ("a deposit line twice", "ledger_deposit_line_once", two_deposits_on_one_line),
    ("a step with two batches", "batch_once", lambda w: make.make_batch(w.market, 1)),
    (
        "two quotes of a token in a batch",
        "quote_once",
        twice(lambda w: make.make_quote(w.batch, w.token)),
    ),
    ("a bar twice", "bar_once", twice(lambda w: make.make_bar(w.market, w.token))),
    (
        "a token listed twice",
        "listing_once",
        twice(lambda w: MarketToken.objects.create(market=w.market, token=w.token)),
    ),
    (
        "a symbol twice on a chain",
        "token_once_a_chain",
        lambda w: make.make_token(w.token.symbol),
    ),
    (
        "a symbol twice in a market",
        "token_once_a_market",
        twice(lambda w: make.make_token("OWN", market=w.market)),
    ),
    (
        "a market twice",
        "market_identity",
        lambda w: make.make_market(seed=w.market.seed),
    ),
    (
        "quantiles twice",
        "quantiles_once",
        twice(
            lambda w: ScoreQuantiles.objects.create(
                market=w.market, frozen_at=make.START, sample_size=1, points=[]
            )
        ),
    ),
    ("a breaker twice", "breaker_once", twice(lambda w: make.make_breaker(w.account))),
    (
        "an account's market time twice",
        "equity_point_once",
        lambda w: (
            make.make_point(w.tick),
            make.make_point(
                make.make_tick(w.session, 2, batch=None), market_time=w.tick.market_time
            ),
        ),
    ),
    (
        "an account name twice",
        "account_name_once_an_owner",
        lambda w: make.make_account(w.account.owner, name=w.account.name),
    ),
    (
        "a strategy name twice",
        "strategy_name_once",
        twice(lambda w: make.make_strategy(w.account.owner, name="Mine")),
    ),
    (
        "a strategy version twice",
        "strategy_version_once",
        twice(
            lambda w: StrategyVersion.objects.create(
                strategy=w.session.strategy, number=1, parameters={}
            )
        ),
    ),
    (
        "an outcome day twice",
        "outcome_day_once",
        twice(
            lambda w: w.account.outcome_days.create(
                day=make.START.date(), closed=1, sum_percent=Decimal(1)
            )
        ),
    ),
    # Negative amounts.
    (
        "cash below nothing",
        "account_money_not_negative",
        lambda w: make.make_account(cash_usd=Decimal("-0.000000000000000001")),
    ),
    (
        "gas below nothing",
        "account_money_not_negative",
        lambda w: make.make_account(gas_usd=Decimal(-1)),
    ),
    (
        "an open position of nothing",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, units=0),
    ),
    (
        "an open position of less than nothing",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, units=-1),
    ),
    (
        "an open position with a negative cost",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, cost_usd=Decimal(-1)),
    ),
    (
        "gas of a trade below nothing",
        "trade_money_not_negative",
        lambda w: make.make_trade(w.tick, w.token, gas_usd=Decimal(-1)),
    ),
    (
        "a fill that takes nothing in",
        "trade_amounts_match_status",
        lambda w: make.make_trade(w.tick, w.token, amount_in=0),
    ),
    (
        "a fill that gives less than nothing",
        "trade_amounts_match_status",
        lambda w: make.make_trade(w.tick, w.token, amount_out=-1),
    ),
    (
        "a denial that gives something",
        "trade_amounts_match_status",
        lambda w: make.make_denial(w.tick, w.token, amount_out=1),
    ),
    (
        "a failure that gives something",
        "trade_amounts_match_status",
        lambda w: make.make_trade(w.tick, w.token, status="FAILED"),
    ),
    (
        "a sell that realizes nothing known",
        "trade_sell_realizes",
        lambda w: make.make_trade(w.tick, w.token, side=Side.SELL, realized_usd=None),
    ),
    (
        "a fee below nothing",
        "transaction_fee_not_negative",
        lambda w: make.make_transaction(make.make_trade(w.tick, w.token), fee_usd=Decimal(-1)),
    ),
    (
        "a price of nothing",
        "quote_price_positive",
        lambda w: make.make_quote(w.batch, w.token, price_usd=Decimal(0)),
    ),
    (
        "a depth below nothing",
        "quote_liquidity_not_negative",
        lambda w: make.make_quote(w.batch, w.token, liquidity_usd=Decimal(-1)),
    ),
    (
        "a bar whose close is above its high",
        "bar_prices_consistent",
        lambda w: make.make_bar(w.market, w.token, close=Decimal(13)),
    ),
    (
        "a pool that takes all as its fee",
        "token_fee_below_all",
        lambda w: make.make_token(pool_fee_pips=1_000_000),
    ),
    (
        "more decimals than prices keep",
        "token_decimals_range",
        lambda w: make.make_token(decimals=37),
    ),
    (
        "a market that stands still",
        "market_step_positive",
        lambda w: make.make_market(step_seconds=0),
    ),
    # A status that its times contradict.
    (
        "an open position with a closing time",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, closed_at=make.START),
    ),
    (
        "a closed position without a closing time",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, closed_at=None),
    ),
    (
        "a closed position without a reason",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, exit_reason=""),
    ),
    (
        "a closed position that still holds",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, units=1),
    ),
    (
        "an open position with a reason to be closed",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, exit_reason=ExitReason.MANUAL),
    ),
    (
        "an open tick with a closing time",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, closed_at=make.START),
    ),
    (
        "an open tick without a lease",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, lease_until=None),
    ),
    (
        "an open tick without a deadline",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, deadline_at=None),
    ),
    (
        "a closed tick without a closing time",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, closed_at=None),
    ),
    (
        "a closed tick without a number",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, number=None),
    ),
    (
        "a closed tick with a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, reason=TickReason.OVERLAP),
    ),
    (
        "a skipped tick without a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.SKIPPED, number=None),
    ),
    (
        "a skipped tick with a number",
        "tick_status_matches_times",
        tick_of(TickStatus.SKIPPED, reason=TickReason.OVERLAP),
    ),
    (
        "an expired tick without a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.EXPIRED),
    ),
    (
        "a failed tick without a number",
        "tick_status_matches_times",
        tick_of(TickStatus.FAILED, number=None, reason=TickReason.ATTEMPTS),
    ),
    (
        "a running session that was stopped",
        "session_status_matches_times",
        session_of(stopped_at=make.START),
    ),
    (
        "a stopped session without a time",
        "session_status_matches_times",
        session_of(status=SessionStatus.STOPPED, stop_reason=StopReason.REQUESTED),
    ),
    (
        "a stopped session without a reason",
        "session_status_matches_times",
        session_of(status=SessionStatus.STOPPED, stopped_at=make.START),
    ),
    ("level 0", "session_level_range", session_of(intel_level=0)),
    ("level 11", "session_level_range", session_of(intel_level=11)),
    ("an interval of nothing", "session_interval_range", session_of(interval_ms=0)),
    (
        "an interval of more than an hour",
        "session_interval_range",
        session_of(interval_ms=3_600_001),
    ),
    (
        "a tripped breaker without a time",
        "breaker_state_matches_time",
        lambda w: make.make_breaker(w.account, tripped_market_time=None),
    ),
    (
        "a breaker at rest with a time",
        "breaker_state_matches_time",
        lambda w: make.make_breaker(w.account, tripped=False),
    ),
    (
        "a simulated market with a file",
        "market_file_only_when_recorded",
        lambda w: make.make_market(file_sha256="ab"),
    ),
    (
        "a recorded market without a file",
        "market_file_only_when_recorded",
        lambda w: make.make_market(mode="RECORDED"),
    ),
    (
        "half a trailing stop",
        "strategy_trailing_both_or_none",
        lambda w: make.make_strategy(trailing_activation_percent=Decimal(3)),
    ),
    (
        "a request to close no token",
        "request_token_only_to_close",
        lambda w: make.make_request(w.session, kind=RequestKind.CLOSE_POSITION),
    ),
    (
        "a request of a tick for a token",
        "request_token_only_to_close",
        lambda w: make.make_request(w.session, token=w.token),
    ),
]


@pytest.mark.parametrize(
    ("constraint", "act"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[what for what, _, _ in REFUSALS],
)
def test_the_database_refuses(constraint: str, act: Callable[[World], Any]) -> None:
    world = World()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act(world)
    diagnostics = getattr(caught.value.__cause__, "diag", None)
    assert diagnostics is not None
    assert diagnostics.constraint_name == constraint


def test_every_named_constraint_of_the_models_has_its_refusal() -> None:
    from django.apps import apps

    named = {
        constraint.name
        for model in apps.get_app_config("paper_trading").get_models()
        for constraint in model._meta.constraints
    }
    assert named == {constraint for _, constraint, _ in REFUSALS}


def test_what_ended_makes_room_for_the_next() -> None:
    world = World()
    make.make_closed_position(world.session, world.token)
    make.make_closed_position(world.session, world.token)
    make.make_position(world.session, world.token)
    PaperTradingSession.objects.filter(pk=world.session.pk).update(
        status=SessionStatus.STOPPED,
        stop_reason=StopReason.REQUESTED,
        stopped_at=make.START,
    )
    make.make_session(world.account, strategy=world.session.strategy)


def test_manual_ticks_have_no_slot_to_share() -> None:
    world = World()
    for number in (2, 3):
        made = make.make_tick(world.session, number, batch=None)
        Tick.objects.filter(pk=made.pk).update(slot=None)


def test_an_archived_account_frees_its_name() -> None:
    account = make.make_account(archived_at=make.START)
    make.make_account(account.owner, name=account.name)


def test_two_markets_may_list_a_symbol_of_their_own() -> None:
    for _ in range(2):
        make.make_token("OWN", market=make.make_market())
    assert Token.objects.filter(symbol="OWN").count() == 2


def test_records_cannot_be_deleted_from_under_an_account() -> None:
    from django.db.models import ProtectedError

    account = make_one_of_each()
    session = account.sessions.get()
    for row in (account, session, session.ticks.get(), Market.objects.get(accounts=account)):
        with pytest.raises(ProtectedError):
            row.delete()
    assert ManualRequest.objects.filter(session=session).exists()
