"""What a pool was read to hold, in its own integers; a fill on it is exact as far as it goes.

Of pools against cash, or against what stands for cash in them, as WETH may: base units of that
and of the token.
"""

from dataclasses import dataclass
from typing import Any

from paper_trading.engine.money import require

_WORD = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Reserves:
    """Reserves of a pool of constant product, or of one of Solidly's curves.

    :raises TypeError: when one is no whole number.
    :raises ValueError: when one is not 0 to 2**256 - 1.
    """

    cash: int
    tokens: int

    def __post_init__(self) -> None:
        """Refuse what no contract says."""
        require("cash reserve", self.cash, 0, _WORD, whole=True)
        require("token reserve", self.tokens, 0, _WORD, whole=True)


@dataclass(frozen=True, slots=True)
class Range:
    """Price and liquidity of a pool of concentrated liquidity; its ticks are not known.

    :raises TypeError: when a figure is no whole number.
    :raises ValueError: when one is not 0 to 2**256 - 1.
    """

    sqrt_price_x96: int
    liquidity: int
    tick_spacing: int
    #: Whether cash is token0, the lower of the two addresses.
    cash_is_token0: bool

    def __post_init__(self) -> None:
        """Refuse what no contract says."""
        for name in ("sqrt_price_x96", "liquidity", "tick_spacing"):
            require(name, getattr(self, name), 0, _WORD, whole=True)


Depth = Reserves | Range


def depth_to_json(depth: Depth | None) -> list[Any] | None:
    """Return a depth as JSON values; `depth_from_json` gives back an equal one."""
    match depth:
        case Reserves(cash, tokens):
            return ["reserves", str(cash), str(tokens)]
        case Range(price, liquidity, spacing, cash_is_token0):
            return ["range", str(price), str(liquidity), spacing, cash_is_token0]
        case None:
            return None


def depth_from_json(data: list[Any] | None) -> Depth | None:
    """Return the depth that `depth_to_json` wrote; ValueError when it did not."""
    match data:
        case None:
            return None
        case ["reserves", str(cash), str(tokens)]:
            return Reserves(int(cash), int(tokens))
        case ["range", str(price), str(liquidity), int(spacing), bool(cash_is_token0)]:
            return Range(int(price), int(liquidity), spacing, cash_is_token0)
    raise ValueError(f"{data!r} is no depth of a pool")
