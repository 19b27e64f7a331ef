"""A token added to a live market takes part from the next batch, and replays like the others."""

from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.models import MarketToken, PaperAIThoughtLog, Tick, Token
from paper_trading.services.market_rows import token_list_seal
from paper_trading.services.token_adding import add, examine
from tests.bot import worlds
from tests.bot.live_worlds import LiveWorld, pool_of, verdicts
from tests.services.token_bodies import TOSHI, pair, scripted

pytestmark = pytest.mark.django_db


def added(live: LiveWorld) -> Token:
    """Add TOSHI, whose price the sources say from now on."""
    now = live.clock.now()
    born = int((now - timedelta(days=60)).timestamp() * 1000)
    body = pair(pairAddress=pool_of("TOSHI"), pairCreatedAt=born)
    found = examine(TOSHI.lower(), None, live.market.chain_id, scripted(body).asking, now)
    live.feed.prices["TOSHI"] = Decimal("0.0004")
    return add(live.market, found).token


def numbers(*ticks: Tick) -> list[int]:
    """Return the numbers of the token lists that ticks were read with."""
    lists = [tick.batch.token_list for tick in ticks if tick.batch is not None]
    return [found.number for found in lists if found is not None]


def test_it_is_priced_from_the_next_batch_on_and_replays(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    before = live.tick(session)
    added(live)
    first, second = live.tick(session), live.tick(session)
    assert "TOSHI" not in verdicts(before)
    assert [verdicts(tick)["TOSHI"] for tick in (first, second)] == ["JUMP", "FRESH"]
    one, other, same = numbers(before, first, second)
    assert other == same == one + 1
    assert PaperAIThoughtLog.objects.filter(tick=second, token__symbol="TOSHI").exists()
    live.ticks(session, 24)
    assert MarketToken.objects.get(token__symbol="TOSHI").last_bar is not None
    assert verify(session.pk).to_the_end


def test_one_that_was_added_before_the_first_batch_replays(live: LiveWorld) -> None:
    added(live)
    session = worlds.running_session(live.market)
    live.ticks(session, 3)
    assert verify(session.pk).to_the_end


def test_one_that_no_batch_has_seen_yet_does_not_stop_a_replay(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    live.ticks(session, 2)
    added(live)
    assert verify(session.pk).to_the_end


def test_one_that_is_added_while_the_sources_are_asked_waits_for_the_next(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    live.tick(session)

    def add_once() -> None:
        if not Token.objects.filter(symbol="TOSHI").exists():
            added(live)

    live.feed.on_call = add_once
    tick = live.tick(session)
    assert tick.batch is not None
    assert tick.batch.reasons == {"TOSHI": "NOT_SAID"}
    assert tick.batch.missing == ["TOSHI"]
    assert verdicts(live.tick(session))["TOSHI"] == "JUMP"
    assert verify(session.pk).to_the_end


def test_a_pool_that_is_taken_in_place_of_another_prices_it_at_once(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    token = added(live)
    before = live.ticks(session, 3)
    Token.objects.filter(pk=token.pk).update(pool_address=pool_of("DEEPER"))
    live.feed.pools["TOSHI"] = pool_of("DEEPER")
    live.feed.depths["TOSHI"] = Decimal(40_000_000)
    first, second = live.tick(session), live.tick(session)
    # The depth of another pool is a jump, confirmed by the next reading.
    assert [verdicts(tick)["TOSHI"] for tick in (first, second)] == ["JUMP", "FRESH"]
    assert numbers(first, second) == [numbers(before)[0] + 1] * 2
    assert verify(session.pk).to_the_end


def test_the_pinned_pool_of_a_list_cannot_be_changed_unseen(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    tick = live.tick(session)
    assert tick.batch is not None
    found = tick.batch.token_list
    assert found is not None
    for row in found.tokens:
        row[-4] = pool_of("OTHER")
    found.save()
    with pytest.raises(Mismatch, match="pool"):
        verify(session.pk)
    found.seal = token_list_seal(found.tokens)
    found.save()
    with pytest.raises(Mismatch, match="reasons"):
        verify(session.pk)


def test_until_a_source_reads_the_pool_that_was_taken_there_is_no_price(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    token = added(live)
    live.ticks(session, 3)
    Token.objects.filter(pk=token.pk).update(pool_address=pool_of("DEEPER"))
    tick = live.tick(session)
    assert tick.batch is not None
    assert tick.batch.reasons == {"TOSHI": "POOL_OTHER"}
    live.feed.pools["TOSHI"] = pool_of("DEEPER")
    assert verdicts(live.tick(session))["TOSHI"] == "FRESH"
    assert verify(session.pk).to_the_end
