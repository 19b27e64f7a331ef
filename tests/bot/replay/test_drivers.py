"""Rows and memory are one program: what a file replays to is what the stages write for it."""

import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from paper_trading.bot import accounts, progress, stages
from paper_trading.bot.replay.bias import biases, shuffled, truncated
from paper_trading.bot.replay.file_run import FileMarket, LevelRun, run_file
from paper_trading.bot.replay.ticks import MemoryTick, trades_of
from paper_trading.engine.enums import Stage
from paper_trading.engine.strategy import Strategy
from paper_trading.models import (
    EquityPoint,
    Market,
    PaperAIThoughtLog,
    PaperTrade,
    PaperTradingSession,
    Tick,
)
from paper_trading.services.position_cache import _key
from paper_trading.services.redis_client import client
from paper_trading.services.sources.recorded import RecordedFile
from tests.bot import worlds
from tests.builders import make_strategy

pytestmark = pytest.mark.django_db
TICKS = 45
LEVEL = 10


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    return worlds.running_session(market, LEVEL)


def strategy_of(session: PaperTradingSession) -> Strategy:
    return session.strategy.current_version().as_strategy()


def in_memory(record: Path, strategy: Strategy, ticks: int) -> list[MemoryTick]:
    market = FileMarket(RecordedFile.open(record), [strategy])
    run = LevelRun(LEVEL, strategy, market.seed)
    return [run.tick(step, market.length) for step in market.steps(ticks)]


def test_a_file_replays_to_what_the_stages_wrote(
    record: Path, session: PaperTradingSession
) -> None:
    worlds.run_ticks(session, TICKS)
    made = in_memory(record, strategy_of(session), TICKS)
    assert decisions(made) == list(
        PaperAIThoughtLog.objects.order_by("tick__number", "token__symbol").values_list(
            "tick__number", "token__symbol", "action", "code", "confidence", "score"
        )
    )
    assert trades(made) == list(
        PaperTrade.objects.order_by("tick__number", "stage", "sequence").values_list(
            "tick__number", "stage", "token__symbol", "side", "status", "code", "exit_reason",
            "amount_in", "amount_out", "shortfall_usd", "gas_usd", "realized_usd",
        )
    )  # fmt: skip
    points = EquityPoint.objects.order_by("market_time")
    assert [one.executed.equity.equity_usd for one in made if one.executed] == list(
        points.values_list("equity_usd", flat=True)
    )


def decisions(made: list[MemoryTick]) -> list[Any]:
    return [
        (number, one.symbol, one.action, one.code, one.confidence, one.score)
        for number, tick in enumerate(made, 1)
        for one in sorted(tick.decisions, key=lambda one: one.symbol)
    ]


def trades(made: list[MemoryTick]) -> list[Any]:
    found = []
    for number, tick in enumerate(made, 1):
        closing = 0 if tick.closing is None else len(tick.closing.trades)
        for place, one in enumerate(trades_of(tick)):
            stage = Stage.AUTO_CLOSE if place < closing else Stage.EXECUTION
            swap = one.swap
            amounts: tuple[Any, ...] = (None, None, 0, 0)
            if swap is not None:
                amounts = (swap.amount_in, swap.amount_out, swap.shortfall_usd, swap.gas_usd)
            words = (one.token.symbol, one.side, one.status, one.code, one.exit_reason or "")
            found.append((number, stage, *words, *amounts, one.realized_usd))
    return found


def test_the_order_in_which_chunks_arrive_changes_nothing(market: Market) -> None:
    """Let a hundred shuffled fan-outs want more than the cash there is."""
    account = worlds.open_account(market)
    account = accounts.open_account(account.owner, "scarce", market, settings_deposit())
    strategy = make_strategy(account.owner, confidence_threshold=0)
    session = accounts.open_session(account, strategy, LEVEL, worlds.HOUR_MS)
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    known: list[Any] = []
    for shuffle in range(100):
        with transaction.atomic():
            chunks = list(range(tick.chunks_total))
            random.Random(shuffle).shuffle(chunks)
            for chunk in chunks:
                stages.run(Stage.ANALYSIS, tick.pk, chunk)
            stages.run(Stage.EXECUTION, tick.pk)
            found = worlds.outcome(session)
            transaction.set_rollback(True)
        known = known or [found]
        assert found == known[0]
    denied = {row["code"] for row in known[0]["trades"]}
    assert denied >= {"OK", "BALANCE_LOW"}


def settings_deposit() -> Any:
    return accounts.STARTING_CASH_USD / 20


def flush(_: Tick) -> None:
    """Empty Redis: broker, cache and events."""
    for number in (settings.BROKER_DB, settings.CACHE_DB, settings.EVENTS_DB):
        client(number).flushdb()


def forge(tick: Tick) -> None:
    """Put an entry in the place of the account's present state that says something else."""
    row = PaperTradingSession.objects.get(pk=tick.session_id).account
    body = '{"version":1,"cash_usd":"1000000"}'
    client(settings.CACHE_DB).set(_key(row, row.state_version), f"{'0' * 64}{body}", ex=300)


def test_redis_changes_nothing_whatever_happens_to_it_between_stages(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    calm, flushed, forged = (
        accounts.open_session(account, make_strategy(account.owner), LEVEL, worlds.HOUR_MS)
        for account in [worlds.open_account(market) for _ in range(3)]
    )
    worlds.run_ticks(calm, 22)
    for disturb, disturbed in ((flush, flushed), (forge, forged)):
        caplog.clear()
        for _ in range(22):
            tick = worlds.open_tick(disturbed)
            while steps := progress.next_steps(tick.pk):
                disturb(tick)
                stages.run(steps[0].stage, steps[0].tick_id, steps[0].chunk)
        assert worlds.outcome(disturbed) == worlds.outcome(calm)
        assert ("is not ours; ignored" in caplog.text) is (disturb is forge)


def test_the_future_changes_no_past_decision(record: Path) -> None:
    file = RecordedFile.open(record)
    assert biases(file, LEVEL, Strategy(), [10, 40], seed=3) == []


def test_a_look_into_the_future_would_be_found(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let every step know the close of the next one."""
    step = FileMarket._step

    def peeking(self: FileMarket, number: int) -> Any:
        now, later = step(self, number), min(number + 1, self.ticks + 599)
        ahead = step(self, later).quotes
        quotes = {
            symbol: quote.__class__(
                **{
                    name: getattr(quote, name)
                    for name in quote.__dataclass_fields__
                    if name != "volume_usd"
                },
                volume_usd=ahead[symbol].price_usd if symbol in ahead else quote.volume_usd,
            )
            for symbol, quote in now.quotes.items()
        }
        return now.__class__(now.number, now.market_time, quotes, now.cash_price_usd, {})

    monkeypatch.setattr(FileMarket, "_step", peeking)
    found = biases(RecordedFile.open(record), LEVEL, Strategy(), [20], seed=3)
    assert {bias.change for bias in found} == {"cut off", "shuffled"}
    assert all(bias.tick == 20 for bias in found)


def test_a_shortened_or_shuffled_file_keeps_its_past(record: Path) -> None:
    file = RecordedFile.open(record)
    assert truncated(file, 7).bars == file.bars[:607]
    mixed = shuffled(file, 7, seed=1)
    assert mixed.bars[:607] == file.bars[:607]
    assert mixed.bars != file.bars
    assert sorted(map(repr, mixed.bars)) == sorted(map(repr, file.bars))


@pytest.mark.parametrize("cut", [0, 60, -1])
def test_a_cut_needs_a_past_and_a_future(record: Path, cut: int) -> None:
    with pytest.raises(ValueError, match=f"cut was {cut}; allowed is 1 to 59"):
        biases(RecordedFile.open(record), LEVEL, Strategy(), [cut], seed=1)


def test_levels_share_a_market_and_a_run_can_be_shortened(record: Path) -> None:
    file = RecordedFile.open(record)
    told: list[tuple[int, int]] = []
    runs = run_file(file, [3, 10], Strategy(), 5, lambda done, all_: told.append((done, all_)))
    assert [(run.level, run.ticks) for run in runs] == [(3, 5), (10, 5)]
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    alone = run_file(file, [10], Strategy(), 5)
    assert alone[0].result() == runs[1].result()
    assert run_file(file, [10], Strategy(), 10**6)[0].ticks == worlds.TAIL
