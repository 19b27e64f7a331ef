"""The rows of a price file as bars, step by step; the first bad row is refused by its line."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from paper_trading.engine.money import CONTEXT, PRICE_PLACES, USD_PLACES
from paper_trading.services.sources.recorded_text import RecordedFileError

#: Required, in any order; other columns are ignored.
COLUMNS = ("timestamp", "symbol", "open", "high", "low", "close", "volume_usd")
MAX_SYMBOL_LENGTH = 20

# What the columns of the database hold: numeric(60,36) for prices, numeric(38,18) for USD.
_PRICE_LIMIT = Decimal(10) ** 24
_USD_LIMIT = Decimal(10) ** 20
_SHOWN = 40
_YEARS = range(1970, 9000)
# Four prices and a volume that need no second look at their digits.
_PLAIN_PRICE = rf"\d{{1,24}}(?:\.\d{{1,{PRICE_PLACES}}})?"
_PLAIN = re.compile(
    rf"(?:{_PLAIN_PRICE},){{4}}\d{{1,20}}(?:\.\d{{1,{USD_PLACES}}})?", flags=re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", flags=re.ASCII)


class Bar(NamedTuple):
    """Prices in USD per whole token and the volume of one token in one step."""

    symbol: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume_usd: Decimal


@dataclass(slots=True)
class _Step:
    """The bars of one timestamp while its rows are being read."""

    start: datetime
    line: int
    bars: dict[str, Bar] = field(default_factory=dict)


def read_bars(
    path: Path, text: str, least_steps: int
) -> tuple[tuple[datetime, ...], tuple[tuple[Bar, ...], ...], int]:
    """Return the starts, the bars of each start sorted by symbol, and the bar in seconds."""
    steps = _Reader(path).steps(text)
    if len(steps) < least_steps:
        raise RecordedFileError(
            path, f"holds {len(steps)} steps and at least {least_steps} are needed"
        )
    return (
        tuple(step.start for step in steps),
        tuple(tuple(step.bars[symbol] for symbol in sorted(step.bars)) for step in steps),
        _bar_seconds(path, steps),
    )


def _bar_seconds(path: Path, steps: list[_Step]) -> int:
    """Return the smallest gap; every other gap must be a multiple of it."""
    gaps = [int((step.start - before.start).total_seconds()) for before, step in pairwise(steps)]
    bar = min(gaps)
    for step, gap in zip(steps[1:], gaps, strict=True):
        if gap % bar:
            raise RecordedFileError(
                path, f"gap of {gap} s is not a multiple of the bar of {bar} s", step.line
            )
    return bar


class _Reader:
    """Read one file's rows; keeps what has been parsed before, since values repeat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._moments: dict[str, datetime] = {}
        self._symbols: dict[str, str] = {}

    def steps(self, text: str) -> list[_Step]:
        """Return the steps of a file in its order, which must be that of time."""
        rows = self._rows(text)
        header = next(rows, None)
        if header is None:
            raise RecordedFileError(self._path, f"is empty; columns needed: {', '.join(COLUMNS)}")
        select = itemgetter(*self._places(*header))
        width = len(header[1])
        steps: list[_Step] = []
        for line, fields in rows:
            if len(fields) != width:
                raise self._error(line, f"{len(fields)} fields, the header has {width}")
            moment, symbol, *numbers = select(fields)
            step = self._step(steps, line, moment)
            bar = self._bar(line, symbol, numbers)
            if bar.symbol in step.bars:
                shown = step.start.isoformat()
                raise self._error(line, f"{bar.symbol!r} appears a second time at {shown}")
            step.bars[bar.symbol] = bar
        return steps

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
        except csv.Error as error:
            raise self._error(reader.line_num, f"is not CSV: {error}") from None

    def _places(self, line: int, header: list[str]) -> list[int]:
        names = [name.strip() for name in header]
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            needed = f"{', '.join(missing)} missing; needed: {', '.join(COLUMNS)}"
            raise self._error(line, f"columns {needed}")
        for name in COLUMNS:
            if names.count(name) > 1:
                raise self._error(line, f"column {name} appears {names.count(name)} times")
        return [names.index(name) for name in COLUMNS]

    def _step(self, steps: list[_Step], line: int, text: str) -> _Step:
        moment = self._moments.get(text)
        if moment is None:
            moment = self._moments[text] = self._parse_moment(line, text)
        if not steps or moment > steps[-1].start:
            steps.append(_Step(moment, line))
        elif moment < steps[-1].start:
            before = steps[-1].start.isoformat()
            raise self._error(line, f"timestamp {_shown(text)} goes back behind {before}")
        return steps[-1]

    def _parse_moment(self, line: int, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            allowed = "ISO 8601 with Z or an offset, as 2018-01-10T04:55:00Z"
            raise self._error(line, f"timestamp {_shown(text)} is not {allowed}") from None
        if moment.utcoffset() is None:
            raise self._error(line, f"timestamp {_shown(text)} needs Z or an offset from UTC")
        if moment.year not in _YEARS or moment.microsecond or _sub_second(moment.utcoffset()):
            allowed = f"a whole second from {_YEARS[0]} to {_YEARS[-1]}"
            raise self._error(line, f"timestamp {_shown(text)} is not {allowed}")
        return moment.astimezone(UTC)

    def _bar(self, line: int, symbol_text: str, texts: list[str]) -> Bar:
        symbol = self._symbols.get(symbol_text)
        if symbol is None:
            symbol = self._symbols[symbol_text] = self._parse_symbol(line, symbol_text)
        if _PLAIN.fullmatch(",".join(texts)):
            bar = Bar(symbol, *map(Decimal, texts))
        else:
            numbers = zip(COLUMNS[2:], texts, strict=True)
            bar = Bar(symbol, *(self._parse_number(line, *number) for number in numbers))
        _, first, high, low, last, _ = bar
        if not (0 < low <= first <= high and low <= last <= high):
            self._refuse_prices(line, bar)
        return bar

    def _parse_symbol(self, line: int, text: str) -> str:
        symbol = text.strip()
        if not symbol:
            raise self._error(line, "symbol is empty")
        if len(symbol) > MAX_SYMBOL_LENGTH or not symbol.isprintable():
            allowed = f"{MAX_SYMBOL_LENGTH} printable characters at most"
            raise self._error(line, f"symbol {_shown(symbol)} is too long or odd: {allowed}")
        return symbol

    def _parse_number(self, line: int, column: str, text: str) -> Decimal:
        """Return a number exactly as written; one that the database would round is refused."""
        is_volume = column == "volume_usd"
        places, limit = (USD_PLACES, _USD_LIMIT) if is_volume else (PRICE_PLACES, _PRICE_LIMIT)
        if not _NUMBER.fullmatch(text.strip()):
            raise self._error(line, f"{column} {_shown(text)} is not a number")
        number = Decimal(text.strip())
        if number < 0 or (number == 0 and not is_volume):
            allowed = "0 or more" if is_volume else "above 0"
            raise self._error(line, f"{column} {_shown(text)} must be {allowed}")
        if number >= limit or not _fits(number, places):
            allowed = f"below 1e{limit.adjusted()} with {places} decimal places at most"
            raise self._error(line, f"{column} {_shown(text)} must be {allowed}")
        return number

    def _refuse_prices(self, line: int, bar: Bar) -> None:
        for column, number in zip(COLUMNS[2:6], bar[1:5], strict=True):
            if number <= 0:
                raise self._error(line, f"{column} {number} must be above 0")
        if bar.high < bar.low:
            raise self._error(line, f"high {bar.high} is below low {bar.low}")
        column, number = ("open", bar.open)
        if bar.low <= bar.open <= bar.high:
            column, number = ("close", bar.close)
        raise self._error(line, f"{column} {number} is outside low {bar.low} to high {bar.high}")

    def _error(self, line: int, message: str) -> RecordedFileError:
        return RecordedFileError(self._path, message, line)


def _fits(number: Decimal, places: int) -> bool:
    try:
        return number.quantize(Decimal(1).scaleb(-places), context=CONTEXT) == number
    except InvalidOperation:
        return False


def _sub_second(offset: timedelta | None) -> bool:
    return offset is not None and offset.microseconds != 0


def _shown(text: str) -> str:
    """Return a value as it may stand in a message: quoted, escaped and short."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
