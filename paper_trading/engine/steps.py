"""The two pure steps of a tick that move money; live ticks and replay run the same ones.

auto_close marks, measures and sells what must go; execute carries out decisions. Both take
frozen values and return new ones: nothing is stored, logged or drawn outside of the seed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from paper_trading.engine import breakers as circuit
from paper_trading.engine import locks
from paper_trading.engine.account import Account
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.breakers import BreakerEvent
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action, BreakerKind, ExitReason, Side, TradingState
from paper_trading.engine.equity import (
    EquityPoint,
    cash_price_usd,
    equity,
    observe,
    roll_day,
    settled,
)
from paper_trading.engine.exits import Exit, mark, wanted_exit
from paper_trading.engine.market import Batch, Token
from paper_trading.engine.money import ZERO, exact, usd
from paper_trading.engine.orders import Desk, Rules
from paper_trading.engine.pending import Pending
from paper_trading.engine.trade import TradeRecord

_SEVERITY = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
_PRIORITY = {reason: rank for rank, reason in enumerate(ExitReason)}


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step made of an account."""

    account: Account
    #: Fills, denials and failures in the order they were tried.
    trades: tuple[TradeRecord, ...]
    breakers: Mapping[BreakerKind, Breaker]
    breaker_events: tuple[BreakerEvent, ...]
    state: TradingState
    equity: EquityPoint
    #: Swaps that were submitted to the transaction manager.
    sent: tuple[Pending, ...] = ()
    #: Tracebacks of what venues raised; their orders are denied with INTERNAL_ERROR.
    faults: tuple[str, ...] = ()

    @property
    def total_pnl_usd(self) -> Decimal:
        """Return the equity less all deposits."""
        return usd(self.equity.equity_usd - self.account.deposits_usd)

    def wrote(self, before: Account) -> bool:
        """Say whether the step makes a new version of the account's state."""
        return self.account != before or bool(self.trades)


@exact
def auto_close(
    account: Account,
    batch: Batch,
    breakers: Mapping[BreakerKind, Breaker],
    rules: Rules,
    manual_closes: frozenset[int],
) -> StepResult:
    """Roll the market day, mark positions, evaluate breakers, and sell what has a reason.

    `manual_closes` are token ids. Pending swaps are resolved first, as far as the batch can
    tell. Every wanted exit leaves a record: FILLED, FAILED when it reverted, DENIED while
    trading is halted or the token cannot be priced; one that is submitted leaves it when it is
    resolved. A denied or failed exit is wanted again on the next tick. The state holds after
    the exits.
    """
    marked = locks.current(_marked(account, batch, rules), batch.market_time)
    # A day must not begin on a mark that a single reading made: then the marks before hold.
    opening = equity(marked if settled(marked, batch) else account, batch)
    rolled = roll_day(marked, batch.market_time, opening.equity_usd)
    known, cleared = circuit.new_day(breakers, rolled.day != account.day)
    before = _closing(rolled, batch, known, rules, _state(rules), cleared)
    desk = Desk(before.account, batch, rules, before.state, circuit.tripped(before.breakers))
    desk.resolve()
    told = {record.token.id for record in desk.trades}
    if told:
        desk.account = _marked(desk.account, batch, rules)
    for wanted in _wanted_exits(desk.account, batch, rules, manual_closes, told):
        # No step both opens and closes a position: where exits fill at once, the next one looks.
        if rules.strategy.use_transaction_manager or _known(wanted.token, before.account, told):
            desk.exit(wanted)
    return _closing(
        desk.account, batch, before.breakers, rules, _state(rules), before.breaker_events, desk
    )


@exact
def execute(
    account: Account,
    batch: Batch,
    breakers: Mapping[BreakerKind, Breaker],
    rules: Rules,
    decisions: Sequence[Decision],
    state: TradingState,
) -> StepResult:
    """Carry out decisions: sells by symbol, then buys by score from the best, then by symbol.

    The order of `decisions` does not matter; HOLD and SKIP ask for nothing. Every BUY and
    SELL leaves a record. ValueError for two decisions on one token.
    """
    _require_one_each(decisions)
    # A breaker that is known to be tripped counts even if the state was read before it.
    state = max(state, circuit.state_of(breakers), _state(rules), key=_SEVERITY.index)
    desk = Desk(_marked(account, batch, rules), batch, rules, state, circuit.tripped(breakers))
    for decision in sorted(decisions, key=_sell_order):
        if decision.action is Action.SELL:
            token = _token(decision, desk.account, batch)
            desk.sell(token, ExitReason.SIGNAL, decision.confidence)
    for decision in sorted(decisions, key=_buy_order):
        if decision.action is Action.BUY:
            desk.buy(_token(decision, desk.account, batch), decision.confidence)
    if rules.strategy.join_swaps:
        desk.join()
    return _closing(desk.account, batch, breakers, rules, state, (), desk)


def _closing(
    account: Account,
    batch: Batch,
    breakers: Mapping[BreakerKind, Breaker],
    rules: Rules,
    state: TradingState,
    events: tuple[BreakerEvent, ...],
    desk: Desk | None = None,
) -> StepResult:
    """Mark, take the equity point and evaluate breakers; a halt outlasts what they say."""
    # The step marked the account when it began: only a swap changes what a mark says since.
    swapped = desk is not None and any(one.swap is not None for one in desk.trades)
    marked = _marked(account, batch, rules) if swapped else account
    point = equity(marked, batch)
    observed = observe(marked, point) if point.settled else marked
    if desk is not None:
        observed = locks.after_swaps(observed, desk.trades, rules.strategy, batch.market_time)
    after, changed, entries = circuit.evaluate(
        observed, breakers, rules.strategy, point.equity_usd, batch
    )
    return StepResult(
        account=observed,
        trades=() if desk is None else desk.trades,
        breakers=after,
        breaker_events=events + changed,
        state=state if state is TradingState.HALTED else entries,
        equity=point,
        sent=() if desk is None else desk.sent,
        faults=() if desk is None else desk.faults,
    )


def _marked(account: Account, batch: Batch, rules: Rules) -> Account:
    age = rules.strategy.max_quote_age_seconds
    positions = {
        token_id: mark(held, batch, account.approvals, age)
        for token_id, held in account.positions.items()
    }
    # Without a price of cash the last one stays, as the marks do.
    return replace(account, positions=positions, cash_price_usd=cash_price_usd(account, batch))


def _known(token: Token, before: Account, told: set[int]) -> bool:
    """Say whether a token was held before the step, or is not held by what the step resolved."""
    return token.id in before.positions or token.id not in told


def _wanted_exits(
    account: Account,
    batch: Batch,
    rules: Rules,
    manual_closes: frozenset[int],
    told: set[int],
) -> list[Exit]:
    """Return what to sell, most urgent reason first, then by symbol.

    `told` are the tokens whose pending swap was resolved in this step.
    """
    held = _held_exits(account, batch, rules, manual_closes)
    # Sold before the request was read; without a quote nothing names the token.
    closed = (
        Exit(batch.quotes[token_id].token, ExitReason.MANUAL, 0)
        for token_id in manual_closes - account.positions.keys()
        if token_id in batch.quotes and token_id not in told
    )
    return sorted(
        [*held, *closed], key=lambda due: (_PRIORITY[due.reason], due.token.symbol, due.token.id)
    )


def _held_exits(
    account: Account, batch: Batch, rules: Rules, manual_closes: frozenset[int]
) -> Iterator[Exit]:
    for token_id, held in account.positions.items():
        coming = account.pending.get(token_id)
        if coming is not None and coming.plan.side is Side.SELL:
            continue
        wanted = wanted_exit(held, rules.strategy, batch, token_id in manual_closes)
        if wanted is not None:
            yield wanted


def _state(rules: Rules) -> TradingState:
    return TradingState.HALTED if rules.halted else TradingState.ACTIVE


def _sell_order(decision: Decision) -> tuple[str, int]:
    return decision.symbol, decision.token_id


def _buy_order(decision: Decision) -> tuple[bool, object, str, int]:
    return decision.score is None, -(decision.score or ZERO), decision.symbol, decision.token_id


def _token(decision: Decision, account: Account, batch: Batch) -> Token:
    held = account.positions.get(decision.token_id)
    if held is not None:
        return held.token
    quote = batch.quotes.get(decision.token_id)
    if quote is not None:
        return quote.token
    # Known by name only: enough for the record of a denial, and nothing else follows.
    return Token(decision.token_id, decision.symbol, decimals=0, address="", fee_pips=0)


def _require_one_each(decisions: Sequence[Decision]) -> None:
    seen: set[int] = set()
    for decision in decisions:
        if decision.token_id in seen:
            raise ValueError(f"two decisions for token {decision.token_id} ({decision.symbol})")
        seen.add(decision.token_id)


__all__ = ["BreakerEvent", "Rules", "StepResult", "auto_close", "execute"]
