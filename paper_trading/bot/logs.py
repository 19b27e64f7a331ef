"""What a tick did, in the log: after its commit, and alike under Celery and in the bot.

INFO tells trades, performance and ended ticks; DEBUG prices, positions and decisions; WARNING
breakers, prices that failed and denied orders; ERROR swaps that failed.
"""

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from django.db import transaction

from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Side, Stage, TradeStatus
from paper_trading.engine.pending import Pending
from paper_trading.engine.steps import StepResult
from paper_trading.engine.trade import TradeRecord
from paper_trading.models import PaperPerformanceMetrics, PriceBatch, Tick

logger = logging.getLogger(__name__)
#: Warnings that a healthy session brings all the time; the console of `up` leaves them to the log.
routine = logging.getLogger(f"{__name__}.routine")


def prices(tick: Tick, batch: PriceBatch, tokens: int, *, fetched: bool) -> None:
    """Tell of the batch that a tick reads, and of the prices that it lacks."""
    how = "fetched in one call" if fetched else "shared"
    text = "%s: step %s of %s, %s, %s of %s tokens"
    market_time = f"{batch.market_time:%Y-%m-%d %H:%M:%S}"
    priced = tokens - len(batch.missing)
    _later(logger, logging.DEBUG, text, tick, batch.step, market_time, how, priced, tokens)
    if fetched and batch.missing:
        missing = ", ".join(batch.missing)
        _later(routine, logging.WARNING, "%s: no price for %s", tick, missing)


def feed(market: str, kind: str, text: str) -> None:
    """Tell of a change in how far prices can be trusted."""
    level = logging.INFO if kind == "recovered" else logging.WARNING
    _later(logger, level, "%s: %s", market, text)


def decisions(tick: Tick, made: Sequence[Decision]) -> None:
    """Tell of the decisions of one chunk."""
    for one in made:
        text = "%s: %s %s %s, confidence %s, score %s"
        figures = one.action, one.symbol, one.code, one.confidence, one.score
        _later(logger, logging.DEBUG, text, tick, *figures)


def after_step(tick: Tick, result: StepResult) -> None:
    """Tell of a money stage's fills, failures and denials, and of the positions after it."""
    for record in result.trades:
        if record.status is TradeStatus.FILLED:
            _filled(tick, record)
        elif record.status is TradeStatus.FAILED:
            text = "%s: %s %s failed: %s gas %.4f USD"
            gas = Decimal(0) if record.swap is None else record.swap.gas_usd
            what = record.side.value, record.token.symbol, record.code.text, gas
            _later(logger, logging.ERROR, text, tick, *what)
        if record.swap is not None:
            _position(tick, record, result)
    for waiting in result.sent:
        _sent(tick, waiting)
    for held in result.account.positions.values():
        if held.failed_exits:
            text = "%s: the exit of %s has failed %s times in a row; its tolerance rises"
            _later(logger, logging.WARNING, text, tick, held.token.symbol, held.failed_exits)
    denied = [
        f"{record.side.value} {record.token.symbol} {record.code.value}"
        for record in result.trades
        if record.status is TradeStatus.DENIED
    ]
    if denied:
        _later(routine, logging.WARNING, "%s: denied %s", tick, ", ".join(denied))


def metrics(tick: Tick, row: PaperPerformanceMetrics) -> None:
    """Tell how an account has performed."""
    text = "%s: performance: return %s %%, largest drawdown %s %%, win rate %s %%"
    figures = row.total_return_percent, row.max_drawdown_percent, row.win_rate_percent
    _later(logger, logging.INFO, text, tick, *map(_percent, figures))


def closed(tick: Tick, equity_usd: Decimal | None, stages: Mapping[str, int]) -> None:
    """Tell that a tick closed, with its state, its equity and its stages' milliseconds."""
    equity = "unknown" if equity_usd is None else f"{equity_usd:,.2f} USD"
    times = ", ".join(f"{name} {stages[name]}" for name in Stage if name in stages)
    text = "%s closed: %s, equity %s, ms: %s"
    _later(logger, logging.INFO, text, tick, tick.trading_state, equity, times)


def breaker(account_id: int, kind: str, *, tripped: bool, text: str) -> None:
    """Tell that a circuit breaker tripped, or that it was cleared or reset."""
    level, word = (logging.WARNING, "tripped") if tripped else (logging.INFO, "cleared")
    _later(logger, level, "breaker %s of account %s %s: %s", kind, account_id, word, text)


def lock(account_id: int, text: str) -> None:
    """Tell that a person locked a token or released its lock."""
    _later(logger, logging.INFO, "account %s: %s", account_id, text)


def status(session_id: int, word: str, text: str) -> None:
    """Tell that a session was started, stopped, paused or halted."""
    _later(logger, logging.INFO, "session %s %s: %s", session_id, word, text)


def _sent(tick: Tick, waiting: Pending) -> None:
    text = "%s: sent %s %s for %.2f USD, nonce %s, %s, block at %s"
    plan, sent = waiting.plan, waiting.submission
    order = plan.side.value, plan.token.symbol, waiting.record.allowed_usd, waiting.nonce
    at = f"{sent.included_at:%H:%M:%S}"
    _later(logger, logging.INFO, text, tick, *order, sent.channel.value, at)


def _filled(tick: Tick, record: TradeRecord) -> None:
    swap = record.swap
    if swap is None:
        raise ValueError(f"a fill of {record.token.symbol} has no swap")
    text = "%s: %s %s for %.2f USD%s, fee %.2f, impact %.2f, drift %.2f, MEV %.2f, gas %.4f%s"
    why = "" if record.exit_reason is None else f" ({record.exit_reason.value})"
    gained = "" if record.realized_usd is None else f", realized {record.realized_usd:.2f}"
    terms = swap.fee_usd, swap.impact_usd, swap.drift_usd, swap.mev_usd, swap.gas_usd
    what = record.side.value, record.token.symbol, record.allowed_usd, why
    _later(logger, logging.INFO, text, tick, *what, *terms, gained)


def _position(tick: Tick, record: TradeRecord, result: StepResult) -> None:
    held = result.account.positions.get(record.token.id)
    symbol = record.token.symbol
    if held is not None:
        text = "%s: position %s: %s base units, cost %.2f USD, mark %s USD"
        what = symbol, held.units, held.cost_usd, held.mark_price_usd
        _later(logger, logging.DEBUG, text, tick, *what)
    elif record.side is Side.SELL:
        _later(logger, logging.DEBUG, "%s: position %s closed", tick, symbol)


def _percent(number: Decimal | None) -> str:
    return "undefined" if number is None else f"{number:.2f}"


def _later(to: logging.Logger, level: int, text: str, *values: object) -> None:
    """Write a line once the transaction commits: what is rolled back did not happen."""
    if to.isEnabledFor(level):
        transaction.on_commit(partial(to.log, level, text, *values))
