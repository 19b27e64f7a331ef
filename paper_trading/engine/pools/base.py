"""What fills, MEV and routes ask of a pool, of whatever kind it is."""

from decimal import Decimal
from typing import Protocol

from paper_trading.engine.enums import Side


class PairPool(Protocol):
    """Cash and a token in one pool; amounts are base units.

    `amm.Pool`, `ConcentratedPool`, `VolatilePool` and `StablePool` are such pools. In a
    route's middle hop the "cash" is WETH. `None` for a result says that the depth needed is
    not known: the caller refuses, and never guesses.
    """

    @property
    def token_decimals(self) -> int:
        """Return the token's decimals."""

    @property
    def fee_pips(self) -> int:
        """Return the fee in millionths of the input."""

    @property
    def mid_price(self) -> Decimal:
        """Return cash per whole token in the middle of the pool, at the price scale."""

    def quote(self, side: Side, amount_in: int) -> int | None:
        """Return the output of an exact input: tokens for BUY, cash for SELL."""

    def after(self, side: Side, amount_in: int) -> "PairPool | None":
        """Return the pool as a swap leaves it."""

    def moved(self, factor: Decimal) -> "PairPool | None":
        """Return the pool at `factor` times its price."""

    def known_in(self, side: Side) -> int | None:
        """Return the largest input whose output is known; None when there is no end to it."""

    def reserve_in(self, side: Side) -> int:
        """Return the input reserve of a constant-product pool that moves as fast as this one.

        Cash for BUY, tokens for SELL. An estimate on the safe side where no such pool is
        exact: it may say less, so that a share of it never takes more depth than there is.
        """
