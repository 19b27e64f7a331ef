"""What an arm of a comparison does with its trades, and what its transactions take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paper_trading.engine import gas
from paper_trading.engine.market import GasConditions
from paper_trading.engine.money import require

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class PlannedTrade:
    """A swap that was decided at a block: the same in every arm."""

    block: int
    #: Whose approval it needs.
    token: int
    #: Its first transaction reverts, whoever sends it.
    fails: bool = False
    sells: bool = False
    #: In wei of the native coin.
    size_wei: int = 0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a transaction takes: gas, gas when it reverts, FastLZ bytes."""

    gas: int
    failed_gas: int
    fastlz_bytes: int


@dataclass(frozen=True, slots=True)
class GasTable:
    """Footprints of an approval, and of one, two, ... swaps in one transaction."""

    approval: Footprint
    swaps: Sequence[Footprint]


def _v3_swaps() -> tuple[Footprint, ...]:
    """Return one to three swaps by the v3 router, each in a pool of its own, as measured.

    A revert of one costs 100,509 gas: the router checks the minimum after the swap. Reverts of
    more take the same share of their gas (assumed), and two swaps take bytes between one and three.
    """
    one, failed = 114_118, 100_509
    measured = ((one, gas.SWAP_BYTES), (190_549, 272), (264_229, 321))
    return tuple(Footprint(used, used * failed // one, size) for used, size in measured)


#: The v3 router's, because the v2 router takes one swap a transaction.
V3_ROUTER = GasTable(Footprint(gas.APPROVE_GAS, gas.APPROVE_GAS, gas.APPROVE_BYTES), _v3_swaps())


@dataclass(frozen=True, slots=True)
class Charges:
    """Which fees a chain takes beyond its base fee.

    `conditions` has the tip and the fees of the L1; its own base fee is not read, because the
    path has it. The operator fee is that of Isthmus; chains leave both parts at zero.
    """

    conditions: GasConditions
    operator_scalar: int = 0
    operator_constant_wei: int = 0

    @property
    def tip_wei(self) -> int:
        """The priority fee in wei per gas: the same rule in every arm."""
        return self.conditions.priority_fee_wei

    def paid_wei(self, gas_used: int, gas_price_wei: int, fastlz_bytes: int) -> int:
        """Return the fee of a transaction: execution, data on L1, operator."""
        data_wei = gas.transaction_fee_wei(0, self.conditions, fastlz_bytes)[2]
        operator_wei = gas_used * self.operator_scalar // 10**6 + self.operator_constant_wei
        return gas_used * gas_price_wei + data_wei + operator_wei


@dataclass(frozen=True, slots=True)
class Batching:
    """Swaps in one transaction: sent when it is full, or when its window is over."""

    most: int
    window_blocks: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Wait for a base fee in the lowest percent of the blocks looked back on, to a deadline."""

    deadline_blocks: int
    lowest_percent: int
    look_back_blocks: int


@dataclass(frozen=True, slots=True)
class PrivateChannel:
    """No revert is included; a transaction is, with a chance a block, for so many blocks.

    After that it goes out like any other and is in the next block.
    """

    included_percent: int = 50
    give_up_blocks: int = 25


@dataclass(frozen=True, slots=True)
class Policy:
    """How an arm sends its trades. The plain one is the strict baseline B0.

    :raises ValueError: for a setting that is out of its range.
    """

    #: Type 0 at so many percent of base fee plus tip as it is sent, all of it paid; None: type 2.
    legacy_percent: int | None = None
    #: A legacy price under the next base fee is raised to it; else the transaction waits.
    legacy_raised: bool = False
    #: An exact approval before every trade; else one for each token.
    approve_each: bool = False
    batching: Batching | None = None
    waiting: Waiting | None = None
    private: PrivateChannel | None = None
    #: Gas limit of a swap, in percent of what it takes. What is not used is refunded; under 100
    #: it runs out, all of it is paid, and the swap goes out again with enough.
    gas_limit_percent: int = 150

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        if self.legacy_percent is not None:
            require("legacy_percent", self.legacy_percent, _PERCENT, 1_000, whole=True)
        if self.batching is not None:
            require("most swaps", self.batching.most, 1, len(V3_ROUTER.swaps), whole=True)
            require("window_blocks", self.batching.window_blocks, 0, 10**6, whole=True)
        if self.waiting is not None:
            require("deadline_blocks", self.waiting.deadline_blocks, 0, 10**6, whole=True)
            require("lowest_percent", self.waiting.lowest_percent, 1, _PERCENT, whole=True)
            require("look_back_blocks", self.waiting.look_back_blocks, 1, 10**6, whole=True)
        if self.private is not None:
            require("included_percent", self.private.included_percent, 1, _PERCENT, whole=True)
            require("give_up_blocks", self.private.give_up_blocks, 1, 10**6, whole=True)
        require("gas_limit_percent", self.gas_limit_percent, 1, 1_000, whole=True)


#: Type 2, one approval a token, one swap a transaction, in the next block.
B0 = Policy()
#: Type 0 at 1.2 times base fee plus tip: the padding of the naive sender.
B1 = Policy(legacy_percent=120)
#: B1, and an exact approval before every trade.
B2 = Policy(legacy_percent=120, approve_each=True)


def steps(baseline: Policy, managed: Policy) -> list[tuple[str, Policy]]:
    """Return the policies from a baseline to the managed one, one switch at a time, in order."""
    order = (
        ("price rule", "legacy_percent"),
        ("approvals", "approve_each"),
        ("batching", "batching"),
        ("waiting", "waiting"),
        ("revert protection", "private"),
    )
    found, policy = [], baseline
    for name, field in order:
        policy = replace(policy, **{field: getattr(managed, field)})
        found.append((name, policy))
    return found
