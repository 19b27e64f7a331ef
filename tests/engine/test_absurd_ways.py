"""Figures that no market has, in every pool of a way: a code or a clear refusal, never a fill."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Depth, Range, Reserves
from paper_trading.engine.enums import PoolKind, Side, TradeStatus
from paper_trading.engine.market import Batch, OtherPool
from paper_trading.engine.money import UNITS_LIMIT
from paper_trading.engine.orders import Rules
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import Swap, TradeRecord
from paper_trading.engine.venues import DirectVenue, Ticket
from tests.engine.desks import closed, executed
from tests.engine.lives import Books
from tests.engine.pools import APPROVED, CASH, TOKEN, batch_of, order_of, swap_of
from tests.engine.worlds import APPETITE, GAS, batch, decision, later, quote, rules, token

WETH = replace(token(1, "WETH", fee_pips=500), kind=PoolKind.V3)
ODD = token(2, "ODD")
WIDE = replace(APPETITE, max_pool_percent=Decimal(100))
MANAGED, DIRECT = (rules(Strategy(), WIDE, managed=managed) for managed in (True, False))
VENUES = pytest.mark.parametrize("by", [MANAGED, DIRECT], ids=["managed", "direct"])


def there_and_back(world: Batch, by: Rules) -> list[TradeRecord]:
    """Buy ODD and sell it, a minute apart; the books hold."""
    books = Books("100000")
    books.keep(executed(decision(world.quotes[ODD.id].token), of=books.account, world=world, by=by))
    for minutes in (1, 2):
        then = later(world, {}, minutes=minutes)
        books.keep(closed(books.account, then, by, frozenset({ODD.id})))
    return books.records


ABSURD: st.SearchStrategy[Depth] = st.builds(
    Reserves,
    st.sampled_from([0, 1, 9_999, 10_000, 10**12, 2**112, UNITS_LIMIT]),
    st.sampled_from([0, 1, 9_999, 10_000, 10**21, 2**112, UNITS_LIMIT]),
) | st.builds(
    Range,
    st.sampled_from([0, 1, 4_295_128_739, 2**96, 2**112, 2**160, UNITS_LIMIT]),
    st.sampled_from([0, 1, 10**15, 10**24, 2**128 - 1, UNITS_LIMIT]),
    st.sampled_from([0, 1, 60, 16_383, UNITS_LIMIT]),
    st.booleans(),
)


@settings(max_examples=100, derandomize=True)
@given(
    depths=st.tuples(*[st.none() | ABSURD] * 3),
    kinds=st.tuples(*[st.sampled_from(PoolKind)] * 3),
    fees=st.tuples(*[st.sampled_from([0, 1, 30_000, 999_999])] * 3),
    through=st.tuples(st.booleans(), st.booleans()),
    decimals=st.sampled_from([0, 18, 36]),
    price=st.sampled_from(["1e-36", "0.000001", "1", "1000000"]),
    by=st.sampled_from([MANAGED, DIRECT]),
)
def test_absurd_depths_in_any_pool_end_in_a_code_or_in_books_that_hold(
    depths: tuple[Depth | None, ...],
    kinds: tuple[PoolKind, ...],
    fees: tuple[int, ...],
    through: tuple[bool, bool],
    decimals: int,
    price: str,
    by: Rules,
) -> None:
    hops = [WETH.id if one else None for one in through]
    weth = replace(WETH, kind=kinds[0], fee_pips=fees[0])
    odd = replace(ODD, kind=kinds[1], fee_pips=fees[1], through=hops[0], decimals=decimals)
    other = OtherPool("0xother", kinds[2], fees[2], hops[1], Decimal(10**6), depths[2])
    world = batch(
        replace(quote(weth, "2000"), depth=depths[0]),
        replace(quote(odd, price), depth=depths[1], others=(other,)),
        sigma={ODD.id: Decimal(3)},
    )
    there_and_back(world, by)


@VENUES
@pytest.mark.parametrize(
    ("price", "native", "cash"),
    [
        # What one coin of gas is worth in ODD's units is more than any amount.
        ("1e-30", "9e23", "1"),
        ("1e-36", "1e23", "1000"),
        # In cash, a token costs more than a column keeps, or nothing.
        ("9e23", "2000", "0.5"),
        ("1e13", "2000", "1e-12"),
        ("1e-36", "2000", "1000"),
        # More units than a word holds.
        ("1e-35", "2000", "1000"),
    ],
)
def test_prices_at_the_ends_of_what_is_kept(price: str, native: str, cash: str, by: Rules) -> None:
    odd = quote(replace(ODD, decimals=36), price)
    for others in ((), (OtherPool("0xother", PoolKind.V3, 500, WETH.id, Decimal(10**6)),)):
        mine = replace(odd, others=others)
        world = batch(quote(WETH, "2000"), mine, cash_price=cash, native_price=native)
        there_and_back(world, by)


@pytest.mark.parametrize("tolerance", ["0", "0.000001", "0.999999999999"])
@pytest.mark.parametrize("side", Side)
def test_any_tolerance_is_kept_to(tolerance: str, side: Side) -> None:
    wild = batch_of(sigma="50")
    amount = 1_000 * CASH if side is Side.BUY else 10**18
    order = order_of(side, amount, tolerance, TOKEN)
    found = [swap_of(order, wild, seed, APPROVED) for seed in range(30)]
    for swap in found:
        confirmed = swap.amount_out > 0
        assert not confirmed or swap.amount_out >= swap.minimum_out
        assert (swap.shortfall_usd != 0) is confirmed
    failed = sum(1 for swap in found if not swap.amount_out)
    # Of so small a chance as that half the price goes, none comes true.
    assert failed == 0 if tolerance.startswith("0.9") else 0 < failed < 30


class Raising(DirectVenue):
    """A venue that has no answer to a sale of ODD."""

    def send(self, ticket: Ticket) -> Swap:
        """Raise at the one order, and fill any other."""
        if ticket.order.side is Side.SELL and ticket.order.token == ODD:
            raise ArithmeticError("no answer")
        return super().send(ticket)


def test_an_exit_that_a_venue_raises_at_is_denied_and_no_other_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = batch(quote(WETH, "2000"), quote(ODD, "10"))
    held = executed(decision(WETH), decision(ODD), world=world, by=DIRECT).account
    monkeypatch.setattr("paper_trading.engine.orders.venue_of", lambda _: Raising())
    then = later(world, {}, minutes=1)
    done = closed(held, then, DIRECT, frozenset({WETH.id, ODD.id}))
    by_token = {one.token.id: one for one in done.trades}
    assert by_token[ODD.id].code is Code.INTERNAL_ERROR
    assert by_token[ODD.id].swap is None
    assert by_token[ODD.id].allowed_usd == 0
    assert by_token[WETH.id].status is TradeStatus.FILLED
    assert done.account.positions == {ODD.id: done.account.positions[ODD.id]}
    assert done.account.positions[ODD.id].units == held.positions[ODD.id].units
    assert [one.splitlines()[-1] for one in done.faults] == ["ArithmeticError: no answer"]


@pytest.mark.parametrize(
    "name", ["base_fee_wei", "priority_fee_wei", "l1_base_fee_wei", "l1_blob_base_fee_wei"]
)
def test_gas_that_is_paid_to_who_uses_it_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} was -1; allowed are whole numbers from 0"):
        replace(GAS, **{name: -1})
