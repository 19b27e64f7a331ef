"""The length of data after FastLZ, level 1, which the L1 data fee of OP-stack chains rests on.

Written from the description of the format: a greedy LZ77 with a table of 8,192 places by the
hash of three bytes. A run of literals takes one byte more for each 32 of them or part. A match
of 3 to 8 bytes takes two bytes, a longer one three, one over 264 is split. The last 13 bytes
begin no match, and the last four are never part of one.
"""

_TABLE_BITS = 13
_WINDOW = 8_192
_HASH_FACTOR = 2_654_435_769
_LITERALS = 32
#: A match covers three bytes and up to 261 more.
_LONGEST = 262
_SHORT = 6
_NO_START = 13
_NO_MATCH = 4


def compressed_length(data: bytes) -> int:
    """Return the number of bytes that data takes after FastLZ; 0 for none."""
    table = [0] * (1 << _TABLE_BITS)
    limit = len(data) - _NO_START
    length = begin = 0
    place = 2
    while place < limit:
        found = _match(data, table, place, limit)
        if found is None:
            break
        place, earlier = found
        length += _literals(place - begin)
        more = _common(data, earlier + 3, place + 3)
        length += _reference(more)
        place += more
        for _ in range(2):
            table[_hash(_three(data, place))] = place
            place += 1
        begin = place
    return length + _literals(len(data) - begin)


def _match(data: bytes, table: list[int], place: int, limit: int) -> tuple[int, int] | None:
    """Return the next place whose three bytes were met in the window, and where; or None."""
    # The place before the limit is put into the table, but is no match of its own.
    while place < limit - 1:
        three = _three(data, place)
        slot = _hash(three)
        earlier, table[slot] = table[slot], place
        if place - earlier < _WINDOW and _three(data, earlier) == three:
            return place, earlier
        place += 1
    return None


def _common(data: bytes, earlier: int, place: int) -> int:
    """Return how many bytes agree, the first that does not included, up to the last four."""
    start, end = place, len(data) - _NO_MATCH
    while place < end:
        place += 1
        if data[earlier + place - start - 1] != data[place - 1]:
            break
    return place - start


def _literals(count: int) -> int:
    return count + -(-count // _LITERALS)


def _reference(more: int) -> int:
    full, rest = divmod(more - 1, _LONGEST)
    return 3 * full + (2 if rest < _SHORT else 3)


def _three(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 3], "little")


def _hash(three: int) -> int:
    return (three * _HASH_FACTOR >> (32 - _TABLE_BITS)) % (1 << _TABLE_BITS)
