"""Pools as the chain tells them: which calls to make, and what their results mean.

Formulas: Uniswap v3 whitepaper §6.2 (virtual reserves L/√P and L·√P), v2 whitepaper §2.2.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.depth import Depth, Range, Reserves
from paper_trading.engine.market import L1Fees
from paper_trading.engine.pools.ladder import MAX_TICK_SPACING
from paper_trading.services.sources.live import abi
from paper_trading.services.sources.live.abi import AbiError, ContractCall

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
_TIMESTAMP, _BASE_FEE, _BLOCK, _CHAIN = (
    ContractCall(MULTICALL3, selector)
    for selector in ("0f28c97d", "3e64a696", "42cbb15c", "3408e470")
)
#: Of the block that a call was answered at.
HEAD_CALLS = (_TIMESTAMP, _BASE_FEE, _BLOCK, _CHAIN)

#: Predeploy of OP-stack chains that tells what they pay for data on L1.
_GAS_ORACLE = "0x420000000000000000000000000000000000000f"
#: In the order of `L1Fees`.
L1_CALLS = tuple(
    ContractCall(_GAS_ORACLE, selector)
    for selector in ("519b4bd3", "f8206140", "c5985918", "68d5dca6")
)

#: Selectors of the two tokens of any pool, the lower address first.
TOKEN_CALLS = _TOKEN0, _TOKEN1 = "0dfe1681", "d21220a7"
_SLOT0, _LIQUIDITY, _RESERVES, _BALANCE_OF = "3850c7bd", "1a686502", "0902f1ac", "70a08231"
_FEE, _TICK_SPACING = "ddca3f43", "d0c93a7c"
_Q96 = 2**96

logger = logging.getLogger(__name__)

Results = Mapping[ContractCall, bytes | None]


@dataclass(frozen=True, slots=True)
class Block:
    """The block that a call was answered at."""

    #: On Arbitrum that of Ethereum, which contracts there see.
    number: int
    timestamp: int
    base_fee_wei: int
    chain_id: int


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool at one block, in base units of its tokens."""

    token0: str
    token1: str
    #: Virtual reserves: of a v2 pool its reserves.
    reserve0: Decimal
    reserve1: Decimal
    #: Base units of token1 for one of token0.
    price: Decimal
    #: What the pool holds of a token, by the token's address; what is not known is not in it.
    balances: Mapping[str, int]
    #: As the contract keeps them: both reserves, or square-root price and liquidity.
    figures: tuple[int, int]
    #: Fee in pips and tick spacing of a v3 pool; None of another, and where it does not say.
    tiers: tuple[int, int] | None

    def depth(self, cash: str, fee_pips: int, pool: str) -> Depth | None:
        """Return what the pool takes, of one that holds a token against cash or its like.

        None for a pool of other tokens, and for one of v3 that does not tell its fee. One that
        tells another fee than its swaps are reckoned with takes nothing: a stated figure in
        place of its depth would be filled at the wrong fee. `pool` names it in the log.
        """
        if cash not in (self.token0, self.token1):
            return None
        cash_is_token0 = cash == self.token0
        if self.tiers is None:
            own, other = self.figures if cash_is_token0 else self.figures[::-1]
            return Reserves(own, other)
        fee, spacing = self.tiers
        if not fee or not 0 < spacing <= MAX_TICK_SPACING:
            return None
        root, liquidity = self.figures
        if fee != fee_pips:
            logger.warning("pool %s takes a fee of %d pips, not %d", pool, fee, fee_pips)
            liquidity = 0
        return Range(root, liquidity, spacing, cash_is_token0)


def head(results: Results) -> Block:
    """Return the block; AbiError when the contract did not tell."""
    timestamp, base_fee, number, chain = (
        abi.uint(results.get(call) or b"", 0) for call in HEAD_CALLS
    )
    return Block(number, timestamp, base_fee, chain)


def told_l1_fees(results: Results) -> L1Fees | None:
    """Return what a chain pays for data on L1; None when it does not say, or what none pays.

    A chain may leave one of the scalars at 0; with both, data would cost nothing.
    """
    try:
        found = L1Fees(*(abi.uint(results.get(call) or b"", 0) for call in L1_CALLS))
    except (AbiError, ValueError):
        return None
    has_scalar = found.base_fee_scalar or found.blob_base_fee_scalar
    return found if found.base_fee_wei and found.blob_base_fee_wei and has_scalar else None


def pool_calls(pool: str, *, is_v2: bool, tokens: tuple[str, ...]) -> list[ContractCall]:
    """Return the calls that tell a pool's state, and its balances of these tokens."""
    of_kind = (_RESERVES,) if is_v2 else (_SLOT0, _LIQUIDITY, _FEE, _TICK_SPACING)
    return [
        *(ContractCall(pool, selector) for selector in (_TOKEN0, _TOKEN1, *of_kind)),
        *(_balance_call(token, pool) for token in tokens),
    ]


def pool_state(
    pool: str, *, is_v2: bool, tokens: tuple[str, ...], results: Results
) -> PoolState | None:
    """Return a pool's state; None when no pool is there.

    Runs in the exact context of its caller.

    :raises AbiError: when what is there does not answer like a pool, or has no price.
    """
    token0, token1 = (results.get(ContractCall(pool, one)) for one in (_TOKEN0, _TOKEN1))
    if not token0 or not token1:
        return None
    figures = (_reserves if is_v2 else _root_and_liquidity)(pool, results)
    reserve0, reserve1, price = (_of_v2 if is_v2 else _of_v3)(*figures)
    held = {token: results.get(_balance_call(token, pool)) for token in tokens}
    return PoolState(
        abi.address(token0),
        abi.address(token1),
        reserve0,
        reserve1,
        price,
        {token: abi.uint(found, 0) for token, found in held.items() if found},
        figures,
        None if is_v2 else _tiers(pool, results),
    )


def _reserves(pool: str, results: Results) -> tuple[int, int]:
    data = results.get(ContractCall(pool, _RESERVES)) or b""
    reserve0, reserve1 = abi.uint(data, 0), abi.uint(data, abi.WORD)
    if not 0 < reserve0 < 2**112 or not 0 < reserve1 < 2**112:
        raise AbiError("no reserves of a pool")
    return reserve0, reserve1


def _root_and_liquidity(pool: str, results: Results) -> tuple[int, int]:
    root = abi.uint(results.get(ContractCall(pool, _SLOT0)) or b"", 0)
    liquidity = abi.uint(results.get(ContractCall(pool, _LIQUIDITY)) or b"", 0)
    if not 0 < root < 2**160 or liquidity >= 2**128:
        raise AbiError("no price of a pool")
    return root, liquidity


def _tiers(pool: str, results: Results) -> tuple[int, int]:
    """Return fee and tick spacing; zeros, which no pool has, where it does not say."""
    fee, spacing = (
        results.get(ContractCall(pool, one)) or bytes(abi.WORD) for one in (_FEE, _TICK_SPACING)
    )
    return abi.uint(fee, 0), abi.uint(spacing, 0)


def _of_v2(reserve0: int, reserve1: int) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(reserve0), Decimal(reserve1), Decimal(reserve1) / Decimal(reserve0)


def _of_v3(root: int, liquidity: int) -> tuple[Decimal, Decimal, Decimal]:
    ratio = Decimal(root) / _Q96
    return liquidity / ratio, liquidity * ratio, ratio * ratio


def _balance_call(token: str, pool: str) -> ContractCall:
    return ContractCall(token, _BALANCE_OF + abi.address_word(pool))
