"""Stages analysis and metrics: decisions with their evidence, and what they came to."""

import logging
import traceback
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from paper_trading.bot import events, logs, progress, session_metrics
from paper_trading.bot.managers import ExecutionStage, Managers, PositionStage, PriceStage
from paper_trading.bot.position_manager import still_due, view_of
from paper_trading.bot.rules import inputs_of
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.analysis import AccountState, analyze, skipped
from paper_trading.intelligence.decision_json import decision_to_json
from paper_trading.intelligence.experience import Experience
from paper_trading.models import (
    InternalError,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperTradingAccount,
    Tick,
    TickStage,
)
from paper_trading.services import position_cache
from paper_trading.services.market_view import Listed, MarketView
from paper_trading.services.set_up_rows import experience_of

logger = logging.getLogger(__name__)


class MarketAnalyzer:
    """Turns the evidence of a tick's tokens into decisions and writes the thought log."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self.engine = inputs_of(tick).engine()

    @classmethod
    def tick(
        cls,
        tick_id: int,
        price_manager: PriceStage,
        position_manager: PositionStage,
        trade_executor: ExecutionStage,
    ) -> None:
        """Take an open tick through all its stages in this process, with these managers.

        Analysis and metrics are this class's own. A tick that is not open any more, or that
        another worker takes over meanwhile, is left alone.
        """
        # `stages` runs this class's stages, so it can only be asked for when both are there.
        from paper_trading.bot import stages

        given = Managers.given(price_manager, position_manager, trade_executor, cls)
        stages.run_to_end(tick_id, given)

    def analyze_chunk(self, chunk: int) -> bool:
        """Decide on one chunk of the tick's tokens; True when it was the last chunk.

        A token whose analysis fails becomes a SKIP with INTERNAL_ERROR; the tick goes on.
        Delivered twice, the second one changes nothing.
        """
        started = timezone.now()
        decisions, errors, version = self._decide(chunk)
        try:
            with transaction.atomic():
                self._log_thoughts(decisions)
                logs.decisions(self._tick, decisions)
                if errors:
                    InternalError.objects.bulk_create(errors)
                detail = {"tokens": [made.symbol for made in decisions]}
                return progress.complete_chunk(self._tick, chunk, started, detail, version)
        except IntegrityError:
            if TickStage.objects.filter(
                tick=self._tick, stage=Stage.ANALYSIS, chunk=chunk
            ).exists():
                return False
            raise

    def update_metrics(self) -> PaperPerformanceMetrics | None:
        """Run the metrics stage; None when the tick has moved on."""
        started = timezone.now()
        with transaction.atomic():
            account = PaperTradingAccount.objects.select_for_update(no_key=True).get(
                pk=self._tick.session.account_id
            )
            if not still_due(self._tick, Stage.METRICS):
                return None
            row = self._update_performance_metrics(account)
            progress.complete(self._tick, started, {}, Stage.CLOSE, version=account.state_version)
            events.metrics(self._tick, row)
        return row

    def _decide(self, chunk: int) -> tuple[list[Decision], list[InternalError], int]:
        view = view_of(self._tick)
        state = position_cache.read(self._tick.session.account)
        decisions: list[Decision] = []
        errors: list[InternalError] = []
        for listed in view.chunk(chunk, self._tick.chunks_total):
            # The isolation boundary of one token's analysis: it must never stop the tick.
            try:
                decisions.append(self._analyze_token(listed, view, state))
            except Exception:
                logger.exception(
                    "analysis failed: tick %s stage analysis token %s",
                    self._tick.pk,
                    listed.token.symbol,
                )
                decisions.append(skipped(self.engine, listed, Code.INTERNAL_ERROR))
                errors.append(self._error(listed, traceback.format_exc()))
        return decisions, errors, state.version

    def _analyze_token(self, listed: Listed, view: MarketView, state: AccountState) -> Decision:
        """Decide on one token from its quote, its newest closed bar and the account's state."""
        return analyze(self.engine, listed, view, state, self._experience())

    def _experience(self) -> Experience | None:
        """Return what was frozen when the tick's batch was made."""
        key = self._tick.experience_id
        return None if key is None else experience_of(key)

    def _log_thoughts(self, decisions: Sequence[Decision]) -> None:
        """Write the thought log of a chunk in one statement."""
        PaperAIThoughtLog.objects.bulk_create(self._log_thought(made) for made in decisions)

    def _log_thought(self, made: Decision) -> PaperAIThoughtLog:
        """Return the thought row of a decision."""
        return thought_row(self._tick, made)

    def _update_performance_metrics(self, account: PaperTradingAccount) -> PaperPerformanceMetrics:
        return session_metrics.update(self._tick, account)

    def _error(self, listed: Listed, text: str) -> InternalError:
        return InternalError(
            tick=self._tick, stage=Stage.ANALYSIS, token_id=listed.token.id, traceback=text
        )


def thought_row(tick: Tick, made: Decision) -> PaperAIThoughtLog:
    """Return the thought row of a decision, not yet saved."""
    return PaperAIThoughtLog(
        tick=tick,
        token_id=made.token_id,
        action=made.action,
        code=made.code,
        confidence=made.confidence,
        score=made.score,
        evidence=decision_to_json(made),
    )
