"""The command line of the bot: what may be asked for, and one line for what may not.

It needs no settings and no database, so that a launcher can check it before it starts any.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from paper_trading.bot import intervals
from paper_trading.intelligence.levels import HIGHEST, LOWEST
from paper_trading.services.sources.recorded import RecordedFile, RecordedFileError
from paper_trading.services.token_registry import CHAINS, DEFAULT_CHAIN_ID

PROGRAM = "paper_trading.bot"
LIVE, SIMULATED, RECORDED = "live", "simulated", "recorded:"
#: What `prices` can be, for people.
ALLOWED_PRICES = f"{LIVE}, {SIMULATED} and {RECORDED}FILE"
LONGEST_NAME = 120
MOST_TICKS = 10**9
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadArguments(ValueError):
    """Say in one line which argument is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command line asks for; None leaves it to the account or to the default."""

    account_name: str
    intel_level: int
    tick_interval: Decimal
    prices: str | None
    chain_id: int | None
    max_ticks: int | None
    log_level: str | None


def parse(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> Chosen:
    """Return what the arguments ask for. BadArguments names what is wrong; --help exits."""
    found = parser(program).parse_args(arguments)
    if found.use_real_prices and found.prices not in (None, LIVE):
        raise BadArguments(f"--use-real-prices means --prices {LIVE}, not {found.prices!a}")
    wanted = LIVE if found.use_real_prices else found.prices
    return Chosen(
        account_name=account_name(found.account_name),
        intel_level=_whole("--intel-level", found.intel_level, LOWEST, HIGHEST),
        tick_interval=_seconds(found.tick_interval),
        prices=None if wanted is None else checked_prices(wanted),
        chain_id=None if found.chain_id is None else _chain(found.chain_id),
        max_ticks=None
        if found.max_ticks is None
        else _whole("--max-ticks", found.max_ticks, 1, MOST_TICKS),
        log_level=None if found.log_level is None else _log_level(found.log_level),
    )


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadArguments(f"{message}; --help names the options")


def parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """Return the parser of `python -m paper_trading.bot`."""
    found = _OneLineParser(
        prog=program,
        description="Run one account's session in this process until Ctrl+C.",
        allow_abbrev=False,
    )
    add = found.add_argument
    add("--account-name", metavar="NAME", required=True, help="the account; made when it is new")
    add("--intel-level", metavar="LEVEL", default="5", help="1 to 10 (default 5)")
    add("--tick-interval", metavar="SECONDS", default="15", help="0.2 to 3600 (default 15)")
    add("--prices", metavar="SOURCE", help="live, simulated (default) or recorded:FILE")
    add("--chain-id", metavar="ID", help=f"chain that is traded on (default {DEFAULT_CHAIN_ID})")
    add("--max-ticks", metavar="N", help="stop after N closed ticks")
    add("--log-level", metavar="WORD", help="DEBUG, INFO (default), WARNING or ERROR")
    add("--use-real-prices", action="store_true", help="the same as --prices live")
    return found


def account_name(text: str) -> str:
    """Return a name that an account can have, or raise BadArguments."""
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise BadArguments(
            f"account name {ascii(text)[:80]}: allowed are 1 to {LONGEST_NAME} printable signs"
        )
    return text.strip()


def checked_prices(text: str) -> str:
    """Return a source of prices whose file, if it is one, can be played; else BadArguments."""
    if text in (LIVE, SIMULATED):
        return text
    name = text.removeprefix(RECORDED)
    if name == text or not name:
        raise BadArguments(f"prices {ascii(text)[:80]}: allowed are {ALLOWED_PRICES}")
    try:
        RecordedFile.open(Path(name).expanduser())
    except RecordedFileError as error:
        raise BadArguments(f"prices: {error}") from error
    return f"{RECORDED}{Path(name).expanduser().resolve()}"


def chain(chain_id: int) -> int:
    """Return a chain of the registry, or raise BadArguments."""
    if chain_id not in CHAINS:
        known = ", ".join(f"{found.chain_id} ({found.name})" for found in CHAINS.values())
        raise BadArguments(f"chain id {chain_id}: allowed are {known}")
    return chain_id


def _chain(text: str) -> int:
    return chain(_whole("--chain-id", text, 1, 10**9))


def _seconds(text: str) -> Decimal:
    try:
        return Decimal(intervals.milliseconds(text)) / 1000
    except ValueError as error:
        raise BadArguments(f"--tick-interval: {error}") from error


def _whole(option: str, text: str, low: int, high: int) -> int:
    value = int(text) if text.isdecimal() and len(text) < 20 else None
    if value is None or not low <= value <= high:
        raise BadArguments(
            f"{option} {ascii(text)[:40]}: allowed is a whole number from {low} to {high}"
        )
    return value


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise BadArguments(f"--log-level {ascii(text)[:80]}: allowed are {', '.join(LOG_LEVELS)}")
    return text.upper()
