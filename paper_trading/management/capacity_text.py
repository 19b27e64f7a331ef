"""The curve of `capacity` as text."""

from collections.abc import Mapping
from decimal import Decimal

from paper_trading.bot.replay.capacity import Capacity
from paper_trading.bot.replay.capacity_tally import TERMS, Size
from paper_trading.engine.words import number_of
from paper_trading.management.tables import table

_HEAD = (
    "size USD",
    "return %",
    "net %",
    *TERMS,
    "traded USD",
    "fills",
    "failed",
    "denied",
    "left %",
)
NOTES = (
    "*: the session's own size; its trades were those of the rows, to the digit.",
    "Size: the first deposit; every later one is scaled alike. Return: time-weighted, of equity.",
    "Net: gain in percent of what was bought. Terms in basis points of what was traded at mid.",
    "Left: what limits left of the entries that were sent, in percent of what the level asked.",
    "Decisions are those of the rows, also where another size would have decided otherwise: the",
    "cost gate asked about one percent of the session's own deposits. Limits in USD stay as set.",
)


def curve_text(found: Capacity) -> str:
    """Return the curve, what denied and limited each size, and how to read it."""
    earlier = found.sessions - 1
    before = f", after {earlier} earlier of its account" if earlier else ""
    return "\n".join(
        (
            f"Session {found.session}, level {found.level},"
            f" {number_of(found.ticks, 'tick')}{before}.",
            "",
            table(_HEAD, [_line(size) for size in found.sizes]),
            "",
            *(line for size in found.sizes for line in _reasons(size)),
            "",
            *NOTES,
        )
    )


def _line(size: Size) -> list[str]:
    return [
        _name(size),
        f"{size.return_percent:.3f}",
        _figure(size.net_percent, 3),
        *(_figure(size.basis_points(term), 2) for term in TERMS),
        f"{size.traded_usd:,.0f}",
        str(size.fills),
        str(sum(size.failures.values())),
        str(sum(size.denials.values())),
        _figure(size.allowed_percent, 1),
    ]


def _reasons(size: Size) -> list[str]:
    """Return what denied, failed and limited the orders of a size, a line each."""
    kinds = (("denied", size.denials), ("failed", size.failures), ("limited by", size.limits))
    return [f"{_name(size)} {kind}: {_counts(found)}" for kind, found in kinds if found]


def _counts(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered)


def _name(size: Size) -> str:
    whole = size.size_usd == size.size_usd.to_integral_value()
    return f"{size.size_usd:,.{0 if whole else 2}f}{'*' if size.own else ''}"


def _figure(number: Decimal | None, places: int) -> str:
    return "-" if number is None else f"{number:.{places}f}"
