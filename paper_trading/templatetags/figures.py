"""The one place where figures become text: grouping, significant digits, signs, durations."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath

from django import template
from django.utils import timezone

from paper_trading.engine.codes import Code
from paper_trading.engine.money import from_base_units

register = template.Library()

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EM DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
_CENT = Decimal("0.01")
#: Below this, zeros are counted in a power of ten instead of written out.
_TINY = Decimal("1e-8")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CHAINS = {
    1: "Ethereum",
    8453: "Base",
    84532: "Base Sepolia",
    42161: "Arbitrum One",
    11155111: "Sepolia",
}


def significant(number: Decimal, digits: int) -> str:
    """Write a positive number with so many significant digits, tiny ones as a power of ten."""
    if not number:
        return "0"
    if number < _TINY:
        mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
        power = str(int(exponent)).translate(_SUPERSCRIPTS)
        return f"{_trim(mantissa)} {TIMES} 10{power}"
    places = max(digits - 1 - number.adjusted(), 0)
    return f"{number:,.{places}f}"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _sign(number: Decimal, plus: str = "") -> str:
    return MINUS if number < 0 else plus if number > 0 else ""


def _amount(number: Decimal) -> str:
    size = abs(number)
    return significant(size, 2) if 0 < size < _CENT else f"{size:,.2f}"


@register.filter
def usd(number: Decimal | None) -> str:
    """Write dollars: $10,412.37; below a cent with two significant digits."""
    return NONE if number is None else f"{_sign(number)}${_amount(number)}"


@register.filter
def signed_usd(number: Decimal | None) -> str:
    """Write dollars with their sign: +$318.44."""
    return NONE if number is None else f"{_sign(number, '+')}${_amount(number)}"


@register.filter
def percent(number: Decimal | None) -> str:
    """Write a percentage: 4.12%."""
    return NONE if number is None else f"{_sign(_shown(number))}{abs(number):,.2f}%"


@register.filter
def signed_percent(number: Decimal | None) -> str:
    """Write a percentage with its sign: +4.12%."""
    return NONE if number is None else f"{_sign(_shown(number), '+')}{abs(number):,.2f}%"


def _shown(number: Decimal) -> Decimal:
    """Return the number as two places show it, so that no sign stands before a zero."""
    return Decimal(f"{number:.2f}")


@register.filter
def price(number: Decimal | None) -> str:
    """Write a price: 2,566.42, 9.3100, 0.001234, and tiny ones as a power of ten."""
    if number is None:
        return NONE
    size = abs(number)
    if size >= 100:
        return f"{_sign(number)}{size:,.2f}"
    return _sign(number) + (f"{size:.4f}" if size >= 1 else significant(size, 4))


@register.filter
def plain(number: Decimal | int | str | None) -> str:
    """Write a number with at most four decimal places and no zeros at the end."""
    if number is None:
        return NONE
    exact = Decimal(number)
    size = abs(exact)
    text = significant(size, 3) if 0 < size < _CENT else f"{size:,.4f}"
    return _sign(exact) + (text if TIMES in text else _trim(text))


@register.filter
def brief(number: Decimal) -> str:
    """Write a rank or a threshold with at most one decimal place: 99.1, 70."""
    return _trim(f"{number:.1f}")


@register.simple_tag
def quantity(units: int, decimals: int) -> str:
    """Write base units as whole tokens with six significant digits."""
    return significant(from_base_units(units, decimals), 6)


@register.filter
def arrow(number: Decimal | None) -> str:
    """Return ▲ or ▼, so that colour never says it alone."""
    return "" if not number else "▲" if number > 0 else "▼"


@register.filter
def tone(number: Decimal | None) -> str:
    """Return the class of a sign: gain, loss or none."""
    return "" if not number else "gain" if number > 0 else "loss"


@register.filter
def magnitude(number: Decimal) -> Decimal:
    """Return a number without its sign, for use beside an arrow."""
    return abs(number)


@register.filter
def milliseconds(length: timedelta | None) -> str:
    """Write a short time: 8 ms, 1.24 s."""
    if length is None:
        return NONE
    whole = length // timedelta(milliseconds=1)
    return f"{whole} ms" if whole < 1000 else f"{Decimal(whole) / 1000:.2f} s"


@register.filter
def duration(length: timedelta | None) -> str:
    """Write a length of time in its two largest units: 3 h 12 m, 55 m, 21 s."""
    if length is None:
        return NONE
    seconds = max(length // timedelta(seconds=1), 0)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    return f"{minutes} m" if minutes else f"{rest} s"


@register.filter
def step_length(seconds: int) -> str:
    """Write a market's step: 5 min, 1 h, 90 s."""
    if seconds % 3_600 == 0:
        return f"{seconds // 3_600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


@register.filter
def interval(milliseconds: int) -> str:
    """Write a tick interval: 15 s, 0.25 s."""
    return f"{_trim(f'{Decimal(milliseconds) / 1000:.3f}')} s"


@register.filter
def moment(at: datetime | None) -> str:
    """Write a moment to the second, UTC: 2026-01-05 12:00:00."""
    return NONE if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@register.filter
def ago(at: datetime | None) -> str:
    """Write how long ago a moment was: 4 s ago."""
    return "never" if at is None else f"{duration(timezone.now() - at)} ago"


@register.filter
def words(name: str | None) -> str:
    """Write an enum's word for people: STOP_LOSS is Stop loss."""
    return (name or "").replace("_", " ").capitalize()


@register.filter
def code_text(code: str) -> str:
    """Return the sentence of a code."""
    return Code(code).text


@register.filter
def chain(chain_id: int) -> str:
    """Return a chain's name, or its id when it is not one of ours."""
    return _CHAINS.get(chain_id, f"chain {chain_id}")


@register.filter
def file_name(path: str) -> str:
    """Return the last part of a path."""
    return PurePath(path).name


@register.filter
def grouped(number: int | None) -> str:
    """Write a whole number with its thousands grouped: 1,482."""
    return NONE if number is None else f"{number:,}"


@register.filter
def machine(number: Decimal) -> str:
    """Write a number for an HTML attribute: no grouping, a point, a plain minus."""
    return _trim(f"{number:.6f}")


@register.filter
def share(number: Decimal, percentage: int) -> str:
    """Write a percentage of a number for an HTML attribute."""
    return machine(number * percentage / 100)
