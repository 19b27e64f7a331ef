"""Crashes on the real sources, over HTTP: who gets out, what cash is worth, at which quote."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from paper_trading.bot import feed_events
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import money
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict, Side, TradeStatus
from paper_trading.models import (
    EquityPoint,
    PaperPosition,
    PaperTrade,
    PaperTradingSession,
    Quote,
    Tick,
)
from paper_trading.services import clock
from paper_trading.services.feed_view import feed_view
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld, waves
from tests.upstream.world import PRICES

pytestmark = pytest.mark.django_db
EVERYTHING = sorted(PRICES)


def holding(upstream: UpstreamWorld) -> tuple[PaperTradingSession, str]:
    """Return a session that holds a token which may fall, and that token."""
    session = worlds.running_session(upstream.market, 10, 15_000, stop_loss_percent=Decimal(5))
    for _ in range(12):
        upstream.tick(session)
        held = session.account.positions.filter(is_open=True)
        for symbol in held.order_by("pk").values_list("token__symbol", flat=True):
            # WETH and stablecoins price others.
            if symbol not in ("WETH", "DAI", "USDC"):
                return session, symbol
    raise AssertionError("nothing was bought")


def crash(upstream: UpstreamWorld, symbol: str, depth_usd: int) -> None:
    """Let a token lose 40 % everywhere, and its pool what people pull out of it."""

    def fallen(one: str, at: datetime) -> Decimal:
        return waves(one, at) * (Decimal("0.6") if one == symbol else 1)

    upstream.world.series = fallen
    upstream.world.depths[symbol] = Decimal(depth_usd)


def sold(tick: Tick, symbol: str) -> bool:
    return PaperTrade.objects.filter(
        tick=tick, token__symbol=symbol, side=Side.SELL, status=TradeStatus.FILLED
    ).exists()


def verdict(tick: Tick, symbol: str) -> str:
    return str(Quote.objects.get(batch=tick.batch_id, token__symbol=symbol).verdict)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The feed's events, as they are published."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(feed_events, "publish_on_commit", lambda _, event: found.append(event))
    return found


def test_a_crash_with_liquidity_pulled_is_left_at_the_second_tick(
    whole_upstream: UpstreamWorld,
) -> None:
    upstream = whole_upstream
    session, symbol = holding(upstream)
    crash(upstream, symbol, 200_000)
    waits, leaves = upstream.tick(session), upstream.tick(session)
    assert (verdict(waits, symbol), sold(waits, symbol)) == (PriceVerdict.JUMP, False)
    # The newest check is from before the crash: that is doubt, and no reason to stay.
    assert verdict(leaves, symbol) in (PriceVerdict.FRESH, PriceVerdict.DISPUTED)
    assert sold(leaves, symbol)
    trade = PaperTrade.objects.get(tick=leaves, token__symbol=symbol, status=TradeStatus.FILLED)
    assert trade.exit_reason == "STOP_LOSS"
    assert trade.realized_usd is not None
    assert trade.realized_usd < 0
    assert upstream.server.count("geckoterminal") == 0
    assert verify(session.pk).to_the_end


def test_a_crash_that_leaves_no_pool_is_unsellable_and_said_so(
    whole_upstream: UpstreamWorld, told: list[dict[str, Any]]
) -> None:
    upstream = whole_upstream
    session, symbol = holding(upstream)
    held = session.account.positions.get(is_open=True, token__symbol=symbol)
    crash(upstream, symbol, 500)
    first, second = upstream.tick(session), upstream.tick(session)
    assert not sold(first, symbol)
    assert not sold(second, symbol)
    assert verdict(second, symbol) == PriceVerdict.UNSELLABLE
    # The event, the row, the page.
    assert ("unsellable", [symbol]) in [(one["kind"], one["tokens"]) for one in told]
    tried = PaperTrade.objects.filter(tick=second, token__symbol=symbol)
    assert tried.values_list("code", flat=True).get() == Code.UNSELLABLE
    view = feed_view(upstream.market, clock.now())
    assert view is not None
    assert view.state == "degraded"
    assert row_of(page(session, "prices"), symbol).count("Unsellable") == 1
    # What it cannot be sold for is no part of the equity as if closed.
    point = EquityPoint.objects.get(tick=second)
    held.refresh_from_db()
    assert held.is_open
    assert point.equity_if_closed_usd is not None
    assert point.equity_if_closed_usd <= point.equity_usd - worth(held)
    assert verify(session.pk).to_the_end


def page(session: PaperTradingSession, panel: str) -> str:
    client = Client()
    client.force_login(session.account.owner)
    answer = client.get(f"/accounts/{session.account_id}/panels/")
    return str(answer.json()["panels"][panel])


def row_of(panel: str, symbol: str) -> str:
    (found,) = re.findall(rf'<tr><th scope="row">{symbol}</th>.*?</tr>', panel)
    return str(found)


def worth(held: PaperPosition) -> Decimal:
    mark: Decimal = held.mark_price_usd
    return money.from_base_units(held.units, held.token.decimals) * mark


def near(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= Decimal("1e-9") * abs(other)


def test_cash_at_88_cents_is_worth_88_cents(whole_upstream: UpstreamWorld) -> None:
    upstream = whole_upstream
    session, _ = holding(upstream)
    idle = worlds.running_session(upstream.market, 10, 15_000, blocked_tokens=EVERYTHING)
    before = EquityPoint.objects.latest("pk")
    upstream.world.series = lambda one, at: Decimal("0.88") if one == "USDC" else waves(one, at)
    tick = upstream.ticks(session, 2)
    point = EquityPoint.objects.get(tick=tick)
    in_cash = EquityPoint.objects.get(tick=upstream.tick(idle, seconds=0))
    assert (in_cash.tick.batch_id, in_cash.equity_usd) == (tick.batch_id, 8_800)
    account = session.account
    account.refresh_from_db()
    assert near(point.cash_price_usd, Decimal("0.88"))
    assert near(point.cash_usd, account.cash_usd * Decimal("0.88"))
    held = list(account.positions.filter(is_open=True))
    assert near(point.positions_usd, sum((worth(one) for one in held), Decimal(0)))
    assert near(point.equity_usd, point.cash_usd + point.positions_usd)
    assert point.equity_usd < before.equity_usd - before.cash_usd * Decimal("0.1")
    assert point.equity_if_closed_usd is not None
    assert point.equity_if_closed_usd < point.equity_usd
    assert point.drawdown_percent > before.drawdown_percent
    assert verify(session.pk).to_the_end


def same_quote(tick: Tick, symbol: str) -> PaperTrade:
    """Return the fill of a token at a tick, after a look at its quote and its mark."""
    trade = PaperTrade.objects.get(tick=tick, token__symbol=symbol, status=TradeStatus.FILLED)
    quote = Quote.objects.get(batch=tick.batch_id, token=trade.token_id)
    assert tick.batch is not None
    assert trade.mid_price is not None
    assert near(trade.mid_price * tick.batch.cash_price_usd, quote.price_usd)
    assert trade.position is not None
    assert trade.position.marked_market_time == tick.market_time
    assert trade.position.mark_price_usd == quote.price_usd
    return trade


def test_a_fill_and_its_mark_use_one_quote(whole_upstream: UpstreamWorld) -> None:
    upstream = whole_upstream
    session, symbol = holding(upstream)
    buys = PaperTrade.objects.filter(token__symbol=symbol, side=Side.BUY, status=TradeStatus.FILLED)
    bought = same_quote(buys.latest("pk").tick, symbol)
    assert bought.position is not None
    assert bought.position.is_open

    def dear(one: str, at: datetime) -> Decimal:
        factors = {"USDC": Decimal("0.88"), symbol: Decimal("0.7")}
        return waves(one, at) * factors.get(one, Decimal(1))

    upstream.world.series = dear
    tick = upstream.ticks(session, 2)
    closed = same_quote(tick, symbol)
    assert (closed.side, closed.position and closed.position.is_open) == (Side.SELL, False)
    assert verify(session.pk).to_the_end
