"""Addresses of EVM chains: their checksum, and the pool that a pair and a fee make.

Keccak-256 is not in the standard library (its SHA-3 pads otherwise), so it is here.
"""

import re

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_RATE = 136
_LANE = (1 << 64) - 1

#: Uniswap v3: who deploys the pools of a price chain, and the hash of a pool's code.
_V3_FACTORIES = {
    1: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
    8453: "0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
    42161: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
}
_V3_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
_V3_FEES = (100, 200, 300, 400, 500, 3_000, 10_000)


def read_address(text: str) -> str:
    """Return an address in lower case.

    One in mixed case must carry its checksum (EIP-55): a digit that was mistyped is found.

    :raises ValueError: for what is no address, or has another checksum.
    """
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no address: allowed are 0x and 40 hexadecimal digits")
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and checksummed(text) != text:
        raise ValueError(
            f"{text} does not carry its checksum, so a letter or digit of it may be wrong;"
            " copy it again, or write it in lower case if you are sure"
        )
    return text.lower()


def checksummed(address: str) -> str:
    """Return an address with its checksum as upper and lower case: EIP-55."""
    digits = address[2:].lower()
    nibbles = keccak256(digits.encode()).hex()
    pairs = zip(digits, nibbles, strict=False)
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in pairs
    )


def v3_fee_pips(chain_id: int, token: str, other: str, pool: str) -> int | None:
    """Return the fee of a Uniswap v3 pool in pips; None when it is not one of its factory.

    The address of such a pool is a hash over factory, tokens and fee (CREATE2, EIP-1014), so
    the fee that yields the address is the pool's.
    """
    if chain_id not in _V3_FACTORIES:
        return None
    for fee_pips in _V3_FEES:
        if _v3_pool(_V3_FACTORIES[chain_id], token, other, fee_pips) == pool.lower():
            return fee_pips
    return None


def _v3_pool(factory: str, token: str, other: str, fee_pips: int) -> str:
    ordered = sorted((_raw(token), _raw(other)))
    words = (*ordered, fee_pips.to_bytes(3, "big"))
    salt = keccak256(b"".join(word.rjust(32, b"\0") for word in words))
    made = keccak256(b"\xff" + _raw(factory) + salt + _V3_CODE_HASH)
    return "0x" + made[12:].hex()


def _raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def keccak256(data: bytes) -> bytes:
    """Hash bytes with the Keccak that Ethereum uses: rate 1088, padded with 0x01 ... 0x80."""
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for index in range(_RATE // 8):
            at = start + 8 * index
            lanes[index] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(lanes: list[int]) -> list[int]:
    """Return the state after the 24 rounds of Keccak-f[1600]; lane (x, y) is at x + 5 y."""
    register = 1
    for _ in range(24):
        sums = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        mixed = [sums[(x - 1) % 5] ^ _turned(sums[(x + 1) % 5], 1) for x in range(5)]
        lanes = _moved([lane ^ mixed[index % 5] for index, lane in enumerate(lanes)])
        lanes = [
            lane ^ (~lanes[_beside(index, 1)] & lanes[_beside(index, 2)])
            for index, lane in enumerate(lanes)
        ]
        constant, register = _constant(register)
        lanes[0] ^= constant
    return lanes


def _moved(lanes: list[int]) -> list[int]:
    """Turn each lane by its offset and move it to its new place."""
    moved = list(lanes)
    x, y = 1, 0
    for step in range(24):
        new_x, new_y = y, (2 * x + 3 * y) % 5
        moved[new_x + 5 * new_y] = _turned(lanes[x + 5 * y], (step + 1) * (step + 2) // 2)
        x, y = new_x, new_y
    return moved


def _beside(index: int, by: int) -> int:
    """Return the lane so many places further in the same row."""
    return index - index % 5 + (index + by) % 5


def _constant(register: int) -> tuple[int, int]:
    """Return a round's constant and the shift register after it."""
    constant = 0
    for power in range(7):
        if register & 1:
            constant |= 1 << ((1 << power) - 1)
        register = (register << 1) ^ (0x171 if register >> 7 else 0)
    return constant, register


def _turned(lane: int, by: int) -> int:
    by %= 64
    return ((lane << by) | (lane >> (64 - by))) & _LANE
