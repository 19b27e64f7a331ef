"""What the database must refuse: words, the constraint that refuses it, and the act."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from paper_trading.bot import journal
from paper_trading.engine.enums import BreakerKind, LedgerAccount, Side, Stage
from paper_trading.models import (
    AccountEventKind,
    EquityHour,
    LedgerEntry,
    MarketToken,
    ScoreQuantiles,
    SetUp,
    SourceUsage,
    StrategyVersion,
    TickStatus,
    TokenExamination,
    TokenList,
)
from tests import builders as make
from tests import set_up_builders as set_ups
from tests.services.signal_files import make_signal

DEPOSIT, RESET = AccountEventKind.DEPOSIT, AccountEventKind.BREAKER_RESET


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


def examination(world: World, **fields: Any) -> None:
    day = make.START.date()
    TokenExamination.objects.create(token=world.token, day=day, at=make.START, **fields)


def equity_hour(world: World, hour: int) -> None:
    EquityHour.objects.create(
        account=world.account,
        hour=hour,
        market_time=make.START,
        equity_usd=Decimal(1),
        index=Decimal(1),
    )


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


def usage(**fields: Any) -> None:
    SourceUsage.objects.create(source="dexscreener", start=make.START, **fields)


def two_set_ups(world: World, first: SetUp) -> None:
    first.pk = None
    first.save(force_insert=True)


def two_open_ticks(world: World) -> None:
    world.open_tick(5)
    world.open_tick(6)


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
        "a signal twice in a market",
        "market_signal_once",
        twice(lambda w: make_signal(w.market)),
    ),
    (
        "a signal that is off without a reason",
        "market_signal_off_with_reason",
        lambda w: make_signal(w.market, off_step=7),
    ),
    (
        "a reason to be off of a signal that is on",
        "market_signal_off_with_reason",
        lambda w: make_signal(w.market, off_reason="too slow"),
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
        "an equity point whose cash has no price",
        "equity_point_cash_has_a_price",
        lambda w: make.make_point(w.tick, cash_price_usd=0),
    ),
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
        "a book of set-ups twice",
        "set_up_book_once",
        twice(lambda w: set_ups.make_set_up_book(w.market)),
    ),
    (
        "a bracket without a stop",
        "set_up_book_bracket_positive",
        lambda w: set_ups.make_set_up_book(w.market, stop_percent=Decimal(0)),
    ),
    (
        "a set-up of one bar twice",
        "set_up_once",
        lambda w: two_set_ups(w, set_ups.make_set_up(w.market, w.token)),
    ),
    (
        "a set-up that ended without a net",
        "set_up_ends_as_a_whole",
        lambda w: set_ups.make_set_up(w.market, w.token, ended="STOP", matured_at=make.START),
    ),
    (
        "a set-up without an outcome that has a net",
        "set_up_ends_as_a_whole",
        lambda w: set_ups.make_set_up(
            w.market, w.token, ended="GAP", matured_at=make.START, net_percent=Decimal(1)
        ),
    ),
    (
        "a set-up of level 11",
        "set_up_level_range",
        lambda w: set_ups.make_set_up(w.market, w.token, level=11),
    ),
    (
        "a day of set-ups twice",
        "set_up_day_once",
        twice(lambda w: set_ups.make_set_up_day(w.market)),
    ),
    (
        "an experience twice",
        "experience_once",
        twice(lambda w: set_ups.make_experience(w.market)),
    ),
    (
        "a token list twice",
        "token_list_once",
        twice(lambda w: TokenList.objects.create(market=w.market, number=1, tokens=[])),
    ),
    (
        "two events of one version",
        "account_event_once",
        twice(lambda w: journal.record_event(w.account, RESET, breaker=BreakerKind.DRAWDOWN)),
    ),
    (
        "a reset that names no breaker",
        "account_event_says_what",
        lambda w: journal.record_event(w.account, RESET),
    ),
    (
        "a lock of no token",
        "account_event_says_what",
        lambda w: journal.record_event(
            w.account, AccountEventKind.TOKEN_LOCK, market_time=make.START, reason="x"
        ),
    ),
    (
        "a reset that names a token",
        "account_event_says_what",
        lambda w: journal.record_event(
            w.account, RESET, breaker=BreakerKind.DRAWDOWN, token=w.token
        ),
    ),
    (
        "a lock without a reason",
        "account_event_lock_says_why",
        lambda w: make.make_lock(w.account, w.token, reason=""),
    ),
    (
        "a lock without an end",
        "account_event_lock_says_why",
        lambda w: make.make_lock(w.account, w.token, market_time=None),
    ),
    (
        "a deposit of nothing",
        "account_event_says_what",
        lambda w: journal.record_event(w.account, DEPOSIT, amount_usd=Decimal(0)),
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
        "a quote of a token that is missing",
        "quote_verdict_known",
        lambda w: make.make_quote(w.batch, w.token, verdict="MISSING"),
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
    ("a minute of a source twice", "source_usage_once", twice(lambda _: usage())),
    ("calls of half a minute", "source_usage_minute_or_hour", lambda _: usage(seconds=30)),
    ("two looks of one day", "examination_once_a_day", twice(examination)),
    (
        "a proposed pool without a depth",
        "examination_proposes_as_a_whole",
        lambda w: examination(w, proposed_pool="0x", proposed_fee_pips=500),
    ),
    (
        "a pool that was taken and not proposed",
        "examination_accepts_a_proposal",
        lambda w: examination(w, accepted_at=make.START),
    ),
    ("two points of one hour", "equity_hour_once", twice(lambda w: equity_hour(w, 1))),
    ("an hour before the first", "equity_hour_from_one", lambda w: equity_hour(w, 0)),
]
