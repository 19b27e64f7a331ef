"""What a quoter said: kept with the batch, read back, and judged again in replay."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import Side
from paper_trading.engine.market import ChainQuote
from paper_trading.engine.trust import CLOCK_SKEW
from paper_trading.intelligence.live_step import Pinned, Said, live_step, said_at
from paper_trading.intelligence.observed import step_seal
from paper_trading.intelligence.said_quotes import (
    CHAIN_QUOTES,
    SaidQuote,
    quoted_swaps,
    quotes_of,
    quotes_to_json,
)

NOON = datetime(2026, 7, 24, 12, tzinfo=UTC)
POOL = "0x" + "ab" * 20
FIRST, OF_CASH, FURTHER = ("0x" + pair * 20 for pair in ("f1", "ca", "4f"))
PINNED = [Pinned("AAA", POOL), Pinned("HOP", FIRST), Pinned("USDC", OF_CASH, is_cash=True)]
ONE = SaidQuote("AAA", Side.BUY, 10**9, (POOL,), ChainQuote(5 * 10**17, 49_000_000, NOON))

WORDS = st.integers(1, 2**256 - 1)
QUOTES = st.builds(
    SaidQuote,
    st.sampled_from(["AAA", "BBB"]),
    st.sampled_from(Side),
    WORDS,
    st.sampled_from([(POOL,), (FIRST, POOL), (FURTHER,)]),
    st.builds(
        ChainQuote,
        WORDS,
        st.integers(0, 2**64 - 1),
        st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))])),
    ),
    st.sampled_from(["", FURTHER]),
)


def said_of(*quotes: SaidQuote) -> Any:
    step = live_step(7, NOON, Said("test", {}, quotes=quotes), {}, PINNED)
    assert step.said is not None
    return step.said


@given(quotes=st.lists(QUOTES, max_size=3))
def test_quotes_survive_json(quotes: list[SaidQuote]) -> None:
    said = json.loads(json.dumps({CHAIN_QUOTES: quotes_to_json(quotes)}))
    assert quotes_of(said) == tuple(quotes)


@pytest.mark.parametrize("said", [None, {}, {"checks": {}}])
def test_a_batch_of_before_quotes_were_kept_has_none(said: dict[str, Any] | None) -> None:
    assert quoted_swaps(said, {"AAA": 1}) == {}


def test_quotes_are_known_by_the_token_the_side_and_the_input() -> None:
    sale = replace(ONE, side=Side.SELL, amount_in=7)
    gone = replace(ONE, symbol="GONE")
    further = replace(ONE, pools=(FIRST, FURTHER), pool=FURTHER)
    said = {CHAIN_QUOTES: quotes_to_json([ONE, sale, gone, further])}
    assert quoted_swaps(said, {"AAA": 41}) == {
        (41, FURTHER, Side.BUY, 10**9): ONE.quote,
        (41, "", Side.BUY, 10**9): ONE.quote,
        (41, "", Side.SELL, 7): ONE.quote,
    }


def test_a_step_keeps_what_was_quoted_and_tells_it_again() -> None:
    late = replace(ONE, quote=replace(ONE.quote, observed_at=NOON + CLOCK_SKEW))
    step = live_step(7, NOON, Said("test", {}, quotes=(late,)), {}, PINNED)
    again = said_at(step, "test")
    assert again.quotes == (late,)
    assert live_step(7, NOON, again, {}, PINNED) == step
    # A changed digit breaks the seal.
    other = replace(late, quote=replace(late.quote, amount_out=late.quote.amount_out + 1))
    changed = replace(step, said={**(step.said or {}), CHAIN_QUOTES: quotes_to_json([other])})
    assert step_seal(changed, "test", 1)["said"] != step_seal(step, "test", 1)["said"]


def test_without_quotes_a_step_is_what_it_was_before_there_were_any() -> None:
    assert CHAIN_QUOTES not in said_of()


def test_a_quote_of_another_pool_or_of_a_block_ahead_does_not_count() -> None:
    ahead = NOON + CLOCK_SKEW + timedelta(seconds=1)
    wrong = [
        replace(ONE, pools=("0x" + "cd" * 20,)),
        replace(ONE, pools=(POOL, POOL)),
        # The pool from cash comes first of a buy, and is the pinned one of what is no cash.
        replace(ONE, pools=(POOL, FIRST)),
        replace(ONE, pools=(FIRST, POOL), side=Side.SELL),
        replace(ONE, pools=(OF_CASH, POOL)),
        replace(ONE, pools=(FURTHER, POOL)),
        replace(ONE, pools=(FIRST, FIRST, POOL)),
        # In another pool than the one that it names.
        replace(ONE, pools=(FURTHER,)),
        replace(ONE, pool=FURTHER),
        replace(ONE, pools=(FIRST, POOL), pool=FURTHER),
        replace(ONE, pools=()),
        replace(ONE, symbol="OTHER"),
        replace(ONE, quote=replace(ONE.quote, observed_at=ahead)),
    ]
    assert CHAIN_QUOTES not in said_of(*wrong)
    assert quotes_of(said_of(*wrong, ONE)) == (ONE,)


def test_quotes_are_in_one_order_and_each_swap_has_one() -> None:
    sale = replace(ONE, side=Side.SELL)
    twice = replace(ONE, quote=replace(ONE.quote, amount_out=1))
    assert quotes_of(said_of(sale, twice, ONE)) == (ONE, sale)


def test_two_pools_and_further_ones_count_in_the_order_of_the_swap() -> None:
    through = replace(ONE, pools=(FIRST, POOL))
    further = replace(ONE, pools=(FURTHER,), pool=FURTHER)
    sale = replace(ONE, pools=(FURTHER, FIRST), side=Side.SELL, pool=FURTHER)
    assert quotes_of(said_of(sale, further, through)) == (through, further, sale)


def test_a_quote_of_the_pool_that_prices_the_token_is_kept_as_it_always_was() -> None:
    (row,) = quotes_to_json([ONE])
    told = ["500000000000000000", 49_000_000, "2026-07-24T12:00:00+00:00"]
    assert row == ["AAA", "BUY", "1000000000", [POOL], *told]
    assert quotes_to_json([replace(ONE, pool=FURTHER)]) == [[*row, FURTHER]]


ROW = ["AAA", "BUY", "1", [POOL], "1", 1, "2026-07-24T12:00:00+00:00"]


@pytest.mark.parametrize(
    "row",
    [[], ["AAA", "BUY", "1"], [*ROW[:2], 1, *ROW[3:]], [*ROW, 7], [*ROW, POOL, POOL], "AAABUY15"],
    ids=str,
)
def test_what_is_no_quote_is_refused(row: list[Any]) -> None:
    with pytest.raises(ValueError, match="is no quote of a swap"):
        quotes_of({CHAIN_QUOTES: [row]})
