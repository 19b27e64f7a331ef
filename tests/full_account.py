"""An account with a row of every model around it, for pages that show everything."""

from decimal import Decimal

from django.contrib.auth.models import User

from paper_trading.bot import journal
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action, LedgerAccount, Stage
from paper_trading.models import (
    AccountEventKind,
    EquityHour,
    InternalError,
    LedgerEntry,
    MarketGenesis,
    MarketToken,
    PaperTradingAccount,
    ScoreQuantiles,
    SourceState,
    SourceUsage,
    TokenExamination,
    TokenList,
)
from paper_trading.services.market_rows import listed_to_json
from tests.builders import (
    START,
    batch_of,
    make_account,
    make_bar,
    make_breaker,
    make_closed_position,
    make_denial,
    make_lock,
    make_metrics,
    make_point,
    make_position,
    make_quote,
    make_request,
    make_session,
    make_stage,
    make_thought,
    make_tick,
    make_token,
    make_trade,
    make_transaction,
    make_version,
)
from tests.services.signal_files import make_signal
from tests.set_up_builders import make_experience, make_set_up, make_set_up_day


def make_one_of_each(owner: User | None = None) -> PaperTradingAccount:
    """Make an account with at least one row of every model around it, and return it."""
    account = make_account(owner, winning_trades=3, losing_trades=2)
    session = make_session(account)
    weth, link = make_token(), make_token()
    MarketToken.objects.create(market=account.market, token=weth)
    tick = make_tick(session, 1, strategy_version=make_version(session.strategy))
    for stage in (Stage.OPEN, Stage.PRICES, Stage.ANALYSIS, Stage.EXECUTION, Stage.CLOSE):
        make_stage(tick, stage)
    make_stage(tick, Stage.ANALYSIS, chunk=1, attempt=2)
    make_quote(batch_of(tick), weth)
    make_signal(account.market, off_step=601, off_reason="took more than 0.05 s")
    TokenList.objects.create(market=account.market, number=1, tokens=listed_to_json([weth]))
    TokenExamination.objects.create(
        token=weth, day=START.date(), at=START, liquidity_usd=Decimal(50_000)
    )
    MarketGenesis.objects.create(market=account.market, step=0, market_time=START, heads={})
    journal.record_event(account, AccountEventKind.DEPOSIT, amount_usd=Decimal(10_000))
    make_bar(account.market, weth)
    ScoreQuantiles.objects.create(
        market=account.market, frozen_at=START, sample_size=2_000, points=["-0.1", "0.1"]
    )
    position = make_position(session, weth)
    make_closed_position(session, link)
    trade = make_trade(tick, weth, position=position)
    make_denial(tick, link, 1)
    make_transaction(trade)
    LedgerEntry.objects.create(
        account=account, line=0, book=LedgerAccount.CASH, amount_usd=Decimal(10_000)
    )
    make_thought(tick, weth)
    make_thought(tick, link, action=Action.BUY, code=Code.OK, confidence=Decimal(88))
    make_point(tick)
    EquityHour.objects.create(
        account=account, hour=1, market_time=START, equity_usd=Decimal(10_000), index=Decimal(1)
    )
    make_metrics(tick)
    make_breaker(account)
    make_lock(account, weth)
    make_request(session)
    make_set_up(account.market, weth)
    make_set_up_day(account.market)
    make_experience(account.market)
    InternalError.objects.create(tick=tick, stage=Stage.ANALYSIS, token=weth, traceback="Boom: 1")
    _make_source()
    return account


def _make_source() -> None:
    """Make the rows of a source, of which there is one for all accounts."""
    SourceUsage.objects.get_or_create(
        source="dexscreener", start=START, defaults={"calls": 4, "errors": {"TIMED_OUT": 1}}
    )
    SourceState.objects.get_or_create(source="dexscreener", defaults={"cooling_until": START})
