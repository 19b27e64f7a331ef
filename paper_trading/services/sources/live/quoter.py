"""The chain's own quoters, asked for swaps that are on their way, in the call that reads pools.

Uniswap v3: `QuoterV2`, which reckons with every tick, through one pool or two in a row. Solidly:
the pool's own `getAmountOut`. Pools of constant product have none: their formula on reserves is
exact. Of two pools of different kinds, or of another kind than Uniswap v3, no one contract tells.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from paper_trading.engine.enums import PoolKind, Side
from paper_trading.engine.market import ChainQuote
from paper_trading.engine.pair_choice import curve_of
from paper_trading.intelligence.said_quotes import SaidQuote
from paper_trading.services import token_registry
from paper_trading.services.sources.live import abi, addresses
from paper_trading.services.sources.live.abi import AbiError, ContractCall
from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.pool_state import (
    HEAD_CALLS,
    MULTICALL3,
    TOKEN_CALLS,
    Results,
    head,
)
from paper_trading.services.sources.live.values import inside

#: QuoterV2 of Uniswap v3, by price chain: it quotes the pools of its own factory only.
QUOTERS: Final[Mapping[int, str]] = {
    token_registry.ETHEREUM: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
    token_registry.BASE: "0x3d4e44eb1374240ce5f1b871ab261cd16335b76a",
    token_registry.ARBITRUM: "0x61ffe014ba17989e743c5f6cb21bf9697530b21e",
}
#: Swaps that a chain is asked for at a step: a quoter makes each of them, and nodes bound the
#: gas of a call. Who is left out is settled by the pool as it is modelled.
MOST_QUOTES: Final = 20
#: The id of the quoter's call, far from those of the calls for pools.
QUOTES_ID: Final = 1_000

_EXACT_INPUT_SINGLE, _EXACT_INPUT, _AMOUNT_OUT = "c6a5026a", "cdca1753", "f140a35a"
#: Words that each returns, the output first; of a path two lists follow with a figure a pool.
_WORDS: Final = {_EXACT_INPUT_SINGLE: 4, _EXACT_INPUT: 10, _AMOUNT_OUT: 1}
#: Pools of the longest way that orders take.
_MOST_HOPS = 2
_LARGEST = 2**256 - 1
_SOLIDLY = frozenset({PoolKind.SOLIDLY_VOLATILE, PoolKind.SOLIDLY_STABLE})


@dataclass(frozen=True, slots=True)
class Hop:
    """One pool of a swap's way, and its tokens in the swap's direction. Lower-case addresses."""

    pool: str
    kind: str
    fee_pips: int
    token_in: str
    token_out: str


@dataclass(frozen=True, slots=True)
class AskedQuote:
    """A swap that the chain is asked for: an exact input along a way."""

    symbol: str
    chain_id: int
    side: Side
    amount_in: int
    #: In the order of the swap.
    way: tuple[Hop, ...]
    #: As a plan names it: the address of a further pool; empty: the one that prices the token.
    pool: str = ""

    @property
    def call(self) -> ContractCall | None:
        """Return the call that quotes it; None where no quoter of ours can.

        A pool of v3 must be the one that the quoter finds by tokens and fee, which its address
        proves; of two pools both must.
        """
        if not self.way or not 0 < self.amount_in <= _LARGEST:
            return None
        hop, amount = self.way[0], abi.uint_word(self.amount_in)
        if len(self.way) == 1 and curve_of(hop.kind) in _SOLIDLY:
            return ContractCall(hop.pool, _AMOUNT_OUT + amount + abi.address_word(hop.token_in))
        if self.chain_id not in QUOTERS or not self._is_proved:
            return None
        data = _single(hop, amount) if len(self.way) == 1 else _path(self.way, amount)
        return ContractCall(QUOTERS[self.chain_id], data)

    @property
    def _is_proved(self) -> bool:
        """Say whether the quoter finds these very pools, one after the other."""
        joined = all(one.token_out == then.token_in for one, then in pairwise(self.way))
        return joined and len(self.way) <= _MOST_HOPS and all(map(self._finds, self.way))

    def _finds(self, hop: Hop) -> bool:
        if hop.kind != token_registry.POOL_UNISWAP_V3:
            return False
        pair = (self.chain_id, hop.token_in, hop.token_out)
        return addresses.v3_fee_pips(*pair, hop.pool) == hop.fee_pips


def named(token: LiveToken) -> str:
    """Return the pool of a token as plans name it: empty for the one that prices it."""
    return token.pool.lower() if token.is_further else ""


def swap_along(
    token: LiveToken, side: Side, amount_in: int, between: LiveToken | None = None
) -> AskedQuote | None:
    """Return a swap of a token against cash in its pool; None where there is none.

    `between` is what the pool is against, if that is not cash: its own pool comes first of a buy.
    """
    pools = [token] if between is None else [between, token]
    chain = token.price_chain_id
    if not all(one.price_chain_id == chain and _is_pooled(one) for one in pools):
        return None
    cash = token_registry.token(chain, token_registry.CASH_SYMBOL).price_address.lower()
    tokens = [cash, *(one.address.lower() for one in pools)]
    way = [_hop(one, *ends) for one, ends in zip(pools, pairwise(tokens), strict=True)]
    if side is Side.SELL:
        way = [replace(h, token_in=h.token_out, token_out=h.token_in) for h in reversed(way)]
    return AskedQuote(token.listed_as, chain, side, amount_in, tuple(way), named(token))


def _is_pooled(token: LiveToken) -> bool:
    has_pool = addresses.is_address(token.pool) and addresses.is_address(token.address)
    return has_pool and token.price_chain_id in QUOTERS and not token.is_cash


def _hop(token: LiveToken, token_in: str, token_out: str) -> Hop:
    return Hop(token.pool.lower(), token.pool_kind, token.pool_fee_pips, token_in, token_out)


def _single(hop: Hop, amount: str) -> str:
    """Return the data of a call for a swap in one pool."""
    tokens = abi.address_word(hop.token_in) + abi.address_word(hop.token_out)
    # A price limit of 0 is none.
    return _EXACT_INPUT_SINGLE + tokens + amount + abi.uint_word(hop.fee_pips) + abi.uint_word(0)


def _path(way: Sequence[Hop], amount: str) -> str:
    """Return the data of a call for a swap along a path: token, fee, token, and so on."""
    legs = "".join(f"{one.fee_pips:06x}{_digits(one.token_out)}" for one in way)
    path = _digits(way[0].token_in) + legs
    return _EXACT_INPUT + abi.uint_word(2 * abi.WORD) + amount + abi.bytes_words(path)


def _digits(address: str) -> str:
    return address.removeprefix("0x")


class Quoter:
    """Asks for some swaps in the batch that reads pools, and reads what the chain said."""

    def __init__(self, asked: Iterable[AskedQuote]) -> None:
        """Of each chain the first `MOST_QUOTES` that can be quoted are asked for, each once."""
        found: dict[int, dict[AskedQuote, ContractCall]] = defaultdict(dict)
        for one in asked:
            call, of_chain = one.call, found[one.chain_id]
            if call is not None and len(of_chain) < MOST_QUOTES:
                of_chain.setdefault(one, call)
        self._asked: Mapping[int, Mapping[AskedQuote, ContractCall]] = found

    def rpc_call(self, chain_id: int) -> list[dict[str, Any]]:
        """Return the element of a batch of JSON-RPC that asks a chain; none without a swap."""
        if not self._asked.get(chain_id):
            return []
        call = {"to": MULTICALL3, "data": abi.aggregate3(self._calls(chain_id))}
        params = [call, "latest"]
        return [{"jsonrpc": "2.0", "id": QUOTES_ID, "method": "eth_call", "params": params}]

    def read(self, request: Request, answer: Answer) -> tuple[SaidQuote, ...]:
        """Return what was quoted in a batch, at its block.

        Nothing of a node that did not answer, or answers for another chain; a swap that reverts
        there, comes to nothing, or is of another pair than the pool's is left out.
        """
        chain_id = request.tokens[0].price_chain_id
        bodies = answer.body if isinstance(answer.body, list) else []
        replies = [one for one in bodies if inside(one, "id") == QUOTES_ID]
        if not self._asked.get(chain_id) or len(replies) != 1:
            return ()
        asked = self._asked[chain_id]
        try:
            results = _results(self._calls(chain_id), replies[0])
            block = head(results)
            at = datetime.fromtimestamp(block.timestamp, UTC)
            if block.chain_id != chain_id:
                return ()
            outs = {one: _amount_out(one, call, results) for one, call in asked.items()}
            return tuple(_said(one, block.number, at, out) for one, out in outs.items() if out)
        except (AbiError, ValueError, OverflowError, OSError):
            return ()

    def _calls(self, chain_id: int) -> list[ContractCall]:
        """Return the calls in their order: the block, the swaps, and whose pools they are."""
        asked = self._asked[chain_id]
        pairs = [call for one in asked for hop in one.way for call in _pair_calls(hop)]
        return [*HEAD_CALLS, *asked.values(), *dict.fromkeys(pairs)]


def _said(asked: AskedQuote, block: int, at: datetime, amount_out: int) -> SaidQuote:
    """Return what was quoted; ValueError for a block that no chain has."""
    pools = tuple(hop.pool for hop in asked.way)
    quote = ChainQuote(amount_out, block, at)
    return SaidQuote(asked.symbol, asked.side, asked.amount_in, pools, quote, asked.pool)


def _results(calls: list[ContractCall], reply: Any) -> Results:
    returned = abi.results(inside(reply, "result"))
    if len(returned) != len(calls):
        raise AbiError(f"{len(returned)} results of {len(calls)} calls")
    return dict(zip(calls, returned, strict=True))


def _amount_out(asked: AskedQuote, call: ContractCall, results: Results) -> int:
    """Return what a swap brings; 0 where the chain does not say."""
    returned, words = results[call], _WORDS[call.data[: len(_AMOUNT_OUT)]]
    if returned is None or len(returned) != words * abi.WORD:
        return 0
    return abi.uint(returned, 0) if all(_is_pair(hop, results) for hop in asked.way) else 0


def _pair_calls(hop: Hop) -> list[ContractCall]:
    """Return the calls that tell a pool's tokens: of one of v3 the address has proved them."""
    if curve_of(hop.kind) not in _SOLIDLY:
        return []
    return [ContractCall(hop.pool, selector) for selector in TOKEN_CALLS]


def _is_pair(hop: Hop, results: Results) -> bool:
    calls = _pair_calls(hop)
    try:
        told = {abi.address(results[call] or b"") for call in calls}
    except AbiError:
        return False
    return not calls or told == {hop.token_in, hop.token_out}
