"""What a tick obeys: its journalled strategy and level, and the account's breakers."""

from collections.abc import Mapping
from functools import lru_cache

from django.contrib.auth.models import User

from paper_trading.bot import clock, track_rows
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.code_notes import CLEARED
from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.inputs import TickInputs
from paper_trading.models import BreakerState, PaperTradingAccount, StrategyVersion, Tick
from paper_trading.services import account_state


def strategy_of(tick: Tick) -> Strategy:
    """Return the strategy version that the tick was opened with."""
    if tick.strategy_version_id is None:
        raise ValueError(f"{tick} names no strategy version")
    return _strategy(tick.strategy_version_id)


@lru_cache(maxsize=256)
def _strategy(version_id: int) -> Strategy:
    """Read a strategy version once a process: its row never changes."""
    return StrategyVersion.objects.get(pk=version_id).as_strategy()


def inputs_of(tick: Tick, manual_closes: frozenset[int] = frozenset()) -> TickInputs:
    """Return what a tick obeys from its journal, not from what is set now."""
    if tick.intel_level is None:
        raise ValueError(f"{tick} names no intel level")
    return TickInputs(
        seed=tick.session.seed,
        level=tick.intel_level,
        strategy=strategy_of(tick),
        entries_paused=tick.entries_paused,
        halted=tick.halted,
        manual_closes=manual_closes,
    )


def breakers_of(account_id: int) -> dict[BreakerKind, Breaker]:
    """Read the stored breakers of an account; one that has no row never tripped."""
    rows = BreakerState.objects.filter(account_id=account_id)
    return {BreakerKind(row.kind): breaker_value(row) for row in rows}


def breaker_value(row: BreakerState) -> Breaker:
    """Return a stored breaker as the engine's value."""
    return Breaker(
        kind=BreakerKind(row.kind),
        tripped=row.tripped,
        tripped_at=row.tripped_market_time,
        actual=row.actual,
        threshold=row.threshold,
        baseline_usd=row.baseline_usd,
        waiting_since=row.waiting_since,
    )


def book_of(row: PaperTradingAccount) -> Book:
    """Read an account as the pure steps between two stages take it."""
    point = row.equity_points.order_by("-market_time").first()
    return Book(
        account=account_state.load(row).account,
        version=row.state_version,
        record=track_rows.load(row),
        breakers=breakers_of(row.pk),
        last_equity=None if point is None else (point.market_time, point.equity_usd),
        total_pnl_usd=row.total_pnl_usd,
    )


def save_breakers(
    account_id: int,
    before: Mapping[BreakerKind, Breaker],
    after: Mapping[BreakerKind, Breaker],
    user: User | None = None,
    why: str = "",
) -> None:
    """Write the breakers that changed, in one statement, and one more for each that was reset.

    A reset is kept with the user and the reason; one that came by itself, with what ended it.
    """
    changed = [breaker for kind, breaker in after.items() if before.get(kind) != breaker]
    BreakerState.objects.bulk_create(
        [
            BreakerState(
                account_id=account_id,
                kind=breaker.kind,
                tripped=breaker.tripped,
                tripped_market_time=breaker.tripped_at,
                actual=breaker.actual,
                threshold=breaker.threshold,
                baseline_usd=breaker.baseline_usd,
                waiting_since=breaker.waiting_since,
            )
            for breaker in changed
        ],
        update_conflicts=True,
        unique_fields=["account", "kind"],
        update_fields=[
            "tripped",
            "tripped_market_time",
            "actual",
            "threshold",
            "baseline_usd",
            "waiting_since",
        ],
    )
    for breaker in changed:
        if not breaker.tripped and breaker.kind in before and before[breaker.kind].tripped:
            BreakerState.objects.filter(account_id=account_id, kind=breaker.kind).update(
                reset_by=user, reset_at=clock.now(), reset_reason=why or CLEARED[breaker.kind]
            )
