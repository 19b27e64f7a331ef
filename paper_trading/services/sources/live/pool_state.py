"""Pools as the chain tells them: which calls to make, and what their results mean.

Formulas: Uniswap v3 whitepaper §6.2 (virtual reserves L/√P and L·√P), v2 whitepaper §2.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.services.sources.live import abi
from paper_trading.services.sources.live.abi import AbiError, ContractCall

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
_TIMESTAMP, _BASE_FEE, _BLOCK, _CHAIN = (
    ContractCall(MULTICALL3, selector)
    for selector in ("0f28c97d", "3e64a696", "42cbb15c", "3408e470")
)
#: Of the block that a call was answered at.
HEAD_CALLS = (_TIMESTAMP, _BASE_FEE, _BLOCK, _CHAIN)

_TOKEN0, _TOKEN1 = "0dfe1681", "d21220a7"
_SLOT0, _LIQUIDITY, _RESERVES, _BALANCE_OF = "3850c7bd", "1a686502", "0902f1ac", "70a08231"
_Q96 = 2**96

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


def head(results: Results) -> Block:
    """Return the block; AbiError when the contract did not tell."""
    timestamp, base_fee, number, chain = (
        abi.uint(results.get(call) or b"", 0) for call in HEAD_CALLS
    )
    return Block(number, timestamp, base_fee, chain)


def pool_calls(pool: str, *, is_v2: bool, tokens: tuple[str, ...]) -> list[ContractCall]:
    """Return the calls that tell a pool's state, and its balances of these tokens."""
    of_kind = (_RESERVES,) if is_v2 else (_SLOT0, _LIQUIDITY)
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
    reserve0, reserve1, price = (_of_v2 if is_v2 else _of_v3)(pool, results)
    held = {token: results.get(_balance_call(token, pool)) for token in tokens}
    return PoolState(
        abi.address(token0),
        abi.address(token1),
        reserve0,
        reserve1,
        price,
        {token: abi.uint(found, 0) for token, found in held.items() if found},
    )


def _of_v2(pool: str, results: Results) -> tuple[Decimal, Decimal, Decimal]:
    data = results.get(ContractCall(pool, _RESERVES)) or b""
    reserve0, reserve1 = Decimal(abi.uint(data, 0)), Decimal(abi.uint(data, abi.WORD))
    if not 0 < reserve0 < 2**112 or not 0 < reserve1 < 2**112:
        raise AbiError("no reserves of a pool")
    return reserve0, reserve1, reserve1 / reserve0


def _of_v3(pool: str, results: Results) -> tuple[Decimal, Decimal, Decimal]:
    root = abi.uint(results.get(ContractCall(pool, _SLOT0)) or b"", 0)
    liquidity = abi.uint(results.get(ContractCall(pool, _LIQUIDITY)) or b"", 0)
    if not 0 < root < 2**160 or liquidity >= 2**128:
        raise AbiError("no price of a pool")
    ratio = Decimal(root) / _Q96
    return liquidity / ratio, liquidity * ratio, ratio * ratio


def _balance_call(token: str, pool: str) -> ContractCall:
    return ContractCall(token, _BALANCE_OF + abi.address_word(pool))
