"""Pending transactions as JSON, exactly."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Channel, ExitReason, FillGrade, Side, TradeStatus
from paper_trading.engine.market import Token
from paper_trading.engine.pending import Pending, by_nonce
from paper_trading.engine.swaps import Plan
from paper_trading.engine.trade import Submission, TradeRecord


def pending_json(pending: Mapping[int, Pending]) -> list[dict[str, Any]]:
    """Return pending transactions by nonce, as `pending_from` reads them."""
    return [_json(pending[key]) for key in by_nonce(pending)]


def pending_from(data: Iterable[Mapping[str, Any]]) -> dict[int, Pending]:
    """Return what `pending_json` wrote, by token. KeyError, ValueError for something else."""
    found = (_value(row) for row in data)
    return {one.plan.token.id: one for one in found}


def _json(one: Pending) -> dict[str, Any]:
    token, record, sent = one.plan.token, one.record, one.submission
    return {
        "token": [
            token.id,
            token.symbol,
            token.decimals,
            token.address,
            token.fee_pips,
            token.grade.value,
        ],
        "side": one.plan.side.value,
        "amount_in": str(one.plan.amount_in),
        "quoted_out": str(one.plan.quoted_out),
        "minimum_out": str(one.plan.minimum_out),
        "mid_price": str(one.plan.mid_price),
        "fee_pips": one.plan.fee_pips,
        "pool": one.plan.pool,
        "market_time": record.market_time.isoformat(),
        "sequence": record.sequence,
        "exit_reason": None if record.exit_reason is None else record.exit_reason.value,
        "confidence": None if record.confidence is None else str(record.confidence),
        "asked_usd": str(record.asked_usd),
        "allowed_usd": str(record.allowed_usd),
        "limit": record.limit,
        "sent_at": sent.sent_at.isoformat(),
        "included_at": sent.included_at.isoformat(),
        "deadline_at": sent.deadline_at.isoformat(),
        "channel": sent.channel.value,
        "nonce": one.nonce,
        "approves": one.approves,
        "quoted_at": one.quoted_at.isoformat(),
        "maximum_fee_wei": str(one.maximum_fee_wei),
        "reserved_usd": str(one.reserved_usd),
        "luck": list(one.luck),
        "steps_taken": one.steps_taken,
        "leg": one.leg,
        "legs": one.legs,
        "gas_price_wei": None if one.gas_price_wei is None else str(one.gas_price_wei),
    }


def _value(row: Mapping[str, Any]) -> Pending:
    key, symbol, decimals, address, fee_pips, grade = row["token"]
    token = Token(key, symbol, decimals, address, fee_pips, FillGrade(grade))
    side = Side(row["side"])
    return Pending(
        record=_record(row, token, side),
        plan=Plan(
            token=token,
            side=side,
            amount_in=int(row["amount_in"]),
            quoted_out=int(row["quoted_out"]),
            minimum_out=int(row["minimum_out"]),
            mid_price=Decimal(row["mid_price"]),
            # Of before there were ways through two pools: that of the one pool.
            fee_pips=row.get("fee_pips", fee_pips),
            pool=row.get("pool", ""),
        ),
        submission=Submission(
            sent_at=datetime.fromisoformat(row["sent_at"]),
            included_at=datetime.fromisoformat(row["included_at"]),
            deadline_at=datetime.fromisoformat(row["deadline_at"]),
            channel=Channel(row["channel"]),
        ),
        nonce=row["nonce"],
        approves=row["approves"],
        quoted_at=datetime.fromisoformat(row["quoted_at"]),
        maximum_fee_wei=int(row["maximum_fee_wei"]),
        reserved_usd=Decimal(row["reserved_usd"]),
        luck=tuple(row["luck"]),
        steps_taken=row["steps_taken"],
        leg=row.get("leg", 0),
        legs=row.get("legs", 1),
        gas_price_wei=None if row.get("gas_price_wei") is None else int(row["gas_price_wei"]),
    )


def _record(row: Mapping[str, Any], token: Token, side: Side) -> TradeRecord:
    """Return the record as it was planned: a denial until its outcome is known."""
    reason, confidence = row["exit_reason"], row["confidence"]
    return TradeRecord(
        token=token,
        side=side,
        status=TradeStatus.DENIED,
        code=Code.OK,
        market_time=datetime.fromisoformat(row["market_time"]),
        sequence=row["sequence"],
        exit_reason=None if reason is None else ExitReason(reason),
        confidence=None if confidence is None else Decimal(confidence),
        asked_usd=Decimal(row["asked_usd"]),
        allowed_usd=Decimal(row["allowed_usd"]),
        limit=row["limit"],
    )
