"""The stages of a tick: one function runs any of them and says what comes next."""

import logging
from collections.abc import Callable

from paper_trading.bot import closing, late_set_ups, progress
from paper_trading.bot.managers import Managers
from paper_trading.bot.market_analyzer import MarketAnalyzer
from paper_trading.bot.position_manager import PositionManager
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.bot.progress import Fenced, Step
from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.engine.enums import Stage
from paper_trading.models import Tick

logger = logging.getLogger(__name__)

OWN = Managers(
    prices=lambda tick: RealPriceManager(tick.session.account.market),
    positions=lambda tick: PositionManager(tick.session.account_id),
    analyzer=MarketAnalyzer,
    executor=lambda tick: TradeExecutor(PositionManager(tick.session.account_id)),
)


def run(stage: Stage, tick_id: int, chunk: int = 0, managers: Managers = OWN) -> list[Step]:
    """Run a stage of a tick when it is due and return the steps to send next.

    Late, doubled or out of order, a call finds nothing to do and returns an empty list. A
    stage that another worker took over meanwhile is rolled back.
    """
    tick = progress.current(tick_id, stage)
    if tick is None:
        return []
    try:
        advanced = _RUNNERS[stage](tick, chunk, managers)
    except Fenced as fenced:
        logger.warning("rolled back: %s", fenced)
        return []
    return progress.next_steps(tick_id) if advanced else []


def run_to_end(tick_id: int, managers: Managers = OWN) -> None:
    """Take an open tick through all of its stages in this process."""
    steps = progress.next_steps(tick_id)
    while steps:
        step = steps.pop(0)
        steps += run(step.stage, step.tick_id, step.chunk, managers)


def _prices(tick: Tick, _: int, managers: Managers) -> bool:
    return managers.prices(tick).run(tick)


def _auto_close(tick: Tick, _: int, managers: Managers) -> bool:
    if not late_set_ups.only_waits(tick):
        if managers.positions(tick).check_auto_close_positions(tick) is None:
            return False
        if not late_set_ups.only_waits(tick):
            return True
    late_set_ups.catch_up(tick)
    return True


def _analysis(tick: Tick, chunk: int, managers: Managers) -> bool:
    return managers.analyzer(tick).analyze_chunk(chunk)


def _execution(tick: Tick, _: int, managers: Managers) -> bool:
    return managers.executor(tick).execute_trade(tick) is not None


def _metrics(tick: Tick, _: int, managers: Managers) -> bool:
    return managers.analyzer(tick).update_metrics() is not None


def _close(tick: Tick, _: int, __: Managers) -> bool:
    closing.close(tick)
    return False


_RUNNERS: dict[Stage, Callable[[Tick, int, Managers], bool]] = {
    Stage.PRICES: _prices,
    Stage.AUTO_CLOSE: _auto_close,
    Stage.ANALYSIS: _analysis,
    Stage.EXECUTION: _execution,
    Stage.METRICS: _metrics,
    Stage.CLOSE: _close,
}
