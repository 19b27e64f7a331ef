"""Wrong prices on a live market: what they must not do to an account, and that it replays."""

from decimal import Decimal

import pytest

from paper_trading.bot.replay.verify import verify
from paper_trading.engine import money
from paper_trading.engine.enums import PriceVerdict, TradeStatus
from paper_trading.models import EquityPoint, PaperTrade, Quote, TickStatus
from tests.bot import live_worlds
from tests.bot import test_live_market as live_market
from tests.bot.live_worlds import LiveWorld

pytestmark = pytest.mark.django_db

FRESH, JUMP = PriceVerdict.FRESH, PriceVerdict.JUMP


def test_one_wrong_price_of_cash_decides_nothing_that_stays(live: LiveWorld) -> None:
    session = live_market.trading(live)
    account = session.account
    account.refresh_from_db()
    kept = account.peak_equity_usd, account.max_drawdown_percent
    cash = live.feed.prices["USDC"]
    live.feed.prices["USDC"] = cash / 2
    live.tick(session)
    live.feed.prices["USDC"] = cash
    account.refresh_from_db()
    assert (account.peak_equity_usd, account.max_drawdown_percent) == kept
    assert not session.account.breakers.filter(tripped=True).exists()
    live.tick(session)
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize("price", ["1000.01", "1e20"])
def test_cash_that_no_stablecoin_is_worth_has_no_price(live: LiveWorld, price: str) -> None:
    session = live_market.trading(live)
    before = EquityPoint.objects.latest("pk").cash_price_usd
    live.feed.prices["USDC"] = Decimal(price)
    for _ in range(3):
        tick = live.tick(session)
        assert tick.status == TickStatus.CLOSED
        assert tick.batch is not None
        assert tick.batch.reasons == {"USDC": "BAD_PRICE"}
        assert live_worlds.verdicts(tick)["MOON"] == PriceVerdict.CASH_UNSURE
        assert EquityPoint.objects.get(tick=tick).cash_price_usd == before
    assert verify(session.pk).to_the_end


def test_a_wrong_price_that_lasts_is_not_sold_at_against_a_check(live: LiveWorld) -> None:
    session = live_market.trading(live)
    price = live.feed.prices["MOON"]
    live.feed.checks = {"MOON": price}
    live.feed.prices["MOON"] = price * 2
    for _ in range(3):
        tick = live.tick(session)
        assert live_worlds.verdicts(tick)["MOON"] == JUMP
        assert live_market.filled(tick) == []
        quote = Quote.objects.get(batch=tick.batch, token__symbol="MOON")
        assert quote.price_usd == price
    assert verify(session.pk).to_the_end


def test_a_disputed_price_is_marked_and_sold_at_the_lower_one(live: LiveWorld) -> None:
    session = live_market.trading(live)
    price = live.feed.prices["MOON"]
    lower = price * Decimal("0.8")
    live.feed.checks = {"MOON": lower}
    tick = live.tick(session)
    quote = Quote.objects.get(batch=tick.batch, token__symbol="MOON")
    assert (quote.verdict, quote.price_usd, quote.low) == (
        PriceVerdict.DISPUTED,
        money.price(lower),
        price,
    )
    assert quote.liquidity_usd == live_worlds.DEPTH
    assert ("SELL", "MOON") in live_market.filled(tick)
    sold = PaperTrade.objects.get(tick=tick, status=TradeStatus.FILLED, token__symbol="MOON")
    assert sold.mid_price is not None
    assert abs(sold.mid_price - lower / live.feed.prices["USDC"]) < Decimal("1e-9")
    lows = live.market.bars.filter(token__symbol="MOON", closes_at__gte=tick.market_time)
    assert all(low > price * Decimal("0.9") for low in lows.values_list("low", flat=True))
    live.feed.checks = {"MOON": price}
    assert live_worlds.verdicts(live.tick(session))["MOON"] == FRESH
    assert verify(session.pk).to_the_end
    assert live_market.explained(session) > 0
