"""The routes of an order as text and as JSON values."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side
from paper_trading.management.tables import table
from paper_trading.models import FeedMode, Market
from paper_trading.services.dex_router_service import Route, RoutePool, Routes

_HEAD = (
    *("way", "hops", "kinds", "fee %", "grade", "out", "impact %"),
    *("gas", "gas USD", "net USD", "code"),
)
_SECOND = timedelta(seconds=1)
_NOTES = (
    "Out: before gas. Net: what comes out less gas, tokens at the price above, USD at par of cash.",
    "Impact: lost against mid, fees apart. B: pools read on chain; C: a stated figure.",
)


def routes_text(found: Routes, market: Market, now: datetime) -> str:
    """Return the ways as a table, their pools, and which one an order would take."""
    return "\n".join(
        (
            *_heading(found, market, now),
            "",
            table(_HEAD, [_cells(one, found) for one in found.routes]),
            "",
            *(_pool_line(pool) for pool in _pools(found)),
            *_decision(found, market.mode),
            *_NOTES,
        )
    )


def routes_json(found: Routes, market: Market) -> dict[str, Any]:
    """Return the ways as JSON values: Decimals as text, times in ISO 8601."""
    taken = found.taken
    return {
        "market": {"id": market.pk, "name": market.name, "mode": market.mode},
        **_plain(asdict(found)),
        "age_seconds": found.age // _SECOND,
        "taken": None if taken is None else [pool.address for pool in taken.pools],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _heading(found: Routes, market: Market, now: datetime) -> tuple[str, str]:
    at = f"{found.market_time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    ago = ""
    if market.mode == FeedMode.LIVE:
        ago = f", {(now - found.market_time) // _SECOND:,} s ago"
    into = "" if found.side is Side.BUY else f", {found.amount_in:,.6f} {found.symbol}"
    return (
        f"{market} (market {market.pk}), step {found.step} of {at}{ago}.",
        f"{found.side.capitalize()} {found.symbol} for {found.amount_usd:,f} USD{into}, at"
        f" {found.price_usd.normalize():f} USD of {found.source}: {found.verdict},"
        f" {found.age // _SECOND} s old at the step.",
    )


def _cells(one: Route, found: Routes) -> tuple[str, ...]:
    unit = found.symbol if found.side is Side.BUY else "USD"
    return (
        _way(one, found),
        str(one.hops),
        "+".join(pool.kind.value for pool in one.pools),
        _figure(one.fee_percent, 4),
        "-" if one.grade is None else one.grade.value,
        "-" if one.amount_out is None else f"{one.amount_out:,.6f} {unit}",
        _figure(one.price_impact_percent, 4),
        f"{one.gas_used:,}",
        f"{one.gas_usd:,.6f}",
        _figure(one.net_usd, 4),
        one.code.value,
    )


def _figure(number: Decimal | None, places: int) -> str:
    return "-" if number is None else f"{number:,.{places}f}"


def _way(one: Route, found: Routes) -> str:
    """Return the pools of a way in short, in the order of the swap."""
    if found.is_modelled:
        return "modelled"
    return " > ".join(_short(pool) for pool in one.pools)


def _short(pool: RoutePool) -> str:
    """Return what a pool trades, and the ends of its address."""
    return f"{_pair(pool)} {pool.address[:6]}..{pool.address[-4:]}"


def _pair(pool: RoutePool) -> str:
    return f"{pool.token}/{pool.against or '?'}"


def _pools(found: Routes) -> list[RoutePool]:
    """Return each pool once, in the order of the ways; none where they are modelled."""
    if found.is_modelled:
        return []
    return list(dict.fromkeys(pool for one in found.routes for pool in one.pools))


def _pool_line(pool: RoutePool) -> str:
    prices = f", prices {pool.token}" if pool.prices_token else ""
    fee = f"{pool.fee_percent.normalize():f}"
    return f"{pool.address or 'unknown'}: {_pair(pool)}, {pool.kind}, {fee} %{prices}"


def _decision(found: Routes, mode: str) -> list[str]:
    """Say which way an order takes and why, and what stops it now."""
    taken = found.taken
    said = []
    if taken is None:
        said.append(f"No way takes the order: {Code.DEPTH_UNKNOWN}. {Code.DEPTH_UNKNOWN.text}")
    elif not found.is_modelled:
        said.append(f"The bot would take {_way(taken, found)}: {_why(found)}.")
    if found.is_modelled:
        said.append(
            f"Prices are {mode.lower()}: one modelled pool, of constant product, is all that"
            f" {found.symbol} has here."
        )
    if taken is not None and found.code is not Code.OK:
        said.append(f"It would send nothing now: {found.code}. {found.code.text}")
    return said


def _why(found: Routes) -> str:
    """Return what sets the first way apart from the next."""
    quoted = [one.net_usd for one in found.routes if one.net_usd is not None]
    net = f"{quoted[0]:,.4f} USD are left after gas"
    if len(quoted) > 1:
        return f"{net}, {quoted[0] - quoted[1]:,.4f} more than on the next"
    others = len(found.routes) - 1
    return f"{net}, and no other way takes the order" if others else f"{net}; it has no other"
