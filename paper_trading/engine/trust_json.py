"""What is remembered of a token's prices, as JSON: kept with the head of its market."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.trust import Check, Reading, TokenTrust


def trust_to_json(state: TokenTrust) -> dict[str, Any]:
    """Return a token's state as JSON values; `trust_from_json` gives back an equal one."""
    return {
        "accepted": _reading(state.accepted),
        "pending": _reading(state.pending),
        "disputed": state.disputed,
        "absences": state.absences,
        "standing": state.standing.value,
        "jumps": state.jumps,
    }


def trust_from_json(data: Mapping[str, Any]) -> TokenTrust:
    """Return the state that `trust_to_json` wrote.

    :raises KeyError, TypeError, ValueError: when it did not write it.
    """
    return TokenTrust(
        accepted=_read(data["accepted"]),
        pending=_read(data["pending"]),
        disputed=data["disputed"],
        absences=data["absences"],
        standing=PriceVerdict(data["standing"]),
        # Heads of markets from before jumps were counted have none.
        jumps=data.get("jumps", 0),
    )


def check_to_json(check: Check) -> list[str]:
    """Return a check as JSON values."""
    return [str(check.price_usd), check.observed_at.isoformat()]


def check_from_json(data: list[str]) -> Check:
    """Return the check that `check_to_json` wrote; ValueError when it did not."""
    price, at = data
    return Check(Decimal(price), datetime.fromisoformat(at))


def _reading(reading: Reading | None) -> list[str | int | None] | None:
    if reading is None:
        return None
    depth = None if reading.liquidity_usd is None else str(reading.liquidity_usd)
    # Most are of one time: they are written as they were before there were others.
    spread = [reading.spread_seconds] if reading.spread_seconds else []
    return [str(reading.price_usd), depth, reading.observed_at.isoformat(), reading.pool, *spread]


def _read(data: list[Any] | None) -> Reading | None:
    if data is None:
        return None
    price, depth, at, pool, *spread = data
    return Reading(
        Decimal(price),
        None if depth is None else Decimal(depth),
        datetime.fromisoformat(at),
        pool,
        *spread,
    )
