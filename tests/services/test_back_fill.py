"""A live market begins with the last week of its pools, and replays from there."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.bot.replay.verify import verify
from paper_trading.engine.enums import PriceVerdict
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.bars import floor
from paper_trading.models import Bar, Market, MarketGenesis, MarketToken, PriceBatch, Tick
from paper_trading.services import back_fill
from paper_trading.services.back_fill import BackFilled, PastSources
from paper_trading.services.price_feed_service import PATIENCE, PriceFeedService, live_step_of
from paper_trading.services.sources.base import NoPrices
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure
from paper_trading.services.sources.live.candles import CANDLE, Span
from tests.bot import live_worlds, worlds
from tests.bot.live_worlds import FakeClock, LiveWorld, ScriptedFeed
from tests.builders import make_market
from tests.services import past_worlds
from tests.services.past_worlds import LATE, Depths, Past

pytestmark = pytest.mark.django_db

#: A step of a live market, in steps of the fake clock.
TICK = 0.05
#: Enough for every signal: the slow trend is ready after 20 hours.
LONG = 260


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    made = past_worlds.clock_at(live_worlds.START + LATE)
    made.install(monkeypatch)
    monkeypatch.setattr(quantiles, "MINIMUM_SCORES", 5)
    return made


@pytest.fixture
def market(db: None) -> Market:
    return past_worlds.new_market()


@pytest.fixture
def past(clock: FakeClock) -> Past:
    return Past(clock, dict.fromkeys(past_worlds.SYMBOLS, 30))


def filled(
    market: Market, past: Past, sources: PastSources | None = None, waits: Sequence[float] = ()
) -> BackFilled:
    waited: list[float] = []
    found = sources or past_worlds.sources(Depths())
    made = back_fill.back_fill(market, found, past.ask, waited.append)
    assert waited == list(waits)
    market.refresh_from_db()
    return made


def live(market: Market, past: Past) -> LiveWorld:
    feed = ScriptedFeed(live_worlds.last_prices(market) or dict.fromkeys(past.counts, Decimal(1)))
    return LiveWorld(market, feed, past.clock)


def failure(reason: Reason = Reason.TIMED_OUT, after: float | None = None) -> SourceFailure:
    return SourceFailure(reason, "it did not answer", after)


def test_candles_become_bars_to_the_digit(market: Market, past: Past) -> None:
    made = filled(market, past)
    assert (made.begun, dict(made.without)) == (True, {})
    rows = Bar.objects.filter(market=market, token__symbol="AAA", slow=False).order_by("start")
    # The candle under construction is left out.
    wanted = past.rows("AAA")[:0:-1]
    assert [[row.open, row.high, row.low, row.close, row.volume_usd] for row in rows] == [
        row[1:] for row in wanted
    ]
    assert [int(row.start.timestamp()) for row in rows] == [row[0] for row in wanted]
    assert made.bars == market.bars.count() > 4 * 29
    assert not PriceBatch.objects.exists()


def test_a_market_begins_now_and_only_once(market: Market, past: Past) -> None:
    filled(market, past)
    genesis = MarketGenesis.objects.get(market=market)
    now = live_step_of(past.clock.time, 15)
    assert (genesis.step, market.head_step, genesis.market_time) == (
        now - 1,
        now - 1,
        past.clock.time,
    )
    calls = len(past.asked)
    assert filled(market, past) == BackFilled(0, True, {})
    assert len(past.asked) == calls


def test_a_week_is_three_calls_a_token_and_one_for_depths(market: Market, past: Past) -> None:
    past.counts, past.page = dict.fromkeys(past_worlds.SYMBOLS, 40), 15
    filled(market, past)
    assert len(past.asked) == 4 * back_fill.PAGES + 1
    newest, second = past.asked[:4], past.asked[4:8]
    assert [symbol for _, symbol in newest] == [symbol for _, symbol in second]
    assert market.bars.filter(slow=False, token__symbol="BBB").count() == 39


def test_decisions_are_ready_when_depths_are_known(market: Market, past: Past) -> None:
    past.counts = dict.fromkeys(past_worlds.SYMBOLS, LONG)
    filled(market, past)
    rows = MarketToken.objects.filter(market=market).exclude(token__is_cash=True)
    assert all(row.last_bar is not None and row.last_bar.score is not None for row in rows)
    assert market.quantiles.count() == 1
    world = live(market, past)
    session = worlds.running_session(market)
    world.tick(session, TICK)
    tick = world.tick(session, TICK)
    assert set(live_worlds.verdicts(tick).values()) == {PriceVerdict.FRESH}
    assert tick.batch is not None
    assert tick.batch.quantiles is not None
    assert verify(session.pk).to_the_end


def test_without_a_depth_the_cost_of_a_bar_is_not_made_up(market: Market, past: Past) -> None:
    past.counts = dict.fromkeys(past_worlds.SYMBOLS, LONG)
    filled(market, past, past_worlds.sources(Depths(unknown=("AAA",))))
    bars = Bar.objects.filter(market=market, slow=False)
    assert not bars.filter(token__symbol="AAA", round_trip_percent__isnull=False).exists()
    assert not bars.filter(token__symbol="AAA", score__isnull=False).exists()
    assert bars.filter(token__symbol="BBB", score__isnull=False).exists()


def test_no_bar_is_made_of_the_half_that_ticks_saw(market: Market, past: Past) -> None:
    filled(market, past)
    world = live(market, past)
    session = worlds.running_session(market)
    half = floor(past.clock.time, 300)
    for _ in range(int(2 * CANDLE / timedelta(seconds=15))):
        world.tick(session, TICK)
    starts = Bar.objects.filter(market=market, slow=False, token__symbol="AAA", start__gte=half)
    assert list(starts.values_list("start", flat=True)) == [half + CANDLE]
    assert verify(session.pk).to_the_end


def test_a_quote_from_before_the_candles_end_stops_nothing(market: Market, past: Past) -> None:
    filled(market, past)
    world = live(market, past)
    session = worlds.running_session(market)
    ticks = [world.tick(session, TICK) for _ in range(3)]
    assert {tick.status for tick in ticks} == {"CLOSED"}
    heads = MarketToken.objects.filter(market=market)
    assert all(row.series["fast"] is None for row in heads)


def test_a_token_without_candles_begins_without_bars(market: Market, past: Past) -> None:
    past.counts["AAA"] = 0
    made = filled(market, past)
    assert dict(made.without) == {"AAA": ""}
    assert not market.bars.filter(token__symbol="AAA").exists()
    assert market.bars.filter(token__symbol="BBB").exists()
    session = worlds.running_session(market)
    world = live(market, past)
    world.feed.prices["AAA"] = Decimal(5)
    for _ in range(50):
        world.tick(session, TICK)
    first = market.bars.filter(token__symbol="AAA", slow=False).order_by("start").first()
    assert first is not None
    assert first.start == floor(MarketGenesis.objects.get().market_time, 300) + CANDLE
    assert verify(session.pk).to_the_end


def test_with_a_key_the_chart_is_asked_for_such_a_token_alone(market: Market, past: Past) -> None:
    past.failures = {"geckoterminal AAA": [failure(), failure()]}
    made = filled(market, past, past_worlds.sources(Depths(), chart=True), waits=[9])
    assert dict(made.without) == {}
    assert [symbol for source, symbol in past.asked if source == "coingecko"] == ["AAA"]
    bars = market.bars.filter(token__symbol="AAA", slow=False)
    assert bars.count() == 29
    assert set(bars.values_list("volume_usd", flat=True)) == {None}


def test_cash_is_priced_by_its_own_candles(market: Market, past: Past) -> None:
    steps = back_fill._steps(
        {
            "AAA": _token_past(past, "AAA"),
            "USDC": _token_past(past, "USDC", skip=20),
        },
        {},
        "USDC",
        15,
    )
    prices = [step.cash_price_usd for step in steps]
    assert (prices[0], prices[-1]) == (Decimal(1), Decimal("0.999"))


def _token_past(past: Past, symbol: str, skip: int = 0) -> back_fill.TokenPast:
    found = back_fill.TokenPast()
    sources = past_worlds.sources()
    token = past_worlds.token_value(symbol)
    request = sources.candles.request(token, past.clock.time)
    assert request is not None
    span = Span.before(past.clock.time, back_fill.LENGTH)
    read = sources.candles.read(token, past.ask("geckoterminal", request), span)
    found.candles = {one.start: one for one in read.candles[skip:]}
    return found


def test_what_was_fetched_before_a_failure_is_kept(market: Market, past: Past) -> None:
    past.page = 10
    real = past.ask

    def ask(source: str, request: Request) -> Answer:
        if len(past.asked) == 6:
            past.asked.append((source, "failed"))
            raise failure(Reason.NO_BUDGET)
        return real(source, request)

    back_fill.back_fill(market, past_worlds.sources(), ask)
    counts = [
        market.bars.filter(slow=False, token__symbol=symbol).count()
        for symbol in past_worlds.SYMBOLS
    ]
    assert sorted(counts) == [10, 29, 29, 29]


def test_budgets_are_waited_for_as_long_as_they_say(market: Market, past: Past) -> None:
    gated = past_worlds.Gated(past, calls=5)
    back_fill.back_fill(market, past_worlds.sources(Depths()), gated.ask, gated.wait)
    assert gated.waits == [60.5]
    counts = {bars_of(market, symbol) for symbol in past_worlds.SYMBOLS}
    assert counts == {29}


def test_a_failure_that_may_pass_costs_no_token_its_past(market: Market, past: Past) -> None:
    """As with the real gate, a failure makes the source cool down for the tokens behind it."""
    gated = past_worlds.Gated(past)
    past.failures = {"geckoterminal AAA": [failure(Reason.SERVER_ERROR)]}
    made = back_fill.back_fill(market, past_worlds.sources(Depths()), gated.ask, gated.wait)
    assert (made.begun, dict(made.without)) == (True, {})
    assert gated.waits == [8.5, 9]


def test_a_page_that_failed_leaves_no_hole(market: Market, past: Past) -> None:
    past.page, real, calls = 10, past.ask, []

    def ask(source: str, request: Request) -> Answer:
        calls.append(request.tokens[0].symbol)
        if len(calls) == 6:
            raise failure()
        return real(source, request)

    back_fill.back_fill(market, past_worlds.sources(), ask, lambda _: None)
    assert [bars_of(market, symbol) for symbol in past_worlds.SYMBOLS] == [29] * 4


def test_a_refused_pool_is_final_and_does_not_stop_the_others(market: Market, past: Past) -> None:
    gated = past_worlds.Gated(past)
    past.failures = {"geckoterminal AAA": [failure(Reason.REQUEST_REFUSED) for _ in range(3)]}
    made = back_fill.back_fill(market, past_worlds.sources(Depths()), gated.ask, gated.wait)
    assert list(made.without) == ["AAA"]
    assert past.asked.count(("geckoterminal", "AAA")) == 1
    assert gated.waits == [8.5]


def test_depths_are_asked_for_again(market: Market, past: Past) -> None:
    past.failures = {"depths": [failure(Reason.UNREACHABLE)]}
    filled(market, past, waits=[9])
    assert market.bars.filter(slow=False, round_trip_percent__isnull=False).exists()


def test_without_a_network_a_back_fill_ends_soon(market: Market, past: Past) -> None:
    gated = past_worlds.Gated(past)
    past.failures = {"geckoterminal": [failure(Reason.UNREACHABLE) for _ in range(9)]}
    made = back_fill.back_fill(market, past_worlds.sources(Depths()), gated.ask, gated.wait)
    assert not made.begun
    assert (sum(gated.waits), len(past.asked)) == (26, 4)


def bars_of(market: Market, symbol: str) -> int:
    return market.bars.filter(slow=False, token__symbol=symbol).count()


def test_a_back_fill_that_fails_wholly_says_so_and_is_tried_again(
    market: Market, past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    past.failures = {"geckoterminal": [failure() for _ in range(8)]}
    with caplog.at_level(logging.ERROR):
        made = filled(market, past, waits=[9])
    assert (made.bars, made.begun) == (0, False)
    assert "it can be back-filled again until its first tick" in caplog.text
    assert market.head_step == -1
    assert filled(market, past).bars > 0


def test_a_market_begins_without_a_past_when_that_does_not_come(market: Market, past: Past) -> None:
    world = live(market, past)
    world.feed.absent = dict.fromkeys(past_worlds.SYMBOLS, "UNREACHABLE")
    step = live_step_of(past.clock.time, 15)
    feed = PriceFeedService(market, live=world.feed)
    with pytest.raises(NoPrices, match="no source has said a price yet"):
        feed.batch_for(step)
    assert not PriceBatch.objects.exists()
    session = worlds.running_session(market)
    assert world.tick(session, TICK).reason == "NO_PRICES"
    world.feed.absent = {"AAA": "THROTTLED"}
    waiting = PATIENCE // timedelta(seconds=15)
    ticks = [world.tick(session, TICK).status for _ in range(waiting + 3)]
    assert ticks == ["SKIPPED"] * waiting + ["CLOSED"] * 3
    first = Tick.objects.filter(status="CLOSED").order_by("pk").first()
    assert first is not None
    assert first.step == MarketGenesis.objects.get().step + 1
    assert verify(session.pk).to_the_end
    market.refresh_from_db()
    assert filled(market, past) == BackFilled(0, True, {})


def test_of_two_back_fills_at_once_one_writes(market: Market, past: Past) -> None:
    late = Market.objects.get(pk=market.pk)
    first = filled(market, past)
    assert first.bars == market.bars.count()
    assert filled(late, past) == BackFilled(0, True, {})
    assert first.bars == market.bars.count()
    assert MarketGenesis.objects.count() == 1


def test_only_a_live_market_has_sources_to_ask(past: Past) -> None:
    other = make_market()
    with pytest.raises(ValueError, match="only a live market"):
        back_fill.back_fill(other, past_worlds.sources(), past.ask)


def test_one_bad_candle_makes_no_bar(
    market: Market, past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    real = past.ask

    def ask(source: str, request: Request) -> Answer:
        made = real(source, request)
        if source == "geckoterminal" and request.tokens[0].symbol == "AAA":
            for row in made.body["data"]["attributes"]["ohlcv_list"][9:10]:
                row[2] = row[4] = 30 * row[4]
                row[1] = row[4]
        return made

    with caplog.at_level(logging.WARNING):
        back_fill.back_fill(market, past_worlds.sources(Depths()), ask)
    closes = market.bars.filter(slow=False, token__symbol="AAA").values_list("close", flat=True)
    assert max(closes) < 200
    assert "rows of AAA left out: {'CONTRADICTORY': 1}" in caplog.text


def test_bad_rows_are_said(market: Market, past: Past, caplog: pytest.LogCaptureFixture) -> None:
    real = past.ask

    def ask(source: str, request: Request) -> Answer:
        made = real(source, request)
        if source == "geckoterminal":
            made.body["data"]["attributes"]["ohlcv_list"].append(["x"] * 6)
        return made

    with caplog.at_level(logging.WARNING):
        back_fill.back_fill(market, past_worlds.sources(), ask)
    assert "rows of AAA left out: {'BAD_TIME': 2}" in caplog.text
