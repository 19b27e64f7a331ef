"""A recorded market: bars read from a CSV file, one step for each of its timestamps."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from paper_trading.services.sources.base import (
    BACKFILL_STEPS,
    EndOfRecord,
    SourceQuote,
    SourceStep,
)
from paper_trading.services.sources.recorded_bars import (
    COLUMNS,
    MAX_SYMBOL_LENGTH,
    Bar,
    read_bars,
)
from paper_trading.services.sources.recorded_text import RecordedFileError, read_text

__all__ = [
    "BACKFILL_STEPS",
    "CASH_PRICE_USD",
    "COLUMNS",
    "DECIMALS",
    "MAX_SYMBOL_LENGTH",
    "POOL_FEE_PIPS",
    "POOL_LIQUIDITY_USD",
    "RecordedFile",
    "RecordedFileError",
    "RecordedSource",
]

#: A file has prices and no depth, so its pools are modelled: both sides of each, in USD.
POOL_LIQUIDITY_USD = Decimal(4_000_000)
#: Fee of the modelled pool in millionths: 0.30 %.
POOL_FEE_PIPS = 3000
#: Decimals of the modelled tokens.
DECIMALS = 18
#: A file says nothing of the stablecoin: cash stands at par.
CASH_PRICE_USD = Decimal(1)

_FILES_KEPT = 4


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFile:
    """A price file, read once and checked as a whole."""

    path: Path
    #: Of the bytes on disk, in hexadecimal.
    sha256: str
    #: Length of a bar: the smallest gap between two timestamps.
    step_seconds: int
    symbols: tuple[str, ...]
    #: Start of the bar of each step.
    starts: tuple[datetime, ...]
    #: Bars of each step, sorted by symbol.
    bars: tuple[tuple[Bar, ...], ...]

    @property
    def steps(self) -> int:
        """Return the number of steps, back-fill included."""
        return len(self.starts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check a file; RecordedFileError names the file, the line and the value."""
        content, text = read_text(path)
        starts, bars, step_seconds = read_bars(path, text, BACKFILL_STEPS + 1)
        return cls(
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
            step_seconds=step_seconds,
            symbols=tuple(sorted({bar.symbol for step in bars for bar in step})),
            starts=starts,
            bars=bars,
        )

    @classmethod
    def open(cls, path: Path) -> "RecordedFile":
        """Return the file from this process's cache, read again when it changed on disk."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return cls.load(path)  # which says what is wrong
        return _load(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_FILES_KEPT)
def _load(path: Path, _size: int, _mtime_ns: int) -> RecordedFile:
    return RecordedFile.load(path)


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """Serve the steps of a file; the market time of a step is its timestamp plus the bar."""

    file: RecordedFile
    name: str = "recorded"

    @property
    def step_seconds(self) -> int:
        """Return the length of a bar."""
        return self.file.step_seconds

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return every symbol of the file, sorted; a step may lack some of them."""
        return self.file.symbols

    def step(self, number: int, state: Mapping[str, Any]) -> SourceStep:
        """Return the step of a number; the state plays no part. EndOfRecord past the end."""
        if number < 0:
            raise ValueError(f"step {number} is below 0, the first step of a record")
        if number >= self.file.steps:
            raise EndOfRecord(f"{self.file.path.name} ends after {self.file.steps} steps")
        start = self.file.starts[number]
        market_time = start + timedelta(seconds=self.step_seconds)
        return SourceStep(
            number=number,
            market_time=market_time,
            quotes={
                bar.symbol: self._quote(bar, start, market_time) for bar in self.file.bars[number]
            },
            cash_price_usd=CASH_PRICE_USD,
            state={},
        )

    def _quote(self, bar: Bar, start: datetime, market_time: datetime) -> SourceQuote:
        return SourceQuote(
            symbol=bar.symbol,
            price_usd=bar.close,
            liquidity_usd=POOL_LIQUIDITY_USD,
            source=self.name,
            start=start,
            observed_at=market_time,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            volume_usd=bar.volume_usd,
        )
