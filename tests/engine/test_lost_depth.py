"""Orders on their way whose pool loses its depth before a price tells what their block found."""

from dataclasses import replace

import pytest

from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Reserves
from paper_trading.engine.enums import FillGrade, Side, TradeStatus
from tests.engine.desks import closed, executed, only
from tests.engine.pool_kinds import LIQUIDITY
from tests.engine.pools import CASH, ETHER
from tests.engine.read_depths import ABC, KNOWN, MANAGED, greedy, ranged, read
from tests.engine.worlds import account, decision, later


@pytest.mark.parametrize("liquidity", [LIQUIDITY, LIQUIDITY // 1_000])
def test_a_buy_whose_pool_lost_its_depth_since_is_filled_at_the_least_it_accepted(
    liquidity: int,
) -> None:
    by = greedy(MANAGED)
    world = read()
    sent = executed(decision(ABC), of=account(), world=world, by=by)
    (pending,) = sent.sent
    after = later(read(replace(KNOWN, liquidity=liquidity)), {}, seconds=15)
    record = only(closed(sent.account, after, by))
    assert record.swap is not None
    assert record.swap.grade is FillGrade.B
    if liquidity == LIQUIDITY:
        assert record.status is TradeStatus.FILLED
        assert [one.gas_used for one in record.swap.transactions] == [46_386, 114_118]
        assert record.swap.amount_out == ranged(after).quote(Side.BUY, pending.plan.amount_in)
        return
    # It may have been before that loss: that it reverted in time would flatter.
    assert (record.status, record.code) == (TradeStatus.FILLED, Code.OK)
    assert record.swap.amount_out == pending.plan.minimum_out
    assert record.swap.drift_usd > 0


def test_a_buy_whose_price_ran_away_besides_reverts() -> None:
    by = greedy(MANAGED)
    sent = executed(decision(ABC), of=account(), world=read(), by=by)
    after = later(read(Reserves(1_100 * CASH, ETHER // 2)), {ABC.id: "2200"}, seconds=15)
    record = only(closed(sent.account, after, by))
    assert record.swap is not None
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.MINIMUM_OUT_NOT_MET)
    assert record.swap.transactions[-1].gas_used == 100_509
    assert record.swap.amount_out == 0


def test_a_sale_whose_pool_lost_its_depth_since_reverts() -> None:
    by = greedy(MANAGED)
    held = executed(decision(ABC), of=account(), world=read(), by=greedy()).account
    manual = frozenset({ABC.id})
    asked = closed(held, later(read(), {}, seconds=30), by, manual).account
    after = later(read(replace(KNOWN, liquidity=LIQUIDITY // 1_000)), {}, seconds=45)
    record = closed(asked, after, by).trades[0]
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.MINIMUM_OUT_NOT_MET)
