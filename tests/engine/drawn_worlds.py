"""Random worlds of WETH and tokens with one pool or several, and how each of their steps looks."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from math import isqrt
from typing import Any

from hypothesis import strategies as st

from paper_trading.engine.depth import Depth, Range, Reserves
from paper_trading.engine.enums import Action, PoolKind, PriceVerdict
from paper_trading.engine.market import Batch, GasConditions, OtherPool, Quote, Token
from paper_trading.engine.money import CASH_DECIMALS, CONTEXT
from tests.engine.worlds import batch, token

BASE = GasConditions(8453, 5_000_000, 1_000_000, 160_000_000, 8_350_000)
ETHEREUM = GasConditions(1, 200_000_000, 10_000_000)
WETH_ID = 1
STATED, READ, UNKNOWN = "stated", "read", "unknown"
_MOST = 5


@dataclass(frozen=True)
class PoolSpec:
    """A pool as a life has it; what it holds follows from its dollars and the prices."""

    kind: PoolKind
    fee_pips: int
    through: bool
    usd: int
    how: str
    #: Its own price as a multiple of the token's: what is read beside the pinned pool may differ.
    skew: Decimal


@dataclass(frozen=True)
class TokenSpec:
    """A token, its pinned pool and its further ones."""

    decimals: int
    price: Decimal
    pinned: PoolSpec
    others: tuple[PoolSpec, ...]


@dataclass(frozen=True)
class World:
    """What a life is in: WETH first."""

    tokens: tuple[TokenSpec, ...]
    gas: GasConditions
    sigma: Decimal

    @property
    def ids(self) -> range:
        return range(WETH_ID, WETH_ID + len(self.tokens))

    def token(self, key: int) -> Token:
        spec = self.tokens[key - WETH_ID]
        named = token(key, f"T{key}", spec.decimals, spec.pinned.fee_pips)
        return replace(named, kind=spec.pinned.kind, through=_through(spec.pinned, key))


@dataclass(frozen=True)
class Step:
    """How a world is at a step, and what is decided there; of every token in its order."""

    seconds: int
    moves: tuple[Decimal, ...]
    #: None: no quote.
    verdicts: tuple[PriceVerdict | None, ...]
    actions: tuple[Action, ...]
    #: What is there of the depth of each token's pools.
    depths: tuple[Decimal, ...]
    #: Which further pools are listed, as bits.
    listed: int
    age_seconds: int
    gas: Decimal
    cash_price: str
    native_price: str | None
    chain: str
    manual: int
    managed: bool
    paid_in: int


def _each(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*[of] * _MOST)


def _decimals(*of: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from([Decimal(one) for one in of])


def pools(skews: st.SearchStrategy[Decimal], least_fee: int = 0) -> st.SearchStrategy[PoolSpec]:
    """Draw a pool; its depth is a few dollars or many."""
    fees = [fee for fee in (0, 100, 500, 3_000, 10_000, 200_000) if fee >= least_fee]
    return st.builds(
        PoolSpec,
        kind=st.sampled_from(PoolKind),
        fee_pips=st.sampled_from(fees),
        through=st.booleans(),
        usd=st.sampled_from([2, 1_000, 10**6, 10**6, 10**8]),
        how=st.sampled_from([STATED, STATED, READ, READ, READ, UNKNOWN]),
        skew=skews,
    )


def worlds(
    pinned: st.SearchStrategy[PoolSpec], others: st.SearchStrategy[PoolSpec]
) -> st.SearchStrategy[World]:
    """Draw a world of three to five tokens, WETH among them."""
    specs = st.builds(
        TokenSpec,
        decimals=st.sampled_from([0, 2, 6, 8, 18, 18, 30, 36]),
        price=_decimals("3e-18", "0.00004", "0.7", "1", "1", "25", "60000", "9e8"),
        pinned=pinned,
        others=st.lists(others, max_size=2).map(tuple),
    )
    deep = st.builds(
        PoolSpec,
        kind=st.sampled_from([PoolKind.V3, PoolKind.V3, PoolKind.V2]),
        fee_pips=st.sampled_from([500, 3_000]),
        through=st.just(False),
        usd=st.sampled_from([2, 20_000, 10**7, 10**7, 10**8, 10**8]),
        how=st.sampled_from([STATED, READ]),
        skew=st.just(Decimal(1)),
    )
    weth = deep.map(lambda pool: TokenSpec(18, Decimal(2_000), pool, ()))
    return st.builds(
        World,
        tokens=st.tuples(weth, st.lists(specs, min_size=2, max_size=4)).map(
            lambda both: (both[0], *both[1])
        ),
        gas=st.sampled_from([BASE, ETHEREUM]),
        sigma=_decimals("0", "0", "3"),
    )


FRESH = PriceVerdict.FRESH
STEPS = st.builds(
    Step,
    seconds=st.sampled_from([1, 2, 12, 15, 15, 15, 60, 3_600, 259_200]),
    moves=_each(_decimals("1", "1", "1", "1.004", "0.99", "0.93", "1.1", "0.001", "40")),
    verdicts=_each(st.sampled_from([*[FRESH] * 24, None, *PriceVerdict])),
    actions=_each(st.sampled_from([Action.BUY, Action.BUY, Action.SELL, Action.HOLD])),
    depths=_each(_decimals(*["1"] * 8, "0.3", "0.0001", "0")),
    listed=st.sampled_from([-1, -1, 0, 0b0101, 0b1010]),
    age_seconds=st.sampled_from([0, 0, 0, 0, 0, 1, 20, 2_000]),
    gas=_decimals("0.25", "1", "1", "4"),
    cash_price=st.sampled_from([*["1"] * 8, "0.9", "0"]),
    native_price=st.sampled_from([*["2000"] * 9, None]),
    chain=st.sampled_from(["", "sound", "absurd", "early", "nothing"]),
    manual=st.sampled_from([0, 0, 0, 0, 1, 31]),
    managed=st.sampled_from([True, True, True, False]),
    paid_in=st.sampled_from([0, 0, 0, 500]),
)

#: Nothing moves and everything is known.
STILL = Step(
    seconds=0,
    moves=(Decimal(1),) * _MOST,
    verdicts=(FRESH,) * _MOST,
    actions=(Action.HOLD,) * _MOST,
    depths=(Decimal(1),) * _MOST,
    listed=-1,
    age_seconds=0,
    gas=Decimal(1),
    cash_price="1",
    native_price="2000",
    chain="",
    manual=0,
    managed=True,
    paid_in=0,
)


def batch_at(world: World, step: Step, prices: dict[int, Decimal], at: datetime) -> Batch:
    """Return what a step of a world knows."""
    found, seen = [], at - timedelta(seconds=step.age_seconds)
    for key in world.ids:
        verdict = step.verdicts[key - WETH_ID]
        if verdict is not None:
            quote = _quote(world, step, key, prices, seen)
            found.append(replace(quote, verdict=verdict))
    base = int(CONTEXT.multiply(Decimal(world.gas.base_fee_wei), step.gas))
    return batch(
        *found,
        at=at,
        cash_price=step.cash_price,
        native_price=step.native_price,
        sigma=dict.fromkeys(world.ids, world.sigma),
        gas=replace(world.gas, base_fee_wei=base),
    )


def _quote(world: World, step: Step, key: int, prices: dict[int, Decimal], at: datetime) -> Quote:
    spec, known = world.tokens[key - WETH_ID], step.depths[key - WETH_ID]
    price = prices[key]
    depth = _depth(spec, spec.pinned, known, prices, key, step)
    stated = None if spec.pinned.how == UNKNOWN else known * spec.pinned.usd
    others = tuple(
        OtherPool(
            f"0x{key}{place}",
            one.kind,
            one.fee_pips,
            _through(one, key),
            None if one.how == UNKNOWN else known * one.usd,
            _depth(spec, one, known, prices, key, step),
            None if one.skew == 1 else CONTEXT.multiply(price, one.skew),
        )
        for place, one in enumerate(spec.others)
        if step.listed >> (2 * (key % 2) + place) & 1
    )
    return Quote(world.token(key), price, at, "drawn", stated, depth=depth, others=others)


def _through(pool: PoolSpec, key: int) -> int | None:
    return WETH_ID if pool.through and key != WETH_ID else None


def _depth(
    spec: TokenSpec,
    pool: PoolSpec,
    known: Decimal,
    prices: dict[int, Decimal],
    key: int,
    step: Step,
) -> Depth | None:
    """Return what a pool that is read holds: as much on both sides, at its price."""
    if pool.how != READ:
        return None
    hop = _through(pool, key)
    unit_usd = (Decimal(step.cash_price) or Decimal(1)) if hop is None else prices[WETH_ID]
    with localcontext(CONTEXT):
        side = known * pool.usd / 2
        decimals = CASH_DECIMALS if hop is None else 18
        units = int((side / unit_usd).scaleb(decimals))
        tokens = int((side / prices[key] / pool.skew).scaleb(spec.decimals))
        if pool.kind is not PoolKind.V3:
            return Reserves(units, tokens)
        one = unit_usd.scaleb(-decimals) / (prices[key] * pool.skew).scaleb(-spec.decimals)
        root = isqrt(int(one * 2**192))
    return Range(root, isqrt(units * tokens), 60, cash_is_token0=True)
