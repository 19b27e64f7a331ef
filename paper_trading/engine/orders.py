"""The desk of a step: turns wanted entries and exits into fills, failures or denials."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine.account import Account, Position
from paper_trading.engine.accounting import apply, closing
from paper_trading.engine.bracket import exit_factor
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    BreakerKind,
    ExitReason,
    PriceVerdict,
    Side,
    TradeStatus,
    TradingState,
    TransactionStatus,
)
from paper_trading.engine.equity import in_cash, worth
from paper_trading.engine.exits import Exit, fitted
from paper_trading.engine.fills import leaving, pricing_code
from paper_trading.engine.impact import added, moved_units
from paper_trading.engine.inclusion import resolve
from paper_trading.engine.ledger import swap_postings
from paper_trading.engine.locks import denial
from paper_trading.engine.market import Batch, Quote, Token
from paper_trading.engine.money import HUNDRED, ZERO, cash_amount, cash_units
from paper_trading.engine.multicall import joined, tell_legs
from paper_trading.engine.pending import Pending, by_nonce
from paper_trading.engine.position import market_value, sell
from paper_trading.engine.sizing import KNOWN_DEPTH, Verdict, asked, size_buy
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.trade import Order, Submission, Swap, TradeRecord
from paper_trading.engine.venues import Ticket, approval_of, venue_of
from paper_trading.engine.ways import Own, between, flow_in, pool_in, way_by
from paper_trading.engine.words import number_of

_STOPS = (ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a step obeys: the user's strategy, the level's appetite, luck, and a person's word."""

    strategy: Strategy
    appetite: Appetite
    seed: int
    entries_paused: bool
    halted: bool
    #: Tokens whose orders a venue raised at when the step was run before: a replay asks none.
    broken: frozenset[int] = frozenset()


class Desk:
    """An account at work on one batch; `trades` grows by one record an order."""

    def __init__(
        self,
        account: Account,
        batch: Batch,
        rules: Rules,
        state: TradingState,
        tripped: Sequence[BreakerKind],
    ) -> None:
        self.account = account
        self._batch = batch
        self._rules = rules
        self._state = state
        self._tripped = ", ".join(tripped)
        self._trades: list[TradeRecord] = []
        self._sent: list[Pending] = []
        self._faults: list[str] = []

    @property
    def faults(self) -> tuple[str, ...]:
        """The tracebacks of what venues raised."""
        return tuple(self._faults)

    @property
    def sent(self) -> tuple[Pending, ...]:
        """The swaps that were submitted, whose outcome a later tick tells."""
        return tuple(self._sent)

    def resolve(self) -> None:
        """Record what became of pending swaps, by nonce, as far as the batch can tell."""
        for token_id in by_nonce(self.account.pending):
            # Anew, for what another leg of its transaction has told meanwhile.
            waiting = self.account.pending[token_id]
            told = resolve(
                waiting,
                self._batch,
                seed=self._rules.seed,
                cash_usd=self.account.cash_usd,
                approval=approval_of(waiting, self.account),
                displaced=self.account.displaced,
            )
            if told is not None:
                self._settle(
                    self._numbered(waiting.record),
                    told.swap,
                    waiting.steps_taken,
                    told.code,
                    waiting.submission,
                )
                self.account = tell_legs(self.account, waiting, told)

    def join(self) -> None:
        """Make the entries that were sent legs of as few transactions as one router allows."""
        self._sent = list(joined(self._sent, self._batch))
        for one in self._sent:
            self.account = self.account.with_pending(one)

    @property
    def trades(self) -> tuple[TradeRecord, ...]:
        """The records so far."""
        return tuple(self._trades)

    def sell(self, token: Token, reason: ExitReason, confidence: Decimal | None = None) -> None:
        """Sell all of a token, within the strategy's slippage tolerance for exits."""
        held = self.account.positions.get(token.id)
        self.exit(Exit(token, reason, 0 if held is None else held.units), confidence)

    def exit(self, wanted: Exit, confidence: Decimal | None = None) -> None:
        """Sell what an exit names, within the strategy's slippage tolerance for exits.

        Where the pool is not known to take all of it, a part is sold, and the next tick goes on.
        """
        token, held = wanted.token, self.account.positions.get(wanted.token.id)
        value = allowed = ZERO
        whole = wanted.units
        if held is not None:
            value = self._value(held, whole)
            wanted = fitted(wanted, held, self._batch, self.account.displaced)
            allowed = self._value(held, wanted.units)
        code, limit = self._exit_denial(token, wanted.units)
        if code is not Code.OK:
            allowed = ZERO
        elif wanted.units < whole:
            limit = KNOWN_DEPTH
        plan = self._plan(
            token, Side.SELL, wanted.reason, confidence, Verdict(value, allowed, limit, code)
        )
        if held is None or code is not Code.OK:
            self._trades.append(plan)
            return
        self._send(plan, wanted.units, self._exit_tolerance(held), wanted.steps_taken)

    def _exit_tolerance(self, held: Position) -> Decimal:
        """Return the share that an exit may lose: doubled by each failure, up to its limit."""
        strategy = self._rules.strategy
        most = max(strategy.max_slippage_percent, strategy.max_exit_slippage_percent)
        # No limit is more than 5,000 times the least tolerance.
        doubled = strategy.max_slippage_percent * (1 << min(held.failed_exits, 16))
        return min(doubled, most) / HUNDRED

    def _value(self, held: Position, units: int) -> Decimal:
        """Return what some units of a position are worth at its mark, in cash."""
        return in_cash(market_value(replace(held, units=units)), self.account.cash_price_usd)

    def buy(self, token: Token, confidence: Decimal | None) -> None:
        """Buy a token for what sizing allows, within the level's slippage tolerance."""
        verdict = self._entry_verdict(token)
        plan = self._plan(token, Side.BUY, None, confidence, verdict)
        if verdict.code is not Code.OK:
            self._trades.append(plan)
            return
        share = self._rules.appetite.slippage_share_percent / HUNDRED
        tolerance = self._rules.strategy.max_slippage_percent / HUNDRED * share
        self._send(plan, cash_units(verdict.allowed_usd), tolerance, pool=verdict.pool)

    def _plan(
        self,
        token: Token,
        side: Side,
        reason: ExitReason | None,
        confidence: Decimal | None,
        verdict: Verdict,
    ) -> TradeRecord:
        """Return the record of an order as a denial; sending it turns it into an outcome."""
        return TradeRecord(
            token=token,
            side=side,
            status=TradeStatus.DENIED,
            code=verdict.code,
            market_time=self._batch.market_time,
            sequence=len(self._trades),
            exit_reason=reason,
            confidence=confidence,
            asked_usd=verdict.asked_usd,
            allowed_usd=verdict.allowed_usd,
            limit=verdict.limit,
        )

    def _send(
        self,
        plan: TradeRecord,
        amount_in: int,
        tolerance: Decimal,
        steps_taken: int | None = None,
        pool: str | None = None,
    ) -> None:
        order = Order(
            token=plan.token,
            side=plan.side,
            amount_in=amount_in,
            slippage_tolerance=tolerance,
            exit_reason=plan.exit_reason,
            mev_protection=self._rules.appetite.mev_protection,
            pool=pool,
        )
        ticket = Ticket(
            order=order,
            record=plan,
            account=self.account,
            batch=self._batch,
            seed=self._rules.seed,
            attempt=self._attempt(plan.token),
            steps_taken=steps_taken,
        )
        if ticket.plan is None:
            self._trades.append(replace(plan, code=Code.DEPTH_UNKNOWN, allowed_usd=ZERO))
            return
        made = self._ask(ticket)
        if made is None:
            self._trades.append(replace(plan, code=Code.INTERNAL_ERROR, allowed_usd=ZERO))
            return
        if isinstance(made, Pending):
            self._sent.append(made)
            self.account = self.account.with_pending(made)
            return
        code = Code.OK if made.status is TransactionStatus.CONFIRMED else Code.MINIMUM_OUT_NOT_MET
        self._settle(plan, made, steps_taken, code)

    def _ask(self, ticket: Ticket) -> Swap | Pending | None:
        """Return what a venue makes of an order; None when it raised: that is never a fill."""
        if ticket.order.token.id in self._rules.broken:
            return None
        try:
            return venue_of(self._rules.strategy).send(ticket)
        except Exception:  # noqa: BLE001
            self._faults.append(traceback.format_exc())
            return None

    def _numbered(self, record: TradeRecord) -> TradeRecord:
        """Return a record as the next of this step."""
        return replace(record, market_time=self._batch.market_time, sequence=len(self._trades))

    def _settle(
        self,
        plan: TradeRecord,
        swap: Swap,
        steps_taken: int | None,
        code: Code,
        submission: Submission | None = None,
    ) -> None:
        """Record what became of an order and apply it to the account."""
        filled = swap.status is TransactionStatus.CONFIRMED
        cost_out, realized, closed = ZERO, None, None
        if filled and plan.side is Side.SELL:
            held = self.account.positions[plan.token.id]
            rest, cost_out = sell(held, swap.amount_in)
            realized = cash_amount(swap.amount_out) - cost_out
            closed = closing(held, swap, realized) if rest is None else None
        record = replace(
            plan,
            status=TradeStatus.FILLED if filled else TradeStatus.FAILED,
            code=code,
            swap=swap,
            realized_usd=realized,
            postings=swap_postings(plan.token, plan.side, swap, cost_out),
            closed=closed,
            exit_factor=self._factor(plan) if filled else None,
            steps_taken=steps_taken if filled else None,
            submission=submission,
        )
        self._trades.append(record)
        quote = self._batch.quotes.get(plan.token.id)
        self.account = apply(self.account, record, None if quote is None else quote.price_usd)
        if filled and quote is not None:
            self._displace(record, swap, quote)

    def _displace(self, record: TradeRecord, swap: Swap, quote: Quote) -> None:
        """Remember what a fill left in its pool, and in that which it went through."""
        way = way_by(quote, swap.pool, record.side) or quote
        pool = pool_in(self._batch, way)
        cash = moved_units(pool, record.side, swap.amount_in, swap.amount_out)
        at = self._batch.market_time if record.submission is None else record.submission.included_at
        displaced = dict(self.account.displaced)
        for one in (way, between(self._batch, way)):
            if one is not None:
                flow, before = flow_in(self._batch, one), displaced.get(one.token.id)
                displaced[one.token.id] = added(before, flow, record.side, cash, at)
        self.account = replace(self.account, displaced=displaced)

    def _factor(self, plan: TradeRecord) -> Decimal | None:
        """Return what scales the exits of the position that a buy opens; None for all else."""
        if plan.side is Side.SELL or plan.token.id in self.account.positions:
            return None
        sigma = self._batch.sigma_annual.get(plan.token.id)
        return exit_factor(self._rules.strategy, sigma)

    def _attempt(self, token: Token) -> int:
        """Return the age of the quote in seconds.

        A later try on the same quote thus meets new luck, and yet the same luck as every
        other account that tries on this market at this time.
        """
        age = self._batch.market_time - self._batch.quotes[token.id].observed_at
        return age // timedelta(seconds=1)

    def _exit_denial(self, token: Token, units: int) -> tuple[Code, str]:
        """Return why an exit cannot be sent: a halt, no price, or no money for its gas."""
        if self._state is TradingState.HALTED:
            return Code.STATE_HALTED, ""
        if token.id not in self.account.positions:
            return Code.POSITION_CLOSED, ""
        if token.id in self.account.pending:
            return Code.ORDER_PENDING, ""
        code = self._pricing(token)
        if code is not Code.OK:
            return code, ""
        own = Own(self.account.displaced, self.account.pending)
        left = leaving(units, token.id, self._batch, self.account.approvals, own)
        # What pending buys set aside stops no exit: who cannot pay any more is in no block.
        if left is not None and left[1] > self.account.cash_usd:
            return Code.BALANCE_LOW, "gas"
        return Code.OK, ""

    def _entry_verdict(self, token: Token) -> Verdict:
        """Return what an entry may spend, or the first gate that it misses."""
        cash_price = self.account.cash_price_usd
        total = worth(self.account, cash_price)
        code, limit = self._entry_denial(token)
        if code is not Code.OK:
            return Verdict(asked(total, cash_price, self._rules.appetite), ZERO, limit, code)
        return size_buy(
            self.account,
            token,
            self._batch,
            self._rules.strategy,
            self._rules.appetite,
            total,
        )

    def _entry_denial(self, token: Token) -> tuple[Code, str]:
        strategy, appetite = self._rules.strategy, self._rules.appetite
        if self._state is TradingState.HALTED:
            return Code.STATE_HALTED, ""
        if self._state is TradingState.REDUCING:
            return Code.STATE_REDUCING, self._tripped
        if self._rules.entries_paused:
            return Code.ENTRIES_PAUSED, ""
        lock = denial(self.account, token.id, self._batch.market_time)
        if lock:
            return Code.TOKEN_LOCKED, lock
        if token.id in self.account.pending:
            return Code.ORDER_PENDING, ""
        code = self._pricing(token)
        if code is not Code.OK:
            return code, ""
        if self._batch.quotes[token.id].verdict is PriceVerdict.DISPUTED:
            return Code.PRICE_DISPUTED, ""
        wait = self._cool_down(token)
        if wait:
            return Code.COOL_DOWN, wait
        return self._full(token, strategy, appetite)

    def _full(self, token: Token, strategy: Strategy, appetite: Appetite) -> tuple[Code, str]:
        held, coming = self.account.positions.get(token.id), self._coming()
        if held is not None and held.adds >= appetite.max_adds:
            return Code.ADDS_EXHAUSTED, number_of(appetite.max_adds, "add")
        open_or_coming = len(self.account.positions.keys() | coming)
        if held is None and open_or_coming >= strategy.max_concurrent_positions:
            return Code.POSITIONS_FULL, number_of(strategy.max_concurrent_positions, "position")
        if self.account.entries_today + len(coming) >= strategy.max_daily_trades:
            most = number_of(strategy.max_daily_trades, "entry", "entries")
            return Code.DAILY_TRADES_REACHED, f"{most} a day"
        return Code.OK, ""

    def _coming(self) -> set[int]:
        """Return the tokens that pending swaps buy."""
        return {key for key, one in self.account.pending.items() if one.plan.side is Side.BUY}

    def _cool_down(self, token: Token) -> str:
        """Return the wait that is not over yet, doubled after a stop; nothing when it is."""
        last = self.account.last_exits.get(token.id)
        if last is None:
            return ""
        minutes = self._rules.appetite.cool_down_minutes * (2 if last.reason in _STOPS else 1)
        over = self._batch.market_time - last.at >= timedelta(minutes=minutes)
        return "" if over else f"{number_of(minutes, 'minute')} after {last.reason}"

    def _pricing(self, token: Token) -> Code:
        return pricing_code(token.id, self._batch, self._rules.strategy.max_quote_age_seconds)
