"""What a session's transactions paid, and the fees of the blocks that they were in."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PoolKind, TransactionKind, TransactionStatus
from paper_trading.engine.gas_savings.recorded import RecordedTrade, Sent
from paper_trading.engine.market import GasConditions, Token
from paper_trading.engine.money import ZERO
from paper_trading.models import PaperTrade, PaperTradingSession, SimulatedTransaction
from paper_trading.services.market_rows import gas_value, listed_tokens


def recorded_trades(session: PaperTradingSession) -> list[RecordedTrade]:
    """Return the trades of a session that paid for a transaction, in their order."""
    rows = (
        SimulatedTransaction.objects.filter(
            trade__session=session, trade__tick__batch__isnull=False
        )
        .select_related("trade__tick__batch__market", "trade__tick__batch__token_list")
        .order_by("trade_id", "nonce")
    )
    groups = groupby(rows, key=lambda row: row.trade_id)
    found = (_trade(list(group)) for _, group in groups)
    # What no block took, and no other sender would have had taken, is no trade to compare.
    return [trade for trade in found if trade.sent]


def _trade(rows: list[SimulatedTransaction]) -> RecordedTrade:
    batch = rows[0].trade.tick.batch
    if batch is None:
        raise ValueError(f"{rows[0]} belongs to a tick without a batch")
    listed = {one.token.id: one.token for one in listed_tokens(batch)}
    return RecordedTrade(
        conditions=_conditions(rows, gas_value(batch, batch.market.price_chain_id)),
        sent=tuple(one for row in rows if (one := _sent(row)) is not None),
        native_price_usd=batch.native_price_usd or ZERO,
        kinds=_kinds(rows[0].trade, listed),
    )


def _conditions(rows: list[SimulatedTransaction], told: GasConditions) -> GasConditions:
    """Return the fees of the block of a trade's swap: what it paid is known.

    Of one that no block took, those of the batch that told so. The L1 part is the batch's.
    """
    paid = rows[-1].gas_price_wei
    if not paid:
        return told
    return replace(told, base_fee_wei=max(paid - told.priority_fee_wei, 0))


def _kinds(trade: PaperTrade, listed: Mapping[int, Token]) -> tuple[PoolKind, ...]:
    """Return the kinds of the pools that a trade went through, in the order of a buy."""
    token = listed.get(trade.token_id)
    if token is None:
        return (PoolKind.V2,)
    further = {one.address: one for one in token.further}
    own = further.get(trade.pool, token)
    first = None if own.through is None else listed.get(own.through)
    return (own.kind,) if first is None else (first.kind, own.kind)


def _sent(row: SimulatedTransaction) -> Sent | None:
    """Return a transaction as any sender would have had it; None when no block had taken it.

    A private channel leaves out what would revert: another sender pays for it.
    """
    status = TransactionStatus(row.status)
    if status is TransactionStatus.EXPIRED:
        if row.trade.code != Code.MINIMUM_OUT_NOT_MET:
            return None
        status = TransactionStatus.REVERTED
    return Sent(TransactionKind(row.kind), status, int(row.fee_wei))
