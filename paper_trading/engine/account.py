"""The state of one trading account between two stages, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from paper_trading.engine.enums import ExitReason
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Token
from paper_trading.engine.money import ONE, ZERO

if TYPE_CHECKING:
    # A pending transaction carries the record of its trade, which names what an account closed.
    from paper_trading.engine.pending import Pending


@dataclass(frozen=True, slots=True)
class Position:
    """An open holding of one token, average cost."""

    token: Token
    #: Base units held, > 0.
    units: int
    #: What the swaps took in, less the pro-rata part of partial sells (gas is not in it).
    cost_usd: Decimal
    opened_at: datetime
    #: Number of buys after the first.
    adds: int
    #: Highest mark since it was opened, for the trailing stop. Unlike the mark it is at par of
    #: cash, as the cost is: what a token is worth in cash also moves when cash does.
    high_price_usd: Decimal
    mark_price_usd: Decimal
    marked_at: datetime
    #: Net of the costs of leaving, at the last mark, in percent of cost; None when unpriceable.
    net_pnl_percent: Decimal | None
    #: Realized so far by partial sells of this position.
    realized_usd: Decimal = ZERO
    #: All that its buys took in, and the gas of its swaps, failed ones included.
    bought_usd: Decimal = ZERO
    gas_usd: Decimal = ZERO
    #: All that its buys brought in, in base units: what the shares of take-profit steps are of.
    bought_units: int = 0
    #: Take-profit steps that were sold at.
    steps_taken: int = 0
    #: Scales stop, target, steps and trailing; fixed when the position was opened.
    exit_factor: Decimal = ONE
    #: Sales that failed since the last one that did not.
    failed_exits: int = 0


@dataclass(frozen=True, slots=True)
class ClosedPosition:
    """What a holding came to when the last of it was sold."""

    bought_usd: Decimal
    realized_usd: Decimal
    gas_usd: Decimal
    #: Realized less gas, in percent of what was bought.
    net_percent: Decimal


@dataclass(frozen=True, slots=True)
class LastExit:
    """When a token was last sold out, and why: cool-down reads it."""

    at: datetime
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class TokenLock:
    """Why a token is not bought, and until when (market time)."""

    until: datetime
    reason: str
    #: False: a rule of the strategy locked it.
    by_person: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the engine needs to know of an account. Money is USD at par of cash."""

    cash_usd: Decimal
    deposits_usd: Decimal
    realized_usd: Decimal
    gas_usd: Decimal
    #: By token id.
    positions: Mapping[int, Position]
    #: Equity at cash price and marks: the highest seen, and at the start of the market day.
    peak_equity_usd: Decimal
    max_drawdown_percent: Decimal
    day: date | None
    day_start_equity_usd: Decimal
    entries_today: int
    failed_transactions: int
    #: Closed positions, each with all its sales and all its gas; the first is in a row.
    losing_exits: int
    winning_trades: int
    losing_trades: int
    nonce: int
    #: Token ids whose router approval was paid; 0 is cash.
    approvals: frozenset[int] = frozenset()
    last_exits: Mapping[int, LastExit] = field(default_factory=dict)
    #: USD price of one unit of cash at the last step: a deposit is worth that much.
    cash_price_usd: Decimal = ONE
    #: By token id: locks of entries, and failed swaps in a row.
    locks: Mapping[int, TokenLock] = field(default_factory=dict)
    failed_swaps: Mapping[int, int] = field(default_factory=dict)
    #: Submitted swaps by token id, one a token at most.
    pending: Mapping[int, "Pending"] = field(default_factory=dict)
    #: What the account's own swaps left in each token's pool.
    displaced: Mapping[int, Displaced] = field(default_factory=dict)

    def with_position(self, position: Position) -> "Account":
        """Return the account with this position in place."""
        return replace(self, positions={**self.positions, position.token.id: position})

    def without_position(self, token_id: int) -> "Account":
        """Return the account without the position of a token."""
        rest = {key: held for key, held in self.positions.items() if key != token_id}
        return replace(self, positions=rest)

    def with_pending(self, one: "Pending") -> "Account":
        """Return the account with a submitted swap; its nonces are used up."""
        pending = {**self.pending, one.plan.token.id: one}
        return replace(self, pending=pending, nonce=one.nonce + 1)

    def without_pending(self, token_id: int) -> "Account":
        """Return the account without the submitted swap of a token."""
        rest = {key: one for key, one in self.pending.items() if key != token_id}
        return replace(self, pending=rest)
