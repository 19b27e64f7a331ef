"""A generated market in memory, and one level's account on it with what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from benchmarks.honesty.walks import Walk
from paper_trading.bot.accounts import STARTING_CASH_USD
from paper_trading.bot.replay.market import MemoryMarket, MemoryStep
from paper_trading.bot.replay.ticks import MemoryTick, run_tick, trades_of
from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.engine.market import Token
from paper_trading.engine.money import CONTEXT, ZERO, cash_amount, from_base_units
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence import book as books
from paper_trading.intelligence.bars import Spans
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.brackets import key_of
from paper_trading.intelligence.inputs import TickInputs
from paper_trading.intelligence.market_folding import Native, Terms
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.intelligence.observed import exact_step
from paper_trading.services import market_setup, token_registry

#: Pool fee of every generated token in millionths: 0.05 %, the tier of the deep pools.
FEE_PIPS = 500
DECIMALS = 18
#: Blocks folded before the first tick: 20 slow bars of 12 and 2,000 scores of five tokens.
BACKFILL_BLOCKS = 660


class GeneratedMarket:
    """A walk as a market in memory, its back-fill folded."""

    def __init__(self, walk: Walk, seed: int, strategy: Strategy, fee_pips: int = FEE_PIPS) -> None:
        chain = token_registry.CHAINS[market_setup.DEFAULT_CHAIN_ID]
        terms = Terms(
            price_chain_id=chain.price_chain,
            seed=seed,
            native_symbol=walk.symbols[0],
            spans=Spans.for_step(walk.shape.block_seconds),
        )
        self.tokens = tuple(
            ListedToken(
                Token(number, symbol, DECIMALS, symbol.lower(), fee_pips),
                is_cash=False,
                tradable=True,
            )
            for number, symbol in enumerate(walk.symbols, 1)
        )
        self._walk = walk
        self._memory = MemoryMarket(terms, self.tokens, Native(), {key_of(strategy)})
        whole = walk.shape.points
        self._memory.backfill(exact_step(walk.take(whole)) for _ in range(BACKFILL_BLOCKS))

    def step(self, points: int, edges: Mapping[str, float] | None = None) -> MemoryStep:
        """Fold the next grid points of the walk as one step."""
        return self._memory.step(exact_step(self._walk.take(points, edges)), self.tokens)


@dataclass(slots=True)
class Trader:
    """One level on a market: its account, and what is counted of it. Money is USD."""

    level: int
    strategy: Strategy
    seed: int
    book: Book = field(default_factory=lambda: books.opened(STARTING_CASH_USD))
    #: Filled buys, what they spent, and what they and all sells moved.
    entries: int = 0
    bought_usd: Decimal = ZERO
    traded_usd: Decimal = ZERO
    #: Positions that were sold out.
    closed: int = 0
    #: Fee, impact, drift, MEV and gas of every swap, failed ones included.
    costs: dict[str, Decimal] = field(default_factory=dict)
    #: What moves of the mid price made of what was held, and what planted edges did of that.
    carried_usd: Decimal = ZERO
    captured_usd: Decimal = ZERO
    #: Equity at marks and costs so far, at every full hour, the start included.
    hourly: list[tuple[Decimal, Decimal]] = field(
        default_factory=lambda: [(STARTING_CASH_USD, ZERO)]
    )
    equity_usd: Decimal = STARTING_CASH_USD
    #: Whether the veto kept the level from entering on the last tick.
    silent: bool = False

    @property
    def cost_usd(self) -> Decimal:
        """Everything that was paid."""
        return sum(self.costs.values(), ZERO)

    @property
    def net_usd(self) -> Decimal:
        """Equity at marks less the deposit."""
        return self.equity_usd - STARTING_CASH_USD

    def tick(
        self, step: MemoryStep, length: timedelta, planted: Mapping[int, Decimal] | None = None
    ) -> MemoryTick:
        """Run a tick; `planted` is the edge's part of each token's last change of price, in USD."""
        self._carry(step, planted or {})
        inputs = TickInputs(self.seed, self.level, self.strategy)
        # Always the first tick of a session: the metrics are not measured.
        made, self.book = run_tick(
            inputs, step.view, step.experience(self.strategy), self.book, length, 0
        )
        for record in trades_of(made):
            self._count(record)
            self._carry_since_sent(record, step, planted or {})
        self._look(made, step.market_time)
        return made

    def _carry(self, step: MemoryStep, planted: Mapping[int, Decimal]) -> None:
        """Count what the step's change of price makes of the units held through it."""
        with localcontext(CONTEXT):
            for token_id, held in self.book.account.positions.items():
                units = from_base_units(held.units, DECIMALS)
                price = step.view.batch.quotes[token_id].price_usd
                self.carried_usd += units * (price - held.mark_price_usd)
                self.captured_usd += units * planted.get(token_id, ZERO)

    def _carry_since_sent(
        self, record: TradeRecord, step: MemoryStep, planted: Mapping[int, Decimal]
    ) -> None:
        """Count the change of price that a pending order was through, from its quote on.

        Its drift is a cost, measured from the quote; a buy is held from there, a sale no more.
        """
        swap, token_id = record.swap, record.token.id
        if record.submission is None or swap is None or record.status is not TradeStatus.FILLED:
            return
        with localcontext(CONTEXT):
            bought = record.side is Side.BUY
            units = from_base_units(swap.amount_out if bought else -swap.amount_in, DECIMALS)
            price = step.view.batch.quotes[token_id].price_usd
            self.carried_usd += units * (price - swap.mid_price)
            self.captured_usd += units * planted.get(token_id, ZERO)

    @property
    def unexplained_usd(self) -> Decimal:
        """Net with costs given back, less what the moves of the price made: rounding only."""
        return self.net_usd + self.cost_usd - self.carried_usd

    def _count(self, record: TradeRecord) -> None:
        if record.swap is None:
            return
        for name in ("fee", "impact", "drift", "mev", "gas"):
            paid: Decimal = getattr(record.swap, f"{name}_usd")
            self.costs[name] = self.costs.get(name, ZERO) + paid
        if record.status is not TradeStatus.FILLED:
            return
        bought = record.side is Side.BUY
        self.entries += int(bought)
        self.closed += int(record.closed is not None)
        moved = cash_amount(record.swap.amount_in if bought else record.swap.amount_out)
        self.traded_usd += moved
        self.bought_usd += moved if bought else ZERO

    def _look(self, made: MemoryTick, at: datetime) -> None:
        if made.executed is None:
            raise ValueError(f"the tick at {at} was not executed")
        self.equity_usd = made.executed.equity.equity_usd
        if at.minute == at.second == 0:
            self.hourly.append((self.equity_usd, self.cost_usd))
        judged = next((one for one in made.decisions if one.gates), None)
        if judged is not None:
            self.silent = not next(gate.met for gate in judged.gates if gate.name == "outcomes")
