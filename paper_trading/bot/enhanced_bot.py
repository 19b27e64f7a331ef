"""The bot as one process: the same stages as the Celery chain, run inline by a loop."""

import logging
import logging.handlers
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, close_old_connections, transaction

from paper_trading.bot import (
    accounts,
    banner,
    bot_account,
    command_line,
    controls,
    failures,
    intervals,
    opening,
    progress,
)
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.command_line import BadArguments
from paper_trading.bot.market_analyzer import MarketAnalyzer
from paper_trading.bot.position_manager import PositionManager
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.bot.statistics import report
from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.intelligence.levels import appetite
from paper_trading.models import (
    Market,
    PaperTradingAccount,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    StopReason,
    Tick,
    TickStatus,
    Trigger,
)
from paper_trading.services import market_setup

logger = logging.getLogger(__name__)

LOG_FILE = Path("paper_trading_bot.log")
DEFAULT_TICK_INTERVAL = Decimal(intervals.DEFAULT_MS) / 1000
#: How often the loop looks for a due slot: a share of the interval, and not too rarely.
_LOOKS_AN_INTERVAL = 20
_LONGEST_PAUSE = 1.0
#: Not every system has all of them.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
#: A signal is noticed this soon while the loop has nothing to do.
_NAP = 0.1
#: A server may be away for so long; then somebody else must start the bot again.
_PATIENCE_SECONDS = 60.0


class EnhancedPaperTradingBot:
    """Runs one session of an account in this process until it is told to stop.

    Ticks go through the same rows as under Celery, so the two can take turns on a session.
    """

    def __init__(
        self,
        account_name: str,
        intel_level: int = 5,
        *,
        use_real_prices: bool = False,
        chain_id: int | None = None,
        tick_interval: Decimal | int | float | str = DEFAULT_TICK_INTERVAL,
        max_ticks: int | None = None,
        prices: str | None = None,
        market: Market | None = None,
    ) -> None:
        self.account_name = account_name
        self.intel_level = intel_level
        self.use_real_prices = use_real_prices
        self.tick_interval = tick_interval
        self.max_ticks = max_ticks
        if use_real_prices and prices is None and market is None:
            prices = command_line.LIVE
        self.wanted = bot_account.Wanted(account_name, prices, chain_id, market)
        self.session: PaperTradingSession | None = None
        #: What `tick_report` prints of the session, once it has ended.
        self.statistics: dict[str, Any] | None = None
        self._signal: signal.Signals | None = None
        self._away_since: float | None = None

    def initialize(self) -> None:
        """Open or find account and session. ControlRefused, ValueError say what is wrong."""
        interval_ms = self._checked_interval_ms()
        market_setup.sync_registry()
        found, market = self.wanted.find()
        if found is not None:
            self._finish_left_open(found)
        with transaction.atomic():
            account = found or self.wanted.open(market)
            self.session = self._session(account, interval_ms)
        for line in banner.lines(self.session):
            logger.info("%s", line)

    def run(self) -> None:
        """Open and run due ticks until the session ends or a signal comes; then shut down."""
        session = self._require_session()
        self._setup_signal_handlers()
        pause = min(session.interval_ms / 1000 / _LOOKS_AN_INTERVAL, _LONGEST_PAUSE)
        while self._signal is None and self._look(session):
            self._rest(pause if self._away_since is None else _LONGEST_PAUSE)
        if self._signal is not None:
            logger.info("%s: the tick is finished, stopping", self._signal.name)
        self.shutdown()

    def shutdown(self) -> None:
        """Stop the session if it runs and log the final statistics."""
        session = self._require_session()
        session.refresh_from_db()
        if session.status == SessionStatus.RUNNING:
            # Somebody else may stop it at the same moment.
            with suppress(ControlRefused):
                controls.stop(session)
        self.statistics = report([session.pk])
        for line in banner.statistics(self.statistics):
            logger.info("%s", line)

    def _setup_signal_handlers(self) -> None:
        """Let Ctrl+C, SIGTERM and a closed terminal finish the tick under way, then stop."""
        if threading.current_thread() is not threading.main_thread():
            return
        for name in _ENDING:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._ask_to_stop)

    def _ask_to_stop(self, number: int, _: FrameType | None) -> None:
        # It may interrupt anything, a log line too: a note is all that is safe to take here.
        self._signal = signal.Signals(number)

    def _look(self, session: PaperTradingSession) -> bool:
        """Serve what is due; False when the session has ended. A server may be away for a while.

        OperationalError and the like when it stays away.
        """
        try:
            for tick_id in self._due(session):
                self._run_tick(session, tick_id)
                if self._signal is not None:
                    break  # Before another one is opened.
            session.refresh_from_db(fields=["status", "stop_reason"])
        except failures.INFRASTRUCTURE as error:
            logger.error("a server does not answer: %s", _line(error))
            close_old_connections()
            since = self._away_since = self._away_since or time.monotonic()
            if time.monotonic() - since > _PATIENCE_SECONDS:
                raise
            return True
        self._away_since = None
        if session.status == SessionStatus.RUNNING:
            return True
        logger.info("Session ended: %s", session.get_stop_reason_display())
        return False

    def _due(self, session: PaperTradingSession) -> Iterator[int]:
        """Yield the ticks to run: left open by a killed process, asked for by hand, due now."""
        yield from {step.tick_id for step in progress.sweep([session.pk])}
        if session.requests.filter(kind=RequestKind.TICK, tick=None).exists():
            asked = opening.open_manual_tick(session.pk)
            if asked is not None:
                yield asked
        yield from opening.open_due_ticks(Trigger.BOT, [session.pk])

    def _run_tick(self, session: PaperTradingSession, tick_id: int) -> None:
        """Run a tick; what a stage cannot handle is kept, and the tick is tried again.

        This is the boundary that a task is under Celery: the lease runs out, the sweep counts
        the attempts, and the last one stops entries.
        """
        positions = PositionManager(session.account_id)
        try:
            MarketAnalyzer.tick(
                tick_id,
                RealPriceManager(session.account.market),
                positions,
                TradeExecutor(positions),
            )
        except failures.INFRASTRUCTURE:
            raise
        except Exception:
            stage = Tick.objects.values_list("stage", flat=True).get(pk=tick_id)
            logger.exception("failed: tick %s stage %s", tick_id, stage)
            failures.keep(tick_id, stage, traceback.format_exc())

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._signal is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))

    def _require_session(self) -> PaperTradingSession:
        if self.session is None:
            raise RuntimeError("initialize() comes first")
        return self.session

    def _checked_interval_ms(self) -> int:
        """Refuse what is wrong before anything is written; return the interval."""
        if self.use_real_prices and self.wanted.prices != command_line.LIVE:
            raise ControlRefused(
                f"use_real_prices means {command_line.LIVE} prices, not {self.wanted.prices}."
            )
        appetite(self.intel_level)
        if self.max_ticks is not None and not 1 <= self.max_ticks <= command_line.MOST_TICKS:
            raise ControlRefused(
                f"max_ticks was {self.max_ticks}; allowed is 1 to {command_line.MOST_TICKS}."
            )
        self.wanted.check()
        return intervals.milliseconds(str(self.tick_interval))

    def _finish_left_open(self, account: PaperTradingAccount) -> None:
        """Finish the tick that a killed bot left on a session that was stopped meanwhile."""
        stopped = account.sessions.filter(
            status=SessionStatus.STOPPED, ticks__status=TickStatus.OPEN
        )
        for session in stopped.distinct():
            for step in progress.sweep([session.pk]):
                self._run_tick(session, step.tick_id)

    def _session(self, account: PaperTradingAccount, interval_ms: int) -> PaperTradingSession:
        running = account.sessions.filter(status=SessionStatus.RUNNING).first()
        if running is not None:
            return self._go_on(running, interval_ms)
        strategy = bot_account.strategy_of(account.owner)
        return accounts.open_session(
            account, strategy, self.intel_level, interval_ms, self.max_ticks
        )

    def _go_on(self, running: PaperTradingSession, interval_ms: int) -> PaperTradingSession:
        """Go on with a running session as it is, but for the number of ticks."""
        wanted, found = (
            f"level {level} at {ms / 1000:g} s"
            for level, ms in (
                (self.intel_level, interval_ms),
                (running.intel_level, running.interval_ms),
            )
        )
        if wanted != found:
            raise ControlRefused(
                f"{self.account_name} runs {found}, not {wanted}; stop that session first."
            )
        if self.max_ticks is not None:
            running.tick_limit = running.ticks_closed + self.max_ticks
            running.save(update_fields=["tick_limit"])
        return running


def set_up_logging(file: Path = LOG_FILE, level: str | None = None) -> None:
    """Log to the console and to a UTF-8 file. OSError when the file cannot be written.

    A console of another encoding (Windows) is switched to UTF-8; what it cannot show becomes
    a question mark instead of an exception.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    to_file = logging.handlers.RotatingFileHandler(
        file, maxBytes=10_000_000, backupCount=3, encoding="utf-8"
    )
    ours = logging.getLogger("paper_trading")
    for handler in (logging.StreamHandler(sys.stdout), to_file):
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        ours.addHandler(handler)
    ours.propagate = False
    if level is not None:
        ours.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bot from the command line and return its exit code.

    0: ended as asked; 1: something failed inside, or a server went away for good; 2: refused,
    nothing was started; 130: interrupted before the first tick.
    """
    try:
        chosen = command_line.parse(arguments)
        set_up_logging(level=chosen.log_level)
    except BadArguments as error:
        return _complain(_line(error), 2)
    except OSError as error:
        return _complain(f"{LOG_FILE} cannot be written: {error.strerror}", 2)
    try:
        bot = EnhancedPaperTradingBot(
            chosen.account_name,
            chosen.intel_level,
            tick_interval=chosen.tick_interval,
            max_ticks=chosen.max_ticks,
            prices=chosen.prices,
            chain_id=chosen.chain_id,
        )
        bot.initialize()
    except (ControlRefused, OSError, ValueError) as error:
        return _complain(_line(error), 2)
    except ImproperlyConfigured:
        return _complain("DATABASE_URL is not set", 2)
    except DatabaseError as error:
        return _complain(f"the database cannot be used: {_line(error)}", 2)
    except KeyboardInterrupt:
        return _complain("interrupted before the first tick", 130)
    try:
        bot.run()
    except failures.INFRASTRUCTURE as error:
        logger.error("stopped: a server stays away: %s", _line(error))
        return 1
    found = bot.statistics or {}
    whole = all(one["stop_reason"] != StopReason.RECORD_CHANGED for one in found["sessions"])
    return 0 if whole and found["ledger_ok"] and not found["internal_errors"] else 1


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{command_line.PROGRAM}: error: {text}\n")
    return code


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
