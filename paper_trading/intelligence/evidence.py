"""Everything one decision may look at, gathered before it is made."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Outcome
from paper_trading.engine.market import Quote, Token
from paper_trading.intelligence.experience import NO_OUTCOME, Experience
from paper_trading.intelligence.series import ClosedBar


@dataclass(frozen=True, slots=True)
class Evidence:
    """One token at one tick; the same for every level."""

    token: Token
    market_time: datetime
    #: Whether a fill could be priced now, and if not why.
    pricing: Code
    quote: Quote | None
    #: The latest closed fast bar.
    bar: ClosedBar | None
    #: Frozen score quantiles; None while there are too few scores.
    quantiles: tuple[Decimal, ...] | None
    #: Cost of a reference round trip (its notional does not depend on the level), percent.
    round_trip_percent: Decimal | None
    #: Market time at which the open position was opened; None: flat.
    held_since: datetime | None
    #: The chance that the session's level nets more than nothing: one number for all questions
    #: at this tick, what another level would have done included.
    outcome: Outcome = NO_OUTCOME
    #: What was frozen of matured set-ups; None before the first bar closes.
    experience: Experience | None = None
