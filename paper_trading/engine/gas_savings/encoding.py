"""Transactions as bytes: RLP, the signed envelope of type 2 (EIP-1559), and calls of a router.

Only lengths are needed here, so signatures and addresses are whatever the caller passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: A string of bytes, or a list of items.
Item: TypeAlias = "bytes | Sequence[Item]"

_TYPE_2 = b"\x02"
_WORD = 32
_SHORT = 55
_STRING, _LIST = 0x80, 0xC0

#: First four bytes of the Keccak hash of each signature.
APPROVE = bytes.fromhex("095ea7b3")  # approve(address,uint256)
#: swapExactTokensForTokens(uint256,uint256,address[],address,uint256)
SWAP_V2 = bytes.fromhex("38ed1739")
#: exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160)), and the
#: younger router's, whose deadline stands in the multicall around it.
SWAP_V3, SWAP_V3_02 = bytes.fromhex("414bf389"), bytes.fromhex("04e45aaf")
MULTICALL = bytes.fromhex("ac9650d8")  # multicall(bytes[])


@dataclass(frozen=True, slots=True)
class TypeTwo:
    """A transaction of type 2 that moves no native coin; fees in wei per gas."""

    chain_id: int
    nonce: int
    priority_fee_wei: int
    maximum_fee_wei: int
    gas_limit: int
    to: bytes
    data: bytes


def rlp(item: Item) -> bytes:
    """Encode a string or a list of items."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _prefix(len(item), _STRING) + item
    body = b"".join(map(rlp, item))
    return _prefix(len(body), _LIST) + body


def signed(sent: TypeTwo, y_parity: int, r: int, s: int) -> bytes:
    """Return the bytes of a signed transaction, as a block and the L1 data have them."""
    fields: list[Item] = [
        *map(number, (sent.chain_id, sent.nonce, sent.priority_fee_wei, sent.maximum_fee_wei)),
        number(sent.gas_limit),
        sent.to,
        b"",
        sent.data,
        [],
        *map(number, (y_parity, r, s)),
    ]
    return _TYPE_2 + rlp(fields)


def approve_call(spender: bytes, amount: int) -> bytes:
    """Return the calldata of an approval: 68 bytes."""
    return APPROVE + _words(spender, amount)


def swap_v2_call(
    amount_in: int, minimum_out: int, path: Sequence[bytes], to: bytes, deadline: int
) -> bytes:
    """Return the calldata of an exact-input swap by the v2 router: 260 bytes for two tokens."""
    head = _words(amount_in, minimum_out, 5 * _WORD, to, deadline)
    return SWAP_V2 + head + _words(len(path), *path)


def swap_v3_call(
    pool: tuple[bytes, bytes, int],
    to: bytes,
    amounts: tuple[int, int],
    deadline: int | None = None,
) -> bytes:
    """Return the calldata of an exact-input swap of one pool by the v3 router.

    `pool` is token in, token out and fee in pips; `amounts` are what goes in and the least that
    comes out. 260 bytes with a deadline, 228 without one, as the younger router takes it.
    """
    if deadline is None:
        return SWAP_V3_02 + _words(*pool, to, *amounts, 0)
    return SWAP_V3 + _words(*pool, to, deadline, *amounts, 0)


def multicall(calls: Sequence[bytes]) -> bytes:
    """Return the calldata of several calls in one transaction."""
    offset, offsets, bodies = len(calls) * _WORD, [], []
    for call in calls:
        body = _words(len(call)) + call + bytes(-len(call) % _WORD)
        offsets.append(offset)
        bodies.append(body)
        offset += len(body)
    return MULTICALL + _words(_WORD, len(calls), *offsets) + b"".join(bodies)


def number(value: int) -> bytes:
    """Return a whole number as RLP takes it: big end first, nothing for zero."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _words(*values: int | bytes) -> bytes:
    return b"".join(
        value.rjust(_WORD, b"\0") if isinstance(value, bytes) else value.to_bytes(_WORD, "big")
        for value in values
    )


def _prefix(length: int, kind: int) -> bytes:
    if length <= _SHORT:
        return bytes([kind + length])
    size = number(length)
    return bytes([kind + _SHORT + len(size)]) + size
