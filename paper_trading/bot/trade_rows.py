"""Rows of a step's trades: trade, transactions and ledger, made in bulk."""

from collections.abc import Mapping, Sequence

from paper_trading.engine.enums import Stage
from paper_trading.engine.trade import TradeRecord
from paper_trading.models import (
    LedgerEntry,
    PaperPosition,
    PaperTrade,
    SimulatedTransaction,
    Tick,
)

#: What a trade's row keeps of its swap under the same name.
SWAP_COLUMNS = (
    "amount_in",
    "quoted_out",
    "minimum_out",
    "amount_out",
    "mid_price",
    "fee_usd",
    "impact_usd",
    "drift_usd",
    "mev_usd",
    "shortfall_usd",
    "gas_usd",
    "grade",
    "pool",
)


def save_trades(
    tick: Tick,
    stage: Stage,
    records: Sequence[TradeRecord],
    positions: Mapping[int, PaperPosition],
) -> list[PaperTrade]:
    """Write what became of a stage's orders, in three statements at most."""
    trades = PaperTrade.objects.bulk_create(
        trade_row(tick, stage, record, positions.get(record.token.id)) for record in records
    )
    SimulatedTransaction.objects.bulk_create(
        row
        for trade, record in zip(trades, records, strict=True)
        for row in transaction_rows(trade, record)
    )
    LedgerEntry.objects.bulk_create(
        row
        for trade, record in zip(trades, records, strict=True)
        for row in posting_rows(trade, record)
    )
    return trades


def trade_row(
    tick: Tick, stage: Stage, record: TradeRecord, position: PaperPosition | None
) -> PaperTrade:
    """Return the row of a record, not yet saved."""
    trade = PaperTrade(
        account_id=tick.session.account_id,
        session_id=tick.session_id,
        tick=tick,
        stage=stage,
        sequence=record.sequence,
        position=position,
        token_id=record.token.id,
        side=record.side,
        status=record.status,
        code=record.code,
        exit_reason=record.exit_reason or "",
        confidence=record.confidence,
        market_time=record.market_time,
        asked_usd=record.asked_usd,
        allowed_usd=record.allowed_usd,
        limit=record.limit,
        realized_usd=record.realized_usd,
        exit_factor=record.exit_factor,
        steps_taken=record.steps_taken,
    )
    sent, swap = record.submission, record.swap
    if sent is not None:
        trade.channel, trade.sent_market_time = sent.channel, sent.sent_at
        trade.included_market_time, trade.deadline_market_time = sent.included_at, sent.deadline_at
    if swap is not None:
        for name in SWAP_COLUMNS:
            setattr(trade, name, getattr(swap, name))
    return trade


def transaction_rows(trade: PaperTrade, record: TradeRecord) -> list[SimulatedTransaction]:
    """Return the transactions of a trade, not yet saved."""
    if record.swap is None:
        return []
    return [
        SimulatedTransaction(
            account_id=trade.account_id,
            trade=trade,
            kind=sent.kind,
            status=sent.status,
            nonce=sent.nonce,
            leg=sent.leg,
            gas_used=sent.gas_used,
            gas_price_wei=sent.gas_price_wei,
            l1_fee_wei=sent.l1_fee_wei,
            fee_wei=sent.fee_wei,
            fee_usd=sent.fee_usd,
        )
        for sent in record.swap.transactions
    ]


def posting_rows(trade: PaperTrade, record: TradeRecord) -> list[LedgerEntry]:
    """Return the ledger lines of a trade, not yet saved."""
    return [
        LedgerEntry(
            account_id=trade.account_id,
            trade=trade,
            line=line,
            book=posting.book,
            amount_usd=posting.amount_usd,
            token_id=posting.token_id or None,
            units=posting.units,
        )
        for line, posting in enumerate(record.postings)
    ]
