"""Stage execution: decisions become fills, denials or failures, each with its row."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from paper_trading.bot import events, progress, track_rows
from paper_trading.bot.position_manager import (
    PositionManager,
    count_by_status,
    still_due,
    view_of,
)
from paper_trading.bot.rules import breakers_of, inputs_of, save_breakers
from paper_trading.engine.account import Account
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action, Stage, TradeStatus, TradingState
from paper_trading.engine.equity import EquityPoint as EquityValue
from paper_trading.engine.steps import StepResult, execute
from paper_trading.engine.track import metrics_due, worth_of
from paper_trading.intelligence.analysis import wanted
from paper_trading.intelligence.decision_json import decision_from_json
from paper_trading.models import EquityPoint, PaperAIThoughtLog, PaperTrade, Tick


class TradeExecutor:
    """Carries out the decisions of one tick, through the venue that the strategy chose."""

    def __init__(self, position_manager: PositionManager) -> None:
        self.positions = position_manager

    def execute_trade(self, tick: Tick) -> StepResult | None:
        """Run the stage for all decisions of a tick; None when the tick has moved on.

        Sells before buys, then by score, then by symbol: arrival does not matter.
        """
        started = timezone.now()
        with transaction.atomic():
            account = self.positions.load_positions()
            if not still_due(tick, Stage.EXECUTION):
                return None
            version = self.positions.row.state_version
            before = breakers_of(self.positions.account_id)
            batch = view_of(tick).batch
            allowed, why = self._can_trade(tick)
            result = execute(
                account,
                batch,
                before,
                inputs_of(tick).rules(),
                decisions_of(tick),
                allowed,
            )
            trades = self.positions.save(tick, Stage.EXECUTION, result, batch)
            save_breakers(self.positions.account_id, before, result.breakers)
            self._save_equity(tick, account, result)
            progress.complete(
                tick,
                started,
                {
                    "equity_usd": str(result.equity.equity_usd),
                    "restricted": why,
                    **count_by_status(result),
                },
                Stage.METRICS if metrics_due(tick.session.ticks_closed) else Stage.CLOSE,
                version=version,
                trading_state=result.state,
            )
            events.after_step(tick, result, trades)
            if not trades and not result.sent:
                events.portfolio(tick, result)
        return result

    def _save_equity(self, tick: Tick, before: Account, result: StepResult) -> None:
        """Write the tick's equity point, and count it in the account's track record."""
        view = view_of(tick)
        equity_row(tick, result.equity).save(force_insert=True)
        worth = worth_of(result.equity)
        positions = before.positions
        track_rows.after_tick(self.positions.row, positions, result.trades, worth, view.prices())

    def _can_trade(self, tick: Tick) -> tuple[TradingState, str]:
        """Return the trading state that auto_close left on the tick, and why."""
        state = TradingState(tick.trading_state)
        if state is TradingState.HALTED:
            return state, "halted by a person"
        if state is TradingState.REDUCING:
            return state, "a circuit breaker is tripped"
        return state, ""


def decisions_of(tick: Tick) -> Sequence[Decision]:
    """Read the decisions of a tick that ask for a trade and may have one."""
    failed = PaperTrade.objects.filter(tick=tick, status=TradeStatus.FAILED)
    reverted = frozenset(failed.values_list("token_id", flat=True))
    asking = PaperAIThoughtLog.objects.filter(tick=tick, action__in=[Action.BUY, Action.SELL])
    rows = asking.values_list("evidence", flat=True)
    return wanted([decision_from_json(evidence) for evidence in rows], reverted)


def equity_row(tick: Tick, point: EquityValue) -> EquityPoint:
    """Return the row of an equity point, not yet saved."""
    return EquityPoint(
        account_id=tick.session.account_id,
        tick=tick,
        market_time=point.at,
        cash_price_usd=point.cash_price_usd,
        cash_usd=point.cash_usd,
        positions_usd=point.positions_usd,
        equity_usd=point.equity_usd,
        equity_if_closed_usd=point.equity_if_closed_usd,
        drawdown_percent=point.drawdown_percent,
        settled=point.settled,
    )
