"""Addresses of EVM chains: their checksum, and the pool that a pair and a fee make."""

import re

from eth_hash.auto import keccak

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")

#: Uniswap v3: who deploys the pools of a price chain, and the hash of a pool's code.
_V3_FACTORIES = {
    1: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
    8453: "0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
    42161: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
}
_V3_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
_V3_FEES = (100, 200, 300, 400, 500, 3_000, 10_000)


def is_address(text: str) -> bool:
    """Say whether a text has the form of an address; its checksum is not looked at."""
    return _ADDRESS.fullmatch(text) is not None


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
    nibbles = keccak(digits.encode()).hex()
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
    salt = keccak(b"".join(word.rjust(32, b"\0") for word in words))
    made = keccak(b"\xff" + _raw(factory) + salt + _V3_CODE_HASH)
    return "0x" + made[12:].hex()


def _raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])
