"""Read and check the command line of `dev.py`; standard library only."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn

from .errors import Refused

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / ".data"

USAGE = """\
usage: python3 dev.py up [options]              run everything; Ctrl+C stops it
       python3 dev.py test [pytest arguments]   run the tests on throw-away servers
       python3 dev.py bot [options]             run one account in the foreground, without Celery
       python3 dev.py manage [--data DIR] ARGS  run a management command on the same servers
       python3 dev.py faults [options]          kill the running stack and check what came of it

python3 dev.py up --help and python3 dev.py bot --help name the options."""
MANAGE_USAGE = """\
usage: python3 dev.py manage [--data DIR] ARGS

Runs `manage.py ARGS` against the servers of a running `up`, or starts them for the duration
of the command. `python3 dev.py manage help` names the commands."""
TEST_USAGE = """\
usage: python3 dev.py test [pytest arguments]

Runs the tests on throw-away PostgreSQL and Valkey servers. DATABASE_URL and REDIS_URL are not
used and the data directory is not touched. Example: python3 dev.py test tests/engine -x"""

#: What the market keeps of a price file's place.
LONGEST_PATH = 500
LIVE, SIMULATED, RECORDED = "live", "simulated", "recorded:"
_REPLAY, _PRICES, _PRICE_PLAN = "replay", "--prices", "price_plan"
INTERVAL_RANGE = "a number of seconds from 0.2 to 3600 with at most three decimals"
PLANTS = ("double-commit", "lost-update", "stale-cache")
LEVELS_RANGE = "levels from 1 to 10, each once, as 5 or 1-10 or 5,10"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `up` runs: prices, seconds between ticks, levels, ticks to count, ports, data."""

    prices: str = LIVE
    interval: Decimal = Decimal(15)
    levels: tuple[int, ...] = (5,)
    ticks: int | None = None
    port: int = 8000
    data: Path = DEFAULT_DATA

    @property
    def flower_port(self) -> int:
        """Return the port of Flower: the one after the page's."""
        return self.port + 1

    @property
    def recorded_file(self) -> Path | None:
        """Return the price file as an absolute path, or None when prices come from no file."""
        if not self.prices.startswith(RECORDED):
            return None
        return Path(self.prices[len(RECORDED) :]).expanduser().resolve()


@dataclass(frozen=True, slots=True)
class ManageOptions:
    """A management command and the data directory whose servers it uses."""

    arguments: tuple[str, ...]
    data: Path = DEFAULT_DATA

    @property
    def needs_servers(self) -> bool:
        """Return whether the command reads a database.

        The replay of a price file and the source plan do not.
        """
        if self.arguments[:1] == (_PRICE_PLAN,):
            return False
        files = [word for word in self.arguments if word.split("=")[0] == _PRICES]
        return not (self.arguments[:1] == (_REPLAY,) and files)


@dataclass(frozen=True, slots=True)
class PytestOptions:
    """Arguments handed to pytest."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FaultsOptions:
    """How many kills, drawn by which seed, at which sessions, and what is put in."""

    kills: int = 300
    seed: int = 1
    interval: Decimal = Decimal(15)
    levels: tuple[int, ...] = tuple(range(1, 11))
    plant: str = ""
    aof: bool = True
    log: Path | None = None

    def words(self) -> tuple[str, ...]:
        """Return the arguments that give these options in any current directory."""
        words = ["--kills", str(self.kills), "--seed", str(self.seed)]
        words += ["--interval", f"{self.interval:f}", "--levels", ",".join(map(str, self.levels))]
        words += ["--plant", self.plant] if self.plant else []
        words += [] if self.aof else ["--no-aof"]
        return (*words, "--log", str(self.log)) if self.log else tuple(words)


@dataclass(frozen=True, slots=True)
class BotOptions:
    """What the bot shall check itself, and the data directory whose servers it uses."""

    arguments: tuple[str, ...]
    data: Path = DEFAULT_DATA


Command = UpOptions | ManageOptions | BotOptions | PytestOptions | FaultsOptions
_COMMANDS = "allowed are up, bot, test, manage and faults"


def parse(arguments: Sequence[str]) -> Command | str:
    """Return the command that the arguments name, or the help text that they ask for.

    Raises Refused with one line that names the wrong value and what is allowed.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        if not arguments:
            raise Refused(f"a command is missing; {_COMMANDS}")
        return USAGE
    command, *rest = arguments
    if command == "up":
        return _parse_up(rest)
    if command == "manage":
        return _parse_manage(rest)
    if command == "bot":
        return _parse_bot(rest)
    if command == "test":
        return TEST_USAGE if rest in (["-h"], ["--help"]) else PytestOptions(tuple(rest))
    if command == "faults":
        return _parse_faults(rest)
    raise Refused(f"{command}: not a command; {_COMMANDS}")


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}; {self.prog} --help names the options")


def _up_parser() -> _OneLineParser:
    parser = _OneLineParser(
        prog="python3 dev.py up",
        description="Run servers, web, worker, beat and Flower together; Ctrl+C stops them.",
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("-h", "--help", action="store_true", help="show this help")
    add("--prices", metavar="SOURCE", help="live (default), simulated or recorded:FILE")
    add("--interval", metavar="SECONDS", help="seconds between ticks, 0.2 to 3600 (default 15)")
    add("--levels", metavar="LEVELS", help="5 (default), 1-10 or 5,10: one session for each")
    add("--ticks", metavar="N", help="stop after N closed ticks of each session and report")
    add("--port", metavar="PORT", help="port of the page (default 8000); Flower has the next")
    add("--data", metavar="DIR", help="where the servers keep their data (default .data)")
    return parser


def _parse_up(arguments: Sequence[str]) -> UpOptions | str:
    parser = _up_parser()
    found = parser.parse_args(arguments)
    if found.help:
        return parser.format_help().rstrip()
    given = UpOptions()
    return UpOptions(
        prices=given.prices if found.prices is None else _prices(found.prices),
        interval=given.interval if found.interval is None else _interval(found.interval),
        levels=given.levels if found.levels is None else _levels(found.levels),
        ticks=None if found.ticks is None else _whole("--ticks", found.ticks, 1, 10**9),
        port=given.port if found.port is None else _port(found.port),
        data=given.data if found.data is None else _directory(found.data),
    )


def _faults_parser() -> _OneLineParser:
    parser = _OneLineParser(
        prog="python3 dev.py faults",
        description="Kill the running stack, disturb its messages, and check what came of it.",
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("-h", "--help", action="store_true", help="show this help")
    add("--kills", metavar="N", help="kills that count (default 300)")
    add("--seed", metavar="N", help="seed of the plan (default 1)")
    add("--interval", metavar="SECONDS", help="seconds between ticks, from 8 (default 15)")
    add("--levels", metavar="LEVELS", help="one session for each (default 1-10)")
    add("--plant", metavar="DEFECT", help=f"put a defect in: {', '.join(PLANTS)}")
    add("--no-aof", action="store_true", help="Valkey keeps nothing over a kill")
    add("--log", metavar="FILE", help="keep the log of the kills, one JSON object a line")
    return parser


def _parse_faults(arguments: Sequence[str]) -> FaultsOptions | str:
    parser = _faults_parser()
    found = parser.parse_args(arguments)
    if found.help:
        return parser.format_help().rstrip()
    given = FaultsOptions()
    return FaultsOptions(
        kills=given.kills if found.kills is None else _whole("--kills", found.kills, 1, 10_000),
        seed=given.seed if found.seed is None else _whole("--seed", found.seed, 0, 10**9),
        interval=given.interval if found.interval is None else _long_interval(found.interval),
        levels=given.levels if found.levels is None else _levels(found.levels),
        plant="" if found.plant is None else _plant(found.plant),
        aof=not found.no_aof,
        log=None if found.log is None else _log(found.log),
    )


def _long_interval(text: str) -> Decimal:
    """Return an interval in which a killed stage can wait for its lease and a sweep, and end."""
    value = _interval(text)
    if value < 8:
        raise Refused(f"--interval {text}: allowed is a number of seconds from 8 to 3600")
    return value


def _log(text: str) -> Path:
    path = Path(text or ".").expanduser().resolve()
    if path.is_dir() or not path.parent.is_dir():
        raise Refused(f"--log {text}: allowed is a file in a directory that exists")
    return path


def _plant(text: str) -> str:
    if text not in PLANTS:
        raise Refused(f"--plant {text}: allowed are {', '.join(PLANTS)}")
    return text


def _parse_manage(arguments: Sequence[str]) -> ManageOptions | str:
    rest = list(arguments)
    data = DEFAULT_DATA
    if rest and rest[0] in ("-h", "--help"):
        return MANAGE_USAGE
    if rest and rest[0] == "--data":
        if len(rest) < 2:
            raise Refused("--data: a directory is missing")
        data, rest = _directory(rest[1]), rest[2:]
    elif rest and rest[0].startswith("--data="):
        data, rest = _directory(rest[0].removeprefix("--data=")), rest[1:]
    return ManageOptions(tuple(_absolute(rest) if rest[:1] == [_REPLAY] else rest), data)


def _absolute(arguments: list[str]) -> list[str]:
    """Name the price file of a replay absolutely: commands run in the project's folder."""
    found: list[str] = []
    for place, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == _PRICES and equals:
            word = f"{_PRICES}={Path(value).expanduser().resolve()}"
        elif place and arguments[place - 1] == _PRICES:
            word = str(Path(word).expanduser().resolve())
        found.append(word)
    return found


def _parse_bot(arguments: Sequence[str]) -> BotOptions:
    """Take --data out; the rest is the bot's own, which only the installed project can check."""
    rest, data = list(arguments), DEFAULT_DATA
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--data":
            data = _directory(rest.pop(0) if rest else "")
        elif word.startswith("--data="):
            data = _directory(word.removeprefix("--data="))
        else:
            kept.append(word)
    return BotOptions(tuple(kept), data)


def _prices(text: str) -> str:
    if text in (LIVE, SIMULATED):
        return text
    if not text.startswith(RECORDED) or len(text) == len(RECORDED):
        raise Refused(f"--prices {text}: allowed are {LIVE}, {SIMULATED} and {RECORDED}FILE")
    path = str(Path(text[len(RECORDED) :]).expanduser().resolve())
    if len(path) > LONGEST_PATH or not path.isprintable():
        shown = ascii(path)[:80]
        raise Refused(
            f"--prices recorded:{shown}: allowed is a path of up to {LONGEST_PATH} printable signs"
        )
    return text


def _interval(text: str) -> Decimal:
    try:
        value = Decimal(text if "_" not in text else "nan")
    except InvalidOperation:
        raise Refused(f"--interval {text}: allowed is {INTERVAL_RANGE}") from None
    if not value.is_finite() or not Decimal("0.2") <= value <= 3600 or value != round(value, 3):
        raise Refused(f"--interval {text}: allowed is {INTERVAL_RANGE}")
    return value


def _levels(text: str) -> tuple[int, ...]:
    levels: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise Refused(f"--levels {text}: allowed are {LEVELS_RANGE}")
        if max(len(first), len(last)) > 2:
            raise Refused(f"--levels {text}: allowed are {LEVELS_RANGE}")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= 10:
            raise Refused(f"--levels {text}: allowed are {LEVELS_RANGE}")
        levels.extend(range(low, high + 1))
    if len(set(levels)) != len(levels):
        raise Refused(f"--levels {text}: allowed are {LEVELS_RANGE}")
    return tuple(sorted(levels))


def _port(text: str) -> int:
    port = _whole("--port", text, 1, 65535)
    if port == 65535:
        raise Refused("--port 65535: allowed is a port up to 65534, Flower needs the next one")
    return port


def _whole(option: str, text: str, low: int, high: int) -> int:
    value = int(text) if text.isdecimal() and len(text) < 20 else None
    if value is None or not low <= value <= high:
        raise Refused(f"{option} {text}: allowed is a whole number from {low} to {high}")
    return value


def _directory(text: str) -> Path:
    if not text:
        raise Refused("--data: a directory is missing")
    path = Path(text).expanduser().resolve()
    try:
        path.exists()
    except OSError as error:
        raise Refused(f"--data {text}: {error.strerror}") from None
    return path
