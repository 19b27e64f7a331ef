"""Positions: loaded under the account's lock, marked, closed by rule, written back.

Stage auto_close. The rows are caches of the ledger; the lock on the account row makes a
stage the only writer.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from paper_trading.bot import endings, events, failures, journal, late_set_ups, progress, track_rows
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.bot.rules import breakers_of, inputs_of, save_breakers
from paper_trading.bot.trade_rows import save_trades
from paper_trading.engine import money
from paper_trading.engine.account import Account, ClosedPosition, Position
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side, Stage, TradeStatus
from paper_trading.engine.market import Batch
from paper_trading.engine.seal import seal
from paper_trading.engine.steps import StepResult, auto_close
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence.inputs import program
from paper_trading.models import (
    ManualRequest,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    RequestKind,
    Tick,
    TickStatus,
)
from paper_trading.models.bulk import update_rows
from paper_trading.services import account_state, position_cache
from paper_trading.services.market_view import MarketView, market_view


class PositionManager:
    """The positions of one account during one stage, in memory and in step with their rows."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.account: Account
        self.row: PaperTradingAccount
        #: Open positions' rows by token id.
        self.positions: dict[int, PaperPosition] = {}

    def load_positions(self) -> Account:
        """Lock the account and read it with its open positions, inside a transaction."""
        self.row = PaperTradingAccount.objects.select_for_update(no_key=True).get(
            pk=self.account_id
        )
        rows = PaperPosition.objects.filter(account=self.row, is_open=True).select_related("token")
        self.positions = {held.token_id: held for held in rows}
        self.account = account_state.account_value(self.row, self.positions.values())
        return self.account

    def check_auto_close_positions(self, tick: Tick) -> StepResult | None:
        """Run the stage: breakers, marks, and exits; None when the tick has moved on."""
        started, after = timezone.now(), late_set_ups.stage_after_exits(tick)
        with transaction.atomic():
            held = self.load_positions().positions
            if not still_due(tick, Stage.AUTO_CLOSE) or late_set_ups.only_waits(tick):
                return None
            view = view_of(tick)
            batch = view.batch
            requests = self._manual_requests(tick)
            version = self.row.state_version
            before = breakers_of(self.account_id)
            inputs = inputs_of(tick, frozenset(requests.values()))
            result = auto_close(self.account, batch, before, inputs.rules(), inputs.manual_closes)
            closes, tick.program = sorted(inputs.manual_closes), program(view.signals)
            _answer(requests, tick, result)
            trades = self.save(tick, Stage.AUTO_CLOSE, result, batch)
            track_rows.after_trades(self.row, held, result.trades)
            save_breakers(self.account_id, before, result.breakers)
            detail = {"positions": len(self.positions), **count_by_status(result)}
            progress.complete(
                tick,
                started,
                detail,
                after,
                version=version,
                trading_state=result.state,
                manual_closes=closes,
                program=tick.program,
                seal=seal(journal.tick_columns(tick, closes)),
            )
            events.after_step(tick, result, trades)
        return result

    def save(self, tick: Tick, stage: Stage, result: StepResult, batch: Batch) -> list[PaperTrade]:
        """Write a step's trades, positions and account under the account's next version."""
        failures.keep_faults(tick, stage, result)
        for record in result.trades:
            if record.swap is not None and record.side is Side.BUY:
                self.open_or_add_position(tick, record, result.account)
        self._insert_new()
        rows = dict(self.positions)
        trades = save_trades(tick, stage, result.trades, rows)
        for record in result.trades:
            if record.swap is not None and record.side is Side.SELL:
                self.close_or_reduce_position(record, batch)
        self.update_position_prices(result.account)
        traded = {record.token.id for record in result.trades if record.swap is not None}
        update_rows(
            [rows[key] for key in rows if key in traded or self._moved(key, result)], _SAVED
        )
        wrote = result.wrote(self.account)
        self.account = result.account
        if wrote:
            self.update_account_pnl(result)
        return trades

    def open_or_add_position(self, tick: Tick, record: TradeRecord, after: Account) -> None:
        """Make the row of a position that a buy opened; its figures follow the account's."""
        if record.status is TradeStatus.FILLED and record.token.id not in self.positions:
            held = after.positions[record.token.id]
            self.positions[record.token.id] = self._new_row(tick, held)

    def close_or_reduce_position(self, record: TradeRecord, batch: Batch) -> None:
        """Close the row of a position whose last units were sold, at the batch's price."""
        row, swap = self.positions.get(record.token.id), record.swap
        if row is None or swap is None:
            raise ValueError(f"a sale of {record.token.symbol} without a position or a swap")
        if record.closed is not None:
            self._close(row, record, record.closed, batch.quotes[record.token.id].price_usd)

    def update_position_prices(self, after: Account) -> None:
        """Bring the rows of what is still held up to the step's marks."""
        for token_id, held in after.positions.items():
            _copy(held, self.positions[token_id])

    def update_account_pnl(self, result: StepResult) -> None:
        """Write the account and its total P&L; keep the new version in the cache."""
        self.row.total_pnl_usd = result.total_pnl_usd
        account_state.write(self.row, self.account)
        state = account_state.AccountState(self.row.state_version, self.account)
        transaction.on_commit(lambda: position_cache.write(self.row, state))

    def get_position(self, token_id: int) -> Position | None:
        """Return the open position of a token, or None."""
        return self.account.positions.get(token_id)

    def get_all_positions(self) -> list[Position]:
        """Return the open positions."""
        return list(self.account.positions.values())

    def get_position_count(self) -> int:
        """Return the number of open positions."""
        return len(self.account.positions)

    def _manual_requests(self, tick: Tick) -> dict[int, int]:
        """Return the token to be closed of each request that waits, by its id."""
        waiting = ManualRequest.objects.select_for_update(no_key=True).filter(
            session=tick.session_id, kind=RequestKind.CLOSE_POSITION, tick=None
        )
        return {row.pk: row.token_id for row in waiting if row.token_id is not None}

    def _moved(self, token_id: int, result: StepResult) -> bool:
        return self.account.positions.get(token_id) != result.account.positions.get(token_id)

    def _new_row(self, tick: Tick, held: Position) -> PaperPosition:
        return PaperPosition(
            account=self.row,
            session_id=tick.session_id,
            token_id=held.token.id,
            opened_market_time=held.opened_at,
            units=held.units,
            cost_usd=held.cost_usd,
            high_price_usd=held.high_price_usd,
            mark_price_usd=held.mark_price_usd,
            marked_market_time=held.marked_at,
        )

    def _insert_new(self) -> None:
        PaperPosition.objects.bulk_create(
            [row for row in self.positions.values() if row.pk is None]
        )

    def _close(
        self,
        row: PaperPosition,
        record: TradeRecord,
        closed: ClosedPosition,
        price_usd: Decimal,
    ) -> None:
        row.is_open = False
        row.units, row.cost_usd = 0, money.ZERO
        row.realized_usd, row.gas_usd = closed.realized_usd, closed.gas_usd
        row.exit_reason = record.exit_reason or ""
        row.closed_market_time = record.market_time
        row.closed_at = timezone.now()
        row.mark_price_usd, row.marked_market_time = price_usd, record.market_time
        del self.positions[record.token.id]


def _answer(requests: Mapping[int, int], tick: Tick, result: StepResult) -> None:
    """Journal the tick on the requests it served; one denied or failed is wanted again.

    Served is what is sold out: a buy that was on its way, or a part, closes nothing.
    """
    served = {
        record.token.id
        for record in result.trades
        if record.code is Code.POSITION_CLOSED
        or (record.status is TradeStatus.FILLED and record.side is Side.SELL)
    } - result.account.positions.keys()
    done = [key for key, token_id in requests.items() if token_id in served]
    if done:
        ManualRequest.objects.filter(pk__in=done).update(tick=tick)


def view_of(tick: Tick) -> MarketView:
    """Return what a tick's batch says of its market."""
    if tick.batch_id is None:
        raise ValueError(f"{tick} has no batch")
    return market_view(tick.batch_id)


def still_due(tick: Tick, stage: Stage) -> bool:
    """Read again, under the account's lock, whether a stage is due and not too late."""
    due = Tick.objects.filter(pk=tick.pk, stage=stage, status=TickStatus.OPEN, attempt=tick.attempt)
    if stage in endings.TRADING:
        due = due.filter(deadline_at__gte=ClockTimestamp())
    return due.exists()


def count_by_status(result: StepResult) -> dict[str, int]:
    """Count a step's records by outcome, and the swaps that it submitted."""
    counts = {status.value.lower(): 0 for status in TradeStatus}
    for record in result.trades:
        counts[record.status.value.lower()] += 1
    return {**counts, "sent": len(result.sent)} if result.sent else counts


#: What a position's row keeps of the engine's value under the same name.
MARKS = (
    "units",
    "cost_usd",
    "adds",
    "high_price_usd",
    "mark_price_usd",
    "net_pnl_percent",
    "realized_usd",
    "bought_usd",
    "gas_usd",
    "bought_units",
    "steps_taken",
    "exit_factor",
    "failed_exits",
)
_SAVED = [
    *MARKS,
    "marked_market_time",
    "is_open",
    "exit_reason",
    "closed_market_time",
    "closed_at",
]


def _copy(held: Position, row: PaperPosition) -> None:
    for name in MARKS:
        setattr(row, name, getattr(held, name))
    row.marked_market_time = held.marked_at
