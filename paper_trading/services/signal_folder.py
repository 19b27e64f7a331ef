"""The user's signal folder: which files are there, which of them are signals, and running them."""

import hashlib
import logging
import math
import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from paper_trading.intelligence.bars import EPOCH, Bar
from paper_trading.intelligence.user_signals import SignalFailed, UserSignal, out_of_range
from paper_trading.intelligence.user_source import LARGEST_FILE_BYTES, BadSignal, declaration
from paper_trading.services import signal_process
from paper_trading.services.signal_process import CannotStart, NoReading, TooSlow

logger = logging.getLogger(__name__)

_SECOND = timedelta(seconds=1)
_SAMPLE_SECONDS = 300
_SAMPLE_CLOSE = 100.0
#: How long a file that failed on the sample bars is not tried again, in real time.
_FAILED_SECONDS = 60.0
#: What such files failed with, and until when that is kept.
_failed: dict[tuple["SignalFile", float], tuple["Examined", float]] = {}


@dataclass(frozen=True, slots=True)
class SignalFile:
    """A file of the folder, as it is now."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the content in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Examined:
    """A file of the folder with what was found: a signal, or why it is none."""

    name: str
    signal: UserSignal | None
    reason: str = ""
    #: False when no process could be started to try it: nothing is known of the file.
    tried: bool = True


def folder() -> Path | None:
    """Return the folder of the settings; None when there is none."""
    found: Path | None = settings.SIGNALS_DIR
    return found


def paths() -> list[Path]:
    """Return the folder's Python files by name; those that begin with `_` are left out."""
    place = folder()
    if place is None or not place.is_dir():
        return []
    found = (path for path in place.glob("*.py") if not path.name.startswith("_"))
    return sorted(path for path in found if path.is_file())


def load(path: Path) -> SignalFile:
    """Read a file.

    :raises OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        # One byte more than allowed shows that it is too large.
        return SignalFile(path.stem, file.read(LARGEST_FILE_BYTES + 1))


def examine(*, anew: bool = False) -> tuple[Examined, ...]:
    """Look at every file of the folder: read what it declares, and try it on sample bars.

    What a file gave is kept; that it failed on the bars is kept for a minute, or not at all with
    `anew`: the machine may have been too busy.
    """
    return tuple(_look(path, anew) for path in paths())


def signals() -> tuple[UserSignal, ...]:
    """Return the folder's good signals by name; a broken file is logged with the reason.

    :raises CannotStart: when a file could not be tried: a market without it is another market.
    """
    found = examine(anew=True)
    for one in found:
        if one.signal is None and one.tried:
            logger.error("Signal %s is switched off: %s", one.name, one.reason)
    return _good(found)


def good() -> tuple[UserSignal, ...]:
    """Return the folder's good signals by name.

    :raises CannotStart: when a file could not be tried.
    """
    return _good(examine())


def _good(found: Iterable[Examined]) -> tuple[UserSignal, ...]:
    for one in found:
        if not one.tried:
            raise CannotStart(f"signal {one.name} {one.reason}")
    return tuple(one.signal for one in found if one.signal is not None)


def _look(path: Path, anew: bool) -> Examined:
    try:
        file = load(path)
    except OSError as error:
        return Examined(path.stem, None, f"cannot be read: {error.strerror}")
    key = (file, settings.SIGNAL_SECONDS)
    kept = None if anew else _failed.get(key)
    if kept is not None and time.monotonic() < kept[1]:
        return kept[0]
    _failed.pop(key, None)
    try:
        return _examined(*key)
    except CannotStart as error:
        return Examined(file.name, None, f"could not be tried: {error}", tried=False)
    except NoReading as error:
        found = Examined(file.name, None, str(error))
        _keep_failed(key, found)
        return found


def _keep_failed(key: tuple[SignalFile, float], found: Examined) -> None:
    now = time.monotonic()
    for old in [one for one, (_, until) in tuple(_failed.items()) if until <= now]:
        _failed.pop(old, None)
    _failed[key] = (found, now + _FAILED_SECONDS)


class FolderReader:
    """Runs signals by the folder's files, each as it was when this reader first needed it."""

    def __init__(self) -> None:
        self._paths = {path.stem: path for path in paths()}
        self._files: dict[str, SignalFile] = {}
        self._process = signal_process.shared(settings.SIGNAL_SECONDS)

    def missing(self, signal: UserSignal) -> str:
        """Return why a signal's file is not the one that it was, empty when it is.

        :raises OSError: when the file is there and cannot be read.
        """
        if signal.name not in self._paths:
            return f"{signal.name}.py is not in the signal folder"
        if signal.name not in self._files:
            self._files[signal.name] = load(self._paths[signal.name])
        found = self._files[signal.name].sha256
        if found == signal.sha256:
            return ""
        return f"{signal.name}.py was changed: it is {found[:12]}, it was {signal.sha256[:12]}"

    def read(self, signal: UserSignal, bars: Sequence[Bar]) -> float:
        """Return what a signal says of some closed bars.

        :raises SignalFailed: when its file is another one, or it gives no number in time.
        :raises OSError: when the file cannot be read, or no process can be started
            (CannotStart): neither is a fault of the signal.
        """
        missing = self.missing(signal)
        if missing:
            raise SignalFailed(signal.name, missing)
        source = self._files[signal.name].content.decode("utf-8")
        try:
            return self._process.read(signal.name, signal.sha256, source, columns(bars))
        except NoReading as error:
            slow = isinstance(error, TooSlow)
            raise SignalFailed(signal.name, str(error), slow=slow) from error


def columns(bars: Iterable[Bar]) -> bytes:
    """Return start, open, high, low, close and volume of bars as float64, column by column."""
    rows = [
        (
            float((bar.start - EPOCH) // _SECOND),
            float(bar.open),
            float(bar.high),
            float(bar.low),
            float(bar.close),
            math.nan if bar.volume_usd is None else float(bar.volume_usd),
        )
        for bar in bars
    ]
    return b"".join(array("d", column).tobytes() for column in zip(*rows, strict=True))


@lru_cache(maxsize=256)
def _examined(file: SignalFile, limit_seconds: float) -> Examined:
    """Try a file; what it raises is not kept here."""
    try:
        found = declaration(file.name, file.content)
    except BadSignal as error:
        return Examined(file.name, None, str(error))
    _try(found, file.content.decode("utf-8"), limit_seconds)
    return Examined(file.name, found)


def _try(signal: UserSignal, source: str, limit_seconds: float) -> None:
    """Ask a signal twice about each sample. NoReading says what it may not answer."""
    process = signal_process.shared(limit_seconds)
    for what, bars in samples(signal.bars):
        try:
            first, second = (
                process.read(signal.name, signal.sha256, source, bars) for _ in range(2)
            )
        except NoReading as error:
            raise NoReading(f"on {what}: {error}") from error
        if not math.isfinite(first) or not -1 <= first <= 1:
            raise NoReading(f"on {what}: {out_of_range(first)}")
        if first != second:
            raise NoReading(f"on {what}: gave {first!r}, then {second!r}; one answer is allowed")


def samples(count: int) -> tuple[tuple[str, bytes], ...]:
    """Return the bars that a file is tried on, in words and as columns."""
    waves = [math.sin(place * 0.7) + math.sin(place * 0.13) for place in range(count + 1)]
    closes = [_SAMPLE_CLOSE * math.exp(0.01 * wave) for wave in waves]
    volumes = [1000.0 + 500.0 * wave for wave in waves[1:]]
    unknown = [math.nan] * count
    flat = [_SAMPLE_CLOSE] * (count + 1)
    tiny = [close * 1e-18 for close in closes]
    return (
        ("moving prices", _sample(closes, volumes)),
        ("prices without volume", _sample(closes, unknown)),
        ("constant prices", _sample(flat, [0.0] * count)),
        ("prices of 1e-16", _sample(tiny, volumes)),
    )


def _sample(closes: Sequence[float], volumes: Sequence[float]) -> bytes:
    opens, ends = closes[:-1], closes[1:]
    table = (
        [float(_SAMPLE_SECONDS * place) for place in range(len(ends))],
        opens,
        [max(pair) for pair in zip(opens, ends, strict=True)],
        [min(pair) for pair in zip(opens, ends, strict=True)],
        ends,
        volumes,
    )
    return b"".join(array("d", column).tobytes() for column in table)
