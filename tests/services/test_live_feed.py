"""One process fetches a step of a live market, without a row locked; the others find it."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, transaction

from paper_trading.models import FeedMode, Market, MarketGenesis, MarketToken, PriceBatch
from paper_trading.services import clock, live_turns
from paper_trading.services.price_feed_service import PriceFeedService, live_step_of
from paper_trading.services.sources.base import NoPrices
from tests.bot.live_worlds import ScriptedFeed, pool_of
from tests.bot.threads import at_once
from tests.builders import make_market, make_token

pytestmark = pytest.mark.django_db(transaction=True)


class Died(Exception):
    """What stands for a process that is killed in its turn."""


@pytest.fixture
def market(transactional_db: None) -> Market:
    """A live market of two tokens, at its beginning."""
    made = make_market(mode=FeedMode.LIVE, file_sha256="", head_step=-1, head_state={})
    for symbol in ("USDC", "WETH"):
        token = make_token(symbol=symbol, pool_address=pool_of(symbol), is_cash=symbol == "USDC")
        MarketToken.objects.create(market=made, token=token)
    PriceFeedService(made).backfill()
    return Market.objects.get(pk=made.pk)


def feed() -> ScriptedFeed:
    return ScriptedFeed({"USDC": Decimal(1), "WETH": Decimal(1800)})


def fetched(market: Market, live: ScriptedFeed, step: int) -> tuple[PriceBatch, bool]:
    return PriceFeedService(Market.objects.get(pk=market.pk), live=live).batch_for(step)


def test_a_live_market_begins_at_the_step_before_now(market: Market) -> None:
    genesis = MarketGenesis.objects.get(market=market)
    now = live_step_of(clock.now(), market.step_seconds)
    assert genesis.step == market.head_step
    assert now - 2 <= genesis.step <= now - 1
    assert PriceFeedService(market).backfill() == 0


def test_of_several_processes_one_fetches_and_the_others_find(market: Market) -> None:
    live, step = feed(), market.head_step + 1
    found = at_once([partial(fetched, market, live, step) for _ in range(6)])
    assert len({batch.pk for batch, _ in found}) == 1
    assert [made for _, made in found].count(True) == 1
    assert len(live.asked) == 1


def test_a_step_that_the_market_is_past_is_asked_of_nobody(market: Market) -> None:
    live, step = feed(), market.head_step + 1
    newer, _ = fetched(market, live, step + 1)
    assert fetched(market, live, step) == (newer, False)
    assert len(live.asked) == 1


def test_a_batch_that_is_to_come_stands_in_for_none(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, step = feed(), market.head_step + 1
    ahead, _ = fetched(market, live, step + 100)
    PriceBatch.objects.filter(pk=ahead.pk).update(market_time=clock.now() + timedelta(hours=1))
    with pytest.raises(NoPrices, match="which is to come"):
        fetched(market, live, step)


def test_each_live_batch_is_told_of_in_its_own_transaction(market: Market) -> None:
    told: list[bool] = []

    def on_made(_: PriceBatch) -> None:
        told.append(connection.in_atomic_block)

    found = PriceFeedService(Market.objects.get(pk=market.pk), live=feed(), on_made=on_made)
    found.batch_for(market.head_step + 1)
    assert told == [True]


def test_no_row_is_locked_while_the_network_is_asked(market: Market) -> None:
    live = feed()

    def look() -> None:
        def free() -> bool:
            with transaction.atomic():
                rows = Market.objects.select_for_update(no_key=True, nowait=True)
                return rows.filter(pk=market.pk).exists()

        assert at_once([free]) == [True]

    live.on_call = look
    assert fetched(market, live, market.head_step + 1)[1]


def test_a_fetcher_that_fails_gives_its_turn_back(market: Market) -> None:
    live, step = feed(), market.head_step + 1

    def die() -> None:
        raise Died

    live.on_call = die
    with pytest.raises(Died):
        fetched(market, live, step)
    live.on_call = lambda: None
    assert at_once([partial(fetched, market, live, step)])[0][1]


def test_a_fetcher_whose_connection_dies_frees_its_turn(market: Market) -> None:
    live, step = feed(), market.head_step + 1

    def lose_connection() -> None:
        turn = live_turns.turn(market.pk)
        turn.__enter__()
        connection.close()

    at_once([lose_connection])
    assert fetched(market, live, step)[1]


def test_who_waits_in_vain_takes_the_last_fresh_batch_or_none(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_turns, "WAIT_MILLISECONDS", 20)
    live, step = feed(), market.head_step + 1
    with live_turns.turn(market.pk) as mine:
        assert mine
        with pytest.raises(NoPrices):
            at_once([partial(fetched, market, live, step)])
    first, _ = fetched(market, live, step)
    with live_turns.turn(market.pk):
        late = partial(fetched, market, live, step + 1)
        assert at_once([late]) == [(first, False)]
    assert len(live.asked) == 1


def test_an_old_batch_does_not_stand_in(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_turns, "WAIT_MILLISECONDS", 20)
    live, step = feed(), market.head_step + 1
    first, _ = fetched(market, live, step)
    old = first.market_time.replace(year=2020)
    PriceBatch.objects.filter(pk=first.pk).update(market_time=old)
    with live_turns.turn(market.pk), pytest.raises(NoPrices, match="no batch of the last 2 steps"):
        at_once([partial(fetched, market, live, step + 1)])


def test_a_live_market_without_sources_is_refused(market: Market) -> None:
    with pytest.raises(ValueError, match="was given no sources"):
        PriceFeedService(market).batch_for(market.head_step + 1)
