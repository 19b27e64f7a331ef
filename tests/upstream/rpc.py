"""A node's JSON-RPC: batches of eth_call to Multicall3, answered from the world's pools.

The encoding is written anew here, so that a mistake in the product's does not cancel out.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.upstream import quoters
from tests.upstream.faults import Fault, bad_request
from tests.upstream.providers import Answered, Asked, ok
from tests.upstream.world import UpstreamToken, View

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
GAS_ORACLE = "0x420000000000000000000000000000000000000f"
L1_SELECTORS = ("519b4bd3", "f8206140", "c5985918", "68d5dca6")
BLOCK, BASE_FEE = 49_057_662, 5_000_000
Q96 = Decimal(2**96)
SPACINGS = {100: 1, 500: 10, 3000: 60, 10000: 200}


def rpc(view: View, asked: Asked) -> Answered:
    """Answer a batch; the path is the id of the chain."""
    if len(asked.path) != 1 or not asked.path[0].isdecimal() or not isinstance(asked.body, list):
        return bad_request("expected is a batch for a chain"), ""
    chain_id = int(asked.path[0])
    replies = [_reply(view, chain_id, one) for one in asked.body]
    if view.fault is Fault.ERROR_ELEMENT:
        replies[0] = {"jsonrpc": "2.0", "id": asked.body[0]["id"], "error": REVERTED}
    if view.fault in (Fault.OUT_OF_ORDER, Fault.ERROR_ELEMENT):
        replies.reverse()
    return ok(replies, asked.path[0])


REVERTED = {"code": 3, "message": "execution reverted"}


def _reply(view: View, chain_id: int, asked: dict[str, Any]) -> dict[str, Any]:
    reply = {"jsonrpc": "2.0", "id": asked["id"]}
    call = asked["params"][0]
    if asked["method"] != "eth_call" or call["to"].lower() != MULTICALL3:
        return {**reply, "error": {"code": -32601, "message": "method not found"}}
    if view.fault is Fault.WRONG_TYPE:
        return {**reply, "result": 17}
    if view.fault is Fault.NAN:
        return {**reply, "result": Decimal("NaN")}
    answers = [_call(view, chain_id, *one) for one in _decode(bytes.fromhex(call["data"][2:]))]
    return {**reply, "result": "0x" + _encode(answers).hex()}


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 32], "big")


def _decode(data: bytes) -> list[tuple[str, str]]:
    """Return target and data of each call."""
    assert data[:4].hex() == "82ad56cb"
    body = data[4:]
    assert _word(body, 0) == 32
    calls = []
    for number in range(_word(body, 32)):
        at = 64 + _word(body, 64 + 32 * number)
        start, length = at + _word(body, at + 64) + 32, _word(body, at + _word(body, at + 64))
        calls.append(("0x" + body[at + 12 : at + 32].hex(), body[start : start + length].hex()))
    return calls


def _encode(answers: list[bytes | None]) -> bytes:
    tuples = []
    for one in answers:
        found = one or b""
        padding = b"\0" * (-len(found) % 32)
        head = (int(one is not None), 64, len(found))
        tuples.append(b"".join(part.to_bytes(32, "big") for part in head) + found + padding)
    offsets, at = [], 32 * len(tuples)
    for each in tuples:
        offsets.append(at)
        at += len(each)
    words = [32, len(tuples), *offsets]
    return b"".join(part.to_bytes(32, "big") for part in words) + b"".join(tuples)


def _words(*numbers: int) -> bytes:
    return b"".join((number % 2**256).to_bytes(32, "big") for number in numbers)


def _call(view: View, chain_id: int, target: str, data: str) -> bytes | None:
    if target == MULTICALL3:
        heads = {
            "0f28c97d": int(view.world.now().timestamp()),
            "3e64a696": BASE_FEE,
            "42cbb15c": BLOCK,
            "3408e470": chain_id,
        }
        return _words(heads[data]) if data in heads else None
    if (chain_id, target) == (8453, GAS_ORACLE):
        fees = dict(zip(L1_SELECTORS, view.world.l1_fees, strict=True))
        return _words(fees[data]) if data in fees.keys() - view.world.silent else None
    if target == quoters.QUOTERS.get(chain_id):
        return quoters.quote(view, chain_id, data)
    if data.startswith("70a08231"):
        token, pool = view.world.by_address(chain_id, target), "0x" + data[-40:]
        return None if token is None else _balance(view, chain_id, token, pool)
    base = view.world.by_pool(chain_id, target)
    if base is None or (view.is_missing(base.symbol) and base.symbol != "WETH"):
        # A call of an address without a contract succeeds, and returns nothing.
        return b""
    if data.startswith(quoters.AMOUNT_OUT):
        return quoters.amount_out(view, base, data)
    return _pool(view, base, data)


def _pool(view: View, base: UpstreamToken, data: str) -> bytes | None:
    quote = view.world.token(base.quote, base.chain_id)
    token0, token1 = sorted((base, quote), key=lambda one: int(one.address, 16))
    if view.fault is Fault.NULL and data == "3850c7bd":
        return None
    root = _root(view, token0, token1)
    wrong = {Fault.ZERO: 0, Fault.NEGATIVE: -1}
    functions: Mapping[str, Callable[[], bytes]] = {
        "0dfe1681": lambda: _words(int(token0.address, 16)),
        "d21220a7": lambda: _words(int(token1.address, 16)),
        "3850c7bd": lambda: _words(wrong.get(view.fault, int(root)) if view.fault else int(root)),
        "1a686502": lambda: _words(int(_half(view, base, token1) * Q96 / root)),
        "ddca3f43": lambda: _words(base.fee_pips),
        "d0c93a7c": lambda: _words(SPACINGS[base.fee_pips]),
        "0902f1ac": lambda: _words(_half(view, base, token0), _half(view, base, token1), 0),
    }
    return functions[data]() if data in functions.keys() - view.world.silent else None


def _root(view: View, token0: UpstreamToken, token1: UpstreamToken) -> Decimal:
    price = view.price(token0.symbol) / view.price(token1.symbol)
    return price.scaleb(token1.decimals - token0.decimals).sqrt() * Q96


def _half(view: View, base: UpstreamToken, token: UpstreamToken) -> int:
    """Return half a pool's depth in base units of one of its tokens."""
    depth = view.world.depth(base.symbol)
    return int((depth / 2 / view.price(token.symbol)).scaleb(token.decimals))


def _balance(view: View, chain_id: int, token: UpstreamToken, pool: str) -> bytes:
    base = view.world.by_pool(chain_id, pool)
    if base is None or token.symbol not in (base.symbol, base.quote):
        return _words(0)
    return _words(_half(view, base, token))
