"""Replay a stored session against its rows, or a price file without a database."""

import json
import time
from argparse import ArgumentParser
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from paper_trading.bot.replay.bias import biases, truncated
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.file_run import LevelRun, run_file
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.words import number_of
from paper_trading.intelligence.user_signals import digest
from paper_trading.management.arguments import levels, positive
from paper_trading.management.progress import teller
from paper_trading.management.tables import table
from paper_trading.models import PaperTradingSession
from paper_trading.models.strategy import strategy_with
from paper_trading.services import signal_folder
from paper_trading.services.signal_process import CannotStart
from paper_trading.services.sources.base import BACKFILL_STEPS
from paper_trading.services.sources.recorded import RecordedFile, RecordedFileError

_HEAD = ("level", "ticks", "trades", "open", "won", "lost", "denied", "failed", "equity USD")
#: Parts of a file after which its future is changed.
_CUTS = (0.25, 0.5, 0.75)


class Command(BaseCommand):
    """Exit 0 when all is identical, 1 at a difference, 2 when it cannot be looked at."""

    help = __doc__ or ""
    # A file needs no database, and a check of migrations would ask for one.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a session to verify, or a file with levels and settings."""
        parser.allow_abbrev = False
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--session", type=positive, metavar="ID", help="a stored session")
        what.add_argument("--prices", type=Path, metavar="FILE", help="a CSV file, also .gz")
        parser.add_argument("--verify", action="store_true", help="compare a session with its rows")
        parser.add_argument("--levels", type=levels, help="5 (default), 1-10 or 5,10")
        parser.add_argument("--ticks", type=positive, help="replay the first ticks of a file only")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="a strategy setting"
        )
        parser.add_argument(
            "--check-bias", action="store_true", help="cut and shuffle the future of a file"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Do one or the other."""
        try:
            if options["session"] is not None:
                self._session(options)
            else:
                self._file(options)
        except CannotStart as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def _session(self, options: dict[str, Any]) -> None:
        if not options["verify"]:
            raise CommandError("a session is replayed with --verify", returncode=2)
        for name in ("set", "ticks", "check_bias", "levels"):
            if options[name]:
                said = f"--{name.replace('_', '-')} is for --prices"
                raise CommandError(said, returncode=2)
        try:
            found = verify(options["session"], teller(self.stderr.write, "step"))
        except PaperTradingSession.DoesNotExist:
            raise CommandError(f"there is no session {options['session']}", returncode=2) from None
        except NoJournal as error:
            raise CommandError(str(error), returncode=2) from error
        except Mismatch as error:
            raise CommandError(f"not identical. {error}", returncode=1) from error
        except (ImproperlyConfigured, Error) as error:
            said = " ".join(str(error).split())
            raise CommandError(f"no database to read: {said}", returncode=2) from error
        whole = "" if found.to_the_end else "; the account went on, its own rows were not compared"
        self.stdout.write(
            f"identical: session {found.session}, {number_of(found.ticks, 'tick')}"
            f" ({found.closed} closed), {number_of(found.steps, 'step')} of the market{whole}"
        )
        for where in found.broken:
            self.stdout.write(
                f"{where}: an error inside is stored of its venue; the orders that it denied"
                " are not comparable and were taken as stored"
            )

    def _file(self, options: dict[str, Any]) -> None:
        if options["verify"]:
            raise CommandError("--verify is for --session", returncode=2)
        try:
            file = RecordedFile.open(options["prices"])
            strategy = strategy_with(_settings(options["set"]))
            _require_symbols(strategy, file)
        except (RecordedFileError, ValueError) as error:
            raise CommandError(str(error), returncode=2) from error
        if options["check_bias"]:
            shorter = file if options["ticks"] is None else truncated(file, options["ticks"])
            self._bias(shorter, options, strategy)
            return
        began = time.monotonic()
        runs = run_file(
            file,
            options["levels"] or [5],
            strategy,
            options["ticks"],
            teller(self.stderr.write, "tick"),
        )
        self._print(file, runs, time.monotonic() - began)

    def _bias(self, file: RecordedFile, options: dict[str, Any], strategy: Strategy) -> None:
        last = file.steps - BACKFILL_STEPS
        cuts = sorted({max(1, min(last - 1, int(last * part))) for part in _CUTS})
        if last < 2:
            raise CommandError("a file of one tick has no future to change", returncode=2)
        found = []
        for level in options["levels"] or [5]:
            self.stderr.write(f"level {level}: cuts after tick {', '.join(map(str, cuts))}")
            found += biases(file, level, strategy, cuts, seed=1)
        if found:
            raise CommandError("\n".join(map(str, found)), returncode=1)
        self.stdout.write(
            f"no look-ahead: {number_of(len(cuts), 'cut')}, each with the future cut off and"
            f" shuffled, changed nothing before them"
        )

    def _print(self, file: RecordedFile, runs: list[LevelRun], seconds: float) -> None:
        results = [run.result() for run in runs]
        self.stdout.write(table(_HEAD, [_line(found) for found in results]))
        ticks = runs[0].ticks
        self.stdout.write(
            json.dumps(
                {
                    "file": file.path.name,
                    "sha256": file.sha256,
                    "signals": digest(signal_folder.good()),
                    "tokens": len(file.symbols),
                    "ticks": ticks,
                    "seconds": round(seconds, 3),
                    "token_steps_per_second": round(
                        (ticks + BACKFILL_STEPS) * len(file.symbols) / max(seconds, 1e-9)
                    ),
                    "levels": results,
                }
            )
        )


def _line(found: dict[str, Any]) -> list[object]:
    """Return the line of a level in the table of results."""
    return [
        found["level"],
        found["ticks"],
        found["trades"],
        found["positions_open"],
        found["winning_trades"],
        found["losing_trades"],
        sum(found["denials"].values()),
        sum(found["failures"].values()),
        f"{Decimal(found['equity_usd']):,.2f}",
    ]


def _require_symbols(strategy: Strategy, file: RecordedFile) -> None:
    """Refuse a list of tokens that names one the file does not have."""
    for name in ("allowed_tokens", "blocked_tokens"):
        unknown = sorted(set(getattr(strategy, name)) - set(file.symbols))
        if unknown:
            known = ", ".join(file.symbols)
            raise ValueError(f"{name} was {unknown[0]!r}; the file has {known}")


def _settings(texts: list[str]) -> dict[str, str]:
    """Return the settings of NAME=VALUE texts."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--set was {text!r}; allowed is NAME=VALUE")
        if name.strip() in found:
            raise ValueError(f"--set names {name.strip()} twice")
        found[name.strip()] = value.strip()
    return found
