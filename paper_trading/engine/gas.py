"""Gas: what transactions use, what a unit costs on each chain, and the L1 part on rollups.

Units are gas, wei, and wei per gas. Gas used was measured on the official Uniswap v2
router and pair bytecode (Prague rules, plain ERC-20 tokens, funded recipients).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum, unique

from paper_trading.engine.enums import PoolKind
from paper_trading.engine.luck import uniform
from paper_trading.engine.market import (
    BASE_FEE_SCALAR,
    BLOB_BASE_FEE_SCALAR,
    GasConditions,
)
from paper_trading.engine.money import CONTEXT

SWAP_GAS = 97_762
#: The router compares with minimum out before any transfer, so failing is cheap.
FAILED_SWAP_GAS = 31_570
APPROVE_GAS = 46_386

#: Two pools of Uniswap v2 through its router; one of v3 through its router: as measured.
V2_TWO_HOP_GAS = 152_673
V3_SWAP_GAS = 114_118
#: Two pools of v3: the published gas snapshot of SwapRouter.
V3_TWO_HOP_GAS = 172_498
#: A v2 and a v3 pool in one route: the upper end of the Universal Router's published two hops.
MIXED_TWO_HOP_GAS = 182_000
#: Assumptions for Solidly routers, of which no measurement is known: what Uniswap's own
#: router reckons for a pool of v2 and for a further one, and Newton's iteration on top.
SOLIDLY_SWAP_GAS = 135_000
SOLIDLY_HOP_GAS = 50_000
STABLE_CURVE_GAS = 30_000
#: The v3 router compares with minimum out after the swap ran, so failing costs most of it.
FAILED_V3_SWAP_GAS = 100_509
#: A second pair's reserves are read before any transfer too: assumed to be an account and a slot
#: that nobody has read yet, and the sums.
FAILED_V2_HOP_GAS = 6_000
#: For each initialised tick that is crossed: the figure of Uniswap's own router.
TICK_GAS = 31_000

_ONE_HOP = {
    PoolKind.V2: SWAP_GAS,
    PoolKind.V3: V3_SWAP_GAS,
    PoolKind.SOLIDLY_VOLATILE: SOLIDLY_SWAP_GAS,
    PoolKind.SOLIDLY_STABLE: SOLIDLY_SWAP_GAS + STABLE_CURVE_GAS,
}
# Solidly's router asks for the output before any transfer, as that of v2 does: assumed to fail
# as cheaply, the curve's iteration on top.
_FAILED_ONE_HOP = {
    PoolKind.V2: FAILED_SWAP_GAS,
    PoolKind.V3: FAILED_V3_SWAP_GAS,
    PoolKind.SOLIDLY_VOLATILE: FAILED_SWAP_GAS,
    PoolKind.SOLIDLY_STABLE: FAILED_SWAP_GAS + STABLE_CURVE_GAS,
}

#: One of its swaps among others, through the Universal Router: the published gas snapshot.
UNIVERSAL_SWAP_GAS = {PoolKind.V2: 108_605, PoolKind.V3: 108_360}
#: What two swaps in one of its transactions take less than in two (181,437 together).
JOINED_GAS = 35_528
#: More swaps in one transaction nobody has measured.
MOST_LEGS = 3

_SOLIDLY = frozenset({PoolKind.SOLIDLY_VOLATILE, PoolKind.SOLIDLY_STABLE})
#: Routers of these look before they take anything.
_LOOKS_FIRST = _SOLIDLY | {PoolKind.V2}

#: FastLZ length of the signed transaction, which the L1 data fee is charged on.
SWAP_BYTES = 222
APPROVE_BYTES = 149
#: A second hop adds one word of call data; assumed not to compress at all.
TWO_HOP_SWAP_BYTES = SWAP_BYTES + 32

# Fjord: the estimated size in millionths of a byte is linear in the FastLZ length.
_FJORD_INTERCEPT = -42_585_600
_FJORD_COEFFICIENT = 836_500
_FJORD_MINIMUM = 100_000_000

#: What a further swap adds to the data of a transaction: 321 for three.
LEG_BYTES = 50

_BUCKET = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@unique
class Rollup(StrEnum):
    """How a chain pays for its data on L1."""

    NONE = "NONE"
    OP_STACK = "OP_STACK"
    ARBITRUM = "ARBITRUM"


@dataclass(frozen=True, slots=True)
class Chain:
    """The fee rules and usual fee levels of a chain, in wei per gas."""

    name: str
    #: The mainnet whose fee path it follows: a testnet prices gas like its mainnet.
    like: int
    rollup: Rollup
    #: From quote to inclusion: one block.
    inclusion_seconds: int
    base_fee_wei: int
    priority_fee_wei: int
    #: The protocol never charges a lower base fee.
    minimum_base_fee_wei: int = 0


_ETHEREUM = Chain("Ethereum", 1, Rollup.NONE, 12, 160_000_000, 10_000_000)
_BASE = Chain("Base", 8453, Rollup.OP_STACK, 2, 5_000_000, 1_000_000, 5_000_000)
# Assumption: 0.01 gwei is both the usual and the lowest base fee; tips are not collected.
_ARBITRUM = Chain("Arbitrum", 42161, Rollup.ARBITRUM, 2, 10_000_000, 0, 10_000_000)

CHAINS: dict[int, Chain] = {
    1: _ETHEREUM,
    8453: _BASE,
    42161: _ARBITRUM,
    84532: _BASE,
    11155111: _ETHEREUM,
}

#: Usual price of blob space on L1.
BLOB_BASE_FEE_WEI = 8_350_000


def chain(chain_id: int) -> Chain:
    """Return the rules of a chain; ValueError that names the known ones."""
    if chain_id not in CHAINS:
        known = ", ".join(str(key) for key in CHAINS)
        raise ValueError(f"unknown chain {chain_id}; known chains: {known}")
    return CHAINS[chain_id]


def swap_gas(kinds: Sequence[PoolKind], ticks_crossed: int = 0) -> int:
    """Return the gas of a swap through one pool or two of these kinds.

    ValueError for other than one or two pools, or a negative number of ticks.
    """
    _require_hops(kinds)
    if ticks_crossed < 0:
        raise ValueError(f"{ticks_crossed} crossed ticks; allowed are 0 and more")
    return _plain_gas(kinds) + ticks_crossed * TICK_GAS


def failed_swap_gas(kinds: Sequence[PoolKind]) -> int:
    """Return the gas of a swap that ends under its minimum out and reverts.

    Through two pools, of which one's router looks only afterwards, it is the share of a success
    that it was measured to be for one pool of v3. ValueError as for `swap_gas`.
    """
    _require_hops(kinds)
    if len(kinds) == 1:
        return _FAILED_ONE_HOP[kinds[0]]
    if not _LOOKS_FIRST.issuperset(kinds):
        return _plain_gas(kinds) * FAILED_V3_SWAP_GAS // V3_SWAP_GAS
    curves = STABLE_CURVE_GAS * kinds.count(PoolKind.SOLIDLY_STABLE)
    return FAILED_SWAP_GAS + FAILED_V2_HOP_GAS + curves


def swap_bytes(kinds: Sequence[PoolKind]) -> int:
    """Return the FastLZ length of a swap's signed transaction. ValueError as for `swap_gas`."""
    _require_hops(kinds)
    return SWAP_BYTES if len(kinds) == 1 else TWO_HOP_SWAP_BYTES


def _require_hops(kinds: Sequence[PoolKind]) -> None:
    if len(kinds) not in (1, 2):
        raise ValueError(f"a route of {len(kinds)} hops; allowed are 1 and 2")


def _plain_gas(kinds: Sequence[PoolKind]) -> int:
    if len(kinds) == 1:
        return _ONE_HOP[kinds[0]]
    if _SOLIDLY.intersection(kinds):
        curves = STABLE_CURVE_GAS * kinds.count(PoolKind.SOLIDLY_STABLE)
        own = SOLIDLY_SWAP_GAS + SOLIDLY_HOP_GAS + curves
        return own if _SOLIDLY.issuperset(kinds) else max(own, MIXED_TWO_HOP_GAS + curves)
    if kinds[0] is not kinds[1]:
        return MIXED_TWO_HOP_GAS
    return V3_TWO_HOP_GAS if kinds[0] is PoolKind.V3 else V2_TWO_HOP_GAS


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a swap takes of a block: gas, and data of the transaction that it is a leg of."""

    swap_gas: int
    failed_gas: int
    #: FastLZ length of the whole transaction, of which the leg pays its part.
    data_bytes: int
    legs: int = 1


def joins(kinds: Sequence[PoolKind]) -> bool:
    """Say whether a leg of the Universal Router takes less than a swap of its own.

    It does in pools that this router knows, but for two of v2 in a row.
    """
    known = UNIVERSAL_SWAP_GAS.keys() >= set(kinds)
    return known and (len(kinds) == 1 or PoolKind.V3 in kinds)


def footprint(kinds: Sequence[PoolKind], legs: int = 1) -> Footprint:
    """Return what a swap through one pool or two takes, alone or as one of so many legs.

    ValueError for other than one or two pools, for more legs than MOST_LEGS, and for a leg in a
    pool that the Universal Router does not know.
    """
    alone, size = swap_gas(kinds), swap_bytes(kinds)
    if legs == 1:
        return Footprint(alone, failed_swap_gas(kinds), size)
    if not 1 <= legs <= MOST_LEGS or not joins(kinds):
        raise ValueError(f"{legs} legs through {', '.join(kinds)} are no transaction of ours")
    whole = UNIVERSAL_SWAP_GAS[kinds[0]] if len(kinds) == 1 else MIXED_TWO_HOP_GAS
    used = whole - JOINED_GAS * (legs - 1) // legs
    # This router looks at a leg's minimum out after its swap.
    failed = used * FAILED_V3_SWAP_GAS // V3_SWAP_GAS
    return Footprint(used, failed, size + (legs - 1) * (LEG_BYTES + size - SWAP_BYTES), legs)


def transaction_fee_wei(
    gas_used: int, conditions: GasConditions, fastlz_bytes: int, legs: int = 1
) -> tuple[int, int, int]:
    """Return (gas price, L1 fee, total fee) in wei of a transaction, EIP-1559 type 2.

    Of one of several legs: its part of the L1 fee, rounded up. The maximum fee is taken to be high
    enough, so base fee plus tip is what is paid.
    """
    gas_price = conditions.base_fee_wei + conditions.priority_fee_wei
    l1_fee = -(-_l1_fee_wei(conditions, fastlz_bytes) // legs)
    return gas_price, l1_fee, gas_used * gas_price + l1_fee


def l1_data_fee_wei(
    fastlz_bytes: int,
    l1_base_fee_wei: int,
    l1_blob_base_fee_wei: int,
    base_fee_scalar: int = BASE_FEE_SCALAR,
    blob_base_fee_scalar: int = BLOB_BASE_FEE_SCALAR,
) -> int:
    """Return the L1 data fee of an OP-stack chain since Fjord, in wei, rounded down."""
    size = max(_FJORD_MINIMUM, _FJORD_INTERCEPT + _FJORD_COEFFICIENT * fastlz_bytes)
    scaled = base_fee_scalar * l1_base_fee_wei * 16 + blob_base_fee_scalar * l1_blob_base_fee_wei
    return size * scaled // 10**12


def next_base_fee(
    base_fee_wei: int,
    gas_used: int,
    gas_limit: int,
    elasticity: int = 2,
    denominator: int = 8,
) -> int:
    """Return the base fee of the next block (EIP-1559); Base has 6 and 125 for 2 and 8."""
    target = gas_limit // elasticity
    change = base_fee_wei * abs(gas_used - target) // target // denominator
    if gas_used > target:
        return base_fee_wei + max(change, 1)
    return base_fee_wei - change


def conditions(chain_id: int, seed: int, market_time: datetime) -> GasConditions:
    """Return the modelled fees of a chain at a market time, without asking a network.

    Base fees are the chain's usual level times a factor of 1/2 to 2, drawn per chain and
    five minutes with geometric mean 1, never under the protocol's minimum; tips are fixed.
    The L1 part of a rollup follows Ethereum's factor. ValueError for an unknown chain or a
    market time without a time zone.
    """
    rules = chain(chain_id)
    if market_time.tzinfo is None:
        raise ValueError(f"market time {market_time.isoformat()} has no time zone")
    bucket = (market_time - _EPOCH) // _BUCKET
    base_fee = _scaled(rules.base_fee_wei, _factor(seed, rules.like, bucket))
    rolled_up = rules.rollup is not Rollup.NONE
    l1 = _factor(seed, _ETHEREUM.like, bucket)
    return GasConditions(
        chain_id=chain_id,
        base_fee_wei=max(base_fee, rules.minimum_base_fee_wei),
        priority_fee_wei=rules.priority_fee_wei,
        l1_base_fee_wei=_scaled(_ETHEREUM.base_fee_wei, l1) if rolled_up else 0,
        l1_blob_base_fee_wei=_scaled(BLOB_BASE_FEE_WEI, l1) if rolled_up else 0,
    )


def _l1_fee_wei(at: GasConditions, fastlz_bytes: int) -> int:
    rollup = chain(at.chain_id).rollup
    if rollup is Rollup.OP_STACK:
        return l1_data_fee_wei(
            fastlz_bytes,
            at.l1_base_fee_wei,
            at.l1_blob_base_fee_wei,
            at.base_fee_scalar,
            at.blob_base_fee_scalar,
        )
    if rollup is Rollup.ARBITRUM:
        # Assumption: the sequencer passes on one unit of blob gas per compressed byte.
        return fastlz_bytes * at.l1_blob_base_fee_wei
    return 0


def _factor(seed: int, chain_id: int, bucket: int) -> Decimal:
    """Return 2**(2u - 1) for the draw u of a chain and five minutes."""
    with localcontext(CONTEXT):
        return Decimal(2) ** (2 * uniform(seed, "gas", chain_id, bucket) - 1)


def _scaled(wei: int, factor: Decimal) -> int:
    return int(CONTEXT.multiply(Decimal(wei), factor))
