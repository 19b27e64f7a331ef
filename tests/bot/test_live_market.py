"""A live market: steps by the clock, verdicts that trades obey, and a replay that agrees."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.bot import accounts, banner, feed_events
from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict, TradeStatus
from paper_trading.engine.seal import seal
from paper_trading.models import (
    EquityPoint,
    PaperAIThoughtLog,
    PaperTrade,
    PaperTradingSession,
    PriceBatch,
    Quote,
    Tick,
    TickReason,
    TickStatus,
)
from paper_trading.services import live_turns
from tests.bot import live_worlds, worlds
from tests.bot.live_worlds import LiveWorld

pytestmark = pytest.mark.django_db

FRESH, JUMP = PriceVerdict.FRESH, PriceVerdict.JUMP


def trading(live: LiveWorld) -> PaperTradingSession:
    """Return a session that holds MOON: it rises, and the rest stands."""
    session = worlds.running_session(live.market, stop_loss_percent=Decimal(5))
    for _ in range(4):
        live.feed.move(MOON=1.6)
        live.tick(session)
    assert session.account.positions.filter(is_open=True, token__symbol="MOON").exists()
    return session


def filled(tick: Tick) -> list[tuple[str, str]]:
    """Return side and symbol of the fills of a tick."""
    rows = PaperTrade.objects.filter(tick=tick, status=TradeStatus.FILLED)
    return sorted(rows.values_list("side", "token__symbol"))


def codes(tick: Tick, symbol: str) -> set[str]:
    """Return what was denied or decided on a token at a tick."""
    made = PaperAIThoughtLog.objects.filter(tick=tick, token__symbol=symbol)
    tried = PaperTrade.objects.filter(tick=tick, token__symbol=symbol)
    return {*made.values_list("code", flat=True), *tried.values_list("code", flat=True)}


def test_a_step_is_what_the_clock_says_and_others_do_not_exist(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    first, second = live.tick(session), live.tick(session, steps=7)
    assert first.step is not None
    assert second.step == first.step + 7
    assert list(PriceBatch.objects.values_list("step", flat=True)) == [first.step, second.step]
    assert session.start_step == first.step - 1
    assert [tick.status for tick in (first, second)] == [TickStatus.CLOSED] * 2


def test_sessions_of_one_step_share_one_fetch(live: LiveWorld) -> None:
    sessions = [worlds.running_session(live.market) for _ in range(3)]
    live.clock.move()
    found = {live.tick(session, steps=0).batch_id for session in sessions}
    assert (len(found), len(live.feed.asked)) == (1, 1)


def test_an_account_reads_no_batch_twice(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    live.tick(session)
    again = live.tick(session, steps=0)
    assert (again.status, again.reason, again.number) == (
        TickStatus.SKIPPED,
        TickReason.SAME_PRICES,
        None,
    )
    assert live.tick(session).status == TickStatus.CLOSED
    assert verify(session.pk).ticks == 2


def test_nothing_is_traded_on_the_first_prices(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    tick = live.tick(session)
    assert set(live_worlds.verdicts(tick).values()) == {JUMP}
    assert not PaperTrade.objects.filter(tick=tick, status=TradeStatus.FILLED).exists()
    assert codes(tick, "MOON") == {Code.PRICE_JUMPED}


def test_an_outlier_of_a_tick_makes_no_trade_and_no_bar(live: LiveWorld) -> None:
    session = trading(live)
    price = live.feed.prices["MOON"]
    live.feed.prices["MOON"] = price * Decimal("0.6")
    wrong = live.tick(session)
    assert live_worlds.verdicts(wrong)["MOON"] == JUMP
    assert filled(wrong) == []
    assert Code.PRICE_JUMPED in codes(wrong, "MOON")
    live.feed.prices["MOON"] = price
    right = live.tick(session)
    assert live_worlds.verdicts(right)["MOON"] == FRESH
    assert ("SELL", "MOON") not in filled(right)
    lows = live.market.bars.filter(token__symbol="MOON", closes_at__gte=wrong.market_time)
    assert all(low > price * Decimal("0.9") for low in lows.values_list("low", flat=True))
    assert verify(session.pk).to_the_end


def test_a_crash_with_liquidity_pulled_is_left_on_the_second_tick(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.move(MOON=-40)
    live.feed.depths["MOON"] = Decimal(90_000)
    waits, leaves = live.tick(session), live.tick(session)
    assert filled(waits) == []
    assert ("SELL", "MOON") in filled(leaves)
    assert verify(session.pk).to_the_end


def test_a_pool_that_is_gone_is_said_so_and_counts_nothing_if_closed(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.absent["MOON"] = "POOL_ABSENT"
    first, second = live.tick(session), live.tick(session)
    assert first.batch is not None
    assert (first.batch.missing, first.batch.reasons) == (["MOON"], {"MOON": "POOL_ABSENT"})
    assert live_worlds.verdicts(second)["MOON"] == PriceVerdict.UNSELLABLE
    assert codes(second, "MOON") == {Code.UNSELLABLE}
    point = EquityPoint.objects.get(tick=second)
    held = session.account.positions.get(is_open=True, token__symbol="MOON")
    assert point.equity_if_closed_usd is not None
    assert point.equity_if_closed_usd < point.equity_usd - held.cost_usd * Decimal("0.9")
    assert verify(session.pk).to_the_end


def test_two_pools_read_one_for_the_other_make_no_trade(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.prices["NOISE"] = live.feed.prices["MOON"] / 3
    live.ticks(session, 2)
    # A step of this market is longer than a last price says anything: checks do.
    live.feed.checks = {name: live.feed.prices[name] for name in ("MOON", "NOISE")}
    live.feed.mixed_up = {"MOON": "NOISE", "NOISE": "MOON"}
    for _ in range(3):
        tick = live.tick(session)
        assert tick.batch is not None
        assert tick.batch.reasons == {"MOON": "EXCHANGED", "NOISE": "EXCHANGED"}
        assert filled(tick) == []
    live.feed.mixed_up = {}
    assert live_worlds.verdicts(live.tick(session))["MOON"] == FRESH
    assert verify(session.pk).to_the_end


def test_a_dispute_stops_entries_and_no_exit(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.checks = {name: price * 2 for name, price in live.feed.prices.items()}
    live.feed.move(MOON=-9)
    tick = live.tick(session)
    assert set(live_worlds.verdicts(tick).values()) == {PriceVerdict.DISPUTED}
    assert filled(tick) == [("SELL", "MOON")]
    assert Code.OK not in {
        code for symbol in ("FLAT", "PEAK", "CRASH") for code in codes(tick, symbol)
    }
    assert verify(session.pk).to_the_end


def test_without_a_price_of_cash_nothing_trades_and_accounts_keep_their_worth(
    live: LiveWorld,
) -> None:
    session = trading(live)
    before = EquityPoint.objects.latest("pk").equity_usd
    live.feed.absent["USDC"] = "UNREACHABLE"
    live.feed.move(MOON=-9)
    tick = live.tick(session)
    assert live_worlds.verdicts(tick)["MOON"] == PriceVerdict.CASH_UNSURE
    assert filled(tick) == []
    assert Code.CASH_UNSURE in codes(tick, "MOON")
    after = EquityPoint.objects.get(tick=tick).equity_usd
    assert before * Decimal("0.9") < after < before
    assert verify(session.pk).to_the_end


def test_a_depeg_shows_in_equity_once_it_is_confirmed(live: LiveWorld) -> None:
    session = worlds.running_session(live.market, blocked_tokens=list(worlds.SCRIPTS))
    live.feed.prices["USDC"] = Decimal(1)
    before = live.ticks(session, 2)
    live.feed.prices["USDC"] = Decimal("0.88")
    ticks = [before, live.tick(session), live.tick(session)]
    worth = [EquityPoint.objects.get(tick=tick).equity_usd for tick in ticks]
    assert worth == [10_000, 10_000, 8_800]


def test_a_session_goes_on_after_all_sources_were_away(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.absent = dict.fromkeys(worlds.SCRIPTS, "UNREACHABLE")
    away = live.ticks(session, 5)
    assert away.batch is not None
    assert sorted(away.batch.missing) == sorted(worlds.SCRIPTS)
    assert filled(away) == []
    assert codes(away, "MOON") == {Code.PRICE_MISSING}
    live.feed.absent = {}
    back = live.tick(session)
    assert set(live_worlds.verdicts(back).values()) == {FRESH}
    assert verify(session.pk).to_the_end


def test_a_second_session_of_an_account_replays_too(live: LiveWorld) -> None:
    session = trading(live)
    PaperTradingSession.objects.filter(pk=session.pk).update(
        status="STOPPED", stop_reason="REQUESTED", stopped_at=live.clock.time
    )
    live.clock.move(20)
    again = accounts.open_session(session.account, session.strategy, 10, worlds.HOUR_MS)
    live.ticks(again, 3)
    assert verify(again.pk).to_the_end


def test_the_newest_batch_stands_in_when_the_turn_is_not_had(
    live: LiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = trading(live), worlds.running_session(live.market)
    made = live.tick(first)

    @contextmanager
    def never(_: int) -> Iterator[bool]:
        yield False

    with monkeypatch.context() as patch:
        patch.setattr(live_turns, "turn", never)
        stood_in = live.tick(second)
        nothing = live.tick(first, steps=2)
    assert made.step is not None
    assert (stood_in.batch_id, stood_in.step) == (made.batch_id, made.step + 1)
    assert (nothing.status, nothing.reason) == (TickStatus.SKIPPED, TickReason.NO_PRICES)
    assert live.tick(first).status == TickStatus.CLOSED
    for session in (first, second):
        verify(session.pk)
        explained(session)


def explained(session: PaperTradingSession) -> int:
    """Make every decision of a session again from its own row; return how many there are."""
    explainer, count = Explainer(), 0
    for thought in explainer.thoughts(session):
        explainer.verify(thought)
        count += 1
    return count


def test_decisions_on_untrusted_prices_are_made_again(live: LiveWorld) -> None:
    session = trading(live)
    live.feed.move(MOON=-40)
    live.feed.checks = {"FLAT": live.feed.prices["FLAT"] * 2}
    live.feed.absent = {"NOISE": "THROTTLED"}
    tick = live.tick(session)
    assert live_worlds.verdicts(tick)["MOON"] == JUMP
    assert explained(session) > 0
    Quote.objects.filter(batch=tick.batch_id, token__symbol="MOON").update(verdict=FRESH)
    with pytest.raises(Mismatch, match="verdict"):
        explained(session)


def test_the_banner_names_no_step_of_a_live_market(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    assert any(line.endswith("steps of 300 s, by the clock") for line in banner.lines(session))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The feed's events, as they are published."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(feed_events, "publish_on_commit", lambda _, event: found.append(event))
    return found


def kinds(told: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return what was told since the last look."""
    found = [(event["kind"], event["tokens"]) for event in told]
    told.clear()
    return found


def test_every_change_of_trust_is_told_once(live: LiveWorld, told: list[dict[str, Any]]) -> None:
    everything = sorted(worlds.SCRIPTS)
    session = worlds.running_session(live.market, blocked_tokens=everything)
    live.tick(session)
    assert kinds(told) == []
    live.tick(session)
    assert kinds(told) == [("recovered", everything)]
    live.feed.absent = {"MOON": "POOL_ABSENT", "NOISE": "THROTTLED"}
    live.tick(session)
    assert told[0]["text"].startswith("No fresh price for MOON (POOL_ABSENT), NOISE (THROTTLED)")
    assert kinds(told) == [("degraded", ["MOON", "NOISE"])]
    live.tick(session)
    assert kinds(told) == [("unsellable", ["MOON"])]
    live.feed.checks = {"FLAT": live.feed.prices["FLAT"] * 2}
    live.tick(session)
    assert kinds(told) == [("disputed", ["FLAT"])]
    live.feed.move(FLAT=50)
    live.tick(session)
    assert kinds(told) == []
    live.feed.absent, live.feed.checks = {}, {"FLAT": live.feed.prices["FLAT"]}
    live.tick(session)
    assert kinds(told) == [("recovered", ["FLAT", "MOON", "NOISE"])]


def test_changes_go_to_the_owners_of_running_sessions_once_each(
    live: LiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[int] = []
    monkeypatch.setattr(feed_events, "publish_on_commit", lambda owner, _: owners.append(owner))
    first, second = (worlds.running_session(live.market) for _ in range(2))
    worlds.open_account(live.market, first.account.owner, "B")
    live.ticks(first, 2)
    assert owners == sorted([first.account.owner_id, second.account.owner_id])


@pytest.mark.parametrize(
    ("column", "value"),
    [("verdict", "DISPUTED"), ("pool", "0x0"), ("block", 1), ("price_usd", Decimal("99.5"))],
)
def test_a_changed_quote_is_named(live: LiveWorld, column: str, value: object) -> None:
    session = trading(live)
    newest = PriceBatch.objects.latest("step")
    Quote.objects.filter(batch=newest, token__symbol="MOON").update(**{column: value})
    with pytest.raises(Mismatch, match=f"quote.{column}"):
        verify(session.pk)


def test_a_verdict_is_judged_again_and_not_believed(live: LiveWorld) -> None:
    session = trading(live)
    newest = PriceBatch.objects.latest("step")
    Quote.objects.filter(batch=newest, token__symbol="FLAT").update(verdict="DISPUTED")
    rows = newest.quotes.order_by("token__symbol").values_list("verdict", flat=True)
    newest.seal |= seal({"quote.verdict": list(rows)})
    newest.save(update_fields=["seal"])
    with pytest.raises(Mismatch, match="quote of FLAT: verdict"):
        verify(session.pk)


@pytest.mark.parametrize("column", ["reasons", "said"])
def test_what_was_said_cannot_be_changed_unseen(live: LiveWorld, column: str) -> None:
    session = trading(live)
    newest = PriceBatch.objects.latest("step")
    newest.reasons = {"MOON": "UNREACHABLE"}
    newest.said = {"after": 1}
    newest.save(update_fields=[column])
    with pytest.raises(Mismatch, match=column):
        verify(session.pk)


def test_a_batch_that_was_taken_out_is_missed(live: LiveWorld) -> None:
    first, second = trading(live), worlds.running_session(live.market)
    live.tick(second)
    lost = live.tick(second)
    live.tick(first)
    Tick.objects.filter(pk=lost.pk).update(batch=None)
    assert lost.batch is not None
    lost.batch.delete()
    with pytest.raises(Mismatch, match="batch before"):
        verify(first.pk)


def test_a_live_batch_without_its_journal_is_refused(live: LiveWorld) -> None:
    session = trading(live)
    PriceBatch.objects.update(said=None)
    with pytest.raises((Mismatch, NoJournal), match=r"said|live sources"):
        verify(session.pk)
