"""Managers are handed in: a test's own take part in a tick like the built-in ones."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.bot.market_analyzer import MarketAnalyzer
from paper_trading.bot.position_manager import PositionManager
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action, Stage
from paper_trading.engine.steps import StepResult
from paper_trading.models import Market, PaperTradingSession, Tick, TickStatus
from paper_trading.services.account_state import AccountState
from paper_trading.services.market_view import Listed, MarketView
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources.base import SourceQuote, SourceStep
from paper_trading.services.sources.catalogue import source_of
from tests.bot import worlds


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    return worlds.running_session(market)


class Spy(TradeExecutor):
    """An executor that notes what it was asked for and what came of it."""

    def __init__(self, position_manager: PositionManager) -> None:
        super().__init__(position_manager)
        self.seen: list[tuple[int, StepResult | None]] = []

    def execute_trade(self, tick: Tick) -> StepResult | None:
        result = super().execute_trade(tick)
        self.seen.append((tick.pk, result))
        return result


class Deep:
    """A source whose pools are twice as deep as another one's."""

    name = "deep"
    step_seconds = 300

    def __init__(self, market: Market) -> None:
        self.inner = source_of(market)
        self.symbols = self.inner.symbols

    def step(self, number: int, state: object) -> SourceStep:
        found = self.inner.step(number, {})
        quotes = {symbol: _twice(quote) for symbol, quote in found.quotes.items()}
        return replace(found, quotes=quotes)


def _twice(quote: SourceQuote) -> SourceQuote:
    return replace(quote, liquidity_usd=(quote.liquidity_usd or Decimal(0)) * 2)


def test_a_tick_runs_with_the_managers_that_it_is_given(session: PaperTradingSession) -> None:
    tick = worlds.open_tick(session)
    positions = PositionManager(session.account_id)
    spy = Spy(positions)
    MarketAnalyzer.tick(tick.pk, RealPriceManager(session.account.market), positions, spy)
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED
    ((seen, result),) = spy.seen
    assert seen == tick.pk
    assert result is not None
    assert len(result.trades) == tick.trades.filter(stage=Stage.EXECUTION).count() > 0


def test_given_managers_do_what_the_own_ones_do(
    session: PaperTradingSession, market: Market
) -> None:
    own = worlds.running_session(market)
    worlds.run_ticks(own, 3)
    positions = PositionManager(session.account_id)
    executor, prices = TradeExecutor(positions), RealPriceManager(market)
    for _ in range(3):
        MarketAnalyzer.tick(worlds.open_tick(session).pk, prices, positions, executor)
    assert worlds.outcome(session) == worlds.outcome(own)


def test_a_price_manager_of_one_s_own_brings_the_prices(session: PaperTradingSession) -> None:
    market = session.account.market
    expected = source_of(market).step(session.start_step, {}).quotes["MOON"].liquidity_usd
    prices = RealPriceManager(market)
    prices._feed = PriceFeedService(market, Deep(market))
    tick, positions = worlds.open_tick(session), PositionManager(session.account_id)
    MarketAnalyzer.tick(tick.pk, prices, positions, TradeExecutor(positions))
    tick.refresh_from_db()
    assert tick.batch is not None
    assert expected is not None
    assert tick.batch.source == "deep"
    assert tick.batch.quotes.get(token__symbol="MOON").liquidity_usd == expected * 2


class Idle(MarketAnalyzer):
    """An analyzer that wants nothing."""

    def _analyze_token(self, listed: Listed, view: MarketView, state: AccountState) -> Decision:
        token = listed.token
        return Decision(
            token.id, token.symbol, Action.HOLD, Code.CONFIDENCE_LOW, 10, confidence=Decimal(0)
        )


def test_an_analyzer_of_one_s_own_judges_the_tokens(session: PaperTradingSession) -> None:
    tick, positions = worlds.open_tick(session), PositionManager(session.account_id)
    prices = RealPriceManager(session.account.market)
    Idle.tick(tick.pk, prices, positions, TradeExecutor(positions))
    assert set(tick.thoughts.values_list("action", flat=True)) == {Action.HOLD}
    assert not tick.trades.exists()


def test_a_tick_that_is_closed_is_left_alone(session: PaperTradingSession) -> None:
    tick = worlds.run_tick(session)
    before = worlds.tables()
    spy = Spy(PositionManager(session.account_id))
    MarketAnalyzer.tick(tick.pk, RealPriceManager(session.account.market), spy.positions, spy)
    assert worlds.tables() == before
    assert spy.seen == []
