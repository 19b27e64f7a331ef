"""The pool that prices a token: the deepest honest one, vetoes at their bounds, flags."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import pair_choice
from paper_trading.engine.pair_choice import (
    Choice,
    Flag,
    Look,
    PairSeen,
    Refused,
    TokenSeen,
    Trades,
    Veto,
    choose,
    further,
)

NOW = datetime(2026, 7, 24, 12, tzinfo=UTC)
TOKEN, WETH, USDC, FAKE = ("0x" + digit * 40 for digit in "1234")
POOLS = ["0x" + digit * 40 for digit in "56789abcdef"]
LOOK = Look(
    token=TOKEN,
    chain="base",
    majors={WETH: "WETH", USDC: "USDC"},
    at=NOW,
    fees={},
    before={},
)
PAIR = PairSeen(
    chain="base",
    dex="uniswap",
    address=POOLS[0],
    labels=("v2",),
    base=TokenSeen(TOKEN, "TOK"),
    quote=TokenSeen(WETH, "WETH"),
    price_usd=Decimal("0.5"),
    price_native=Decimal("0.00025"),
    liquidity_usd=Decimal(100_000),
    volume_h24_usd=Decimal(5_000),
    h24=Trades(100, 90),
    h1=Trades(5, 4),
    created_at=NOW - timedelta(days=30),
)

depths = st.none() | st.decimals("0", "1e9", places=2)
pairs = st.builds(
    replace,
    st.just(PAIR),
    chain=st.sampled_from(["base", "base", "base", "ethereum"]),
    address=st.sampled_from([*POOLS, "0x" + "ab" * 32]),
    base=st.sampled_from([TokenSeen(TOKEN, "TOK"), TokenSeen(FAKE, "WETH")]),
    quote=st.sampled_from([TokenSeen(one, "WETH") for one in (WETH, USDC, FAKE, TOKEN)]),
    price_usd=st.none() | st.decimals("0", "1e30", places=9),
    price_native=st.none() | st.decimals("0", "1e9", places=9),
    liquidity_usd=depths,
)


def codes(choice: Choice) -> list[Veto]:
    return [one.code for one in choice.vetoes]


def flags(choice: Choice) -> set[Flag]:
    return {one.code for one in choice.flags}


def why(choice: Choice) -> list[Refused]:
    return [reason for _, reason in choice.refused]


@given(st.lists(pairs, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_changes_nothing(found: list[PairSeen], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = choose(found, LOOK), choose(shuffled, LOOK)
    depth = None if one.pair is None else (one.pair.address, one.pair.liquidity_usd)
    again = None if other.pair is None else (other.pair.address, other.pair.liquidity_usd)
    assert depth == again


@given(st.lists(pairs, max_size=8))
def test_the_chosen_pool_is_fit_and_none_that_is_fit_is_deeper(found: list[PairSeen]) -> None:
    choice = choose(found, LOOK)
    assert len(choice.refused) + (choice.pair is not None) == len(found)
    if choice.pair is None:
        assert codes(choice) == [Veto.NO_POOL]
        assert Refused.SHALLOWER not in why(choice)
        return
    best = choice.pair
    assert best.chain == "base"
    assert {best.base.address, best.quote.address} in ({TOKEN, WETH}, {TOKEN, USDC})
    assert best.price_of(TOKEN) is not None
    assert best.liquidity_usd is not None
    others = [pair for pair, reason in choice.refused if reason is Refused.SHALLOWER]
    assert all((pair.liquidity_usd or 0) <= best.liquidity_usd for pair in others)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (replace(PAIR, chain="ethereum"), Refused.OTHER_CHAIN),
        (replace(PAIR, base=TokenSeen(FAKE, "TOK")), Refused.NOT_HELD),
        (replace(PAIR, address="0x" + "ab" * 32), Refused.NO_CONTRACT),
        (replace(PAIR, quote=TokenSeen(FAKE, "WETH")), Refused.QUOTE_UNKNOWN),
        (replace(PAIR, price_usd=None), Refused.PRICE_UNKNOWN),
        (replace(PAIR, price_usd=Decimal(0)), Refused.PRICE_UNKNOWN),
        (replace(PAIR, liquidity_usd=None), Refused.POOL_DEPTH_UNKNOWN),
        (replace(PAIR, liquidity_usd=Decimal(10) ** 30), Refused.POOL_DEPTH_UNKNOWN),
    ],
)
def test_a_pool_that_cannot_price_it_is_passed_over(pair: PairSeen, reason: Refused) -> None:
    choice = choose([pair], LOOK)
    assert choice.pair is None
    assert why(choice) == [reason]
    assert reason.sentence in choice.vetoes[0].text
    assert not choice.vetoes[0].code.acceptable


def test_without_any_pair_it_says_so() -> None:
    (veto,) = choose([], LOOK).vetoes
    assert veto.text == (
        "No pool on base can price the token: the source knows none that holds it."
    )


def test_a_token_that_is_the_quote_is_priced_through_the_base() -> None:
    turned = replace(PAIR, base=PAIR.quote, quote=PAIR.base, price_usd=Decimal(2000),
                     price_native=Decimal(4000))  # fmt: skip
    choice = choose([turned], LOOK)
    assert choice.pair == turned
    assert choice.quote == "WETH"
    assert turned.price_of(TOKEN) == Decimal("0.5")
    assert choose([replace(turned, price_native=Decimal(0))], LOOK).pair is None


def judged(pair: PairSeen, **look: object) -> Choice:
    return choose([pair], replace(LOOK, **look))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [("25000", []), ("24999.99", [Veto.POOL_SHALLOW]), ("0", [Veto.POOL_SHALLOW])],
)
def test_a_shallow_pool_is_vetoed(depth: str, expected: Sequence[Veto]) -> None:
    assert codes(judged(replace(PAIR, liquidity_usd=Decimal(depth)))) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=24), []),
        (timedelta(hours=24) - timedelta(microseconds=1), [Veto.POOL_YOUNG]),
        (timedelta(hours=-1), [Veto.POOL_YOUNG]),
    ],
)
def test_a_young_pool_is_vetoed(age: timedelta, expected: Sequence[Veto]) -> None:
    assert codes(judged(replace(PAIR, created_at=NOW - age))) == expected


@pytest.mark.parametrize(
    ("now", "expected"), [("70000", []), ("69999.99", [Veto.LIQUIDITY_FALLING]), ("200000", [])]
)
def test_liquidity_that_falls_between_two_looks_is_vetoed(
    now: str, expected: Sequence[Veto]
) -> None:
    pair = replace(PAIR, liquidity_usd=Decimal(now))
    assert codes(judged(pair, before={PAIR.address: Decimal(100_000)})) == expected


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        (Trades(20, 0), [Veto.SELLS_FAIL]),
        (Trades(19, 0), []),
        (Trades(95, 5), []),
        (Trades(96, 5), [Veto.BUYS_WITHOUT_SELLS]),
        (Trades(1000, 1), [Veto.BUYS_WITHOUT_SELLS]),
    ],
)
def test_buys_without_sales_are_vetoed(trades: Trades, expected: Sequence[Veto]) -> None:
    assert codes(judged(replace(PAIR, h24=trades, h1=None))) == expected
    assert codes(judged(replace(PAIR, h24=None, h1=trades))) == expected


def test_what_is_not_known_is_flagged() -> None:
    unknown = replace(PAIR, labels=(), h24=None, h1=None, created_at=None)
    assert flags(judged(unknown)) == {
        Flag.FEE_ASSUMED,
        Flag.TRANSFER_TAX_UNKNOWN,
        Flag.POOL_AGE_UNKNOWN,
        Flag.TRADES_UNKNOWN,
        Flag.NOT_SEEN_BEFORE,
    }
    known = judged(PAIR, before={PAIR.address: Decimal(1)})
    assert flags(known) == {Flag.TRANSFER_TAX_UNKNOWN}


@pytest.mark.parametrize(
    ("dex", "label", "known", "expected"),
    [
        ("uniswap", "v2", None, (3000, False)),
        ("sushiswap", "v2", None, (3000, False)),
        ("pancakeswap", "v2", None, (2500, False)),
        ("uniswap", "v3", None, (3000, True)),
        ("uniswap", "v3", 500, (500, False)),
        ("aerodrome", "", None, (3000, True)),
        ("aerodrome", "v2", None, (3000, True)),
    ],
)
def test_a_fee_is_known_or_said_to_be_assumed(
    dex: str, label: str, known: int | None, expected: tuple[int, bool]
) -> None:
    pair = replace(PAIR, dex=dex, labels=(label,) if label else ())
    choice = judged(pair, fees={} if known is None else {PAIR.address: known})
    assert (choice.fee_pips, choice.fee_is_assumed) == expected
    assert (Flag.FEE_ASSUMED in flags(choice)) is expected[1]


def test_a_pool_is_worth_a_change_from_half_as_deep_again() -> None:
    assert pair_choice.is_deeper(Decimal(150), Decimal(100))
    assert not pair_choice.is_deeper(Decimal("149.99"), Decimal(100))
    assert pair_choice.is_deeper(Decimal(1), None)


def test_the_kind_of_a_pool_fits_its_column() -> None:
    assert replace(PAIR, dex="a-very-long-name-of-an-exchange").kind == "a-very-long-name-of-"
    assert PAIR.kind == "uniswap_v2"


def test_a_pair_tells_its_sides_apart() -> None:
    assert (PAIR.side(TOKEN), PAIR.other(TOKEN)) == (PAIR.base, PAIR.quote)
    assert (PAIR.side(WETH), PAIR.other(WETH)) == (PAIR.quote, PAIR.base)
    assert PAIR.holds(TOKEN)
    assert not PAIR.holds(USDC)


# Further pools


def test_further_pools_are_sound_of_a_known_fee_and_the_deepest_two() -> None:
    def fit(number: int, depth: int, **more: object) -> PairSeen:
        found = replace(PAIR, address=POOLS[number], liquidity_usd=Decimal(depth))
        return replace(found, **more)  # type: ignore[arg-type]

    found = [
        fit(0, 900_000),
        fit(1, 800_000, dex="aerodrome", labels=()),
        fit(2, 700_000, labels=("v3",)),
        fit(3, 600_000),
        fit(3, 600_000),
        fit(4, 500_000, created_at=NOW),
        fit(5, 400_000),
        fit(6, 300_000),
    ]
    look = replace(LOOK, fees={POOLS[2]: 500})
    choice = choose(found, look)
    # Of the pinned one's and of an assumed fee there is none, nor one that is young.
    ways = further(choice, look, POOLS[0])
    assert [(pair.address, fee) for pair, fee in ways] == [(POOLS[2], 500), (POOLS[3], 3_000)]
    # Another is pinned: the deepest is a further one.
    assert further(choice, look, POOLS[3])[0][0].address == POOLS[0]
    assert further(choose([], look), look, "") == []
