"""Savings in lines for people; every modelled line says so."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from paper_trading.engine.gas_savings.policies import Waiting
from paper_trading.engine.gas_savings.recorded import RecordedSaving
from paper_trading.engine.gas_savings.savings import Comparison
from paper_trading.engine.gas_savings.study import (
    CLAIMED,
    SIZE_WEI,
    SWAP_COST_PIPS,
    AgainstBaseline,
    Report,
)
from paper_trading.engine.gas_savings.techniques import Alone
from paper_trading.engine.money import from_base_units
from paper_trading.management.tables import table

#: What modelled amounts are shown at, USD a native coin.
NATIVE_USD = Decimal("1863.64")

#: Savings a trade under this are said to be small.
SMALL_USD = Decimal("0.001")

_HEAD = (
    "kind", "chain and level", "against", "S %", "from", "to", "net %", "from", "to",
    "USD a trade", "mean delay s", "p95", "failed", "theirs",
)  # fmt: skip
_ALONE = (
    "kind", "chain and level", "technique", "S %", "from", "to", "net %", "from", "to",
    "USD a trade", "delay s", "failed", "without",
)  # fmt: skip
_PARTS = (
    "kind", "chain and level", "against", "price rule", "approvals", "batching", "waiting",
    "revert prot.", "together", "claim",
)  # fmt: skip
_SESSION = (
    "kind", "against", "trades", "S %", "from", "to", "saved USD", "USD a trade",
    "price rule", "approvals", "all else", "failed", "claim",
)  # fmt: skip


def savings_table(kind: str, found: Iterable[tuple[Report, int]]) -> str:
    """Return what was saved; each report comes with the seconds of a block."""
    rows = [
        [kind, report.scenario, one.baseline, *_comparison_cells(one.comparison, seconds)]
        for report, seconds in found
        for one in report.found
    ]
    return table(_HEAD, rows)


def parts_table(kind: str, reports: Iterable[Report]) -> str:
    """Return what each switch did, and how the claim of the specification fares."""
    rows = [
        [kind, report.scenario, one.baseline, *_part_cells(one)]
        for report in reports
        for one in report.found
    ]
    return table(_PARTS, rows)


def alone_table(kind: str, found: Iterable[tuple[str, int, Sequence[Alone]]]) -> str:
    """Return what each technique saves alone: of each scenario its name, seconds of a block, them.

    The last column has the failures of the policy without the technique.
    """
    rows = []
    for scenario, seconds, techniques in found:
        for one in techniques:
            *figures, _, failed, without = _comparison_cells(one.comparison, seconds)
            rows.append([kind, scenario, one.technique, *figures, failed, without])
    return table(_ALONE, rows)


def session_table(found: Iterable[RecordedSaving]) -> str:
    """Return what a session saved."""
    rows = []
    for one in found:
        comparison = one.comparison
        each = one.saved_usd / comparison.trades
        rows.append(
            [
                "recorded",
                one.baseline,
                comparison.trades,
                *_with_interval(comparison.saved, comparison.interval),
                f"{one.saved_usd:.6f}",
                f"{each:.6f}",
                *(_percent(part) for _, part in one.parts),
                comparison.failures,
                claim(comparison),
            ]
        )
    return table(_SESSION, rows)


def waits_table(found: Iterable[tuple[Waiting, Comparison]], seconds: int) -> str:
    """Return what waiting saves by its deadline."""
    rows = [
        [
            "recorded",
            waiting.deadline_blocks * seconds // 60,
            f"lowest {waiting.lowest_percent} %",
            one.trades,
            *_with_interval(one.saved, one.interval),
            f"{one.mean_delay * seconds:.0f}",
            one.p95_delay * seconds,
        ]
        for waiting, one in found
    ]
    head = ("kind", "minutes", "until", "trades", "S %", "from", "to", "mean delay s", "p95")
    return table(head, rows)


def on_base(report: Report) -> list[str]:
    """Say what the savings of a report are worth, against what a trade costs."""
    lines = []
    for one in report.found:
        worth = usd_a_trade(one.comparison)
        small = ": below 0.001" if worth < SMALL_USD else ""
        lines.append(
            f"{report.scenario}, modelled: {worth:.6f} USD a trade saved against "
            f"{one.baseline}{small}."
        )
    swap_usd = from_base_units(SIZE_WEI * SWAP_COST_PIPS // 10**6, 18) * NATIVE_USD
    return [*lines, f"Fee and impact of the same trade in its pool are {swap_usd:.2f} USD."]


def claim(found: Comparison) -> str:
    """Say how 23.1 % compares: met or missed as it came out, or within the interval."""
    if found.interval is not None and found.interval[0] <= CLAIMED <= found.interval[1]:
        return "within the interval"
    return "exceeded" if found.saved >= CLAIMED else "not reached"


def usd_a_trade(found: Comparison, native_usd: Decimal = NATIVE_USD) -> Decimal:
    """Return what was saved a trade in USD, at one price of the native coin."""
    saved = from_base_units(found.baseline_wei - found.managed_wei, 18)
    return saved * native_usd / found.trades


def _comparison_cells(found: Comparison, seconds: int) -> Sequence[object]:
    return (
        *_with_interval(found.saved, found.interval),
        *_with_interval(found.net, found.net_interval),
        f"{usd_a_trade(found):.6f}",
        f"{found.mean_delay * seconds:.0f}",
        found.p95_delay * seconds,
        found.failures,
        found.baseline_failures,
    )


def _part_cells(one: AgainstBaseline) -> Sequence[str]:
    parts = [_percent(part) for _, part in one.parts]
    return (*parts, _percent(one.composed), claim(one.comparison))


def _with_interval(
    value: Decimal | None, interval: tuple[Decimal, Decimal] | None
) -> Sequence[str]:
    return tuple(_percent(one) for one in (value, *(interval or (None, None))))


def _percent(part: Decimal | None) -> str:
    return "-" if part is None else f"{part * 100:.1f}"
