"""The quoters of a chain: what swaps of an exact input bring in the world's pools.

Reckoned anew here, in fractions of whole pools: half the depth lies on each side of a pool, and
its liquidity is the same at every price.
"""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from tests.upstream.world import UpstreamToken, View

QUOTERS = {
    1: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
    8453: "0x3d4e44eb1374240ce5f1b871ab261cd16335b76a",
    42161: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
}
SINGLE, PATH, AMOUNT_OUT = "c6a5026a", "cdca1753", "f140a35a"
GAS_ESTIMATE = 93_000


def quote(view: View, chain_id: int, data: str) -> bytes | None:
    """Answer QuoterV2: a pool is found by its tokens and fee; without one the call reverts."""
    selector, words = data[:8], [int(data[at : at + 64], 16) for at in range(8, len(data), 64)]
    if selector in view.world.silent:
        return None
    if selector == SINGLE and len(words) == 5 and words[4] == 0:
        steps: list[int | str] = [_address(words[0]), words[3], _address(words[1])]
        out = _along(view, chain_id, steps, words[2])
        return None if out is None else _words(out, 2**96, 1, GAS_ESTIMATE)
    if selector == PATH and words[0] == 64:
        out = _along(view, chain_id, _steps(data[8 + 3 * 64 :][: 2 * words[2]]), words[1])
        # Two lists follow, of a figure for each pool.
        lists = (2, 2**96, 2**96, 2, 1, 1)
        return None if out is None else _words(out, 128, 224, 2 * GAS_ESTIMATE, *lists)
    return None


def amount_out(view: View, base: UpstreamToken, data: str) -> bytes | None:
    """Answer a Solidly pool's own quoter."""
    amount_in, address = int(data[8:72], 16), "0x" + data[-40:]
    token_in = view.world.by_address(base.chain_id, address)
    if AMOUNT_OUT in view.world.silent or token_in is None:
        return None
    return _words(_told(view, [base], token_in, amount_in))


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def _address(word: int) -> str:
    return f"0x{word:040x}"


def _steps(path: str) -> list[int | str]:
    """Return a packed path: a token of 20 bytes, a fee of 3, a token, and so on."""
    steps: list[int | str] = ["0x" + path[:40]]
    for at in range(40, len(path), 46):
        steps += [int(path[at : at + 6], 16), "0x" + path[at + 6 : at + 46]]
    return steps


def _along(view: View, chain_id: int, steps: list[int | str], amount_in: int) -> int | None:
    """Return what a swap along a path pays; None without a pool between two of its tokens."""
    tokens = [view.world.by_address(chain_id, str(one)) for one in steps[::2]]
    pools = []
    for fee_pips, (one, then) in zip(steps[1::2], pairwise(tokens), strict=True):
        pair = {getattr(one, "address", ""), getattr(then, "address", "")}
        found = [p for p in _pools(view, chain_id) if (p[1], p[2]) == (pair, fee_pips)]
        if not found:
            return None
        pools.append(found[0][0])
    return None if tokens[0] is None else _told(view, pools, tokens[0], amount_in)


def _pools(view: View, chain_id: int) -> list[tuple[UpstreamToken, set[str], int]]:
    """Return each pool of a chain with the addresses of its tokens, and its fee."""
    return [
        (base, {base.address, view.world.token(base.quote, chain_id).address}, base.fee_pips)
        for base in view.world.tokens
        if base.chain_id == chain_id and base.symbol not in view.world.gone
    ]


def _told(view: View, pools: list[UpstreamToken], token_in: UpstreamToken, amount_in: int) -> int:
    """Return what pools in a row pay, whatever they hold, and note what was asked and said."""
    paid, token = amount_in, token_in
    for base in pools:
        paid, token = _paid(view, base, token, paid)
    out = int(paid * view.world.quoter_factor)
    is_cash_in = token_in.symbol == "USDC"
    own = pools[-1] if is_cash_in else pools[0]
    # The pool of WETH is listed under USDC as well: what is traded is told.
    symbol = own.symbol if own.symbol != "USDC" else own.quote
    view.world.quoted.append((symbol, "BUY" if is_cash_in else "SELL", amount_in, out))
    return out % 2**256


def _paid(
    view: View, base: UpstreamToken, token_in: UpstreamToken, amount_in: int
) -> tuple[int, UpstreamToken]:
    """Return x*y=k on both halves of the depth, the fee left out of the input, and of what."""
    other = view.world.token(base.quote, base.chain_id)
    sells = token_in.address == base.address
    token_out = other if sells else base
    reserve_in, reserve_out = (_half(view, base, one) for one in (token_in, token_out))
    kept = amount_in * Fraction(1_000_000 - base.fee_pips, 1_000_000)
    return int(reserve_out * kept / (reserve_in + kept)), token_out


def _half(view: View, base: UpstreamToken, token: UpstreamToken) -> Fraction:
    units: Decimal = view.world.depth(base.symbol) / 2 / view.price(token.symbol)
    return Fraction(units.scaleb(token.decimals))
