"""The quoters of a chain: what swaps of an exact input bring in the world's pools.

Reckoned anew here, in fractions of whole pools: half the depth lies on each side of a pool, and
its liquidity is the same at every price.
"""

from decimal import Decimal
from fractions import Fraction

from tests.upstream.world import UpstreamToken, View

QUOTERS = {
    1: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
    8453: "0x3d4e44eb1374240ce5f1b871ab261cd16335b76a",
    42161: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
}
SINGLE, AMOUNT_OUT = "c6a5026a", "f140a35a"
GAS_ESTIMATE = 93_000


def quote_single(view: View, chain_id: int, data: str) -> bytes | None:
    """Answer QuoterV2: a pool is found by its tokens and fee; without one the call reverts."""
    words = [int(data[at : at + 64], 16) for at in range(8, len(data), 64)]
    if not data.startswith(SINGLE) or SINGLE in view.world.silent or len(words) != 5:
        return None
    token_in, token_out = (view.world.by_address(chain_id, f"0x{word:040x}") for word in words[:2])
    _, _, amount_in, fee_pips, limit = words
    if token_in is None or token_out is None or limit:
        return None
    pair = {token_in.symbol, token_out.symbol}
    for base in view.world.tokens:
        if (
            base.chain_id == chain_id
            and base.fee_pips == fee_pips
            and pair == {base.symbol, base.quote}
        ):
            out = _paid(view, base, token_in, amount_in)
            return b"".join(word.to_bytes(32, "big") for word in (out, 2**96, 1, GAS_ESTIMATE))
    return None


def amount_out(view: View, base: UpstreamToken, data: str) -> bytes | None:
    """Answer a Solidly pool's own quoter."""
    amount_in, address = int(data[8:72], 16), "0x" + data[-40:]
    token_in = view.world.by_address(base.chain_id, address)
    if AMOUNT_OUT in view.world.silent or token_in is None:
        return None
    return _paid(view, base, token_in, amount_in).to_bytes(32, "big")


def _paid(view: View, base: UpstreamToken, token_in: UpstreamToken, amount_in: int) -> int:
    """Return x*y=k on both halves of the depth, the fee left out of the input."""
    sells = token_in.symbol == base.symbol
    other = view.world.token(base.quote, base.chain_id)
    token_out = other if sells else base
    reserve_in, reserve_out = (_half(view, base, one) for one in (token_in, token_out))
    kept = amount_in * Fraction(1_000_000 - base.fee_pips, 1_000_000)
    out = int(reserve_out * kept / (reserve_in + kept) * view.world.quoter_factor)
    # The pool of WETH is listed under USDC as well: what is traded is told.
    symbol = base.symbol if base.symbol != "USDC" else base.quote
    is_cash_in = token_in.symbol == "USDC"
    view.world.quoted.append((symbol, "BUY" if is_cash_in else "SELL", amount_in, out))
    return out % 2**256


def _half(view: View, base: UpstreamToken, token: UpstreamToken) -> Fraction:
    units: Decimal = view.world.depth(base.symbol) / 2 / view.price(token.symbol)
    return Fraction(units.scaleb(token.decimals))
