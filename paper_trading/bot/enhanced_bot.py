"""The bot as one process: the same stages as the Celery chain, run inline by a loop."""

import argparse
import logging
import logging.handlers
import signal
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import FrameType

from django.contrib.auth.models import User

from paper_trading.bot import accounts, controls, intervals, opening, progress, stages
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.statistics import report
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.models import (
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    Tick,
    TickStatus,
    Trigger,
)
from paper_trading.services import market_setup

logger = logging.getLogger(__name__)

LOG_FILE = Path("paper_trading_bot.log")
DEFAULT_TICK_INTERVAL = Decimal(intervals.DEFAULT_MS) / 1000
#: How often the loop looks for a due slot, as a share of the interval.
_LOOKS_AN_INTERVAL = 20


class EnhancedPaperTradingBot:
    """Runs one session of an account in this process until it is told to stop.

    Ticks go through the same rows as under Celery, so the two can take turns on a session.
    """

    def __init__(
        self,
        account_name: str,
        intel_level: int = 5,
        tick_interval: Decimal = DEFAULT_TICK_INTERVAL,
        max_ticks: int | None = None,
        market: Market | None = None,
    ) -> None:
        self.account_name = account_name
        self.intel_level = intel_level
        self.interval_ms = int(tick_interval * 1000)
        self.max_ticks = max_ticks
        self.market = market
        self.session: PaperTradingSession | None = None
        self._stopping = threading.Event()

    def initialize(self) -> None:
        """Open or find account and session. ControlRefused, ValueError say what is wrong."""
        market_setup.sync_registry()
        account = self._account()
        strategy, _ = PaperStrategyConfiguration.objects.get_or_create(
            owner=account.owner, name="Default"
        )
        running = account.sessions.filter(status=SessionStatus.RUNNING).first()
        if running is None:
            self.session = accounts.open_session(
                account, strategy, self.intel_level, self.interval_ms, self.max_ticks
            )
        else:
            self.session = self._go_on(running)
        for line in self._banner(account.market):
            logger.info(line)

    def run(self) -> None:
        """Open and run due ticks until the session ends or `shutdown` is asked for."""
        session = self._require_session()
        self._setup_signal_handlers()
        pause = self.interval_ms / 1000 / _LOOKS_AN_INTERVAL
        while not self._stopping.is_set():
            # A bot that was killed in the middle of a tick left it open.
            for tick_id in {step.tick_id for step in progress.sweep([session.pk])}:
                stages.run_to_end(tick_id)
                self._log_tick(tick_id)
            for tick_id in opening.open_due_ticks(Trigger.BOT, [session.pk]):
                stages.run_to_end(tick_id)
                self._log_tick(tick_id)
            session.refresh_from_db(fields=["status", "stop_reason"])
            if session.status != SessionStatus.RUNNING:
                logger.info("Session ended: %s", session.get_stop_reason_display())
                break
            self._stopping.wait(pause)
        self.shutdown()

    def shutdown(self) -> None:
        """Stop the session if it runs and log the final statistics."""
        session = self._require_session()
        session.refresh_from_db()
        if session.status == SessionStatus.RUNNING:
            controls.stop(session)
        found = report([session.pk])
        for name, counted in found["sessions"][0].items():
            logger.info("  %s: %s", name, counted)
        logger.info("  ledger_ok: %s", found["ledger_ok"])

    def _setup_signal_handlers(self) -> None:
        """Let Ctrl+C and SIGTERM finish the tick that is under way, then stop."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, _: FrameType | None) -> None:
        logger.info("Signal %s: finishing the tick, then stopping", number)
        self._stopping.set()

    def _require_session(self) -> PaperTradingSession:
        if self.session is None:
            raise RuntimeError("initialize() comes first")
        return self.session

    def _account(self) -> PaperTradingAccount:
        found = (
            PaperTradingAccount.objects.filter(name=self.account_name, archived_at=None)
            .select_related("owner", "market")
            .first()
        )
        if found is not None:
            if self.market is not None and found.market_id != self.market.pk:
                raise ControlRefused(
                    f"{found.name} trades on {found.market}, not on {self.market}."
                )
            return found
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        if owner is None:
            raise ControlRefused("There is no administrator to own the account; make one first.")
        market = self.market or market_setup.simulated_market()
        return accounts.open_account(owner, self.account_name, market)

    def _go_on(self, running: PaperTradingSession) -> PaperTradingSession:
        """Go on with a running session as it is, but for the number of ticks."""
        wanted, found = (
            f"level {level} at {interval_ms / 1000:g} s"
            for level, interval_ms in (
                (self.intel_level, self.interval_ms),
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

    def _banner(self, market: Market) -> list[str]:
        session = self._require_session()
        strategy = session.strategy.current_version().as_strategy()
        engine = IntelSliderEngine(session.intel_level, strategy)
        lines = [
            f"Account {session.account.name}, session {session.pk}",
            f"Market {market.name}: {market.assumptions}",
            f"Tick every {session.interval_ms / 1000:g} s",
        ]
        return lines + [f"  {name}: {text}" for name, text in engine.describe().items()]

    def _log_tick(self, tick_id: int) -> None:
        tick = Tick.objects.get(pk=tick_id)
        if tick.status != TickStatus.CLOSED:
            logger.warning("%s ended %s: %s", tick, tick.status, tick.get_reason_display())
            return
        equity = tick.equity.equity_usd
        logger.info("Tick %s %s, equity %.2f USD", tick.number, tick.trading_state, equity)


def set_up_logging(file: Path = LOG_FILE) -> None:
    """Log to the console and to a UTF-8 file, whatever the console's encoding is."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    line = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in (
        logging.StreamHandler(sys.stdout),
        logging.handlers.RotatingFileHandler(
            file, maxBytes=10_000_000, backupCount=3, encoding="utf-8"
        ),
    ):
        handler.setFormatter(line)
        logging.getLogger("paper_trading").addHandler(handler)
    logging.getLogger("paper_trading").propagate = False


def parser() -> argparse.ArgumentParser:
    """Return the command line of `python -m paper_trading.bot`."""
    found = argparse.ArgumentParser(prog="paper_trading.bot", description=__doc__)
    found.add_argument("--account-name", required=True)
    found.add_argument("--intel-level", type=int, default=5, choices=range(1, 11))
    found.add_argument("--tick-interval", type=_seconds, default=DEFAULT_TICK_INTERVAL)
    found.add_argument("--max-ticks", type=_count)
    return found


def _seconds(text: str) -> Decimal:
    try:
        return Decimal(intervals.milliseconds(text)) / 1000
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"was {text}; allowed is a whole number from 1")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bot from the command line and return its exit code."""
    chosen = parser().parse_args(arguments)
    set_up_logging()
    bot = EnhancedPaperTradingBot(
        chosen.account_name, chosen.intel_level, chosen.tick_interval, chosen.max_ticks
    )
    try:
        bot.initialize()
    except (ControlRefused, ValueError) as error:
        logger.error("%s", error)
        return 2
    bot.run()
    return 0
