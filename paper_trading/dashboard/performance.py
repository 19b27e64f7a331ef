"""The performance of an account as rows: figures with their intervals, tables, dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.engine.inference import LEAST_RETURNS
from paper_trading.engine.words import number_of
from paper_trading.models import PaperPerformanceMetrics

_ZERO = Decimal(0)
#: What benchmarks are called.
_BENCHMARKS = {"ETH": "Holding ETH", "EQUAL_WEIGHT": "Holding all tokens in equal parts"}
#: Figures with an interval: key, words, unit.
_JUDGED = (
    ("mean_return_percent", "Mean return a year", "percent"),
    ("sharpe", "Sharpe ratio", "number"),
    ("sortino", "Sortino ratio", "number"),
    ("win_rate_percent", "Win rate", "percent"),
    ("expectancy_usd", "Expectancy a trade", "usd"),
    ("expectancy_percent", "Expectancy, of cost", "percent"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure with its interval of 95 %, and what may be said of it."""

    name: str
    unit: str
    value: Decimal | None
    low: Decimal
    high: Decimal
    verdict: str


@dataclass(frozen=True, slots=True)
class Group:
    """Trades of one token or one exit reason."""

    name: str
    n: int
    wins: int
    net_usd: Decimal
    mean_net_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Fall:
    """The deepest drawdown."""

    percent: Decimal
    peak_at: datetime
    trough_at: datetime
    recovered_at: datetime | None
    length: timedelta | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A benchmark: its own return, and what is judged against it."""

    name: str
    return_percent: Decimal
    judged: list[Judged]


@dataclass(frozen=True, slots=True)
class Performance:
    """Everything that the panel shows beside the columns of the row."""

    row: PaperPerformanceMetrics
    #: What stands for figures of hourly returns while those are too few; empty from then on.
    too_few: str
    judged: list[Judged]
    fall: Fall | None
    benchmarks: list[Compared]
    costs: list[tuple[str, Decimal]]
    held: dict[str, timedelta | None]
    streaks: Mapping[str, int]
    by_token: list[Group]
    by_exit: list[Group]


def performance(row: PaperPerformanceMetrics | None) -> Performance | None:
    """Return what a metrics row says; None without a row, or for one without details."""
    if row is None or not row.details:
        return None
    details = row.details
    fall = details["drawdown"]
    return Performance(
        row=row,
        too_few=_too_few(row.returns_count),
        judged=_judged(row, details["intervals"]),
        fall=None if fall is None else _fall(fall),
        benchmarks=[
            _compared(_BENCHMARKS.get(name, name), found)
            for name, found in sorted(details["benchmarks"].items(), reverse=True)
            if found is not None
        ],
        costs=[(_cost(name), Decimal(paid)) for name, paid in details["costs"].items()],
        held={name: _length(seconds) for name, seconds in details["held_seconds"].items()},
        streaks=details["streaks"],
        by_token=[_group(one) for one in details["by_token"]],
        by_exit=[_group(one) for one in details["by_exit"]],
    )


def _too_few(returns: int) -> str:
    if returns >= LEAST_RETURNS:
        return ""
    return f"too few returns: {returns} of {LEAST_RETURNS}"


def _judged(row: PaperPerformanceMetrics, intervals: Mapping[str, Any]) -> list[Judged]:
    found: list[Judged] = []
    for key, name, unit in _JUDGED:
        if intervals[key] is not None:
            known = {"value": row.win_rate_percent, **intervals[key]}
            found.append(_one(name, unit, known, key != "win_rate_percent"))
    return found


def _one(name: str, unit: str, found: Mapping[str, Any], against_zero: bool = True) -> Judged:
    low, high = Decimal(found["low"]), Decimal(found["high"])
    value = found["value"]
    return Judged(
        name=name,
        unit=unit,
        value=None if value is None else Decimal(value),
        low=low,
        high=high,
        verdict=_verdict(low, high, found.get("more_days")) if against_zero else "",
    )


def _verdict(low: Decimal, high: Decimal, more_days: str | None) -> str:
    """Say whether an interval leaves zero out, and else how long it would take."""
    if low > _ZERO or high < _ZERO:
        if more_days is not None and Decimal(more_days) > 0:
            return f"apart from zero; {_days(more_days)} to be sure of it"
        return "apart from zero"
    if more_days is None:
        return "not distinguishable from zero"
    return f"not distinguishable from zero; {_days(more_days)} needed"


def _days(days: str) -> str:
    return number_of(int(Decimal(days)) + 1, "more day")


def _compared(name: str, found: Mapping[str, Any]) -> Compared:
    judged = [
        _one(words, unit, found[key])
        for key, words, unit in (
            ("alpha_percent", "Alpha a year", "percent"),
            ("beta", "Beta", "number"),
        )
        if found[key] is not None
    ]
    return Compared(name, Decimal(found["return_percent"]), judged)


def _fall(found: Mapping[str, Any]) -> Fall:
    ended = found["recovered_at"]
    return Fall(
        percent=Decimal(found["percent"]),
        peak_at=datetime.fromisoformat(found["peak_at"]),
        trough_at=datetime.fromisoformat(found["trough_at"]),
        recovered_at=None if ended is None else datetime.fromisoformat(ended),
        length=_length(found["seconds"]),
    )


def _group(found: Mapping[str, Any]) -> Group:
    mean = found["mean_net_percent"]
    return Group(
        name=found["name"],
        n=found["n"],
        wins=found["wins"],
        net_usd=Decimal(found["net_usd"]),
        mean_net_percent=None if mean is None else Decimal(mean),
    )


def _cost(name: str) -> str:
    words = name.removesuffix("_usd")
    return "MEV" if words == "mev" else words.capitalize()


def _length(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
