"""The chain itself: price and depth of pinned pools by Multicall3, through a node's JSON-RPC.

One batch for a chain; in it a call for each 25 pools, answered at one block each, and one for the
swaps that its quoters are asked for. A price in USD starts from that of USDC, which the chain
cannot tell: without it nothing is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from paper_trading.engine import gas, money
from paper_trading.engine.market import HIGHEST_FEE_WEI, L1Fees
from paper_trading.engine.trust import POOL_ABSENT, POOL_OTHER, Absent
from paper_trading.intelligence.live_step import BAD_PRICE, Seen, seen
from paper_trading.services import token_registry
from paper_trading.services.sources.live import abi
from paper_trading.services.sources.live.abi import AbiError, ContractCall
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.batches import at_most, batches, by_chain
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.live.failures import secrets, shorten
from paper_trading.services.sources.live.pool_state import (
    HEAD_CALLS,
    L1_CALLS,
    MULTICALL3,
    Block,
    PoolState,
    Results,
    head,
    pool_calls,
    pool_state,
    told_l1_fees,
)
from paper_trading.services.sources.live.quoter import QUOTES_ID, Quoter
from paper_trading.services.sources.live.values import inside, objects

NAME: Final = "onchain"
#: Tokens of one batch, and pools of one call: nodes bound the gas of a call.
BATCH_LIMIT: Final = 100
POOLS_OF_A_CALL: Final = 25
#: Kinds whose curve is known: the price of another would be wrong.
V2_KINDS: Final = frozenset({"uniswap_v2", "sushiswap_v2", "pancakeswap_v2"})
V3_KINDS: Final = frozenset({"uniswap_v3", "sushiswap_v3", "pancakeswap_v3"})
#: The pool's other token has no price in USD here.
NO_USD_ANCHOR: Final = "NO_USD_ANCHOR"
#: The node answered the call for this pool with an error.
RPC_ERROR: Final = "RPC_ERROR"
_THROTTLED_CODES = (Decimal(429), Decimal(-32005), Decimal(-32097))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Tokens of one call, with the pools that price WETH behind them."""

    tokens: tuple[LiveToken, ...]
    #: Kind by address: is it a v2 pool?
    pools: Mapping[str, bool]
    #: Tokens whose balances are asked for.
    sides: tuple[str, ...]
    #: Pools of WETH, the one to ask first first.
    anchors: tuple[str, ...]

    def calls(self) -> list[ContractCall]:
        """Return the calls in their order, each once."""
        of_pools = [
            call
            for pool, is_v2 in self.pools.items()
            for call in pool_calls(pool, is_v2=is_v2, tokens=self._tokens_of(pool))
        ]
        rollup = gas.chain(self.tokens[0].price_chain_id).rollup
        l1 = L1_CALLS if rollup is gas.Rollup.OP_STACK else ()
        return [*HEAD_CALLS, *l1, *dict.fromkeys(of_pools)]

    def state(self, pool: str, results: Results) -> PoolState | None:
        """Return the state of a pool; AbiError when it is not sound."""
        is_v2, tokens = self.pools[pool], self._tokens_of(pool)
        return pool_state(pool, is_v2=is_v2, tokens=tokens, results=results)

    def _tokens_of(self, pool: str) -> tuple[str, ...]:
        own = [one.address.lower() for one in self.tokens if one.pool.lower() == pool]
        return tuple(dict.fromkeys([*own, *self.sides]))


class OnChain:
    """The source of ticks when there is an RPC URL for every price chain of a market.

    :param rpc_urls: by chain id; a path may hold a key, and is never shown.
    :param cash_usd: USD for one USDC, by chain id, said by another source.
    :param quoter: asks for swaps in the first batch of a chain; what it is told is no price.
    """

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(
        self,
        rpc_urls: Mapping[int, str],
        cash_usd: Mapping[int, Decimal] | None = None,
        quoter: Quoter | None = None,
    ) -> None:
        self._rpc_urls = rpc_urls
        self._cash_usd = cash_usd or {}
        self._quoter = quoter or Quoter(())

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a batch for each 100 pools of a chain that has an RPC URL."""
        return list(self._requests(tokens))

    @money.exact
    def read(self, request: Request, answer: Answer) -> Mapping[str, Seen | Absent]:
        """Return price and depth of each token's pool at the block's own time.

        :raises SourceFailure: when no call of the batch was answered, or by another chain's node.
        """
        found: dict[str, Seen | Absent] = {}
        for chunk, results in _answered(request, answer):
            if results is None:
                found |= {one.symbol: Absent(RPC_ERROR) for one in chunk.tokens}
            else:
                found |= self._said(chunk, results)
        return found

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        known = [one for one in tokens if one.pool and one.pool_kind in V2_KINDS | V3_KINDS]
        for chain_id, of_chain in by_chain(known):
            if chain_id not in self._rpc_urls or chain_id not in CHAIN_NAMES:
                continue
            quotes = self._quoter.rpc_call(chain_id)
            for batch in batches(of_chain, lambda one: one.pool, at_most(BATCH_LIMIT)):
                calls = [_rpc_call(number, one) for number, one in enumerate(_chunks(batch), 1)]
                calls, quotes = [*calls, *quotes], []
                shown = f"{NAME} pools of {CHAIN_NAMES[chain_id].dexscreener}"
                yield Request(self._rpc_urls[chain_id], shown, batch, method="POST", json=calls)

    def _said(self, chunk: _Chunk, results: Results) -> dict[str, Seen | Absent]:
        chain_id = chunk.tokens[0].price_chain_id
        usd = _anchors(chunk, results, self._cash_usd.get(chain_id))
        block = head(results)
        return {one.symbol: _token_said(one, chunk, results, usd, block) for one in chunk.tokens}


@money.exact
def blocks(request: Request, answer: Answer) -> list[Block]:
    """Return the blocks that a batch was answered at, with their base fees.

    :raises SourceFailure: as `OnChain.read` does.
    """
    return [head(results) for _, results in _answered(request, answer) if results is not None]


def base_fee_wei(request: Request, answer: Answer) -> int | None:
    """Return the base fee of the newest block that a batch was answered at, in wei.

    None when no chain asks for it: a node that says so is not believed.
    """
    newest = _newest(request, answer)
    fee = 0 if newest is None else head(newest).base_fee_wei
    return fee if 0 < fee <= HIGHEST_FEE_WEI else None


def l1_fees(request: Request, answer: Answer) -> L1Fees | None:
    """Return what the newest block of a batch says that the chain pays for data on L1.

    None of a chain that is none of the OP stack, and of a node that says what none pays.
    """
    newest = _newest(request, answer)
    return None if newest is None else told_l1_fees(newest)


def _newest(request: Request, answer: Answer) -> Results | None:
    """Return the results of the newest block that a batch was answered at."""
    try:
        found = [results for _, results in _answered(request, answer) if results is not None]
    except SourceFailure:
        return None
    return max(found, key=lambda results: head(results).number, default=None)


def _chunks(tokens: Sequence[LiveToken]) -> list[_Chunk]:
    """Return the calls of a batch: the same for the request and for its answer."""
    found = []
    chain_id = tokens[0].price_chain_id
    weth = token_registry.token(chain_id, "WETH")
    cash = token_registry.token(chain_id, token_registry.CASH_SYMBOL)
    sides = (weth.price_address.lower(), cash.price_address.lower())
    own = (one for one in tokens if one.address.lower() == sides[0] and not one.is_further)
    pinned = {one.pool.lower(): one.pool_kind for one in own}
    anchors = {**pinned, (weth.pool_address or "").lower(): weth.pool_kind}
    for batch in batches(tokens, lambda one: one.pool.lower(), at_most(POOLS_OF_A_CALL)):
        kinds = {**anchors, **{one.pool.lower(): one.pool_kind for one in batch}}
        pools = {pool: kind in V2_KINDS for pool, kind in kinds.items()}
        found.append(_Chunk(batch, pools, sides, tuple(anchors)))
    return found


def _rpc_call(number: int, chunk: _Chunk) -> dict[str, Any]:
    call = {"to": MULTICALL3, "data": abi.aggregate3(chunk.calls())}
    return {"jsonrpc": "2.0", "id": number, "method": "eth_call", "params": [call, "latest"]}


def _answered(request: Request, answer: Answer) -> list[tuple[_Chunk, Results | None]]:
    """Return each call of a batch with its results, None for one that failed.

    Replies come in any order and are known by their ids.
    """
    if inside(answer.body, "error") is not None:
        raise _failure(answer.body, request)
    by_id = {inside(one, "id"): one for one in objects(answer.body, "the batch") if _has_id(one)}
    chunks = _chunks(request.tokens)
    found = [(chunk, _results(chunk, by_id.get(n))) for n, chunk in enumerate(chunks, 1)]
    if all(results is None for _, results in found):
        replies = (reply for number, reply in by_id.items() if number != QUOTES_ID)
        raise _failure(next(replies, None), request)
    return found


def _has_id(reply: Any) -> bool:
    # True would be found as 1.
    return isinstance(inside(reply, "id"), Decimal)


def _results(chunk: _Chunk, reply: Any) -> Results | None:
    calls, expected = chunk.calls(), chunk.tokens[0].price_chain_id
    try:
        returned = abi.results(inside(reply, "result"))
        if len(returned) != len(calls):
            return None
        results = dict(zip(calls, returned, strict=True))
        block = head(results)
    except AbiError:
        return None
    if block.chain_id != expected:
        # There no pool would be found, and none is gone.
        raise SourceFailure(
            Reason.REQUEST_REFUSED,
            f"the node is one of chain {block.chain_id}; expected is one of chain {expected}",
        )
    return results


def _failure(reply: Any, request: Request) -> SourceFailure:
    message = inside(reply, "error", "message")
    words = "no call of the batch was answered"
    if isinstance(message, str):
        words = shorten(message, secrets(request))
    if inside(reply, "error", "code") in _THROTTLED_CODES:
        return SourceFailure(Reason.THROTTLED, words)
    has_error = inside(reply, "error") is not None
    return SourceFailure(Reason.SERVER_ERROR if has_error else Reason.BAD_BODY, words)


def _anchors(chunk: _Chunk, results: Results, cash_usd: Decimal | None) -> dict[str, Decimal]:
    """Return USD for one base unit of USDC and, through a pool of the same call, of WETH."""
    weth, cash = chunk.sides
    if cash_usd is None:
        return {}
    usd = {cash: cash_usd.scaleb(-money.CASH_DECIMALS)}
    for pool in chunk.anchors:
        try:
            state = chunk.state(pool, results)
        except AbiError:
            continue
        if state is not None and {state.token0, state.token1} == {weth, cash}:
            usd[weth] = _in_other(state, weth) * usd[cash]
            break
    return usd


def _token_said(
    token: LiveToken, chunk: _Chunk, results: Results, usd: Mapping[str, Decimal], block: Block
) -> Seen | Absent:
    own = token.address.lower()
    try:
        state = chunk.state(token.pool.lower(), results)
        observed_at = datetime.fromtimestamp(block.timestamp, UTC)
    except (AbiError, ValueError, OverflowError, OSError):
        return Absent(BAD_PRICE)
    if state is None:
        return Absent(POOL_ABSENT)
    if own not in (state.token0, state.token1):
        return Absent(POOL_OTHER)
    other = state.token1 if own == state.token0 else state.token0
    # What USDC is worth was told to this source: said again it would look confirmed.
    if other not in usd or own == chunk.sides[1]:
        return Absent(NO_USD_ANCHOR)
    unit_usd = _in_other(state, own) * usd[other]
    liquidity = _depth_usd(state, own, other, unit_usd, usd[other])
    price = unit_usd.scaleb(token.decimals)
    depth = state.depth(other, token.pool_fee_pips, token.pool)
    return seen(price, liquidity, observed_at, token.pool, NAME, block=block.number, depth=depth)


def _in_other(state: PoolState, token: str) -> Decimal:
    """Return base units of the pool's other token for one base unit of a token."""
    return state.price if token == state.token0 else 1 / state.price


def _depth_usd(
    state: PoolState, own: str, other: str, unit_usd: Decimal, other_usd: Decimal
) -> Decimal | None:
    """Return the lesser of twice the virtual reserve and what the pool holds, in USD.

    Virtual reserves of concentrated liquidity can be many times what is there; what is there can
    lie far from the price. None when a balance is not known.
    """
    if own not in state.balances or other not in state.balances:
        return None
    reserve = state.reserve0 if own == state.token0 else state.reserve1
    held = state.balances[own] * unit_usd + state.balances[other] * other_usd
    return min(2 * reserve * unit_usd, held)
