"""From what a person pastes to the pairs of a token: addresses, links, requests and bodies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from paper_trading.engine.market import DEEPEST_POOL_USD
from paper_trading.engine.pair_choice import PairSeen, TokenSeen, Trades
from paper_trading.services.sources.live.addresses import read_address
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure

DEXSCREENER = "https://api.dexscreener.com"
GECKOTERMINAL = "https://api.geckoterminal.com/api/v2"
#: Price chains by the names that DexScreener and GeckoTerminal give them.
SLUGS: Mapping[int, str] = MappingProxyType({1: "ethereum", 8453: "base", 42161: "arbitrum"})
_NETWORKS = {1: "eth", 8453: "base", 42161: "arbitrum"}
_CHAIN_IDS = {slug: chain_id for chain_id, slug in SLUGS.items()}

ALLOWED = (
    "allowed are a contract address (0x and 40 hexadecimal digits) and a link such as"
    " https://dexscreener.com/base/0x... on " + ", ".join(_CHAIN_IDS)
)
_LONGEST_PASTE = 300
_HOSTS = ("dexscreener.com", "www.dexscreener.com")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
#: Pools of Uniswap v4 are known by a hash.
_PAIR = re.compile(r"0x(?:[0-9a-f]{40}|[0-9a-f]{64})")
_DECIMALS_CALL = "0x313ce567"
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_HIGHEST_DECIMALS = 36
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Of what sources write: no number in here needs more digits or a wider exponent.
_MOST_DIGITS, _WIDEST = 120, 200


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a person pasted: an address in lower case, of a token or (in a link) of a pair."""

    address: str
    #: None when neither the link nor the person names one.
    chain_id: int | None
    is_link: bool


def read_paste(text: str, chain_id: int | None = None) -> Pasted:
    """Read a contract address or a DexScreener link; `chain_id` is what the person named.

    :raises ValueError: saying what is wrong and what is allowed.
    """
    found = text.strip()
    if not found:
        raise ValueError(f"nothing was pasted; {ALLOWED}")
    if len(found) > _LONGEST_PASTE:
        raise ValueError(f"{len(found)} characters were pasted; {ALLOWED}")
    if "/" not in found:
        if not re.match(r"0[xX]", found):
            raise ValueError(f"{found!r} is no address and no link; {ALLOWED}")
        return Pasted(read_address("0x" + found[2:]), chain_id, is_link=False)
    slug, address = _link(found)
    linked = _CHAIN_IDS[slug]
    if chain_id is not None and chain_id != linked:
        raise ValueError(f"the link is to {slug} ({linked}), and the chain named is {chain_id}")
    return Pasted(address, linked, is_link=True)


def _link(text: str) -> tuple[str, str]:
    """Return chain and address of a link."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise ValueError(f"{text!r} is no link; {ALLOWED}") from error
    if parts.scheme not in ("http", "https") or host not in _HOSTS:
        raise ValueError(f"{text!r} is no link to dexscreener.com; {ALLOWED}")
    path = [part for part in parts.path.split("/") if part]
    if len(path) != 2:
        raise ValueError(f"{text!r} names no chain and address; {ALLOWED}")
    slug, address = path[0].lower(), path[1]
    if slug not in _CHAIN_IDS:
        raise ValueError(f"the chain {slug!r} of the link is not known; {ALLOWED}")
    if _PAIR.fullmatch(address.lower()) and len(address) > len("0x") + 40:
        return slug, address.lower()
    return slug, read_address(address)


def pools_request(chain_id: int, token: str, host: str = DEXSCREENER) -> Request:
    """Return the call for every pool that holds a token."""
    url = f"{host}/token-pairs/v1/{SLUGS[chain_id]}/{token}"
    return Request(url=url, shown=f"dexscreener pools of {SLUGS[chain_id]} {token}", tokens=())


def token_request(chain_id: int, token: str, host: str = DEXSCREENER) -> Request:
    """Return the call for the pools that the source lists for a token."""
    url = f"{host}/tokens/v1/{SLUGS[chain_id]}/{token}"
    return Request(
        url=url, shown=f"dexscreener listed pools of {SLUGS[chain_id]} {token}", tokens=()
    )


def pair_request(chain_id: int, pair: str, host: str = DEXSCREENER) -> Request:
    """Return the call for one pair."""
    url = f"{host}/latest/dex/pairs/{SLUGS[chain_id]}/{pair}"
    return Request(url=url, shown=f"dexscreener pair {SLUGS[chain_id]} {pair}", tokens=())


def decimals_request(chain_id: int, token: str, host: str = GECKOTERMINAL) -> Request:
    """Return GeckoTerminal's call for what is known of a token."""
    url = f"{host}/networks/{_NETWORKS[chain_id]}/tokens/{token}"
    shown = f"geckoterminal token {SLUGS[chain_id]} {token}"
    return Request(url=url, shown=shown, tokens=(), headers={"accept": "application/json"})


def decimals_call(rpc_url: str, chain_id: int, token: str) -> Request:
    """Return the JSON-RPC call of a token's own decimals(); the URL may hold a key."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_call",
        "params": [{"to": token, "data": _DECIMALS_CALL}, "latest"],
    }
    shown = f"decimals() of {token} on {SLUGS[chain_id]}"
    return Request(url=rpc_url, shown=shown, tokens=(), method="POST", json=body)


def read_pairs(answer: Answer) -> list[PairSeen]:
    """Return the pairs of a body: a bare list, or one in {"pairs": ...} that may be null.

    A pair without two tokens and an address is left out; what else it does not say is None.

    :raises SourceFailure: BAD_BODY when it is no list of pairs.
    """
    body = answer.body
    if isinstance(body, Mapping) and "pairs" in body:
        body = [] if body["pairs"] is None else body["pairs"]
    if not isinstance(body, list):
        raise SourceFailure(Reason.BAD_BODY, "the answer is no list of pairs")
    found = (_pair(item) for item in body)
    return [pair for pair in found if pair is not None]


def read_decimals(answer: Answer, token: str) -> int | None:
    """Return the decimals that GeckoTerminal says of a token; None when it does not."""
    attributes = _part(_part(answer.body, "data"), "attributes")
    if str(attributes.get("address", "")).lower() != token:
        return None
    return _decimals(_amount(attributes.get("decimals")))


def read_decimals_call(answer: Answer) -> int | None:
    """Return what decimals() answered; None for an error, or no number that decimals can be."""
    result = answer.body.get("result") if isinstance(answer.body, Mapping) else None
    if not isinstance(result, str) or not _WORD.fullmatch(result):
        return None
    return _decimals(Decimal(int(result, 16)))


def _decimals(number: Decimal | None) -> int | None:
    if number is None or number > _HIGHEST_DECIMALS or number != int(number):
        return None
    return int(number)


def _pair(item: Any) -> PairSeen | None:
    if not isinstance(item, Mapping):
        return None
    base, quote = _token(item.get("baseToken")), _token(item.get("quoteToken"))
    address = _text(item.get("pairAddress")).lower()
    if base is None or quote is None or not _PAIR.fullmatch(address):
        return None
    labels = item.get("labels")
    txns = _part(item, "txns")
    return PairSeen(
        chain=_text(item.get("chainId")),
        dex=_text(item.get("dexId")).lower(),
        address=address,
        labels=tuple(map(_text, labels)) if isinstance(labels, list) else (),
        base=base,
        quote=quote,
        price_usd=_amount(item.get("priceUsd")),
        price_native=_amount(item.get("priceNative")),
        liquidity_usd=_depth(_part(item, "liquidity").get("usd")),
        volume_h24_usd=_amount(_part(item, "volume").get("h24")),
        h24=_trades(txns.get("h24")),
        h1=_trades(txns.get("h1")),
        created_at=_moment(item.get("pairCreatedAt")),
    )


def _token(found: Any) -> TokenSeen | None:
    if not isinstance(found, Mapping):
        return None
    address = _text(found.get("address")).lower()
    return TokenSeen(address, _text(found.get("symbol"))) if _ADDRESS.fullmatch(address) else None


def _trades(found: Any) -> Trades | None:
    if not isinstance(found, Mapping):
        return None
    buys, sells = _amount(found.get("buys")), _amount(found.get("sells"))
    return None if buys is None or sells is None else Trades(int(buys), int(sells))


def _moment(found: Any) -> datetime | None:
    """Return a time of the source's, in milliseconds; None for none or one that is no date."""
    milliseconds = _amount(found)
    if not milliseconds:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except OverflowError:
        return None


def _amount(found: Any) -> Decimal | None:
    """Return a number from 0 on as it was written; None for anything else."""
    if isinstance(found, bool) or not isinstance(found, Decimal | int | str):
        return None
    if isinstance(found, str) and len(found) > _MOST_DIGITS:
        return None
    try:
        number = Decimal(found)
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite() or number < 0 or abs(number.adjusted()) > _WIDEST:
        return None
    return number


def _depth(found: Any) -> Decimal | None:
    """Return what a pool holds in USD; None also for what none can hold."""
    depth = _amount(found)
    return None if depth is None or depth > DEEPEST_POOL_USD else depth


def _part(found: Any, name: str) -> Mapping[str, Any]:
    part = found.get(name) if isinstance(found, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _text(found: Any) -> str:
    """Return a text; nothing for none, and for one that no row and no terminal can take."""
    return found if isinstance(found, str) and found.isprintable() else ""
