"""The savings of a session: what its transactions paid, against what baselines would have.

The same transactions on the same fees: a baseline sends each swap alone, with the gas that such a
transaction takes, in the same block. What happened is compared, so no other block's price is
guessed and there is no shortfall of another fill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine import gas
from paper_trading.engine.enums import PoolKind, TransactionKind, TransactionStatus
from paper_trading.engine.gas_savings.arms import Outcome
from paper_trading.engine.gas_savings.policies import B0, B1, B2, Policy
from paper_trading.engine.gas_savings.savings import Comparison, attribution, compare
from paper_trading.engine.market import GasConditions
from paper_trading.engine.money import ZERO, exact, from_base_units, usd

_NATIVE_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was paid for."""

    kind: TransactionKind
    status: TransactionStatus
    fee_wei: int


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """The transactions of one trade, and the fees of the chain in their block."""

    conditions: GasConditions
    sent: tuple[Sent, ...]
    native_price_usd: Decimal = ZERO
    #: Of the pools that it went through.
    kinds: tuple[PoolKind, ...] = (PoolKind.V2,)

    @property
    def paid_wei(self) -> int:
        """Return what its transactions took, reverted ones included."""
        return sum(one.fee_wei for one in self.sent)


@dataclass(frozen=True, slots=True)
class RecordedSaving:
    """What a session saved against a baseline."""

    baseline: str
    comparison: Comparison
    #: Of the price rule, the approvals, and of all else together.
    parts: tuple[tuple[str, Decimal], ...]
    #: At each trade's price of the native coin; negative when more was paid.
    saved_usd: Decimal


def savings(trades: Sequence[RecordedTrade], seed: int) -> list[RecordedSaving]:
    """Compare a session's trades with B0, B1 and B2; ValueError when nothing was paid for."""
    if not trades:
        raise ValueError("no transaction was paid for; allowed are sessions that traded")
    managed = _outcome([trade.paid_wei for trade in trades], trades)
    costs = {policy: [baseline_wei(trade, policy) for trade in trades] for policy in (B0, B1, B2)}
    found = []
    for name, policy, chain in (
        ("B0", B0, (B0, B0, B0)),
        ("B1", B1, (B1, B0, B0)),
        ("B2", B2, (B2, Policy(approve_each=True), B0)),
    ):
        for one in chain:
            costs.setdefault(one, [baseline_wei(trade, one) for trade in trades])
        parts = attribution([*(costs[one] for one in chain), managed.paid])
        names = ("price rule", "approvals", "all else")
        comparison = compare(managed, _outcome(costs[policy], trades), seed)
        saved_usd = _saved_usd(trades, costs[policy])
        found.append(
            RecordedSaving(name, comparison, tuple(zip(names, parts, strict=True)), saved_usd)
        )
    return found


def baseline_wei(trade: RecordedTrade, policy: Policy) -> int:
    """Return what a policy that neither batches nor waits would have paid for a trade."""
    price = trade.conditions.base_fee_wei + trade.conditions.priority_fee_wei
    if policy.legacy_percent is not None:
        price = price * policy.legacy_percent // 100
    kinds = [_footprint(one, trade.kinds) for one in trade.sent]
    approved = any(one.kind is TransactionKind.APPROVE for one in trade.sent)
    if policy.approve_each and not approved:
        kinds.append((gas.APPROVE_GAS, gas.APPROVE_BYTES))
    return sum(
        used * price + gas.transaction_fee_wei(0, trade.conditions, size)[2] for used, size in kinds
    )


def _footprint(one: Sent, kinds: tuple[PoolKind, ...]) -> tuple[int, int]:
    """Return gas and bytes of a transaction that is sent alone."""
    if one.kind is TransactionKind.APPROVE:
        return gas.APPROVE_GAS, gas.APPROVE_BYTES
    reverted = one.status is TransactionStatus.REVERTED
    used = gas.failed_swap_gas(kinds) if reverted else gas.swap_gas(kinds)
    return used, gas.swap_bytes(kinds)


def _outcome(paid: Sequence[int], trades: Sequence[RecordedTrade]) -> Outcome:
    """Return sums paid as those of an arm, every fill in its own tick."""
    sent = [one for trade in trades for one in trade.sent]
    still = (0,) * len(trades)
    return Outcome(
        paid=tuple(paid),
        shortfall=still,
        delays=still,
        failures=sum(one.status is TransactionStatus.REVERTED for one in sent),
        approvals=sum(one.kind is TransactionKind.APPROVE for one in sent),
        transactions=len(sent),
    )


@exact
def _saved_usd(trades: Sequence[RecordedTrade], baseline: Sequence[int]) -> Decimal:
    pairs = zip(trades, baseline, strict=True)
    return usd(
        sum(
            (
                from_base_units(cost - trade.paid_wei, _NATIVE_DECIMALS) * trade.native_price_usd
                for trade, cost in pairs
            ),
            ZERO,
        )
    )
