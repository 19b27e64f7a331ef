"""The little of Ethereum's contract ABI that reading pools needs, by hand and bounds-checked.

Everything is hexadecimal text or bytes of 32-byte words; addresses are in lower case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WORD = 32
#: Multicall3, `aggregate3((address,bool,bytes)[])`.
AGGREGATE3 = "82ad56cb"
#: A node's answer to one call; nobody asks for more than some hundred results.
_MOST_RESULTS = 10_000


class AbiError(ValueError):
    """Bytes that are not what the called function returns."""


@dataclass(frozen=True, slots=True)
class ContractCall:
    """A call of one contract: its address, and its data as hexadecimal text without 0x."""

    target: str
    data: str


def uint_word(number: int) -> str:
    """Return a number as a word; ValueError when it does not fit."""
    if not 0 <= number < 2**256:
        raise ValueError(f"{number} does not fit into 256 bits")
    return f"{number:064x}"


def address_word(address: str) -> str:
    """Return an address as a word; ValueError when it is none."""
    digits = address.lower().removeprefix("0x")
    if len(digits) != 40:
        raise ValueError(f"{address!r} is no address")
    return uint_word(int(digits, 16))


def bytes_words(digits: str) -> str:
    """Return bytes in hexadecimal digits as a dynamic value: its length, and words that hold it."""
    words = -(-len(digits) // (2 * WORD))
    return uint_word(len(digits) // 2) + digits.ljust(words * WORD * 2, "0")


def aggregate3(calls: Sequence[ContractCall]) -> str:
    """Return the data of one aggregate3 over calls, each of which may fail. With 0x."""
    tuples = [_call_tuple(call) for call in calls]
    offsets, offset = [], len(calls) * WORD
    for one in tuples:
        offsets.append(uint_word(offset))
        offset += len(one) // 2
    return "0x" + "".join([AGGREGATE3, uint_word(WORD), uint_word(len(calls)), *offsets, *tuples])


def results(text: object) -> list[bytes | None]:
    """Return what each call of an aggregate3 returned; None of one that failed.

    :raises AbiError: when the text is not a result of aggregate3.
    """
    data = _bytes(text)
    start = uint(data, 0)
    count = uint(data, start)
    first = start + WORD
    if count > _MOST_RESULTS:
        raise AbiError(f"{count} results")
    return [_result(data, first + uint(data, first + number * WORD)) for number in range(count)]


def uint(data: bytes, at: int) -> int:
    """Return the number in the word at a byte.

    :raises AbiError: when the data ends before it does.
    """
    word = data[at : at + WORD]
    if len(word) != WORD:
        raise AbiError(f"{len(data)} bytes end before byte {at + WORD}")
    return int.from_bytes(word, "big")


def address(data: bytes, at: int = 0) -> str:
    """Return the address in the word at a byte; AbiError when the word holds more."""
    number = uint(data, at)
    if number >= 2**160:
        raise AbiError("an address has 20 bytes")
    return f"0x{number:040x}"


def _call_tuple(call: ContractCall) -> str:
    head = [address_word(call.target), uint_word(1), uint_word(3 * WORD)]
    return "".join([*head, bytes_words(call.data)])


def _result(data: bytes, at: int) -> bytes | None:
    succeeded = uint(data, at)
    place = at + uint(data, at + WORD)
    length = uint(data, place)
    found = data[place + WORD : place + WORD + length]
    if succeeded not in (0, 1) or len(found) != length:
        raise AbiError("a result ends before its length")
    return found if succeeded else None


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise AbiError("no hexadecimal text")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise AbiError("no hexadecimal text") from error
