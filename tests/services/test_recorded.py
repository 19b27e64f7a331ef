"""Price files: what is read, to the digit, and every way in which one is refused."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from paper_trading.services.sources.base import BACKFILL_STEPS, EndOfRecord
from paper_trading.services.sources.recorded import (
    CASH_PRICE_USD,
    POOL_LIQUIDITY_USD,
    RecordedFile,
    RecordedFileError,
    RecordedSource,
)

START = datetime(2024, 5, 1, tzinfo=UTC)
HEADER = "timestamp,symbol,open,high,low,close,volume_usd"
STEPS = BACKFILL_STEPS + 2


def stamp(step: int, seconds: int = 60) -> str:
    return (START + timedelta(seconds=step * seconds)).isoformat().replace("+00:00", "Z")


def row(step: int, symbol: str = "ETH", prices: str = "2,3,1,2.5,10") -> str:
    return f"{stamp(step)},{symbol},{prices}"


def rows(steps: int = STEPS) -> list[str]:
    return [row(step, symbol) for step in range(steps) for symbol in ("ETH", "BTC")]


def lines(*, line: int | None = None, text: str = "") -> list[str]:
    """Return a sound file with one line replaced, counted as an editor counts."""
    content = [HEADER, *rows()]
    if line is not None:
        content[line - 1] = text
    return content


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_lines(content: list[str], name: str = "prices.csv") -> Path:
        data = ("\n".join(content) + "\n").encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write_lines


@pytest.fixture
def refusal(write: Callable[..., Path]) -> Callable[[list[str]], str]:
    """Return the message a file is refused with, behind its path."""

    def refused(content: list[str]) -> str:
        path = write(content)
        with pytest.raises(RecordedFileError) as caught:
            RecordedFile.load(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert len(message.splitlines()) == 1
        return message.removeprefix(f"{path}: ")

    return refused


@pytest.mark.parametrize("name", ["prices.csv", "prices.csv.gz"])
def test_a_file_is_read_with_its_steps_symbols_bar_and_hash(
    write: Callable[..., Path], name: str
) -> None:
    path = write(lines(), name)
    file = RecordedFile.load(path)
    assert file.steps == STEPS
    assert file.symbols == ("BTC", "ETH")
    assert file.step_seconds == 60
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_step_carries_bars_the_modelled_pool_and_the_time_at_the_end_of_the_bar(
    write: Callable[..., Path],
) -> None:
    source = RecordedSource(RecordedFile.load(write(lines())))
    step = source.step(3, {})
    quote = step.quotes["ETH"]
    assert list(step.quotes) == ["BTC", "ETH"]
    assert step.number == 3
    assert step.market_time == START + timedelta(minutes=4)
    assert (quote.start, quote.observed_at) == (START + timedelta(minutes=3), step.market_time)
    assert (quote.open, quote.high, quote.low) == (Decimal(2), Decimal(3), Decimal(1))
    assert (quote.price_usd, quote.volume_usd) == (Decimal("2.5"), Decimal(10))
    assert quote.liquidity_usd == POOL_LIQUIDITY_USD == 4_000_000
    assert quote.source == source.name
    assert step.cash_price_usd == CASH_PRICE_USD == 1
    assert step.state == {}


def test_prices_keep_every_digit_of_the_file(write: Callable[..., Path]) -> None:
    digits = "0.000000000000000002340000000000000001"
    text = row(0, "TINY", f"{digits},1e-2,{digits},{digits},0.123456789012345678")
    content = lines()
    content.insert(1, text)
    bar = RecordedFile.load(write(content)).bars[0][2]
    assert (str(bar.close), bar.high, str(bar.volume_usd)) == (
        str(Decimal(digits)),
        Decimal("0.01"),
        "0.123456789012345678",
    )


def test_columns_may_come_in_any_order_among_others_behind_a_byte_order_mark(
    write: Callable[..., Path],
) -> None:
    content = ["\ufeffnote,close,low,high,open,volume_usd,symbol,timestamp"]
    content += [f'"a, b",2.5,1,3,2,10,ETH,{stamp(step)}' for step in range(STEPS)]
    bar = RecordedFile.load(write(content)).bars[0][0]
    assert bar == ("ETH", Decimal(2), Decimal(3), Decimal(1), Decimal("2.5"), Decimal(10))


def test_an_offset_is_turned_into_utc(write: Callable[..., Path]) -> None:
    content = [text.replace("Z,", "+02:00,") for text in lines()]
    file = RecordedFile.load(write(content))
    assert file.starts[0] == START - timedelta(hours=2)
    assert file.starts[0].tzinfo is UTC


def test_a_symbol_may_be_missing_from_a_step_and_steps_from_the_file(
    write: Callable[..., Path],
) -> None:
    content = [HEADER, *(row(step) for step in range(STEPS)), row(STEPS + 4, "BTC")]
    source = RecordedSource(RecordedFile.load(write(content)))
    last = source.step(STEPS, {})
    assert list(last.quotes) == ["BTC"]
    assert last.market_time == START + timedelta(minutes=STEPS + 5)
    assert source.symbols == ("BTC", "ETH")


def test_a_volume_of_nothing_is_a_volume(write: Callable[..., Path]) -> None:
    content = lines(line=2, text=row(0, "ETH", "2,3,1,2.5,0"))
    assert RecordedFile.load(write(content)).bars[0][1].volume_usd == 0


def test_steps_end_with_the_record(write: Callable[..., Path]) -> None:
    source = RecordedSource(RecordedFile.load(write(lines())))
    assert source.step(STEPS - 1, {}).number == STEPS - 1
    with pytest.raises(EndOfRecord, match=rf"^prices\.csv ends after {STEPS} steps$"):
        source.step(STEPS, {})
    with pytest.raises(ValueError, match=r"^step -1 is below 0"):
        source.step(-1, {})


def test_a_file_cannot_be_changed_once_read(write: Callable[..., Path]) -> None:
    file = RecordedFile.load(write(lines()))
    with pytest.raises(FrozenInstanceError):
        file.step_seconds = 1  # type: ignore[misc]


def test_an_opened_file_is_read_again_only_when_it_changed(write: Callable[..., Path]) -> None:
    path = write(lines())
    first = RecordedFile.open(path)
    assert RecordedFile.open(path) is first
    write([*lines(), row(STEPS)])
    assert RecordedFile.open(path).steps == STEPS + 1


def test_the_least_number_of_steps_is_the_back_fill_and_one(
    write: Callable[..., Path], refusal: Callable[[list[str]], str]
) -> None:
    assert RecordedFile.load(write([HEADER, *rows(601)])).steps == 601
    assert refusal([HEADER, *rows(600)]) == "holds 600 steps and at least 601 are needed"
    assert refusal([HEADER]) == "holds 0 steps and at least 601 are needed"


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ("x,3,1,2,1", "open 'x' is not a number"),
        ("2,,1,2,1", "high '' is not a number"),
        ("2,3,NaN,2,1", "low 'NaN' is not a number"),
        ("2,Infinity,1,2,1", "high 'Infinity' is not a number"),
        ("2,3,1,1_0,1", "close '1_0' is not a number"),
        ("2,3,1,2,nan", "volume_usd 'nan' is not a number"),
        ("2,3,1,2,", "volume_usd '' is not a number"),
        ("2,3,0,2,1", "low 0 must be above 0"),
        ("2,3,-1,2,1", "low '-1' must be above 0"),
        ("2,3,1,2,-1", "volume_usd '-1' must be 0 or more"),
        ("2,1e24,1,2,1", "high '1e24' must be below 1e24 with 36 decimal places at most"),
        ("2,3,1e-37,2,1", "low '1e-37' must be below 1e24 with 36 decimal places at most"),
        ("2,3,1,2,1e20", "volume_usd '1e20' must be below 1e20 with 18 decimal places at most"),
        ("2,1,3,2,1", "high 1 is below low 3"),
        ("5,3,1,2,1", "open 5 is outside low 1 to high 3"),
        ("2,3,1,0.5,1", "close 0.5 is outside low 1 to high 3"),
    ],
)
def test_a_bad_number_is_refused_by_its_line(
    refusal: Callable[[list[str]], str], prices: str, message: str
) -> None:
    assert refusal(lines(line=4, text=row(1, "ETH", prices))) == f"line 4: {message}"


@pytest.mark.parametrize(
    ("timestamp", "message"),
    [
        ("yesterday", "timestamp 'yesterday' is not ISO 8601"),
        ("", "timestamp '' is not ISO 8601"),
        ("2024-05-01T00:01:00", "timestamp '2024-05-01T00:01:00' needs Z or an offset from UTC"),
        ("2024-05-01", "timestamp '2024-05-01' needs Z"),
        ("2024-05-01T00:01:00.5Z", "timestamp '2024-05-01T00:01:00.5Z' is not a whole second"),
        ("0001-01-01T00:00:00+05:00", "timestamp '0001-01-01T00:00:00+05:00' is not a whole"),
        ("2024-04-30T23:00:00Z", "timestamp '2024-04-30T23:00:00Z' goes back behind 2024-05-01"),
    ],
)
def test_a_bad_timestamp_is_refused_by_its_line(
    refusal: Callable[[list[str]], str], timestamp: str, message: str
) -> None:
    content = lines(line=4, text=f"{timestamp},ETH,2,3,1,2.5,10")
    assert refusal(content).startswith(f"line 4: {message}")


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, row(0, "ETH"), "line 3: 'ETH' appears a second time at 2024-05-01T00:00:00+00:00"),
        (4, row(1, "  "), "line 4: symbol is empty"),
        (4, row(1, "A" * 21), f"line 4: symbol '{'A' * 21}' is too long or odd"),
        (4, row(1, "A\tB"), r"line 4: symbol 'A\tB' is too long or odd"),
        (4, "2024-05-01T00:01:00Z,ETH,2", "line 4: 3 fields, the header has 7"),
        (4, row(1) + ",1", "line 4: 8 fields, the header has 7"),
        (4, '"' + row(1), "line 1205: is not CSV: "),
        (1, "timestamp,symbol,open,high,close", "line 1: columns low, volume_usd missing; needed"),
        (1, HEADER + ",open", "line 1: column open appears 2 times"),
    ],
)
def test_a_bad_line_is_refused_by_its_number(
    refusal: Callable[[list[str]], str], line: int, text: str, message: str
) -> None:
    assert refusal(lines(line=line, text=text)).startswith(message)


def test_a_symbol_of_twenty_characters_is_allowed(write: Callable[..., Path]) -> None:
    content = lines(line=2, text=row(0, "A" * 20))
    assert "A" * 20 in RecordedFile.load(write(content)).symbols


def test_a_gap_that_is_not_a_multiple_of_the_bar_is_refused(
    refusal: Callable[[list[str]], str],
) -> None:
    late = f"{stamp(STEPS * 60 + 30, 1)},ETH,2,3,1,2.5,10"
    message = f"line {2 * STEPS + 2}: gap of 90 s is not a multiple of the bar of 60 s"
    assert refusal([*lines(), late]) == message


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    with pytest.raises(RecordedFileError, match="is empty; columns needed: timestamp, symbol"):
        RecordedFile.load(path)


@pytest.mark.parametrize("read", [RecordedFile.load, RecordedFile.open])
def test_a_missing_file_and_a_folder_are_refused(
    tmp_path: Path, read: Callable[[Path], RecordedFile]
) -> None:
    with pytest.raises(RecordedFileError, match=r"nothing\.csv: no such file$"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(RecordedFileError, match=r"is not a file$"):
        read(tmp_path)
    with pytest.raises(RecordedFileError, match="cannot be read: "):
        read(Path("a\0b"))


@pytest.mark.parametrize(
    "content",
    [b"timestamp,symbol\n", b"", gzip.compress(b"x" * 1000)[:-9]],
    ids=["text", "nothing", "cut off"],
)
def test_a_gz_file_that_is_not_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(content)
    with pytest.raises(RecordedFileError) as caught:
        RecordedFile.load(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_that_is_not_utf8_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(f"{HEADER}\n{row(0)}\n".encode() + b"caf\xe9\n")
    with pytest.raises(RecordedFileError, match=r"line 3: byte 0xe9 is not UTF-8 text$"):
        RecordedFile.load(path)
