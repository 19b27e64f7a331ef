"""Rows for tests: each builder makes one valid row and lets a test say only what matters."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User

from paper_trading.bot import journal, track_rows
from paper_trading.engine import track
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision, Gate, PWin, SignalReading
from paper_trading.engine.enums import (
    Action,
    BreakerKind,
    ExitReason,
    Family,
    FillGrade,
    Side,
    Stage,
    TradeStatus,
    TradingState,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.intelligence.decision_json import decision_to_json
from paper_trading.models import (
    AccountEvent,
    AccountEventKind,
    Bar,
    BreakerState,
    EquityPoint,
    FeedMode,
    ManualRequest,
    Market,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperStrategyConfiguration,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    PriceBatch,
    Quote,
    RequestKind,
    SimulatedTransaction,
    StrategyVersion,
    Tick,
    TickStage,
    TickStatus,
    Token,
    Trigger,
)

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEI = 10**18
_numbers = count(1)


def make_user(name: str = "", password: str | None = None, **fields: Any) -> User:
    """Make a user; without a password (hashing takes long) only a forced login works."""
    return User.objects.create_user(name or f"user{next(_numbers)}", password=password, **fields)


def make_market(**fields: Any) -> Market:
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"Simulation {number}",
        "mode": FeedMode.SIMULATED,
        "chain_id": 84532,
        "price_chain_id": 8453,
        "seed": number,
        "step_seconds": 300,
        "assumptions": "Pool depths are modelled.",
        **fields,
    }
    return Market.objects.create(**values)


def make_token(symbol: str = "", **fields: Any) -> Token:
    values: dict[str, Any] = {
        "symbol": symbol or f"TOK{next(_numbers)}",
        "chain_id": 84532,
        "price_chain_id": 8453,
        "decimals": 18,
        "pool_fee_pips": 3000,
        **fields,
    }
    return Token.objects.create(**values)


def make_account(owner: User | None = None, **fields: Any) -> PaperTradingAccount:
    values: dict[str, Any] = {
        "owner": owner or make_user(),
        "name": f"Account {next(_numbers)}",
        "cash_usd": Decimal(10_000),
        "deposits_usd": Decimal(10_000),
        "peak_equity_usd": Decimal(10_000),
        "day_start_equity_usd": Decimal(10_000),
        **fields,
    }
    values.setdefault("market", None)
    values["market"] = values["market"] or make_market()
    account = PaperTradingAccount.objects.create(**values)
    track_rows.save(account.pk, track.opened(account.deposits_usd))
    return account


def make_strategy(owner: User | None = None, **fields: Any) -> PaperStrategyConfiguration:
    """Make a strategy whose orders fill in their tick, unless it asks for pending ones."""
    values = {
        "owner": owner or make_user(),
        "name": f"Strategy {next(_numbers)}",
        "use_transaction_manager": False,
        **fields,
    }
    return PaperStrategyConfiguration.objects.create(**values)


def make_session(account: PaperTradingAccount | None = None, **fields: Any) -> PaperTradingSession:
    account = account or make_account()
    values: dict[str, Any] = {"account": account, "last_slot": 0, **fields}
    if "strategy" not in values:
        values["strategy"] = make_strategy(account.owner)
    return PaperTradingSession.objects.create(**values)


def make_version(strategy: PaperStrategyConfiguration) -> StrategyVersion:
    return strategy.current_version()


def make_batch(market: Market, step: int = 0, **fields: Any) -> PriceBatch:
    values: dict[str, Any] = {
        "market": market,
        "step": step,
        "market_time": START + step * 5 * MINUTE,
        "source": "simulation",
        "cash_price_usd": Decimal(1),
        "native_price_usd": Decimal(2_500),
        "base_fee_wei": 5_000_000,
        "priority_fee_wei": 1_000_000,
        **fields,
    }
    return PriceBatch.objects.create(**values)


def make_quote(batch: PriceBatch, token: Token, **fields: Any) -> Quote:
    values: dict[str, Any] = {
        "batch": batch,
        "token": token,
        "price_usd": Decimal("2566.42"),
        "liquidity_usd": Decimal(4_000_000),
        "observed_at": batch.market_time,
        "source": batch.source,
        **fields,
    }
    return Quote.objects.create(**values)


def make_bar(market: Market, token: Token, **fields: Any) -> Bar:
    values: dict[str, Any] = {
        "market": market,
        "token": token,
        "seconds": 300,
        "start": START - 5 * MINUTE,
        "closes_at": START,
        "open": Decimal(10),
        "high": Decimal(12),
        "low": Decimal(9),
        "close": Decimal(11),
        **fields,
    }
    return Bar.objects.create(**values)


def make_tick(
    session: PaperTradingSession, slot: int = 1, opened_at: datetime | None = None, **fields: Any
) -> Tick:
    """Make a closed tick of a session on its own batch; stages are separate rows."""
    at = opened_at or START + slot * MINUTE
    values: dict[str, Any] = {
        "session": session,
        "slot": slot,
        "number": slot,
        "trigger": Trigger.BEAT,
        "status": TickStatus.CLOSED,
        "stage": Stage.CLOSE,
        "opened_at": at,
        "closed_at": at + timedelta(seconds=1),
        "intel_level": session.intel_level,
        "trading_state": TradingState.ACTIVE,
        **fields,
    }
    if "batch" not in values and values["number"] is not None:
        market = session.account.market
        values["batch"] = PriceBatch.objects.filter(market=market, step=slot).first() or (
            make_batch(market, slot)
        )
    if values.get("batch") is not None:
        values.setdefault("market_time", values["batch"].market_time)
        values.setdefault("step", values["batch"].step)
    return Tick.objects.create(**values)


def make_stage(tick: Tick, stage: Stage, **fields: Any) -> TickStage:
    values: dict[str, Any] = {
        "tick": tick,
        "stage": stage,
        "attempt": 1,
        "started_at": tick.opened_at,
        "finished_at": tick.opened_at + timedelta(milliseconds=12),
        **fields,
    }
    return TickStage.objects.create(**values)


def make_position(session: PaperTradingSession, token: Token, **fields: Any) -> PaperPosition:
    """Make an open position of one whole token."""
    values: dict[str, Any] = {
        "account": session.account,
        "session": session,
        "token": token,
        "units": 10**token.decimals,
        "cost_usd": Decimal(2_500),
        "bought_usd": Decimal(2_500),
        "high_price_usd": Decimal("2566.42"),
        "mark_price_usd": Decimal("2566.42"),
        "marked_market_time": START + 10 * MINUTE,
        "net_pnl_percent": Decimal("1.9"),
        "opened_market_time": START,
        **fields,
    }
    return PaperPosition.objects.create(**values)


def make_closed_position(
    session: PaperTradingSession, token: Token, **fields: Any
) -> PaperPosition:
    values: dict[str, Any] = {
        "is_open": False,
        "units": 0,
        "cost_usd": Decimal(0),
        "realized_usd": Decimal("-61.90"),
        "closed_at": START + 70 * MINUTE,
        "closed_market_time": START + 192 * MINUTE,
        "exit_reason": ExitReason.STOP_LOSS,
        **fields,
    }
    return make_position(session, token, **values)


def make_trade(tick: Tick, token: Token, sequence: int = 0, **fields: Any) -> PaperTrade:
    """Make a filled buy."""
    values: dict[str, Any] = {
        "account": tick.session.account,
        "session": tick.session,
        "tick": tick,
        "stage": Stage.EXECUTION,
        "sequence": sequence,
        "token": token,
        "side": Side.BUY,
        "status": TradeStatus.FILLED,
        "code": Code.OK,
        "market_time": tick.market_time,
        "asked_usd": Decimal(1_000),
        "allowed_usd": Decimal(1_000),
        "amount_in": 1_000_000_000,
        "quoted_out": 4 * WEI // 10,
        "minimum_out": 39 * WEI // 100,
        "amount_out": 4 * WEI // 10,
        "mid_price": Decimal(2_495),
        "fee_usd": Decimal(3),
        "impact_usd": Decimal("0.42"),
        "drift_usd": Decimal("-0.17"),
        "shortfall_usd": Decimal("3.25"),
        "gas_usd": Decimal("0.0042"),
        "grade": FillGrade.C,
        **fields,
    }
    return PaperTrade.objects.create(**values)


def make_denial(tick: Tick, token: Token, sequence: int = 0, **fields: Any) -> PaperTrade:
    values: dict[str, Any] = {
        "status": TradeStatus.DENIED,
        "code": Code.COOL_DOWN,
        "amount_in": None,
        "quoted_out": None,
        "minimum_out": None,
        "amount_out": None,
        "grade": "",
        **fields,
    }
    return make_trade(tick, token, sequence, **values)


def make_decision(token: Token, **fields: Any) -> Decision:
    values: dict[str, Any] = {
        "token_id": token.pk,
        "symbol": token.symbol,
        "action": Action.HOLD,
        "code": Code.CONFIDENCE_LOW,
        "level": 5,
        "score": Decimal("0.12"),
        "confidence": Decimal("37.5"),
        "families_agreeing": 2,
        "outcome_percent": Decimal("44.5"),
        "outcome_n": 96,
        "outcome_days": 12,
        "p_win": PWin(
            share=Decimal("43.75"),
            mean=Decimal(41),
            low=Decimal(33),
            high=Decimal(49),
            n=96,
            days=12,
            break_even=Decimal("33.3333"),
        ),
        "signals": (
            SignalReading(
                "ema_cross", Family.TREND, Decimal("0.4"), Decimal("0.25"), Decimal("0.1")
            ),
        ),
        "gates": (
            Gate("confidence", Decimal(70), Decimal("37.5"), met=False),
            Gate("cost", Decimal(22), None, met=False),
        ),
        **fields,
    }
    return Decision(**values)


def make_thought(tick: Tick, token: Token, **fields: Any) -> PaperAIThoughtLog:
    decision = make_decision(token, **fields)
    return PaperAIThoughtLog.objects.create(
        tick=tick,
        token=token,
        action=decision.action,
        code=decision.code,
        confidence=decision.confidence,
        score=decision.score,
        evidence=decision_to_json(decision),
    )


def make_point(tick: Tick, equity_usd: Decimal = Decimal(10_000), **fields: Any) -> EquityPoint:
    values: dict[str, Any] = {
        "account": tick.session.account,
        "tick": tick,
        "market_time": tick.market_time,
        "cash_usd": equity_usd,
        "positions_usd": Decimal(0),
        "equity_usd": equity_usd,
        "drawdown_percent": Decimal(0),
        **fields,
    }
    return EquityPoint.objects.create(**values)


def make_metrics(tick: Tick, **fields: Any) -> PaperPerformanceMetrics:
    values: dict[str, Any] = {
        "session": tick.session,
        "tick": tick,
        "market_time": tick.market_time,
        "equity_usd": Decimal(10_000),
        "realized_usd": Decimal(0),
        "unrealized_usd": Decimal(0),
        "gas_usd": Decimal(0),
        "max_drawdown_percent": Decimal(0),
        "winning_trades": 0,
        "losing_trades": 0,
        "returns_count": 0,
        **fields,
    }
    return PaperPerformanceMetrics.objects.create(**values)


def make_breaker(account: PaperTradingAccount, **fields: Any) -> BreakerState:
    """Make a tripped daily-loss breaker."""
    values: dict[str, Any] = {
        "account": account,
        "kind": BreakerKind.DAILY_LOSS,
        "tripped": True,
        "tripped_market_time": START,
        "actual": Decimal("5.2"),
        "threshold": Decimal(5),
        **fields,
    }
    return BreakerState.objects.create(**values)


def make_lock(account: PaperTradingAccount, token: Token, **fields: Any) -> AccountEvent:
    """Lock a token in an account by hand, as its row and its journal keep it."""
    until, reason = START + 60 * MINUTE, "Its team sells."
    account.locks = {str(token.pk): [until.isoformat(), reason, True]}
    account.state_version += 1
    account.save(update_fields=["locks", "state_version"])
    values: dict[str, Any] = {
        "kind": AccountEventKind.TOKEN_LOCK,
        "token": token,
        "market_time": until,
        "reason": reason,
        **fields,
    }
    journal.record_event(account, **values)
    return AccountEvent.objects.get(account=account, version=account.state_version)


def make_request(session: PaperTradingSession, **fields: Any) -> ManualRequest:
    values: dict[str, Any] = {"session": session, "kind": RequestKind.TICK, **fields}
    return ManualRequest.objects.create(**values)


def make_transaction(trade: PaperTrade, nonce: int = 0, **fields: Any) -> SimulatedTransaction:
    values: dict[str, Any] = {
        "account": trade.account,
        "trade": trade,
        "kind": TransactionKind.SWAP,
        "status": TransactionStatus.CONFIRMED,
        "nonce": nonce,
        "gas_used": 97_762,
        "gas_price_wei": 6_000_000,
        "l1_fee_wei": 0,
        "fee_wei": 97_762 * 6_000_000,
        "fee_usd": Decimal("0.00146643"),
        **fields,
    }
    return SimulatedTransaction.objects.create(**values)


def batch_of(tick: Tick) -> PriceBatch:
    """Return the batch of a tick that has one."""
    assert tick.batch is not None
    return tick.batch
