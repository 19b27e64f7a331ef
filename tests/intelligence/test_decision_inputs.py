"""The short seal of what a decision read names the column that was changed."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from paper_trading.engine import gas
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Range, Reserves
from paper_trading.engine.enums import PoolKind, PriceVerdict
from paper_trading.engine.market import Batch, OtherPool, Quote
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.analysis import evidence_of
from paper_trading.intelligence.decision_inputs import (
    AccountFacts,
    changed,
    columns,
    facts_of,
    inputs_of,
)
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.market_view import Listed, MarketView
from tests.engine.pool_kinds import LIQUIDITY, SQRT_2000
from tests.intelligence.samples import START, TOKEN, closed_bar

BATCH = Batch(
    id=1,
    step=3,
    market_time=START,
    quotes={TOKEN.id: Quote(TOKEN, Decimal(100), START, "test", Decimal(10))},
    gas=gas.conditions(8453, 7, START),
    cash_price_usd=Decimal(1),
    native_price_usd=Decimal(2_000),
    sigma_annual={},
)
LISTED = Listed(TOKEN, is_cash=False, tradable=True, bar=closed_bar())
FACTS = AccountFacts(4, START - timedelta(hours=1), Decimal("12.5"))


def test_what_is_unchanged_meets_its_seal() -> None:
    kept = inputs_of(LISTED, BATCH, FACTS)
    assert changed(kept.seal, columns(LISTED, BATCH, facts_of(kept))) == []
    assert (kept.observed_at, kept.bar_end) == (START, START)
    assert facts_of(kept) == FACTS


def test_every_changed_column_is_named() -> None:
    found = columns(LISTED, BATCH, FACTS)
    kept = inputs_of(LISTED, BATCH, FACTS).seal
    for name in found:
        other = [1] if name == "bar signals" else "something else"
        assert changed(kept, {**found, name: other}) == [name]


def test_a_token_without_quote_and_bar_has_a_seal_too() -> None:
    bare = replace(BATCH, quotes={}, native_price_usd=None)
    nothing = replace(LISTED, bar=None)
    kept = inputs_of(nothing, bare, replace(FACTS, held_since=None))
    assert (kept.observed_at, kept.bar_end, kept.held_since) == (None, None, None)
    assert changed(kept.seal, columns(nothing, bare, facts_of(kept))) == []
    # A memory of volatility without a quote is nothing that was read.
    known = replace(bare, sigma_annual={TOKEN.id: Decimal(1)})
    assert changed(kept.seal, columns(nothing, known, facts_of(kept))) == []
    lost = changed(kept.seal, columns(LISTED, bare, facts_of(kept)))
    assert {name.partition(" ")[0] for name in lost} == {"bar"}


@pytest.mark.parametrize("cut", ["", "abcdef"])
def test_a_seal_of_another_length_names_itself(cut: str) -> None:
    assert changed(cut, columns(LISTED, BATCH, FACTS)) == ["seal"]


def test_another_bar_or_account_on_one_batch_has_another_seal() -> None:
    first = inputs_of(LISTED, BATCH, FACTS).seal
    other = replace(LISTED, bar=None)
    assert changed(inputs_of(other, BATCH, FACTS).seal, columns(other, BATCH, FACTS)) == []
    flat = replace(FACTS, held_since=None)
    assert changed(inputs_of(LISTED, BATCH, flat).seal, columns(LISTED, BATCH, FACTS)) == [
        "held_since"
    ]
    assert inputs_of(LISTED, BATCH, FACTS).seal == first


def test_a_verdict_that_is_not_fresh_is_sealed_too() -> None:
    quote = replace(BATCH.quotes[TOKEN.id], verdict=PriceVerdict.DISPUTED)
    disputed = replace(BATCH, quotes={TOKEN.id: quote})
    kept = inputs_of(LISTED, disputed, FACTS).seal
    assert changed(kept, columns(LISTED, disputed, FACTS)) == []
    jumped = replace(BATCH, quotes={TOKEN.id: replace(quote, verdict=PriceVerdict.JUMP)})
    assert changed(kept, columns(LISTED, jumped, FACTS)) == ["quote verdict"]
    assert changed(kept, columns(LISTED, BATCH, FACTS)) == ["seal"]


@pytest.mark.parametrize("name", ["token kind", "quote depth", "batch base_fee_scalar"])
def test_what_a_chain_told_is_sealed_where_it_was_told(name: str) -> None:
    quote = replace(BATCH.quotes[TOKEN.id], depth=Reserves(10**12, 10**20))
    told = replace(BATCH.gas, base_fee_scalar=3_000)
    world = replace(BATCH, quotes={TOKEN.id: quote}, gas=told)
    listed = replace(LISTED, token=replace(TOKEN, kind=PoolKind.V3))
    kept, found = inputs_of(listed, world, FACTS).seal, columns(listed, world, FACTS)
    assert changed(kept, found) == []
    assert changed(kept, {**found, name: "something else"}) == [name]
    assert name not in columns(LISTED, BATCH, FACTS)


@pytest.mark.parametrize(
    ("notional", "held", "code"),
    [
        ("250", None, Code.OK),
        ("250000", None, Code.DEPTH_UNKNOWN),
        # What is held may be less than the notional: its exit is asked about.
        ("250000", START, Code.OK),
    ],
)
def test_an_entry_beyond_the_known_depth_is_not_looked_at(
    notional: str, held: datetime | None, code: Code
) -> None:
    depth = Range(SQRT_2000, LIQUIDITY, 10, cash_is_token0=True)
    quote = Quote(TOKEN, Decimal(2_000), START, "test", Decimal(2_000_000), depth=depth)
    world = replace(BATCH, quotes={TOKEN.id: quote})
    engine = IntelSliderEngine(5, Strategy())
    facts = AccountFacts(1, held, Decimal(notional))
    found = evidence_of(engine, LISTED, MarketView(world, None, (LISTED,)), facts, None)
    assert found.pricing is code
    assert (found.round_trip_percent is None) == (notional == "250000")


@pytest.mark.parametrize(
    "name",
    [
        "token through",
        "quote others",
        "between price_usd",
        "between depth",
        "between kind",
        "between DAI liquidity_usd",
        "between DAI verdict",
    ],
)
def test_what_the_ways_of_a_token_are_is_sealed(name: str) -> None:
    weth, dai = (replace(TOKEN, id=key, symbol=symbol) for key, symbol in ((2, "WETH"), (3, "DAI")))
    other = OtherPool("0xaa", PoolKind.V3, 500, dai.id, Decimal(10**6), Reserves(1, 2), Decimal(99))
    token = replace(TOKEN, through=weth.id, further=(other,))
    world = replace(
        BATCH,
        quotes={
            token.id: replace(BATCH.quotes[TOKEN.id], token=token, others=(other,)),
            weth.id: Quote(weth, Decimal(2_000), START, "test", Decimal(10**7)),
            dai.id: Quote(dai, Decimal(1), START, "test", Decimal(10**7)),
        },
    )
    listed = replace(LISTED, token=token)
    kept, found = inputs_of(listed, world, FACTS).seal, columns(listed, world, FACTS)
    assert changed(kept, found) == []
    assert changed(kept, {**found, name: "something else"}) == [name]
    assert name not in columns(LISTED, BATCH, FACTS)
    # A pool or a hop that is not read leaves its columns out.
    del world.quotes[dai.id]  # type: ignore[attr-defined]
    assert "between DAI price_usd" not in columns(listed, world, FACTS)
