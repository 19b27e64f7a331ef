"""Accounts whose orders are on their way, and the worlds that tell what becomes of them."""

from dataclasses import replace
from datetime import datetime

from paper_trading.engine.account import Account
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    PriceVerdict,
)
from paper_trading.engine.market import Batch, GasConditions
from paper_trading.engine.orders import Rules
from paper_trading.engine.pending import Pending
from paper_trading.engine.steps import StepResult
from paper_trading.engine.trade import TradeRecord
from tests.engine.desks import WORLD, A, closed, executed, only
from tests.engine.worlds import decision, later, rules

BY = rules(managed=True)
L1 = GasConditions(1, 160_000_000, 10_000_000)


def sent(
    *decisions: Decision, of: Account | None = None, world: Batch = WORLD, by: Rules = BY
) -> StepResult:
    return executed(*(decisions or (decision(A),)), of=of, world=world, by=by)


def pending(of: Account, token_id: int = A.id) -> Pending:
    return of.pending[token_id]


def told(of: Account, world: Batch, by: Rules = BY) -> TradeRecord:
    """The record of the only pending swap's outcome."""
    found = only(closed(of, world, by))
    assert found.submission is not None
    return found


def told_first(of: Account, world: Batch, by: Rules = BY) -> TradeRecord:
    """The record of the first pending swap's outcome, whatever follows it."""
    return closed(of, world, by).trades[0]


def seconds(number: int, prices: dict[int, str] | None = None, world: Batch = WORLD) -> Batch:
    return later(world, prices or {}, seconds=number)


def observed(world: Batch, at: datetime, verdict: PriceVerdict = PriceVerdict.FRESH) -> Batch:
    """The world whose quotes were observed at a time, with one verdict."""
    quotes = {
        key: replace(one, observed_at=at, verdict=verdict) for key, one in world.quotes.items()
    }
    return replace(world, quotes=quotes)
