"""Set-ups of a bracket that is new to its market: folded behind the exits, which cannot wait.

A strategy that was edited asks for a book that no tick has read yet, which takes a second or two
a market day. The prices stage leaves it alone then, and the tick names no experience. Its exits
are done and written; then the book is folded, a portion at a time, and only what is judged waits.
At the deadline the tick expires, and the next one goes on with fresh prices, exits first.
"""

from django.db.models import QuerySet

from paper_trading.bot import endings, progress
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.bot.progress import Fenced
from paper_trading.bot.rules import strategy_of
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.brackets import key_of
from paper_trading.models import PriceBatch, Tick, TickStatus
from paper_trading.services import set_ups


def stage_after_exits(tick: Tick) -> Stage:
    """Return the stage that follows the exits; AUTO_CLOSE itself while set-ups are behind."""
    if not tick.chunks_total:
        return Stage.EXECUTION
    if tick.experience_id is not None:
        return Stage.ANALYSIS
    batch = _batch(tick)
    behind = set_ups.is_behind(batch.market_id, key_of(strategy_of(tick)), batch.market_time)
    return Stage.AUTO_CLOSE if behind else Stage.ANALYSIS


def only_waits(tick: Tick) -> bool:
    """Say whether a tick is in the stage of its exits for its set-ups alone: they are written."""
    # A tick with an experience leaves the stage in the transaction of its exits.
    if tick.experience_id is not None:
        return False
    return _due(tick).filter(stages__stage=Stage.AUTO_CLOSE).exists()


def catch_up(tick: Tick) -> None:
    """Fold what the tick's bracket has not seen, then let the tick go on to its analysis.

    :raises Fenced: when the tick was taken over, or came to its deadline and has expired.
    """
    batch = _batch(tick)
    experience = set_ups.experience_at(
        batch.market_id, key_of(strategy_of(tick)), batch.market_time, lambda: _hold(tick)
    )
    moved = _due(tick).update(
        stage=Stage.ANALYSIS, experience=experience, lease_until=ClockTimestamp() + progress.LEASE
    )
    if not moved:
        raise Fenced(f"{tick} left stage {tick.stage} while its set-ups were folded")


def _hold(tick: Tick) -> None:
    progress.hold(tick)
    if _due(tick).filter(deadline_at__lt=ClockTimestamp()).exists():
        endings.expire([tick.pk])
        raise Fenced(f"{tick} came to its deadline while its set-ups were folded")


def _due(tick: Tick) -> QuerySet[Tick]:
    return Tick.objects.filter(
        pk=tick.pk, status=TickStatus.OPEN, stage=Stage.AUTO_CLOSE, attempt=tick.attempt
    )


def _batch(tick: Tick) -> PriceBatch:
    if tick.batch is None:
        raise ValueError(f"{tick} has no batch")
    return tick.batch
