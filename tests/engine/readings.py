"""Readings of pools for tests, one a tick, and an account that lives through them."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.enums import (
    ExitReason,
    PriceVerdict,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.market import Quote
from paper_trading.engine.steps import StepResult, auto_close, execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trust import Absent, Check, Judged, Reading, TokenTrust, judge
from tests.engine import worlds
from tests.engine.worlds import NOON

FRESH, JUMP, DISPUTED = PriceVerdict.FRESH, PriceVerdict.JUMP, PriceVerdict.DISPUTED


STALE, UNSELLABLE, MISSING = PriceVerdict.STALE, PriceVerdict.UNSELLABLE, PriceVerdict.MISSING


POOL = "0x" + "ab" * 20


OTHER = "0x" + "cd" * 20


TICK = timedelta(seconds=15)


prices = st.decimals("1e-15", "1e9", places=18).filter(lambda price: price > 0)


#: Ticks of ordinary life: each a factor within the bound.
calm = st.lists(st.decimals("0.95", "1.05", places=3), min_size=1, max_size=12)


def reading(price: str | Decimal, depth: str | None = "1000000", tick: int = 0) -> Reading:
    return Reading(
        Decimal(price), None if depth is None else Decimal(depth), NOON + tick * TICK, POOL
    )


def fold(seen: Sequence[Reading | Absent], check: Check | None = None) -> list[Judged]:
    """Judge one reading a tick, from tick 0 on."""
    state, found = TokenTrust(), []
    for tick, one in enumerate(seen):
        found.append(judge(state, one, check, POOL, NOON + tick * TICK))
        state = found[-1].state
    return found


def of(*said: str | Decimal | tuple[str | Decimal, str | None] | Absent) -> list[Reading | Absent]:
    """Return readings, one a tick: a price, or a price and a depth."""
    found: list[Reading | Absent] = []
    for tick, one in enumerate(said):
        if isinstance(one, Absent):
            found.append(one)
        else:
            price, depth = one if isinstance(one, tuple) else (one, "1000000")
            found.append(reading(price, depth, tick))
    return found


def verdicts(found: Sequence[Judged]) -> list[PriceVerdict]:
    return [one.verdict for one in found]


def price(judged: Judged) -> Decimal:
    assert judged.quote is not None
    return judged.quote.price_usd


class Holder:
    """An account that holds one token and lives through judged quotes."""

    def __init__(self, strategy: Strategy | None = None) -> None:
        self.token = worlds.token()
        self.strategy = strategy or Strategy(stop_loss_percent=Decimal(5))
        bought = worlds.batch(worlds.quote(self.token, "100", liquidity="1000000"))
        buy = worlds.decision(self.token)
        rules = worlds.rules(self.strategy)
        opened = execute(worlds.account(), bought, {}, rules, [buy], TradingState.ACTIVE)
        assert self.token.id in opened.account.positions
        self.account: Account = opened.account

    def lives(self, judged: Judged, tick: int) -> StepResult:
        seen, quotes = judged.quote, []
        if seen is not None:
            quotes = [
                Quote(
                    self.token,
                    seen.price_usd,
                    seen.observed_at,
                    "test",
                    seen.liquidity_usd,
                    judged.verdict,
                )
            ]
        batch = worlds.batch(*quotes, at=NOON + (tick + 1) * TICK)
        result = auto_close(self.account, batch, {}, worlds.rules(self.strategy), frozenset())
        self.account = result.account
        return result


def filled(result: StepResult) -> list[ExitReason | None]:
    return [one.exit_reason for one in result.trades if one.status is TradeStatus.FILLED]
