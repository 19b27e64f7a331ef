"""Common luck: random draws that depend on a key alone, the same on every machine.

Whoever asks with the same seed and key meets the same luck, so that two levels or two
variants on one market differ by what they did and not by what they drew.
"""

import hashlib
from decimal import Decimal, localcontext

from paper_trading.engine.money import CONTEXT, ONE, ZERO, ratio

# 96 bits and one half step: odd / 2**97 has 97 decimal places and fits the context exactly.
_BITS = 96
_STEP = CONTEXT.power(Decimal(2), Decimal(-_BITS - 1))
_NEWTON_STEPS = 12
_HALF = Decimal("0.5")


def uniform(seed: int, *key: str | int) -> Decimal:
    """Return the draw of a key: an exact decimal strictly between 0 and 1.

    The first 96 bits n of SHA-256 over seed and key give (2n + 1) / 2**97.
    """
    digest = hashlib.sha256(_encode(seed, *key)).digest()
    number = int.from_bytes(digest[: _BITS // 8], "big")
    return CONTEXT.multiply(Decimal(2 * number + 1), _STEP)


def stream(length: int, seed: int, *key: str | int) -> bytes:
    """Return so many bytes of luck of a key, for draws in their millions.

    SHAKE-256 over seed and key; a longer stream begins like a shorter one.
    """
    return hashlib.shake_256(_encode(seed, *key)).digest(length)


def student_t4(u: Decimal) -> Decimal:
    """Return the quantile of Student's t with 4 degrees of freedom, to 12 places.

    Closed form (Shaw 2006): a = 4u(1-u), q = cos(arccos(sqrt a) / 3) / sqrt a,
    t = sign(u - 1/2) * 2 * sqrt(q - 1). The variance is 2. ValueError outside (0, 1).
    """
    if not ZERO < u < ONE:
        raise ValueError(f"probability {u} is outside the open interval from 0 to 1")
    with localcontext(CONTEXT):
        root = (4 * u * (1 - u)).sqrt()
        # Half a unit in the last digit may push the quotient below one at the median.
        excess = max(_third_of_angle(root) / root - 1, ZERO)
        size = 2 * excess.sqrt()
        return ratio(size if u >= _HALF else -size)


def _third_of_angle(cosine: Decimal) -> Decimal:
    """Return cos(arccos(z) / 3) for z in (0, 1]: the largest root of 4c^3 - 3c = z.

    Newton from 1 falls monotonically: the cubic is convex and rising above 1/2.
    """
    c = ONE
    for _ in range(_NEWTON_STEPS):
        square = c * c
        c -= (c * (4 * square - 3) - cosine) / (12 * square - 3)
    return c


def _encode(*parts: str | int) -> bytes:
    """Encode a key so that no two keys share bytes: type, length and text of each part."""
    texts = (("s" if isinstance(part, str) else "i", str(part).encode()) for part in parts)
    return b"".join(f"{kind}{len(text)}:".encode() + text for kind, text in texts)
