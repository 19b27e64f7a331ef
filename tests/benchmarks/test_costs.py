"""The table of costs: the documents' figures, and terms against plain formulas."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import costs as table_of
from benchmarks.costs import CHAINS, SHOWN_LEVELS, TWO, V2, V3, WAYS, Costs, costs, main, pool_of
from paper_trading.engine.enums import PoolKind, Side

DOCUMENT = Path(__file__).parents[2] / "docs" / "COSTS.md"
#: A million dollars on each side.
TWO_MILLION = 2_000_000
Kinds = tuple[PoolKind, ...]


def of(
    chain_id: int, kinds: tuple[PoolKind, ...], liquidity: int, order: int, level: int = 10
) -> Costs:
    found = costs(chain_id, kinds, pool_of(kinds, liquidity), order, level)
    assert found is not None
    return found


def test_the_document_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out.strip()
    blocks = DOCUMENT.read_text(encoding="utf-8").split("```text\n")[1:]
    assert "\n\n".join(block.split("\n```")[0] for block in blocks) == printed


@pytest.mark.parametrize(
    ("order", "fee_and_impact", "taken_usd"),
    [(1_000, "0.399", "0"), (5_000, "0.795", "49.60"), (10_000, "1.284", "98.72")],
)
def test_a_public_order_pays_what_the_formulas_say(
    order: int, fee_and_impact: str, taken_usd: str
) -> None:
    found = of(1, V2, TWO_MILLION, order)
    assert round((found.fee + found.impact) / 100, 3) == Decimal(fee_and_impact)
    # Seen and attacked in six of ten cases; the attack fills a tolerance of 1 %.
    taken = found.mev / Decimal("0.6") / 10_000 * order
    assert abs(taken - Decimal(taken_usd)) < Decimal("0.01")


def test_a_channel_changes_the_chance_of_an_attack_and_nothing_else() -> None:
    public, private = (of(1, V2, TWO_MILLION, 10_000, level) for level in (10, 5))
    rollup = of(8453, V2, TWO_MILLION, 10_000, 10)
    assert (public.fee, public.impact) == (private.fee, private.impact)
    # The tolerance of level 5 is six tenths of that of level 10.
    assert round(public.mev / private.mev / 30 * Decimal("0.6"), 2) == 1
    assert round(public.mev / rollup.mev / 300, 4) == 1


@pytest.mark.parametrize(("chain_id", "gas_usd"), [(1, "0.0332"), (8453, "0.0012")])
def test_gas_is_a_fixed_sum(chain_id: int, gas_usd: str) -> None:
    for order in (100, 1_000):
        found = of(chain_id, V2, TWO_MILLION, order)
        assert round(found.gas / 10_000 * order, 4) == Decimal(gas_usd)


def test_the_price_wanders_with_the_root_of_the_time() -> None:
    # Four fifths a year over a block of 12 seconds, over two of them, and over 2 seconds.
    public, private = (table_of.drift_sd(1, V2, level) for level in (10, 1))
    rollup = table_of.drift_sd(8453, V2, 1)
    assert round(public, 2) == Decimal("4.93")
    assert round(private**2 / public**2, 9) == 2
    assert round(public**2 / rollup**2, 9) == 6


@pytest.mark.parametrize("chain_id", CHAINS)
@pytest.mark.parametrize("kinds", WAYS)
def test_impact_grows_with_the_order_and_falls_with_the_pool(
    chain_id: int, kinds: tuple[PoolKind, ...]
) -> None:
    for level in SHOWN_LEVELS:
        thin, deep = (
            [of(chain_id, kinds, size, order, level) for order in table_of.ORDERS_USD]
            for size in table_of.LIQUIDITY_USD
        )
        for column in (thin, deep):
            assert all(one.impact <= after.impact for one, after in pairwise(column))
            assert all(one.gas > after.gas for one, after in pairwise(column))
        assert all(one.impact >= other.impact for one, other in zip(thin, deep, strict=True))
        for one in thin + deep:
            assert one.total == one.fee + one.impact + one.mev + one.gas


def test_a_concentrated_pool_holds_the_stated_cash_and_no_more() -> None:
    pool = pool_of(V3, 1_000_000)
    # Nine and a half times as deep as all over the curve: 1 / (1 - 1 / sqrt(1.25)).
    virtual = pool.reserve_in(Side.BUY)
    assert round(Decimal(virtual) / (500_000 * 10**6), 1) == Decimal("9.5")
    assert costs(1, V3, pool, 600_000, 1) is None
    assert table_of._figures([None, None, None]) == ["-"] * 12


def test_the_first_level_is_the_one_whose_share_takes_the_order() -> None:
    assert table_of.first_level(1_000_000, 250) == "1"
    assert table_of.first_level(1_000_000, 251) == "2"
    assert table_of.first_level(1_000_000, 2_501) == "none"


def test_two_pools_cost_both_fees_both_impacts_and_more_gas() -> None:
    for chain_id in CHAINS:
        two, first = (of(chain_id, way, 20_000_000, 10_000) for way in (TWO, V3))
        # 0.05 % and 0.30 % of what is left.
        assert round(two.fee, 2) == Decimal("34.99")
        assert two.impact > first.impact
        assert round(two.gas / first.gas, 1) == Decimal("1.5")
