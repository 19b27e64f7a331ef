"""Show what size kills: a session's decisions carried out at $1k to $1M, in memory."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from paper_trading.bot.replay.capacity import capacity
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.management.arguments import positive
from paper_trading.management.capacity_text import curve_text
from paper_trading.management.progress import teller
from paper_trading.models import PaperTradingSession
from paper_trading.services.signal_process import CannotStart


class Command(BaseCommand):
    """Exit 0 with the curve, 1 when the own size is not what was stored, 2 when it cannot look."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a session."""
        parser.allow_abbrev = False
        parser.add_argument("session", type=positive, metavar="SESSION", help="a stored session")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the curve."""
        key = options["session"]
        try:
            found = capacity(key, progress=teller(self.stderr.write, "step"))
        except PaperTradingSession.DoesNotExist:
            raise CommandError(f"there is no session {key}", returncode=2) from None
        except (CannotStart, NoJournal, ValueError) as error:
            raise CommandError(str(error), returncode=2) from error
        except Mismatch as error:
            raise CommandError(f"not what was stored. {error}", returncode=1) from error
        except (ImproperlyConfigured, Error) as error:
            said = " ".join(str(error).split())
            raise CommandError(f"no database to read: {said}", returncode=2) from error
        self.stdout.write(curve_text(found))
