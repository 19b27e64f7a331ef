"""What live sources said, judged and judged again from the step alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.depth import Reserves
from paper_trading.engine.enums import PoolKind, PriceVerdict
from paper_trading.engine.market import (
    HIGHEST_CASH_PRICE_USD,
    GasConditions,
    L1Fees,
    OtherPool,
    Token,
)
from paper_trading.engine.trust import POOL_ABSENT, Absent, Check
from paper_trading.intelligence.bars import Spans
from paper_trading.intelligence.live_step import (
    BAD_PRICE,
    Pinned,
    Said,
    Seen,
    live_step,
    said_at,
    seen,
)
from paper_trading.intelligence.market_folding import (
    Folded,
    Listing,
    MarketHead,
    Native,
    Terms,
    fold_step,
)
from paper_trading.intelligence.observed import (
    Beside,
    SourceStep,
    beside_from_json,
    beside_to_json,
    exact_step,
    other_pools,
    step_seal,
)
from paper_trading.intelligence.series import Series
from tests.engine.worlds import NOON

TICK = timedelta(seconds=15)
PINNED = (Pinned("AAA", "0xa"), Pinned("BBB", "0xb"), Pinned("USDC", "0xc", is_cash=True))
L1 = L1Fees(20 * 10**9, 10**9, 3_000, 900_000)
TERMS = Terms(8453, 1, "AAA", Spans.for_step(15))

#: What a source may say of one token at a tick, to be put at a time by `at_tick`.
factors = st.sampled_from(["1", "0.97", "1.04", "0.5", "2", "30", "11", "2000"])
depths = st.sampled_from(["1000000", "200000", "900", "-1", "1e21", None])
#: In seconds. A cache that does not say it is taken for a minute old.
UNKNOWN_AGE = 60
ages = st.sampled_from([0, 0, 0, 14, 15, 40, UNKNOWN_AGE, 70, 90])
ticks = st.lists(
    st.fixed_dictionaries(
        {}, optional={one.symbol: st.tuples(factors, depths, ages) for one in PINNED}
    ),
    min_size=1,
    max_size=9,
)
checks = st.lists(
    st.dictionaries(st.sampled_from(["AAA", "BBB", "USDC"]), factors, max_size=3),
    min_size=9,
    max_size=9,
)


def one(
    price: str, depth: str | None = "1000000", at: datetime = NOON, pool: str = "0xa"
) -> Seen | Absent:
    return seen(Decimal(price), None if depth is None else Decimal(depth), at, pool, "test")


def cached(found: Seen | Absent) -> Seen | Absent:
    """Return what was seen as a cache of unknown age says it."""
    if not isinstance(found, Seen):
        return found
    return replace(found, reading=replace(found.reading, spread_seconds=60))


def read(found: Seen | Absent, tick: int) -> Seen | Absent:
    """Return what was seen with what its pool was read to hold, another at each tick."""
    return (
        replace(found, depth=Reserves(10**12, 10**20 + tick)) if isinstance(found, Seen) else found
    )


def steps_of(
    said: Sequence[Mapping[str, tuple[str, str | None, int]]],
    checked: Sequence[Mapping[str, str]],
) -> list[SourceStep]:
    """Return the steps of what was said tick by tick, as a market takes them."""
    state: Mapping[str, Any] = {}
    pools = {pinned.symbol: pinned.pool for pinned in PINNED}
    made = []
    for tick, (told, checks_of) in enumerate(zip(said, checked, strict=False)):
        now = NOON + tick * TICK
        readings = {
            name: read(one(price, depth, now - timedelta(seconds=age), pools[name]), tick)
            for name, (price, depth, age) in told.items()
        }
        readings |= {name: cached(readings[name]) for name in told if told[name][2] == UNKNOWN_AGE}
        new = {name: Check(Decimal(price), now) for name, price in checks_of.items()}
        fees = Said("test", readings, new, 5_000_000 + tick, L1 if tick % 2 else None)
        made.append(exact_step(live_step(tick, now, fees, state, PINNED)))
        state = made[-1].state
    return made


def folded(steps: Sequence[SourceStep]) -> list[Folded]:
    listings = tuple(
        Listing(Token(number, pinned.symbol, 18, pinned.pool, 3000), Series())
        for number, pinned in enumerate(PINNED, 1)
    )
    head, found = MarketHead(listings, Native()), []
    for step in steps:
        found.append(fold_step(step, head, TERMS))
        head = found[-1].head
    return found


@given(ticks, checks)
def test_a_step_is_made_again_from_itself(
    said: list[dict[str, tuple[str, str | None, int]]], checked: list[dict[str, str]]
) -> None:
    state: Mapping[str, Any] = {}
    for step in steps_of(said, checked):
        again = live_step(step.number, step.market_time, said_at(step, "test"), state, PINNED)
        assert exact_step(again) == step
        state = again.state


@given(ticks, checks)
def test_bars_never_go_back_in_time_and_every_step_makes_a_batch(
    said: list[dict[str, tuple[str, str | None, int]]], checked: list[dict[str, str]]
) -> None:
    ends: dict[int, datetime] = {}
    steps = steps_of(said, checked)
    for step, made in zip(steps, folded(steps), strict=True):
        assert 0 < made.batch.cash_price_usd <= HIGHEST_CASH_PRICE_USD
        assert set(made.batch.quotes) == {
            number for number, pinned in enumerate(PINNED, 1) if pinned.symbol in step.quotes
        }
        for listing in made.head.listings:
            end, before = listing.series.end, ends.get(listing.token.id)
            if end is not None:
                assert before is None or end >= before
                ends[listing.token.id] = end


def test_a_jump_in_a_cache_of_unknown_age_waits_for_another_and_is_journalled() -> None:
    jump = {"AAA": ("200", "1000000", UNKNOWN_AGE)}
    steps = steps_of([{"AAA": ("100", "1000000", 0)}] * 2 + [jump] * 6, [{}] * 8)
    verdicts = [step.quotes["AAA"].verdict for step in steps[2:]]
    assert verdicts == [PriceVerdict.JUMP] * 5 + [PriceVerdict.CASH_UNSURE]
    told = [step.said and step.said.get("spread") for step in steps]
    assert told == [None] * 2 + [{"AAA": 60}] * 6


def test_a_source_that_is_behind_prices_a_tick_and_makes_no_bar() -> None:
    steps = steps_of([{"AAA": ("100", "1000000", 0)}] * 4 + [{"AAA": ("101", None, 60)}], [{}] * 5)
    made = folded(steps)
    assert made[-1].batch.quotes[1].price_usd == 101
    assert steps[-1].quotes["AAA"].verdict is PriceVerdict.CASH_UNSURE
    assert made[-1].head.listings == made[-2].head.listings


def test_a_batch_carries_what_the_chain_told_of_depth_and_fees() -> None:
    steady: dict[str, tuple[str, str | None, int]] = {
        "AAA": ("100", "1000000", 0), "USDC": ("1", "1000000", 0)
    }  # fmt: skip
    steps = steps_of([steady] * 4, [{}] * 4)
    made = folded(steps)[-1].batch
    assert made.quotes[1].depth == Reserves(10**12, 10**20 + 3)
    assert made.gas == GasConditions(
        8453, 5_000_003, 1_000_000, L1.base_fee_wei, L1.blob_base_fee_wei, 3_000, 900_000
    )
    before = folded(steps)[-2].batch.gas
    assert (before.base_fee_wei, before.base_fee_scalar) == (5_000_002, 2_269)
    names = {name for name in step_seal(steps[-1], "test", 1) if name.startswith("quote.")}
    bare = {name: replace(quote, depth=None) for name, quote in steps[-1].quotes.items()}
    without = step_seal(replace(steps[-1], quotes=bare), "test", 1)
    assert names - set(without) == {"quote.depth"}


def test_further_pools_of_about_the_price_are_part_of_a_good_quote() -> None:
    near = Beside("0x2", Decimal("101.9"), Decimal(10**6), Reserves(1, 2))
    far = Beside("0x1", Decimal("102.1"), None)
    exact = Beside("0x0", Decimal(100), None)
    state: Mapping[str, Any] = {}
    for tick in range(2):
        now = NOON + tick * TICK
        told = {
            name: one("100", "1000000", now, at) for name, at in (("AAA", "0xa"), ("USDC", "0xc"))
        }
        told["USDC"] = one("1", "1000000", now, "0xc")
        said = Said("test", told, beside={"AAA": (near, far, exact)})
        step = exact_step(live_step(tick, now, said, state, PINNED))
        # It is made again from what was kept.
        assert exact_step(live_step(tick, now, said_at(step, "test"), state, PINNED)) == step
        state = step.state
    assert step.quotes["AAA"].beside == (exact, near)
    assert step.quotes["USDC"].beside == ()
    assert beside_from_json(beside_to_json(step.quotes["AAA"].beside)) == (exact, near)
    assert beside_to_json(()) is None
    assert beside_from_json(None) == ()
    assert "quote.others" in step_seal(step, "test", 1)
    listed = OtherPool("0x2", PoolKind.V2, 3000, None, None)
    gone = replace(listed, address="0x9")
    token = Token(1, "AAA", 18, "0xa", 3000, further=(gone, listed))
    (found,) = other_pools(token, step.quotes["AAA"].beside)
    assert (found.address, found.liquidity_usd, found.depth) == (
        "0x2",
        Decimal(10**6),
        Reserves(1, 2),
    )
    assert found.price_usd == Decimal("101.9")


def test_a_quote_that_is_another_than_its_reading_has_no_depth() -> None:
    said: list[dict[str, tuple[str, str | None, int]]] = [
        {"AAA": (price, "1000000", 0), "USDC": ("1", "1000000", 0)}
        for price in ("100", "100", "300")
    ]
    jumped = steps_of(said, [{}] * 3)[-1].quotes["AAA"]
    assert jumped.price_usd == 100
    assert jumped.depth is None
    disputed = steps_of([said[0]] * 3, [{}, {}, {"AAA": "80"}])[-1].quotes["AAA"]
    assert disputed.price_usd == 80
    assert disputed.depth is None


def test_bars_and_gas_take_the_pools_own_price_of_a_disputed_token() -> None:
    said: list[dict[str, tuple[str, str | None, int]]] = [
        {"AAA": ("100", "1000000", 0), "USDC": ("1", "1000000", 0)}
    ] * 3
    steps = steps_of(said, [{}, {}, {"AAA": "80"}])
    quote, made = steps[2].quotes["AAA"], folded(steps)[-1]
    assert quote.verdict is PriceVerdict.DISPUTED
    assert [quote.price_usd, quote.close] == [80, 100]
    assert made.batch.quotes[1].price_usd == 80
    assert made.head.listings[0].series.fast is not None
    assert made.head.listings[0].series.fast.bar.close == 100
    assert made.batch.native_price_usd == 100


@pytest.mark.parametrize("depth", ["-1", "1e20", "1e40", "NaN", "Infinity", "-Infinity"])
def test_a_depth_that_no_pool_has_is_not_said_and_the_price_stands(depth: str) -> None:
    found = one("7", depth)
    assert isinstance(found, Seen)
    assert found.reading.price_usd == 7
    assert found.reading.liquidity_usd is None
    found = seen(Decimal(7), Decimal(5), NOON, "0xa", "test", volume_usd=Decimal(depth))
    assert isinstance(found, Seen)
    assert found.reading.liquidity_usd == 5
    assert found.volume_usd is None


@pytest.mark.parametrize("price", ["0", "-1", "1e24", "1e-40", "NaN", "Infinity"])
def test_a_price_that_no_pool_has_is_none(price: str) -> None:
    assert one(price) == Absent(BAD_PRICE)


def test_cash_above_what_it_can_be_worth_has_a_bad_price() -> None:
    said: list[dict[str, tuple[str, str | None, int]]] = [{"USDC": ("1", "1000000", 0)}] * 2
    steps = steps_of([*said, {"USDC": ("1000.000001", "1000000", 0)}], [{}] * 3)
    assert steps[2].reasons["USDC"] == BAD_PRICE
    assert steps[2].cash_price_usd == 1


def test_a_jump_of_cash_keeps_its_last_price() -> None:
    said: list[dict[str, tuple[str, str | None, int]]] = [
        {"USDC": (price, "1000000", 0)} for price in ("1", "1", "0.5", "0.5")
    ]
    assert [step.cash_price_usd for step in steps_of(said, [{}] * 4)] == [
        1,
        1,
        1,
        Decimal("0.5"),
    ]


def test_a_base_fee_that_a_node_told_is_part_of_the_step() -> None:
    said = Said("test", {"AAA": one("7")}, base_fee_wei=1_234_567)
    step = exact_step(live_step(0, NOON, said, {}, PINNED))
    assert step.said is not None
    assert step.said["base_fee_wei"] == 1_234_567
    assert said_at(step, "test").base_fee_wei == 1_234_567


def test_a_step_of_a_file_tells_nothing_that_was_said() -> None:
    step = replace(steps_of([{}], [{}])[0], said=None)
    with pytest.raises(ValueError, match="step 0 was not served by live sources"):
        said_at(step, "test")


def test_a_pool_that_is_gone_leaves_a_quote_and_the_step_keeps_why() -> None:
    state: Mapping[str, Any] = {}
    made = []
    for tick in range(6):
        now = NOON + tick * TICK
        told = one("7", at=now) if tick < 2 else Absent(POOL_ABSENT)
        made.append(
            exact_step(live_step(tick, now, Said("test", {"AAA": told}), state, PINNED[:1]))
        )
        state = made[-1].state
    last = made[-1]
    assert last.quotes["AAA"].verdict is PriceVerdict.UNSELLABLE
    assert last.quotes["AAA"].price_usd == 7
    assert last.quotes["AAA"].liquidity_usd == 0
    assert said_at(last, "test").seen["AAA"] == Absent(POOL_ABSENT)


def changed_seal(step: SourceStep, **fields: Any) -> set[str]:
    kept, made = step_seal(step, "test", 3), step_seal(replace(step, **fields), "test", 3)
    return {name for name in {**kept, **made} if kept.get(name) != made.get(name)}


def test_the_seal_of_a_step_names_what_was_changed() -> None:
    step = steps_of([{"AAA": ("7", "5", 0), "USDC": ("1", "1000000", 0)}], [{}])[0]
    assert changed_seal(step) == set()
    assert changed_seal(step, market_time=NOON + TICK) == {"market_time"}
    assert changed_seal(step, cash_price_usd=Decimal("0.9")) == {"cash_price_usd"}
    assert changed_seal(step, reasons={}) == {"reasons"}
    quote = step.quotes["AAA"]
    for name, other in {
        "price_usd": replace(quote, price_usd=Decimal("7.1")),
        "liquidity_usd": replace(quote, liquidity_usd=None),
        "verdict": replace(quote, verdict=PriceVerdict.DISPUTED),
        "pool": replace(quote, pool="0xf"),
        "block": replace(quote, block=9),
    }.items():
        assert changed_seal(step, quotes={**step.quotes, "AAA": other}) == {f"quote.{name}"}
    sealed = step_seal(step, "test", 3)
    assert step_seal(step, "other", 3) == {
        **sealed,
        "source": step_seal(step, "other", 3)["source"],
    }
    assert {name for name, made in step_seal(step, "test", 4).items() if made != sealed[name]} == {
        "token_list"
    }


def test_the_seal_of_a_files_step_leaves_out_what_only_live_sources_say() -> None:
    step = replace(steps_of([{"AAA": ("7", "5", 0)}], [{}])[0], said=None)
    quotes = {"AAA": replace(step.quotes["AAA"], verdict=PriceVerdict.DISPUTED, pool="0xf")}
    assert changed_seal(step, quotes=quotes, reasons={"BBB": "other"}) == set()
    assert changed_seal(step, said={}) > {"said", "reasons", "quote.verdict"}
