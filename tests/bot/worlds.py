"""Worlds for the bot's tests: a generated record, a running session, and what became of it.

Every token of the record drifts up through the back-fill, so that signals agree on entries;
what it does afterwards is its script.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, models
from psycopg import sql

from paper_trading.bot import accounts, controls, opening, progress, stages
from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    Bar,
    EquityHour,
    EquityPoint,
    LedgerEntry,
    Market,
    MarketGenesis,
    MarketToken,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrackRecord,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    SimulatedTransaction,
    Tick,
    TickStage,
    Token,
)
from paper_trading.services.redis_client import client
from paper_trading.services.sources.base import BACKFILL_STEPS
from tests import copies
from tests.builders import make_strategy, make_user

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=5)
#: Steps behind the back-fill.
TAIL = 60
#: No tick of a test misses its deadline on a slow machine.
HOUR_MS = 3_600_000

#: The move of a step behind the back-fill, counted from 0, in percent.
Script = Callable[[int], float]


def rises(_: int) -> float:
    return 1.6


def falls(step: int) -> float:
    return 0.4 if step == 0 else -2.2


def stands(_: int) -> float:
    return 0.0


def turns(step: int) -> float:
    """Up by a good part, then slowly back."""
    return 1.6 if step < 4 else -0.9


SCRIPTS: dict[str, Script] = {
    "WETH": stands,
    "CRASH": falls,
    "FLAT": stands,
    "MOON": rises,
    "NOISE": lambda step: (-0.7, 0.5, 0.4, -0.3)[step % 4],
    "PEAK": turns,
    "USDC": stands,
}
#: Symbols that a step of the record lacks.
GAPS: Mapping[int, Sequence[str]] = {7: ("NOISE",), 8: ("NOISE",)}


def walks(symbol: str) -> Script:
    """Wander by chance, the same every time: about 0.9 % a step with a little drift."""
    return lambda step: random.Random(f"{symbol} {step}").gauss(0.02, 0.9)


#: Tokens that wander for long: entries, exits of every kind, and everything that denies them.
WALKS: dict[str, Script] = {name: walks(name) for name in ("WETH", "AAA", "BBB", "CCC", "DDD")}
#: A strategy that meets its limits on them: reverts for want of tolerance, a tripped breaker.
TIGHT: dict[str, Any] = {
    "confidence_threshold": None,
    "max_daily_trades": 8,
    "max_slippage_percent": Decimal("0.03"),
}


def write_record(
    path: Path,
    tail: int = TAIL,
    scripts: Mapping[str, Script] = SCRIPTS,
    start: datetime | None = None,
) -> Path:
    """Write a price file with the back-fill and `tail` steps more."""
    first = START if start is None else start
    luck = random.Random(7)
    prices = dict.fromkeys(scripts, 100.0)
    rows = ["timestamp,symbol,open,high,low,close,volume_usd"]
    for step in range(BACKFILL_STEPS + tail):
        for symbol in scripts:
            before = prices[symbol]
            prices[symbol] = before * (1 + _move(symbol, step, scripts, luck) / 100)
            if symbol in GAPS.get(step - BACKFILL_STEPS, ()):
                continue
            rows.append(_row(first + step * STEP, symbol, before, prices[symbol], luck))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _move(symbol: str, step: int, scripts: Mapping[str, Script], luck: random.Random) -> float:
    if symbol == "USDC":
        return 0.0
    if step >= BACKFILL_STEPS:
        return scripts[symbol](step - BACKFILL_STEPS)
    return luck.gauss(0.0, 0.6) + (0.35 if step >= BACKFILL_STEPS - 24 else 0.0)


def _row(at: datetime, symbol: str, before: float, after: float, luck: random.Random) -> str:
    volume = 0 if symbol == "USDC" else 10_000 + round(luck.random() * 5_000)
    figures = [before, max(before, after), min(before, after), after]
    texts = ",".join(f"{figure:.12f}" for figure in figures)
    return f"{at.isoformat()},{symbol},{texts},{volume}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A back-filled market as rows, to be put into a database again without folding anew."""

    key: int
    tables: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, market: Market, *, whole: bool = False) -> "Snapshot":
        """Keep what later steps read: of the bars, the newest alone unless `whole`."""
        listings = MarketToken.objects.filter(market=market)
        bars = Bar.objects.filter(market=market)
        if not whole:
            bars = bars.filter(pk__in=[row.last_bar_id for row in listings])
        rows: tuple[models.QuerySet[Any], ...] = (
            Market.objects.filter(pk=market.pk),
            Token.objects.filter(market=market),
            bars,
            listings,
            market.token_lists.all(),
            market.quantiles.all(),
            MarketGenesis.objects.filter(market=market),
            market.user_signals.all(),
        )
        return cls(market.pk, tuple(copies.taken(one) for one in rows))

    def restore(self) -> Market:
        """Insert the rows under their old keys and return the market."""
        copies.put(self.tables)
        return Market.objects.get(pk=self.key)


def open_account(market: Market, owner: User | None = None, name: str = "A") -> PaperTradingAccount:
    return accounts.open_account(owner or make_user(), name, market)


def running_session(
    market: Market,
    level: int = 10,
    interval_ms: int = HOUR_MS,
    tick_limit: int | None = None,
    **strategy: Any,
) -> PaperTradingSession:
    """Open an account of its own with a running session; confidence is not asked for."""
    account = open_account(market)
    values = {"confidence_threshold": Decimal(0), **strategy}
    return accounts.open_session(
        account, make_strategy(account.owner, **values), level, interval_ms, tick_limit
    )


def open_tick(session: PaperTradingSession) -> Tick:
    """Open a tick by hand: no test waits for a slot."""
    controls.request_tick(session, session.account.owner)
    tick_id = opening.open_manual_tick(session.pk)
    assert tick_id is not None
    return Tick.objects.get(pk=tick_id)


def run_tick(session: PaperTradingSession) -> Tick:
    """Run one tick through all of its stages."""
    tick = open_tick(session)
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    return tick


def run_ticks(session: PaperTradingSession, count: int) -> Tick:
    return [run_tick(session) for _ in range(count)][-1]


def run_until(tick: Tick, stage: Stage) -> Tick:
    """Run a tick's stages up to and without one."""
    for step in steps_of(tick):
        if step.stage is stage:
            break
        stages.run(step.stage, step.tick_id, step.chunk)
    tick.refresh_from_db()
    assert tick.stage == stage
    return tick


def steps_of(tick: Tick) -> Iterator[Step]:
    """Yield the steps of a tick in order, each as the rows ask for it."""
    while waiting := progress.next_steps(tick.pk):
        yield waiting[0]


def token_of(market: Market, symbol: str) -> Token:
    return Token.objects.get(listings__market=market, symbol=symbol)


def forget_cache() -> None:
    """Drop every entry of the position cache."""
    redis = client(1)
    for key in redis.scan_iter("dex:account:*"):
        redis.delete(key)


def tables() -> dict[str, list[Any]]:
    """Return every row of the app's tables, to be compared with a later look."""
    found: dict[str, list[Any]] = {}
    with connection.cursor() as cursor:
        for name in sorted(connection.introspection.table_names(cursor)):
            if name.startswith("paper_trading_"):
                query = sql.SQL("SELECT row_to_json(t)::text FROM {} t ORDER BY t.id")
                cursor.execute(query.format(sql.Identifier(name)))
                found[name] = [row[0] for row in cursor.fetchall()]
    return found


#: What differs between two runs of the same: keys and real times.
_OWN = {
    "id",
    "account",
    "session",
    "tick",
    "trade",
    "position",
    "created_at",
    "opened_at",
    "closed_at",
}


def outcome(session: PaperTradingSession) -> dict[str, list[dict[str, Any]]]:
    """Return what a session decided, traded and booked, without keys and real times."""
    account = session.account
    return {
        "decisions": _values(
            PaperAIThoughtLog.objects.filter(tick__session=session),
            "tick__number",
            "token__symbol",
        ),
        "trades": _values(
            PaperTrade.objects.filter(session=session), "tick__number", "stage", "sequence"
        ),
        "transactions": _values(
            SimulatedTransaction.objects.filter(account=account), "nonce", "leg"
        ),
        "ledger": _values(
            LedgerEntry.objects.filter(account=account),
            "trade__tick__number",
            "trade__stage",
            "trade__sequence",
            "line",
        ),
        "positions": _values(
            PaperPosition.objects.filter(account=account), "token__symbol", "opened_market_time"
        ),
        "equity": _values(EquityPoint.objects.filter(account=account), "market_time"),
        "track": _values(PaperTrackRecord.objects.filter(account=account)),
        "hours": _values(EquityHour.objects.filter(account=account), "hour"),
        "metrics": _values(PaperPerformanceMetrics.objects.filter(session=session), "market_time"),
    }


def _values(rows: models.QuerySet[Any], *order: str) -> list[dict[str, Any]]:
    names = [field.name for field in rows.model._meta.concrete_fields if field.name not in _OWN]
    return list(rows.order_by(*order).values(*names, *order))


def stage_names(tick: Tick) -> list[tuple[str, int]]:
    """Return a tick's completion rows in the order in which they were written."""
    return list(TickStage.objects.filter(tick=tick).order_by("pk").values_list("stage", "chunk"))


def skip_to(session: PaperTradingSession, number: int) -> None:
    """Let the next tick have a number; the market jumps over the steps in between."""
    step = session.start_step + number - 1
    Market.objects.filter(pk=session.account.market_id).update(head_step=step - 1)
    PaperTradingSession.objects.filter(pk=session.pk).update(last_number=number - 1)
    session.refresh_from_db()
