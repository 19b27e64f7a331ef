"""Three tokens, a world that prices them, and steps on it."""

from paper_trading.engine.account import Account
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    TradingState,
)
from paper_trading.engine.market import Batch
from paper_trading.engine.steps import Rules, StepResult, auto_close, execute
from paper_trading.engine.trade import TradeRecord
from tests.engine.worlds import (
    account,
    batch,
    decision,
    quote,
    rules,
    token,
)

A, B, C = token(1, "AAA"), token(2, "BBB", decimals=6), token(3, "CCC", decimals=8)
WORLD = batch(quote(A, "100"), quote(B, "3"), quote(C, "0.0004"))
NONE: frozenset[int] = frozenset()


def executed(
    *decisions: Decision,
    of: Account | None = None,
    world: Batch = WORLD,
    by: Rules | None = None,
    state: TradingState = TradingState.ACTIVE,
) -> StepResult:
    return execute(of or account(), world, {}, by or rules(), decisions, state)


def closed(
    of: Account, world: Batch, by: Rules | None = None, manual: frozenset[int] = NONE
) -> StepResult:
    return auto_close(of, world, {}, by or rules(), manual)


def holding(*decisions: Decision) -> Account:
    """An account that has just bought, by default one token."""
    return executed(*(decisions or (decision(A),))).account


def only(result: StepResult) -> TradeRecord:
    assert len(result.trades) == 1
    return result.trades[0]
