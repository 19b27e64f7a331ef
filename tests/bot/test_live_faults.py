"""Every fault of a source: what the log says, how the feed stands, and what is traded."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from paper_trading.bot import logs
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict
from paper_trading.models import PaperTrade, PaperTradingSession, SourceState, Tick, TickStatus
from paper_trading.services import clock
from paper_trading.services.feed_view import FeedView, feed_view
from paper_trading.services.sources import usage
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld
from tests.upstream.faults import Fault

pytestmark = pytest.mark.django_db
EVERYTHING = sorted(["WETH", "USDC", "DAI", "WBTC", "UNI", "AAVE", "LINK", "POL", "ARB"])
FRESH = {PriceVerdict.FRESH}

#: Faults of a whole answer, and the reason that each is logged and counted under.
FAILURES = {
    Fault.THROTTLED: "THROTTLED",
    Fault.THROTTLED_ALCHEMY: "THROTTLED",
    Fault.THROTTLED_TEXT: "THROTTLED",
    Fault.THROTTLED_PAGE: "THROTTLED",
    Fault.MONTH_SPENT: "MONTH_SPENT",
    Fault.KEY_MISSING: "KEY_REFUSED",
    Fault.WRONG_ROOT: "KEY_REFUSED",
    Fault.FORBIDDEN: "KEY_REFUSED",
    Fault.TOO_MANY: "REQUEST_REFUSED",
    Fault.BAD_REQUEST: "REQUEST_REFUSED",
    Fault.CDN_BLOCK: "SERVER_ERROR",
    Fault.TIMEOUT_408: "SERVER_ERROR",
    Fault.ERROR_500: "SERVER_ERROR",
    Fault.PAGE_503: "SERVER_ERROR",
    Fault.PAGE_200: "BAD_BODY",
    Fault.REDIRECT: "REQUEST_REFUSED",
    Fault.TRUNCATED: "BAD_BODY",
    Fault.CUT_SHORT: "BAD_BODY",
    Fault.RESET: "UNREACHABLE",
    Fault.HANG: "TIMED_OUT",
    Fault.SLOW_DRIP: "TIMED_OUT",
    Fault.SLOW_HEADERS: "TIMED_OUT",
    Fault.HUGE: "TOO_LARGE",
    Fault.HUGE_PACKED: "TOO_LARGE",
    Fault.NOT_PACKED: "BAD_BODY",
}
#: A fault of each reason.
ONE_A_REASON = {reason: fault for fault, reason in FAILURES.items()}
#: Faults of single values: the answer counts, and no token has a price in it.
VALUES = [
    Fault.WRONG_TYPE, Fault.NULL, Fault.ZERO, Fault.NEGATIVE, Fault.NAN_TEXT,
]  # fmt: skip


@pytest.fixture
def log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """The log, also of what is told after a commit: a test's own transaction has none."""

    def at_once(to: logging.Logger, level: int, text: str, *values: object) -> None:
        to.log(level, text, *values)

    monkeypatch.setattr(logs, "_later", at_once)
    caplog.set_level(logging.INFO, "paper_trading.services.sources.live.caller")
    # The last one is the handler's own level.
    caplog.set_level(logging.DEBUG, "paper_trading.bot.logs")
    return caplog


def ready(upstream: UpstreamWorld) -> PaperTradingSession:
    """Return a session whose tokens are all trusted."""
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 3)
    assert set(verdicts(upstream).values()) == FRESH
    return session


def verdicts(upstream: UpstreamWorld) -> dict[str, PriceVerdict]:
    return {one.symbol: one.verdict for one in seen(upstream).tokens}


def seen(upstream: UpstreamWorld) -> FeedView:
    found = feed_view(upstream.market, clock.now())
    assert found is not None
    return found


def traded(tick: Tick) -> set[str]:
    fills = PaperTrade.objects.filter(tick=tick, status="FILLED")
    return set(fills.values_list("token__symbol", flat=True))


def lines(caplog: pytest.LogCaptureFixture, source: str) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.endswith("live.caller") and record.getMessage().startswith(source)
    ]


def told(log: pytest.LogCaptureFixture, *words: str) -> bool:
    """Say whether one line holds all the words."""
    return any(all(word in line for word in words) for line in log.text.splitlines())


def decided(tick: Tick, symbol: str) -> set[str]:
    """Return the codes of what was decided and ordered of a token at a tick."""
    made = tick.thoughts.filter(token__symbol=symbol).values_list("code", flat=True)
    tried = tick.trades.filter(token__symbol=symbol).values_list("code", flat=True)
    return {*made, *tried}


def rested(upstream: UpstreamWorld, session: PaperTradingSession) -> None:
    """Let the sources behave and be trusted again."""
    upstream.server.behave()
    SourceState.objects.all().delete()
    upstream.ticks(session, 2)
    assert set(verdicts(upstream).values()) == FRESH


def test_a_source_that_fails_is_logged_and_replaced_within_the_tick(
    upstream: UpstreamWorld, caplog: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    for fault, reason in FAILURES.items():
        upstream.server.misbehave("dexscreener", fault)
        caplog.clear()
        tick = upstream.tick(session)
        assert tick.status == TickStatus.CLOSED, fault
        assert tick.batch is not None
        assert tick.batch.source == "geckoterminal", fault
        assert set(verdicts(upstream).values()) == FRESH, fault
        assert seen(upstream).stands_in == "geckoterminal stands in for dexscreener"
        assert_traded_on(tick)
        assert any(reason in line for line in lines(caplog, "dexscreener")), (fault, caplog.text)
        rested(upstream, session)
    errors = {one.source: one.errors for one in usage.statistics(*today())}
    assert set(errors["dexscreener"]) == set(FAILURES.values())


def test_without_any_source_nothing_is_traded_and_the_page_says_what_to_do(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    for fault in (*ONE_A_REASON.values(), Fault.NULL):
        for source in ("dexscreener", "geckoterminal"):
            upstream.server.misbehave(source, fault)
        log.clear()
        tick = upstream.tick(session)
        reason = FAILURES.get(fault, "BAD_PRICE")
        assert tick.status == TickStatus.CLOSED, fault
        assert tick.batch is not None
        assert sorted(tick.batch.missing) == EVERYTHING, fault
        assert set(tick.batch.reasons.values()) == {reason}, fault
        for source in ("dexscreener", "geckoterminal"):
            assert any(reason in line for line in lines(log, source)), (fault, source)
        assert told(log, f"{tick}: no price for AAVE, ARB"), fault
        assert told(log, upstream.market.name, f"No fresh price for AAVE ({reason})"), fault
        assert traded(tick) == set()
        assert decided(tick, "WETH") == {Code.PRICE_MISSING}
        assert seen(upstream).state == "down"
        assert seen(upstream).advice
        rested(upstream, session)


def today() -> tuple[datetime, datetime]:
    return clock.now() - timedelta(hours=1), clock.now() + timedelta(minutes=1)


def test_values_that_no_pool_says_are_asked_of_the_next_source(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    for fault in VALUES:
        upstream.server.misbehave("dexscreener", fault)
        log.clear()
        tick = upstream.tick(session)
        assert any("LINK (BAD_PRICE)" in line for line in lines(log, "dexscreener")), fault
        assert seen(upstream).state == "stand-in"
        assert_traded_on(tick)
        assert set(verdicts(upstream).values()) == FRESH, fault
        sources = {one.quote.source for one in seen(upstream).tokens if one.quote is not None}
        assert sources == {"geckoterminal"}, fault
        rested(upstream, session)


def test_a_number_that_is_none_spoils_the_whole_answer(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    upstream.server.misbehave("defillama", Fault.NAN)
    tick = upstream.ticks(session, 5)
    assert any("BAD_BODY" in line for line in lines(log, "defillama"))
    assert seen(upstream).state == "good"
    assert_traded_on(tick)
    errors = {one.source: one.errors for one in usage.statistics(*today())}
    assert set(errors["defillama"]) == {"BAD_BODY"}
    assert set(verdicts(upstream).values()) == FRESH


def test_ids_that_are_missing_are_asked_of_the_next_source(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.MISSING)
    tick = upstream.tick(session)
    assert any("LINK (POOL_ABSENT)" in line for line in lines(log, "dexscreener"))
    assert seen(upstream).state == "good"
    assert_traded_on(tick)
    assert tick.batch is not None
    assert tick.batch.source.startswith("geckoterminal+dexscreener")
    assert set(verdicts(upstream).values()) == FRESH


def test_an_outlier_of_a_tick_is_never_traded_on(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.OUTLIER, times=2)
    tick = upstream.tick(session)
    assert told(log, f"{tick}: ", "LINK PRICE_JUMPED")
    assert decided(tick, "LINK") == {Code.PRICE_JUMPED}
    # Cash alone is as it was.
    assert (seen(upstream).state, seen(upstream).usable) == ("degraded", 1)
    jumped = {symbol for symbol, one in verdicts(upstream).items() if one is PriceVerdict.JUMP}
    assert jumped == set(EVERYTHING) - {"USDC"}
    assert traded(tick) == set()
    upstream.tick(session)
    assert set(verdicts(upstream).values()) == FRESH
    prices = [one.price_usd for one in seen(upstream).tokens if one.symbol == "WETH"]
    assert prices[0] is not None
    assert prices[0] < Decimal(2_000)


def test_a_wrong_price_that_lasts_is_not_traded_on_while_checks_contradict_it(
    upstream: UpstreamWorld,
) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.OUTLIER)
    for _ in range(5):
        tick = upstream.tick(session)
        jumped = {symbol for symbol, one in verdicts(upstream).items() if one is PriceVerdict.JUMP}
        assert jumped == set(EVERYTHING) - {"USDC"}
        assert traded(tick) == set()


def test_two_pools_that_are_mixed_up_are_not_traded_however_long_it_lasts(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.SWAPPED)
    for _ in range(3):
        tick = upstream.tick(session)
        assert tick.batch is not None
        assert tick.batch.reasons == {"LINK": "EXCHANGED", "WETH": "EXCHANGED"}
        assert not traded(tick) & {"LINK", "WETH"}
        assert decided(tick, "LINK") == {Code.PRICE_MISSING}
        assert told(log, f"{tick}: no price for LINK, WETH")
    assert told(log, "No fresh price for LINK (EXCHANGED), WETH (EXCHANGED)")
    assert seen(upstream).state == "degraded"


def test_replies_of_a_node_count_by_their_ids_and_an_error_costs_no_tick(
    upstream: UpstreamWorld, log: pytest.LogCaptureFixture
) -> None:
    urls = {chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, 8453)}
    with override_settings(RPC_URLS=urls):
        session = ready(upstream)
        upstream.server.misbehave("rpc", Fault.OUT_OF_ORDER)
        tick = upstream.tick(session)
        assert tick.batch is not None
        assert tick.batch.source == "onchain+dexscreener"
        for one in seen(upstream).tokens:
            right = upstream.world.price(one.symbol)
            assert one.price_usd is not None
            assert abs(one.price_usd - right) < right / 1_000_000
        assert_fresh_and_traded_on(upstream, tick)
        assert seen(upstream).state == "good"
        # What a chain cannot say: the price of cash itself.
        assert not any("LINK" in line or "WETH" in line for line in lines(log, "onchain"))
        upstream.server.misbehave("rpc", Fault.ERROR_ELEMENT)
        tick = upstream.tick(session)
        assert tick.batch is not None
        assert tick.batch.source == "dexscreener"
        assert any("execution reverted" in line for line in lines(log, "onchain"))
        assert_fresh_and_traded_on(upstream, tick)
        assert seen(upstream).stands_in == "dexscreener stands in for onchain"


def assert_fresh_and_traded_on(upstream: UpstreamWorld, tick: Tick) -> None:
    assert set(verdicts(upstream).values()) == FRESH
    assert_traded_on(tick)


def assert_traded_on(tick: Tick) -> None:
    """Assert that no decision of a tick was held up by its prices."""
    assert tick.status == TickStatus.CLOSED
    codes = set(tick.thoughts.values_list("code", flat=True))
    assert codes
    assert not codes & {
        Code.PRICE_MISSING, Code.PRICE_STALE, Code.PRICE_JUMPED, Code.PRICE_DISPUTED,
        Code.CASH_UNSURE,
    }  # fmt: skip


def test_a_month_that_is_spent_is_not_asked_again(upstream: UpstreamWorld) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.MONTH_SPENT, times=2)
    upstream.tick(session)
    asked = upstream.server.count("dexscreener")
    upstream.ticks(session, 4)
    upstream.tick(session, seconds=3600 * 24 * 20)
    assert upstream.server.count("dexscreener") == asked
    state = SourceState.objects.get(source="dexscreener")
    assert state.month_spent_until is not None
    assert state.month_spent_until.day == 1


def test_retry_after_is_obeyed(upstream: UpstreamWorld) -> None:
    session = ready(upstream)
    upstream.server.misbehave("dexscreener", Fault.THROTTLED_TEXT, times=2)
    upstream.tick(session)
    asked = upstream.server.count("dexscreener")
    upstream.tick(session)
    assert upstream.server.count("dexscreener") == asked
    upstream.tick(session, seconds=120)
    assert upstream.server.count("dexscreener") > asked
