"""The price feed: one batch a step for every session, read as of its own time."""

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from paper_trading.bot import (
    RealPriceManager,
    create_price_manager,
    stages,
)
from paper_trading.engine import track
from paper_trading.engine.enums import ExitReason, Side, Stage
from paper_trading.models import (
    Bar,
    Market,
    MarketToken,
    PaperTradingSession,
    PriceBatch,
    Quote,
    SessionStatus,
    StopReason,
    TickStatus,
)
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources.base import EndOfRecord
from paper_trading.services.sources.catalogue import RecordChanged
from paper_trading.services.sources.recorded import RecordedSource
from tests import builders as make
from tests.bot import worlds
from tests.bot.threads import at_once


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were asked of the source."""
    asked: list[int] = []
    step = RecordedSource.step

    def counted(self: RecordedSource, number: int, state: Any) -> Any:
        asked.append(number)
        return step(self, number, state)

    monkeypatch.setattr(RecordedSource, "step", counted)
    return asked


def test_ten_sessions_share_one_bulk_call_a_step(
    market: Market, calls: list[int], settings: Settings
) -> None:
    settings.ANALYSIS_WIDTH = 1
    sessions = [worlds.running_session(market, blocked_tokens=["MOON"]) for _ in range(10)]
    for _ in range(2):
        for session in sessions:
            worlds.run_tick(session)
    assert calls == [600, 601]
    assert PriceBatch.objects.count() == 2
    assert Quote.objects.count() == 2 * len(worlds.SCRIPTS)


@pytest.mark.django_db(transaction=True)
def test_of_several_processes_one_fetches_and_the_others_find(
    committed_market: Market, calls: list[int]
) -> None:
    feeds = [PriceFeedService(Market.objects.get(pk=committed_market.pk)) for _ in range(4)]
    found = at_once([partial(feed.batch_for, 600) for feed in feeds])
    assert len({batch.pk for batch, _ in found}) == 1
    assert [made for _, made in found].count(True) == 1
    assert calls == [600]


def test_a_batch_carries_what_fills_read(market: Market) -> None:
    batch, made = PriceFeedService(market).batch_for(600)
    assert made
    assert (batch.step, batch.source, batch.missing) == (600, "recorded", [])
    assert batch.market_time == worlds.START + 601 * worlds.STEP
    weth = batch.quotes.get(token__symbol="WETH")
    assert (batch.native_price_usd, batch.cash_price_usd) == (weth.price_usd, 1)
    assert batch.base_fee_wei > 0
    assert weth.observed_at == batch.market_time
    assert weth.sigma_annual is not None
    assert batch.quantiles is not None


def test_steps_that_nobody_asked_for_are_made_in_order(market: Market, calls: list[int]) -> None:
    PriceFeedService(market).batch_for(603)
    assert calls == [600, 601, 602, 603]
    market.refresh_from_db()
    assert market.head_step == 603
    assert PriceFeedService(market).batch_for(601)[1] is False


def test_no_quote_knows_a_bar_that_was_not_closed_at_its_time(market: Market) -> None:
    feed = PriceFeedService(market)
    feed.batch_for(605)
    for batch in PriceBatch.objects.all():
        for quote in batch.quotes.select_related("bar"):
            assert quote.bar is not None
            assert quote.bar.closes_at <= batch.market_time
            assert quote.observed_at <= batch.market_time
            newest = Bar.objects.filter(
                market=market, token=quote.token, slow=False, closes_at__lte=batch.market_time
            ).latest("closes_at")
            assert quote.bar == newest
        assert batch.quantiles is not None
        assert batch.quantiles.frozen_at <= batch.market_time


def test_a_session_that_lags_decides_as_one_that_led(market: Market) -> None:
    leads, lags = worlds.running_session(market), worlds.running_session(market)
    worlds.run_ticks(leads, 5)
    worlds.run_ticks(lags, 5)
    assert worlds.outcome(lags) == worlds.outcome(leads)


def test_a_token_without_a_price_is_named_and_has_no_quote(market: Market) -> None:
    Market.objects.update(head_step=606)
    batch, _ = PriceFeedService(market).batch_for(607)
    assert batch.missing == ["NOISE"]
    assert set(batch.quotes.values_list("token__symbol", flat=True)) == (
        set(worlds.SCRIPTS) - {"NOISE"}
    )


def test_past_the_end_nothing_is_left_behind(market: Market) -> None:
    end = market.backfill_steps + worlds.TAIL
    Market.objects.update(head_step=end - 1)
    before = worlds.tables()
    with pytest.raises(EndOfRecord):
        PriceFeedService(market).batch_for(end)
    assert worlds.tables() == before


@pytest.fixture
def copied(market: Market, record: Path, tmp_path: Path) -> Path:
    """The market's file, where a test may change it."""
    path = Path(shutil.copy(record, tmp_path / "copy.csv"))
    Market.objects.update(file_path=str(path))
    return path


@pytest.mark.parametrize("change", ["a bar fewer", "gone"])
def test_a_record_that_changed_stops_the_session(market: Market, copied: Path, change: str) -> None:
    session = worlds.running_session(market)
    assert worlds.run_tick(session).status == TickStatus.CLOSED
    if change == "gone":
        copied.unlink()
    else:
        copied.write_text("".join(copied.read_text().splitlines(keepends=True)[:-1]))
    tick = worlds.run_tick(session)
    assert (tick.status, tick.number) == (TickStatus.SKIPPED, None)
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == (
        SessionStatus.STOPPED,
        StopReason.RECORD_CHANGED,
    )
    assert PriceBatch.objects.count() == 1
    with pytest.raises(RecordChanged):
        create_price_manager(Market.objects.get(pk=market.pk))


def test_a_step_that_is_there_needs_no_file(market: Market, copied: Path) -> None:
    PriceFeedService(Market.objects.get(pk=market.pk)).batch_for(600)
    copied.unlink()
    assert worlds.run_tick(worlds.running_session(market)).status == TickStatus.CLOSED


def test_the_price_manager_tells_what_it_has(market: Market) -> None:
    manager = RealPriceManager(market)
    assert manager.get_token_price("WETH") is None
    assert manager.get_price_history("WETH") == []
    for step in (600, 601, 602):
        manager.update_all_prices(step)
    assert manager.get_token_list() == sorted(worlds.SCRIPTS)
    history = manager.get_price_history("MOON")
    assert history == sorted(history)
    assert len(history) == 3
    assert manager.get_price_history("MOON", 2) == history[1:]
    assert manager.get_token_price("MOON") == history[-1]
    quotes = 3 * len(worlds.SCRIPTS)
    assert manager.get_statistics() == {"bulk_fetches": 3, "quotes": quotes}


# How many statements a tick takes.


def statements(session: PaperTradingSession) -> Counter[Stage]:
    """Run a tick and count its statements by stage."""
    tick = worlds.open_tick(session)
    found: Counter[Stage] = Counter()
    for step in worlds.steps_of(tick):
        with CaptureQueriesContext(connection) as queries:
            stages.run(step.stage, step.tick_id, step.chunk)
        found[step.stage] += len(queries)
    return found


@pytest.fixture
def _two_chunks(settings: Settings) -> Iterator[None]:
    settings.ANALYSIS_WIDTH = 2
    worlds.forget_cache()
    yield
    worlds.forget_cache()


@pytest.mark.usefixtures("_two_chunks")
def test_the_statements_of_each_stage_are_constant_in_the_number_of_tokens(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    few = {"CRASH", "MOON"}
    MarketToken.objects.exclude(token__symbol__in=few).delete()
    session = worlds.running_session(market)
    of_two = [statements(session) for _ in range(4)]
    for symbol in sorted(set(worlds.SCRIPTS) - few):
        token = market.own_tokens.get(symbol=symbol)
        MarketToken.objects.create(market=market, token=token)
    for number in range(3):
        token = make.make_token(f"MORE{number}", market=market)
        MarketToken.objects.create(market=market, token=token)
    Market.objects.update(head_step=market.backfill_steps + 9)
    session = worlds.running_session(market)
    PaperTradingSession.objects.filter(pk=session.pk).update(start_step=market.backfill_steps + 10)
    session.refresh_from_db()
    of_ten = [statements(session) for _ in range(4)]
    assert set(of_two[0]) == set(Stage) - {Stage.OPEN}
    assert of_ten[1:] == of_two[1:]


@pytest.mark.usefixtures("_two_chunks")
def test_the_statements_of_each_stage_are_flat_in_the_number_of_closed_trades(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    session = worlds.running_session(market, allowed_tokens=["FLAT"])
    statements(session)
    few = statements(session)
    old = make.make_tick(session, 900, batch=None, market_time=worlds.START)
    token = worlds.token_of(market, "MOON")
    for sequence in range(120):
        position = make.make_closed_position(session, token, exit_reason=ExitReason.TAKE_PROFIT)
        make.make_trade(old, token, sequence, side=Side.SELL, position=position, realized_usd=1)
    assert statements(session) == few
