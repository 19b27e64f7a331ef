"""Rows: what Postgres keeps, and what it refuses."""

from paper_trading.models.account import (
    AccountEvent,
    AccountEventKind,
    OutcomeDay,
    PaperTradingAccount,
)
from paper_trading.models.market import (
    FeedMode,
    Market,
    MarketGenesis,
    MarketSignal,
    MarketToken,
    Token,
    TokenList,
)
from paper_trading.models.position import PaperPosition
from paper_trading.models.price import Bar, PriceBatch, Quote, ScoreQuantiles
from paper_trading.models.risk import BreakerState, EquityPoint, PaperPerformanceMetrics
from paper_trading.models.session import (
    ManualRequest,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    StopReason,
)
from paper_trading.models.strategy import PaperStrategyConfiguration, StrategyVersion
from paper_trading.models.thought import PaperAIThoughtLog
from paper_trading.models.tick import (
    FINAL,
    InternalError,
    Tick,
    TickReason,
    TickStage,
    TickStatus,
    Trigger,
)
from paper_trading.models.trade import LedgerEntry, PaperTrade, SimulatedTransaction

__all__ = [
    "FINAL",
    "AccountEvent",
    "AccountEventKind",
    "Bar",
    "BreakerState",
    "EquityPoint",
    "FeedMode",
    "InternalError",
    "LedgerEntry",
    "ManualRequest",
    "Market",
    "MarketGenesis",
    "MarketSignal",
    "MarketToken",
    "OutcomeDay",
    "PaperAIThoughtLog",
    "PaperPerformanceMetrics",
    "PaperPosition",
    "PaperStrategyConfiguration",
    "PaperTrade",
    "PaperTradingAccount",
    "PaperTradingSession",
    "PriceBatch",
    "Quote",
    "RequestKind",
    "ScoreQuantiles",
    "SessionStatus",
    "SimulatedTransaction",
    "StopReason",
    "StrategyVersion",
    "Tick",
    "TickReason",
    "TickStage",
    "TickStatus",
    "Token",
    "TokenList",
    "Trigger",
]
