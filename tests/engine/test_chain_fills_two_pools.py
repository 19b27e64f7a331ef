"""Fills of grade A through two pools, and in a further pool of a token."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import gas, mev
from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.depth import Range
from paper_trading.engine.enums import Action, FillGrade, PoolKind, Side
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, ChainQuote, GasConditions, OtherPool
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.trade import Swap
from paper_trading.engine.ways import pool_in, way_by
from tests.engine.desks import closed
from tests.engine.pool_kinds import LIQUIDITY, SQRT_2000
from tests.engine.waiting import BY, pending, seconds, sent, told_first
from tests.engine.worlds import NOON, batch, decision, quote, rules, token

WETH = replace(token(1, "WETH", fee_pips=500), kind=PoolKind.V3)
LINK = replace(token(2, "LINK", fee_pips=3000), kind=PoolKind.V3, through=WETH.id)
#: Cash that an account has left in a pool, in base units.
LEFT = 20_000_000_000


def listed(weth: str = "20000000", link: str = "2500000") -> Batch:
    return batch(quote(WETH, "2000", liquidity=weth), quote(LINK, "10", liquidity=link))


WORLD = listed()


def with_further(further: OtherPool, link: str = "2500000") -> Batch:
    found = listed(link=link)
    mine = replace(found.quotes[LINK.id], others=(further,))
    return replace(found, quotes={**found.quotes, LINK.id: mine})


def quoted(world: Batch, of: Account, out: int, pool: str = "", at: int = 15) -> Batch:
    """The world so many seconds later, whose chain quoted the pending swap of LINK."""
    plan, then = pending(of, LINK.id).plan, NOON + timedelta(seconds=at)
    key = (LINK.id, pool, plan.side, plan.amount_in)
    return replace(seconds(at, world=world), chain_quotes={key: ChainQuote(out, 49_000_000, then)})


def bought(world: Batch = WORLD) -> Account:
    return sent(decision(LINK), world=world).account


def swap_told(of: Account, world: Batch) -> Swap:
    found = told_first(of, world).swap
    assert found is not None
    return found


def modelled(world: Batch, pool: str = "") -> PairPool:
    way = way_by(world.quotes[LINK.id], pool, Side.BUY)
    assert way is not None
    found = pool_in(world, way)
    assert found is not None
    return found


def pays(pool: PairPool, of: Account) -> int:
    plan = pending(of, LINK.id).plan
    out = pool.quote(plan.side, plan.amount_in)
    assert out is not None
    return out


def tolerant(of: Account, **displaced: int) -> Account:
    """The account with swaps of its own just before, and any minimum met."""
    one = pending(of, LINK.id)
    ids = {"weth": WETH.id, "link": LINK.id}
    rest = {ids[at]: Displaced(n, one.submission.included_at) for at, n in displaced.items()}
    open_to = replace(one, plan=replace(one.plan, minimum_out=1))
    return replace(of, displaced=rest, pending={LINK.id: open_to})


def test_a_buy_through_two_pools_is_settled_by_the_chain() -> None:
    before = bought()
    out = pending(before, LINK.id).plan.quoted_out * 9_987 // 10_000 + 1
    swap = swap_told(before, quoted(WORLD, before, out))
    assert (swap.amount_out, swap.grade) == (out, FillGrade.A)
    assert swap.transactions[-1].gas_used == gas.V3_TWO_HOP_GAS
    assert swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd == swap.shortfall_usd
    after = closed(before, quoted(WORLD, before, out), BY).account
    assert after.positions[LINK.id].units == out
    assert cash_identity(after) == 0


def test_so_is_a_sale() -> None:
    holds = closed(bought(), seconds(15, world=WORLD), BY).account
    selling = sent(decision(LINK, Action.SELL), of=holds, world=seconds(15, world=WORLD)).account
    out = pending(selling, LINK.id).plan.quoted_out * 9_987 // 10_000 + 1
    swap = swap_told(selling, quoted(WORLD, selling, out, at=30))
    assert (swap.amount_out, swap.grade) == (out, FillGrade.A)


@pytest.mark.parametrize("times", [3, 10**6, 10**40])
def test_more_than_two_pools_pay_is_not_believed(times: int) -> None:
    before = bought()
    out = min(pending(before, LINK.id).plan.quoted_out * times, 2**256 - 1)
    assert swap_told(before, quoted(WORLD, before, out)) == swap_told(
        before, seconds(15, world=WORLD)
    )


@pytest.mark.parametrize("places", [("weth",), ("link",), ("weth", "link")])
def test_what_own_swaps_left_in_either_pool_takes_its_share(places: tuple[str, ...]) -> None:
    before = bought()
    both = modelled(WORLD)
    assert isinstance(both, ChainedPool)
    first = both.first.after(Side.BUY, LEFT) if "weth" in places else both.first
    second = both.second.after(Side.BUY, both.in_hop(LEFT)) if "link" in places else both.second
    assert first is not None
    assert second is not None
    plain, less = pays(both, before), pays(ChainedPool(first, second), before)
    # What the chain says is no figure of the model.
    out = plain * 10_013 // 10_000
    full = tolerant(before, **dict.fromkeys(places, LEFT))
    swap = swap_told(full, quoted(WORLD, before, out))
    assert (swap.amount_out, swap.grade) == (out * less // plain, FillGrade.A)
    assert swap.amount_out < out


def test_an_own_impact_beyond_the_known_depth_of_the_first_pool_is_not_guessed() -> None:
    depth = Range(SQRT_2000, LIQUIDITY, 10, cash_is_token0=True)
    read = {**WORLD.quotes, WETH.id: replace(WORLD.quotes[WETH.id], depth=depth)}
    world = replace(WORLD, quotes=read)
    before = bought(world)
    out = pending(before, LINK.id).plan.quoted_out
    assert swap_told(tolerant(before), quoted(world, before, out)).grade is FillGrade.A
    beyond = swap_told(tolerant(before, weth=10**15), quoted(world, before, out))
    assert (beyond.amount_out, beyond.grade) == (0, FillGrade.C)


# Attacks


def attacked(share: int, thin: str) -> tuple[Swap, int, int]:
    """The swap that everybody sees in front of one thin pool, its minimum, and what was quoted."""
    world = listed(weth="100000") if thin == "weth" else listed(link="100000")
    cheap = replace(world, gas=gas_for_next_to_nothing(world))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mev, "attack_probability", lambda _: Decimal(1))
        appetite = replace(BY.appetite, mev_protection=False, max_pool_percent=Decimal(100))
        by = rules(BY.strategy, appetite, managed=True)
        before = sent(decision(LINK), world=cheap, by=by).account
        one = pending(before, LINK.id)
        least = one.plan.quoted_out * 9_900 // 10_000
        open_to = replace(one, plan=replace(one.plan, minimum_out=least))
        before = replace(before, pending={LINK.id: open_to})
        out = one.plan.quoted_out * share // 10_000
        return swap_told(before, quoted(cheap, before, out)), least, out


def gas_for_next_to_nothing(world: Batch) -> GasConditions:
    return replace(world.gas, chain_id=1, base_fee_wei=1, priority_fee_wei=1)


@pytest.mark.parametrize("thin", ["weth", "link"])
def test_an_attacker_of_either_pool_takes_what_the_minimum_leaves(thin: str) -> None:
    swap, least, out = attacked(10_050, thin)
    assert swap.grade is FillGrade.A
    assert swap.mev_usd > 5
    assert least <= swap.amount_out < least + out // 10**4


@given(share=st.integers(9_901, 10_100), thin=st.sampled_from(["weth", "link"]))
def test_an_attacker_never_leaves_less_than_the_minimum(share: int, thin: str) -> None:
    swap, least, out = attacked(share, thin)
    assert (swap.grade, least <= swap.amount_out <= out) == (FillGrade.A, True)


# Further pools

STRAIGHT = OtherPool("0x57", PoolKind.V3, 500, None, Decimal(50_000_000))
ROUND = OtherPool("0x70", PoolKind.V3, 500, WETH.id, Decimal(50_000_000))


@pytest.mark.parametrize(("further", "used"), [
    (STRAIGHT, gas.V3_SWAP_GAS), (ROUND, gas.V3_TWO_HOP_GAS),
])  # fmt: skip
def test_a_swap_in_a_further_pool_is_settled_by_its_own_quote(
    further: OtherPool, used: int
) -> None:
    world = with_further(further)
    before = bought(world)
    plan = pending(before, LINK.id).plan
    assert plan.pool == further.address
    out = plan.quoted_out * 9_987 // 10_000
    swap = swap_told(before, quoted(world, before, out, further.address))
    assert (swap.amount_out, swap.grade, swap.pool) == (out, FillGrade.A, further.address)
    assert swap.transactions[-1].gas_used == used
    # What the pool that prices the token was quoted at is another swap's outcome.
    other = quoted(world, before, out)
    assert swap_told(before, other) == swap_told(before, seconds(15, world=world))


def test_what_is_left_in_a_further_pool_takes_its_share() -> None:
    world = with_further(ROUND)
    before = bought(world)
    pool = modelled(world, ROUND.address)
    assert isinstance(pool, ChainedPool)
    first = pool.first.after(Side.BUY, LEFT)
    assert first is not None
    plain, less = pays(pool, before), pays(ChainedPool(first, pool.second), before)
    swap = swap_told(tolerant(before, weth=LEFT), quoted(world, before, plain, ROUND.address))
    assert (swap.amount_out, swap.grade) == (plain * less // plain, FillGrade.A)


def test_a_further_pool_that_a_batch_does_not_know_is_still_told_by_the_chain() -> None:
    """What a swap paid in its own pool is a fact, wherever orders would go by now."""
    world = with_further(ROUND)
    before = bought(world)
    out = pending(before, LINK.id).plan.quoted_out * 9_987 // 10_000
    swap = swap_told(before, quoted(WORLD, before, out, ROUND.address))
    assert (swap.amount_out, swap.grade, swap.pool) == (out, FillGrade.A, ROUND.address)
    assert swap_told(before, seconds(15, world=WORLD)).grade is FillGrade.C
