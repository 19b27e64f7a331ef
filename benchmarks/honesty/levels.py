"""What each level does on a price file: every decision, exit and cost, losses too."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.honesty.reports import Report
from paper_trading.bot.accounts import STARTING_CASH_USD
from paper_trading.bot.replay.file_run import FileMarket, LevelRun
from paper_trading.bot.replay.ticks import MemoryTick, trades_of
from paper_trading.engine.enums import Action, Side, TradeStatus, TradingState
from paper_trading.engine.strategy import Strategy
from paper_trading.services.sources.recorded import RecordedFile


@dataclass(slots=True)
class Counted:
    """A level's run with what its result does not say."""

    run: LevelRun
    entries: int = 0
    #: By reason, one for every filled sell.
    exits: Counter[str] = field(default_factory=Counter)
    #: Ticks on which a breaker kept entries out.
    reducing: int = 0
    #: P(mean net > 0) in percent, as the last decision had it.
    outcome_percent: Decimal | None = None

    def look(self, made: MemoryTick) -> None:
        """Count a tick."""
        if made.executed is not None:
            self.reducing += int(made.executed.state is TradingState.REDUCING)
        for record in trades_of(made):
            if record.status is TradeStatus.FILLED and record.side is Side.BUY:
                self.entries += 1
            elif record.status is TradeStatus.FILLED:
                self.exits[str(record.exit_reason)] += 1
        for decision in made.decisions:
            if decision.outcome_percent is not None:
                self.outcome_percent = decision.outcome_percent


def run(
    path: Path, levels: Sequence[int], strategy: Strategy, ticks: int | None = None
) -> list[Counted]:
    """Replay a file, or its first ticks."""
    market = FileMarket(RecordedFile.open(path), [strategy])
    found = [Counted(LevelRun(level, strategy, market.seed)) for level in levels]
    for step in market.steps(market.ticks if ticks is None else ticks):
        for one in found:
            one.look(one.run.tick(step, market.length))
    return found


def report(counted: Sequence[Counted], settings: Sequence[str] = ()) -> Report:
    """Put the levels side by side; `settings` are those that differ from the shipped ones."""
    found = [_level(one) for one in counted]
    failures = [
        f"level {one.run.level}: no decision was {action}"
        for one in counted
        for action in Action
        if not one.run.decisions[action.value]
    ]
    return Report(
        title=f"The levels on one price file: {counted[0].run.ticks} ticks",
        method=(
            f"Settings: {', '.join(settings) or 'as shipped'}. Pools are as a recorded market"
            " models them. Reducing is the share of ticks with a tripped breaker: no entries, and"
            " without positions nothing to sell. Entries are filled buys,"
            " exits filled sells by reason; fees are fee, impact, drift and MEV of the swaps; net"
            " is equity at mid prices less the deposit; won is the share of closed positions"
            " that made money net of all gas; P is the chance that the mean net"
            " outcome is positive, at the end."
        ),
        head=(
            "level", "BUY", "SELL", "HOLD", "SKIP", "entries", "stop", "target", "trailing",
            "hold", "signal", "reducing %", "denied", "failed", "fees USD",
            "gas USD", "net USD", "return %", "drawdown %", "won %", "P %",
        ),
        rows=tuple(one["row"] for one in found),
        data={"levels": [one["data"] for one in found]},
        failures=tuple(failures),
    )  # fmt: skip


def _level(one: Counted) -> dict[str, Any]:
    result, account = one.run.result(), one.run.book.account
    costs = one.run.costs
    gas = costs.get("gas_usd", Decimal(0))
    fees = sum(costs.values(), Decimal(0)) - gas
    net = Decimal(result["equity_usd"]) - STARTING_CASH_USD
    decided = account.winning_trades + account.losing_trades
    won = "" if not decided else f"{100 * account.winning_trades / decided:.0f}"
    reasons = ("STOP_LOSS", "TAKE_PROFIT", "TRAILING_STOP", "MAX_HOLD", "SIGNAL")
    p = one.outcome_percent
    return {
        "row": (
            one.run.level, *(one.run.decisions[action.value] for action in Action), one.entries,
            *(one.exits[reason] for reason in reasons),
            f"{100 * one.reducing / one.run.ticks:.0f}", sum(one.run.denials.values()),
            sum(one.run.failures.values()), f"{fees:.2f}", f"{gas:.2f}", f"{net:.2f}",
            f"{net / STARTING_CASH_USD * 100:.2f}", f"{account.max_drawdown_percent:.2f}", won,
            "" if p is None else f"{p:.1f}",
        ),
        "data": {
            **result, "entries": one.entries, "exits": dict(one.exits),
            "outcome_percent": None if p is None else str(p),
        },
    }  # fmt: skip
