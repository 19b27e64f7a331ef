"""A track record and its figures as JSON: numbers are strings, times ISO 8601."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.engine.benchmarks import Benchmarks, Holding
from paper_trading.engine.curve import Curve, Drawdown
from paper_trading.engine.inference import Estimate
from paper_trading.engine.money import CONTEXT, exact, ratio
from paper_trading.engine.performance import Compared, Performance, mean_percent
from paper_trading.engine.tallies import DaySums, Tally, TradeStats

_MICROSECOND = timedelta(microseconds=1)
_DAY_HOURS = 24


def to_json(value: Any) -> Any:
    """Return a value of the record as JSON. TypeError for one that has no form."""
    if is_dataclass(value):
        return {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(one) for key, one in sorted(value.items())}
    if isinstance(value, Decimal):
        # One text for one number, whatever zeros its sums have left at the end.
        return f"{value.normalize(CONTEXT):f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if value is None or isinstance(value, int | str):
        return value
    raise TypeError(f"{type(value).__name__} {value!r} has no JSON form")


def curve_from_json(data: Mapping[str, Any]) -> Curve:
    """Read the curve."""
    fall = data["drawdown"]
    return Curve(
        **_numbers(data, "base_index", "base_usd", "worth_usd", "peak_index"),
        **_numbers(data, "exposure_microseconds", "equity_microseconds", "cash_price_usd"),
        start=_time(data["start"]),
        last_at=_time(data["last_at"]),
        peak_at=_time(data["peak_at"]),
        drawdown=None if fall is None else _drawdown(fall),
        exposure=None if data["exposure"] is None else Decimal(data["exposure"]),
        microseconds=data["microseconds"],
        exposed_microseconds=data["exposed_microseconds"],
    )


def trades_from_json(data: Mapping[str, Any]) -> TradeStats:
    """Read the statistics of trades."""
    counts = ("n", "wins", "losses", "streak", "longest_winning", "longest_losing")
    return TradeStats(
        **_numbers(data, "bought_usd", "sold_usd", "won_usd", "lost_usd", "net_percent"),
        **{name: data[name] for name in counts},
        costs={name: Decimal(paid) for name, paid in data["costs"].items()},
        held=data["held"] * _MICROSECOND,
        shortest=_length(data["shortest"]),
        longest=_length(data["longest"]),
        by_token={int(key): _tally(one) for key, one in data["by_token"].items()},
        by_exit={key: _tally(one) for key, one in data["by_exit"].items()},
        usd_days=_days(data["usd_days"]),
        percent_days=_days(data["percent_days"]),
    )


def benchmarks_from_json(data: Mapping[str, Any]) -> Benchmarks:
    """Read the benchmarks."""
    eth = data["eth"]
    return Benchmarks(
        eth_id=data["eth_id"],
        eth=None if eth is None else _holding(eth),
        basket={int(key): _holding(one) for key, one in data["basket"].items()},
        basket_base=Decimal(data["basket_base"]),
    )


@exact
def details(found: Performance) -> dict[str, Any]:
    """Return the figures that have no column of their own."""
    sure, hours = found.sureness, found.hours
    intervals = {
        name: _estimate(getattr(sure, name), hours)
        for name in ("mean_return_percent", "sharpe", "sortino")
    }
    share = sure.win_rate_percent
    trades = found.trades
    return {
        "intervals": {
            **intervals,
            "win_rate_percent": None
            if share is None
            else {"low": to_json(share[0]), "high": to_json(share[1])},
            "expectancy_usd": _estimate(sure.expectancy_usd),
            "expectancy_percent": _estimate(sure.expectancy_percent),
            "lags": sure.lags,
        },
        "skew": to_json(sure.skew),
        "kurtosis": to_json(sure.kurtosis),
        "drawdown": None if found.drawdown is None else _fall(found.drawdown),
        "benchmarks": {
            name: None if one is None else _compared(one, hours)
            for name, one in sorted(found.benchmarks.items())
        },
        "costs": to_json(trades.costs),
        "held_seconds": {
            "mean": _seconds(found.held_mean),
            "shortest": _seconds(trades.shortest),
            "longest": _seconds(trades.longest),
        },
        "streaks": {
            "current": trades.streak,
            "longest_winning": trades.longest_winning,
            "longest_losing": trades.longest_losing,
        },
        "by_token": [_row(one) for one in _by_name(trades.by_token)],
        "by_exit": [_row(one) for one in _by_name(trades.by_exit)],
    }


def _by_name(tallies: Mapping[Any, Tally]) -> list[Tally]:
    return [one for _, one in sorted(tallies.items(), key=lambda item: (item[1].name, item[0]))]


def _row(tally: Tally) -> dict[str, Any]:
    return {
        "name": tally.name,
        "n": tally.n,
        "wins": tally.wins,
        "net_usd": to_json(tally.net_usd),
        "mean_net_percent": to_json(mean_percent(tally)),
    }


def _fall(fall: Drawdown) -> dict[str, Any]:
    """Return a drawdown with its length; one that goes on has none as yet."""
    length = None if fall.recovered_at is None else fall.recovered_at - fall.peak_at
    return {**to_json(fall), "seconds": _seconds(length)}


def _compared(found: Compared, hours: int) -> dict[str, Any]:
    return {
        "return_percent": to_json(found.return_percent),
        "alpha_percent": _estimate(found.alpha_percent, hours),
        "beta": _estimate(found.beta, hours),
    }


def _estimate(found: Estimate | None, hours: int | None = None) -> dict[str, Any] | None:
    """Return an estimate; of hourly figures, with the days it takes to tell it from zero."""
    if found is None:
        return None
    made = {name: to_json(getattr(found, name)) for name in ("value", "error", "low", "high")}
    if hours is None:
        return made
    if found.needed is None:
        return {**made, "needed_days": None, "more_days": None}
    more = max(found.needed - hours, Decimal(0))
    return {
        **made,
        "needed_days": to_json(ratio(found.needed / _DAY_HOURS)),
        "more_days": to_json(ratio(more / _DAY_HOURS)),
    }


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(seconds=1)


def _numbers(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: Decimal(data[name]) for name in names}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _length(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else microseconds * _MICROSECOND


def _drawdown(data: Mapping[str, Any]) -> Drawdown:
    return Drawdown(
        percent=Decimal(data["percent"]),
        peak_at=datetime.fromisoformat(data["peak_at"]),
        trough_at=datetime.fromisoformat(data["trough_at"]),
        recovered_at=_time(data["recovered_at"]),
    )


def _tally(data: Mapping[str, Any]) -> Tally:
    return Tally(
        **_numbers(data, "net_usd", "net_percent"),
        **{name: data[name] for name in ("name", "n", "wins")},
    )


def _days(data: Mapping[str, Any]) -> DaySums:
    return DaySums(
        **_numbers(data, "amount", "total", "squares", "cross"),
        **{name: data[name] for name in ("trades", "n", "days", "counts")},
        day=None if data["day"] is None else date.fromisoformat(data["day"]),
    )


def _holding(data: Mapping[str, Any]) -> Holding:
    return Holding(**_numbers(data, "start_usd", "last_usd"))
