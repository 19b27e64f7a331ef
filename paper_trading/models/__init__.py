"""Rows: what Postgres keeps, and what it refuses."""

from paper_trading.models.account import (
    AccountEvent,
    AccountEventKind,
    PaperTradingAccount,
)
from paper_trading.models.examination import TokenExamination
from paper_trading.models.experience import FrozenExperience, SetUp, SetUpBook, SetUpDay
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
from paper_trading.models.source import SourceState, SourceUsage
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
from paper_trading.models.track import EquityHour, PaperTrackRecord
from paper_trading.models.trade import LedgerEntry, PaperTrade, SimulatedTransaction

__all__ = [
    "FINAL",
    "AccountEvent",
    "AccountEventKind",
    "Bar",
    "BreakerState",
    "EquityHour",
    "EquityPoint",
    "FeedMode",
    "FrozenExperience",
    "InternalError",
    "LedgerEntry",
    "ManualRequest",
    "Market",
    "MarketGenesis",
    "MarketSignal",
    "MarketToken",
    "PaperAIThoughtLog",
    "PaperPerformanceMetrics",
    "PaperPosition",
    "PaperStrategyConfiguration",
    "PaperTrackRecord",
    "PaperTrade",
    "PaperTradingAccount",
    "PaperTradingSession",
    "PriceBatch",
    "Quote",
    "RequestKind",
    "ScoreQuantiles",
    "SessionStatus",
    "SetUp",
    "SetUpBook",
    "SetUpDay",
    "SimulatedTransaction",
    "SourceState",
    "SourceUsage",
    "StopReason",
    "StrategyVersion",
    "Tick",
    "TickReason",
    "TickStage",
    "TickStatus",
    "Token",
    "TokenExamination",
    "TokenList",
    "Trigger",
]
