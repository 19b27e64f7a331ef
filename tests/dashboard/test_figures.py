from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.codes import Code
from paper_trading.templatetags import figures
from paper_trading.templatetags.figures import MINUS, NONE, TIMES


@pytest.mark.parametrize(
    ("number", "plain", "signed"),
    [
        (None, NONE, NONE),
        ("0", "$0.00", "$0.00"),
        ("-0.00", "$0.00", "$0.00"),
        ("10412.365", "$10,412.36", "+$10,412.36"),
        ("10412.375", "$10,412.38", "+$10,412.38"),
        ("-4.17", f"{MINUS}$4.17", f"{MINUS}$4.17"),
        ("1234567890123456789.01", "$1,234,567,890,123,456,789.01", None),
        ("0.01", "$0.01", "+$0.01"),
        ("0.0042", "$0.0042", "+$0.0042"),
        ("-0.00014643", f"{MINUS}$0.00015", f"{MINUS}$0.00015"),
        ("0.000000000000000001", f"$1 {TIMES} 10⁻¹⁸", None),
    ],
)
def test_dollars(number: str | None, plain: str, signed: str | None) -> None:
    amount = None if number is None else Decimal(number)
    assert figures.usd(amount) == plain
    if signed is not None:
        assert figures.signed_usd(amount) == signed


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("2566.4249", "2,566.42"),
        ("9.31", "9.3100"),
        ("99.9", "99.9000"),
        ("0.00123456", "0.001235"),
        ("0.5", "0.5000"),
        ("2.34e-18", f"2.34 {TIMES} 10⁻¹⁸"),
        ("1.234567e-9", f"1.235 {TIMES} 10⁻⁹"),
        ("0", "0"),
        ("1e9", "1,000,000,000.00"),
    ],
)
def test_prices_keep_four_significant_digits_however_small(number: str, text: str) -> None:
    assert figures.price(Decimal(number)) == text


def test_a_missing_price_is_a_dash() -> None:
    assert figures.price(None) == NONE


@pytest.mark.parametrize(
    ("number", "plain", "signed"),
    [
        ("4.123", "4.12%", "+4.12%"),
        ("-1.08", f"{MINUS}1.08%", f"{MINUS}1.08%"),
        ("0", "0.00%", "0.00%"),
        ("-0.001", "0.00%", "0.00%"),
        ("0.001", "0.00%", "0.00%"),
        ("12345.6", "12,345.60%", "+12,345.60%"),
    ],
)
def test_percentages_have_no_sign_before_a_zero(number: str, plain: str, signed: str) -> None:
    assert figures.percent(Decimal(number)) == plain
    assert figures.signed_percent(Decimal(number)) == signed


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (612_000_000_000_000_000, 18, "0.612000"),
        (71_400_000, 6, "71.4000"),
        (123_456_789, 0, "123,456,789"),
        (1, 18, f"1 {TIMES} 10⁻¹⁸"),
        (0, 18, "0"),
    ],
)
def test_quantities_are_whole_tokens(units: int, decimals: int, text: str) -> None:
    assert figures.quantity(units, decimals) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (70, "70"),
        ("70.00", "70"),
        ("37.50", "37.5"),
        ("0.12345", "0.1234"),
        ("-0.4", f"{MINUS}0.4"),
        (None, NONE),
        ("1200", "1,200"),
        ("0.00", "0"),
        ("0.00012", "0.00012"),
    ],
)
def test_plain_numbers_end_without_zeros(number: int | str | None, text: str) -> None:
    assert figures.plain(number) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=21), "21 s"),
        (timedelta(minutes=55, seconds=9), "55 m"),
        (timedelta(hours=3, minutes=12), "3 h 12 m"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=2, hours=4), "2 d 4 h"),
        (timedelta(seconds=-3), "0 s"),
        (None, NONE),
    ],
)
def test_durations_use_their_two_largest_units(length: timedelta | None, text: str) -> None:
    assert figures.duration(length) == text


def test_short_times_are_in_milliseconds_below_a_second() -> None:
    assert figures.milliseconds(timedelta(microseconds=8_700)) == "8 ms"
    assert figures.milliseconds(timedelta(milliseconds=1_240)) == "1.24 s"
    assert figures.milliseconds(None) == NONE


def test_steps_and_intervals() -> None:
    assert figures.step_length(300) == "5 min"
    assert figures.step_length(3_600) == "1 h"
    assert figures.step_length(90) == "90 s"
    assert figures.interval(15_000) == "15 s"
    assert figures.interval(250) == "0.25 s"


def test_a_sign_is_an_arrow_and_a_class() -> None:
    assert [figures.arrow(Decimal(n)) for n in (1, 0, -1)] == ["▲", "", "▼"]
    assert [figures.tone(Decimal(n)) for n in (1, 0, -1)] == ["gain", "", "loss"]
    assert figures.arrow(None) == figures.tone(None) == ""


def test_moments_and_how_long_ago_they_were() -> None:
    assert figures.ago(None) == "never"
    assert figures.moment(None) == NONE
    assert figures.moment(datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2020-01-02 03:04:05"
    assert figures.ago(datetime(2020, 1, 1, tzinfo=UTC)).endswith(" ago")


def test_every_code_has_a_sentence() -> None:
    for code in Code:
        assert figures.code_text(code.value).endswith(".")


def test_attributes_are_written_for_machines() -> None:
    assert figures.machine(Decimal("1234.50")) == "1234.5"
    assert figures.machine(Decimal("-0.1")) == "-0.1"
    assert figures.share(Decimal(5), 80) == "4"


def test_unknown_chains_are_named_by_number() -> None:
    assert figures.chain(84532) == "Base Sepolia"
    assert figures.chain(99) == "chain 99"
