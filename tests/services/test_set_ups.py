"""Books of set-ups in rows: step by step or all at once, as of each tick's own market time."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from paper_trading.bot.replay.market_check import MarketReplay
from paper_trading.engine.equity import market_day
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.brackets import BookKey, Bracket
from paper_trading.models import (
    Bar,
    FrozenExperience,
    Market,
    ScoreQuantiles,
    SetUp,
    SetUpBook,
    SetUpDay,
    Token,
)
from paper_trading.services import market_setup, set_up_rows, set_ups
from paper_trading.services.frozen_quantiles import quantiles_again
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources.base import BACKFILL_STEPS
from tests.bot import worlds
from tests.bot.threads import at_once

pytestmark = pytest.mark.django_db

#: One market day and some hours of the next behind the back-fill, which ends at 02:00.
STEPS = 300
KEY = BookKey(Bracket(Decimal(1), Decimal(2), Decimal(3)), None)


@pytest.fixture
def wandering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    """A market of two walking tokens whose learned scores are ranked on the second day."""
    monkeypatch.setattr(quantiles, "MINIMUM_SCORES", 400)
    scripts = {name: worlds.WALKS[name] for name in ("WETH", "AAA")}
    record = worlds.write_record(tmp_path / "prices.csv", STEPS, scripts)
    return market_setup.recorded_market(record)


def rows(book: SetUpBook) -> list[list[dict[str, Any]]]:
    """Return everything that a book holds, but for the keys of its rows."""
    found: list[models.QuerySet[Any]] = [
        book.set_ups.order_by("bar_id"),
        book.days.order_by("day"),
        book.experiences.order_by("frozen_at"),
    ]
    return [[_plain(row) for row in part.values()] for part in found]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("id", "book_id")}


def batches(market: Market, steps: Iterable[int]) -> Iterable[Any]:
    feed = PriceFeedService(market)
    for step in steps:
        yield feed.batch_for(BACKFILL_STEPS + step)[0]


def test_step_by_step_all_at_once_and_in_memory_are_the_same(wandering: Market) -> None:
    ordinary: list[int] = []
    frozen = None
    for batch in batches(wandering, range(STEPS)):
        with CaptureQueriesContext(connection) as queries:
            found = set_ups.experience_at(wandering.pk, KEY, batch.market_time)
        if found is not None and found == frozen:
            ordinary.append(len(queries))
        frozen = found
    # Not more for what waits, nor for what the step ends; two more frame the transaction.
    assert max(ordinary) <= 14
    book = SetUpBook.objects.get()
    stepwise = rows(book)
    assert [len(part) for part in stepwise[1:]] == [1, 2]
    assert FrozenExperience.objects.filter(points__isnull=False).count() == 1
    assert SetUp.objects.filter(matured_at=None).exists()
    assert set(SetUp.objects.values_list("learned_pick", flat=True)) == {None, False, True}

    in_memory(wandering, KEY)
    SetUpBook.objects.all().delete()
    last = wandering.batches.latest("step")
    set_ups.experience_at(wandering.pk, KEY, last.market_time)
    assert rows(SetUpBook.objects.get()) == stepwise
    in_memory(wandering, KEY)


def in_memory(market: Market, key: BookKey, steps: int = STEPS) -> None:
    """Replay the market: Mismatch names the first row of a book that is not the same."""
    market.refresh_from_db()
    replay = MarketReplay(market, [key])
    assert sum(1 for _ in replay.steps(market.head_step)) == steps
    assert replay.same_head()


def test_what_is_read_is_as_of_its_own_time(
    wandering: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_ups, "PORTION", 50)
    made = list(batches(wandering, range(STEPS)))
    newest = set_ups.experience_at(wandering.pk, KEY, made[-1].market_time)
    first = set_ups.experience_at(wandering.pk, KEY, made[0].market_time)
    assert newest is not None
    assert first is not None
    assert market_day(newest.frozen_at) == market_day(first.frozen_at) + timedelta(days=1)
    assert (first.lessons_n, first.points) == (0, None)
    assert newest.lessons_n == SetUp.objects.filter(matured_at__lt=newest.frozen_at).count() - sum(
        market_day(found) == market_day(newest.frozen_at)
        for found in SetUp.objects.filter(matured_at__lt=newest.frozen_at).values_list(
            "matured_at", flat=True
        )
        if found is not None
    )
    late = SetUp.objects.filter(entered_at__lte=made[0].market_time - timedelta(minutes=5))
    assert not late.exists(), "bars of the back-fill are no set-ups"


def test_sessions_with_one_key_share_a_book_and_others_have_their_own(market: Market) -> None:
    sessions = [
        worlds.running_session(market),
        worlds.running_session(market, max_daily_trades=3),
        worlds.running_session(market, stop_loss_percent=4),
    ]
    ticks = [worlds.run_tick(session) for session in sessions]
    assert SetUpBook.objects.count() == 2
    assert ticks[0].experience_id == ticks[1].experience_id != ticks[2].experience_id
    assert None not in {tick.experience_id for tick in ticks}


@pytest.mark.django_db(transaction=True)
def test_of_several_processes_one_folds_and_the_others_find(committed_market: Market) -> None:
    made = list(batches(committed_market, range(5)))
    at = partial(set_ups.experience_at, committed_market.pk, KEY, made[-1].market_time)
    found = at_once([at for _ in range(4)])
    assert len({one.pk for one in found if one is not None}) == 1
    assert SetUpBook.objects.count() == 1
    assert SetUp.objects.count() == SetUp.objects.values("bar").distinct().count()
    assert SetUp.objects.exists()


def test_a_step_that_closes_more_than_a_portion_is_folded_whole(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list(batches(market, range(4)))
    set_ups.experience_at(market.pk, KEY, made[-1].market_time)
    wanted = rows(SetUpBook.objects.get())
    assert Bar.objects.filter(known_at=made[-1].market_time, slow=False).count() > 3
    SetUpBook.objects.all().delete()
    monkeypatch.setattr(set_ups, "PORTION", 3)
    portions: list[None] = []
    set_ups.experience_at(market.pk, KEY, made[-1].market_time, lambda: portions.append(None))
    assert len(portions) == 4
    assert rows(SetUpBook.objects.get()) == wanted


@pytest.mark.django_db(transaction=True)
def test_who_finds_a_book_being_folded_does_not_queue_and_folds_nothing_twice(
    committed_market: Market,
) -> None:
    """Another process holds the book; meanwhile the waiting one says that it lives."""
    made = list(batches(committed_market, range(3)))
    at = partial(set_ups.experience_at, committed_market.pk, KEY)
    at(made[0].market_time)
    held, go = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            book = SetUpBook.objects.select_for_update(no_key=True).get()
            held.set()
            assert go.wait(timeout=10)
            book.save(update_fields=["last_bar_id"])

    def lives() -> None:
        signs.append(held.is_set())
        if len(signs) == 3:
            go.set()

    def want() -> None:
        assert held.wait(timeout=10)
        at(made[-1].market_time, lives)

    signs: list[bool] = []
    at_once([hold, want])
    assert len(signs) >= 3
    assert SetUp.objects.count() == SetUp.objects.values("bar").distinct().count()
    newest = Bar.objects.filter(market=committed_market, slow=False).latest("pk")
    assert SetUpBook.objects.get().last_bar_id == newest.pk


def test_a_book_that_is_gone_is_not_waited_for(market: Market) -> None:
    made = list(batches(market, range(2)))
    book = set_ups._book(market.pk, KEY)
    SetUpBook.objects.all().delete()
    with pytest.raises(SetUpBook.DoesNotExist):
        set_ups._fold_portion(book.pk, made[-1].market_time)


def test_cash_and_tokens_set_aside_make_no_set_ups_and_rank_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each step's own list says: later edits of the registry change nothing."""
    monkeypatch.setattr(quantiles, "MINIMUM_SCORES", 100)
    # The back-fill ends at 23:00: the next quantiles are frozen an hour later.
    monkeypatch.setattr(worlds, "START", worlds.START + timedelta(hours=21))
    scripts = {name: worlds.SCRIPTS[name] for name in ("WETH", "MOON", "USDC")}
    record = worlds.write_record(tmp_path / "prices.csv", 24, scripts)
    market = market_setup.recorded_market(record)
    list(batches(market, range(6)))
    Token.objects.filter(symbol="MOON").update(tradable=False)
    made = list(batches(market, range(6, 24)))
    Token.objects.filter(symbol="WETH").update(tradable=False)
    set_ups.experience_at(market.pk, KEY, made[-1].market_time)

    entered = SetUp.objects.values_list("token__symbol", "entered_at")
    assert {symbol for symbol, _ in entered} == {"WETH", "MOON"}
    assert {symbol for symbol, at in entered if at >= made[0].market_time} == {"WETH"}
    for frozen, ranked in zip(
        market.quantiles.order_by("frozen_at"), (["WETH", "MOON"], ["WETH"]), strict=True
    ):
        assert (
            frozen.sample_size == _scores(market, frozen).filter(token__symbol__in=ranked).count()
        )
        assert frozen.sample_size < _scores(market, frozen).count()
        again = quantiles_again(frozen)
        assert again is not None
        assert (again.sample_size, again.points) == (frozen.sample_size, frozen.points)
    in_memory(market, KEY, 24)


def _scores(market: Market, frozen: ScoreQuantiles) -> models.QuerySet[Bar]:
    """Return the ranked bars of every token in the window of some quantiles."""
    return Bar.objects.filter(
        market=market, slow=False, score__isnull=False, closes_at__lte=frozen.frozen_at
    )


def test_a_signal_that_speaks_on_some_tokens_is_frozen_the_same_again(
    wandering: Market,
) -> None:
    """The first ready bar lacks a signal that another one has: its weight is kept all the same."""
    [batch] = batches(wandering, range(1))
    bars = Bar.objects.filter(market=wandering, known_at=batch.market_time, slow=False)
    last = bars.latest("pk")
    readings = last.readings["signals"]
    last.readings["signals"] = [*readings, ["own", *readings[-1][1:]]]
    last.save()
    frozen = set_ups.experience_at(wandering.pk, KEY, batch.market_time)
    assert frozen is not None
    assert "own" in frozen.weights
    again = set_up_rows.experience_row(frozen.book_id, set_ups.frozen_again(frozen))
    assert _plain(again.__dict__ | {"_state": None}) == _plain(frozen.__dict__ | {"_state": None})


def test_bars_of_before_set_ups_were_kept_are_left_out(market: Market) -> None:
    made = list(batches(market, range(3)))
    Bar.objects.filter(market=market).update(known_at=None)
    assert set_ups.experience_at(market.pk, KEY, made[-1].market_time) is None
    assert not SetUpDay.objects.exists()
