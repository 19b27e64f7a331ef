"""The swaps of a pool as GeckoTerminal lists them: a day's, 300 at most, newest first."""

from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from tests.upstream.faults import Fault
from tests.upstream.text import quoted
from tests.upstream.world import Traded, UpstreamToken, View

MOST, KEPT = 300, timedelta(hours=24)


def trades(view: View, network: str, token: UpstreamToken) -> dict[str, Any]:
    """Return the swaps of a token's pool."""
    now = view.world.now()
    found = [one for one in view.world.traded if one.symbol == token.symbol]
    recent = [one for one in found if now - KEPT <= one.at <= now]
    recent.sort(key=lambda one: one.at, reverse=True)
    return {"data": [_row(view, network, token, one) for one in recent[:MOST]]}


def _row(view: View, network: str, token: UpstreamToken, one: Traded) -> dict[str, Any]:
    other = view.world.token(token.quote, token.chain_id)
    sold = one.side == "SELL"
    other_usd = view.value(other.symbol)
    worth = view.price(other.symbol) * one.other_amount
    own_usd = worth / one.amount
    legs: list[tuple[UpstreamToken, Decimal, Any]] = [
        (token, one.amount, own_usd),
        (other, one.other_amount, other_usd),
    ]
    first, last = legs if sold else legs[::-1]
    transaction = "0x" + sha256(repr(one).encode()).hexdigest()
    missing = view.fault is Fault.NULL
    return {
        "id": f"{network}_1_{transaction}_1_{int(one.at.timestamp())}",
        "type": "trade",
        "attributes": {
            "block_number": 49_057_662,
            "tx_hash": transaction,
            "tx_from_address": "0x" + "ee" * 20,
            "from_token_amount": quoted(first[1]),
            "to_token_amount": None if missing else quoted(last[1]),
            "price_from_in_usd": quoted(first[2]),
            "price_to_in_usd": quoted(last[2]),
            "block_timestamp": f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
            "kind": one.side.lower(),
            "volume_in_usd": quoted(worth),
            "from_token_address": first[0].address,
            "to_token_address": last[0].address,
        },
    }
