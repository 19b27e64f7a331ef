"""A random life of an account, step by step, and the books that it is held against."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine import accounting
from paper_trading.engine.account import Account, Position
from paper_trading.engine.enums import (
    ExitReason,
    LedgerAccount,
    Side,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.exits import Exit, mark
from paper_trading.engine.ledger import balance, deposit_postings, units
from paper_trading.engine.market import Batch, Quote, Token
from paper_trading.engine.money import CONTEXT, ZERO
from paper_trading.engine.orders import Desk, Rules
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import Posting, TradeRecord
from tests.engine.worlds import APPETITE, NOON, batch, rules

#: Sixty percent of both sides of a pool, so that whatever is bought can be sold again.
DEPTH_USD = Decimal(10) ** 12
#: Entries of any size, at no cool-down, with adds.
GREEDY = replace(
    APPETITE,
    max_position_percent=Decimal(40),
    max_exposure_percent=Decimal(100),
    max_pool_percent=Decimal(100),
    cool_down_minutes=0,
    max_adds=10**6,
    slippage_share_percent=Decimal(100),
)
LIVELY = Strategy(
    max_position_size_percent=Decimal(100),
    max_slippage_percent=Decimal("0.05"),
    max_daily_trades=1000,
    minimum_balance_usd=Decimal(1),
    exit_volatility_percent=Decimal(80),
)
#: Tokens from 0 to 36 decimals, priced from the least to the most that is dealt with.
World = tuple[tuple[Token, Decimal], ...]
WORLD: World = tuple(
    (Token(key, name, decimals, f"0x{key:040x}", fee), Decimal(price))
    for key, name, decimals, fee, price in (
        (1, "WHOLE", 0, 3000, "0.004"),
        (2, "MICRO", 6, 500, "1000000000"),
        (3, "DUST", 18, 10_000, "0.000000000000000002"),
        (4, "FINE", 36, 0, "0.000000000000000002"),
        (5, "DEAR", 36, 3000, "1000000000"),
        (6, "USUAL", 18, 3000, "1863.64"),
    )
)


@dataclass
class Life:
    """An account at work, with every record and posting that it left."""

    account: Account
    prices: dict[int, Decimal]
    tokens: tuple[Token, ...]
    step: int = 0
    cash_price: Decimal = Decimal(1)
    records: list[tuple[TradeRecord, Decimal]] = field(default_factory=list)
    deposits: list[tuple[int, Decimal]] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)

    @classmethod
    def begin(cls, deposit_usd: Decimal, world: World = WORLD) -> "Life":
        """Open an account in a world at its first prices."""
        life = cls(
            account=accounting.open_account(deposit_usd),
            prices={token.id: price for token, price in world},
            tokens=tuple(token for token, _ in world),
        )
        life.postings += deposit_postings(deposit_usd)
        return life

    def batch(self, sigma: Decimal = Decimal(1)) -> Batch:
        """Return the world as it is now; a volatility makes orders miss their minimum."""
        at = NOON + timedelta(minutes=self.step)
        quotes = [
            Quote(token, self.prices[token.id], at, "test", DEPTH_USD) for token in self.tokens
        ]
        known = {token.id: sigma for token in self.tokens}
        return batch(*quotes, at=at, cash_price=str(self.cash_price), sigma=known)

    def desk(self, sigma: Decimal, seed: int) -> Desk:
        """Return a desk on the next batch."""
        self.step += 1
        by: Rules = replace(rules(LIVELY, GREEDY), seed=seed)
        return Desk(self.account, self.batch(sigma), by, TradingState.ACTIVE, ())

    def buy(self, token: Token, sigma: Decimal, seed: int) -> TradeRecord:
        """Let a desk buy, and keep what came of it."""
        desk = self.desk(sigma, seed)
        desk.buy(token, None)
        return self._keep(desk)

    def sell(self, wanted: Exit, sigma: Decimal, seed: int) -> TradeRecord:
        """Let a desk sell, and keep what came of it."""
        desk = self.desk(sigma, seed)
        desk.exit(wanted)
        return self._keep(desk)

    def _keep(self, desk: Desk) -> TradeRecord:
        (record,) = desk.trades
        self.account = desk.account
        self.records.append((record, self.prices[record.token.id]))
        self.postings += record.postings
        return record

    def deposit(self, amount_usd: Decimal) -> None:
        """Pay in."""
        self.deposits.append((len(self.records), amount_usd))
        self.account = accounting.deposit(self.account, amount_usd)
        self.postings += deposit_postings(amount_usd)

    def mark(self) -> None:
        """Mark every position at the world's prices."""
        now = self.batch()
        for held in tuple(self.account.positions.values()):
            marked = mark(held, now, self.account.approvals, 900)
            self.account = self.account.with_position(marked)


def part_of(held: Position, share: Decimal) -> int:
    """Return a part of a position: at least one unit, at most all of it."""
    return max(1, min(held.units, int(CONTEXT.multiply(Decimal(held.units), share))))


def sale(held: Position, units_: int) -> Exit:
    """Return the sale of some units; one of a part takes the next step."""
    steps = None if units_ == held.units else held.steps_taken + 1
    return Exit(held.token, ExitReason.TAKE_PROFIT, units_, steps)


def assert_books_hold(life: Life) -> None:
    """Hold an account against its own postings, to the digit."""
    account = life.account
    assert accounting.cash_identity(account) == 0
    assert balance(life.postings) == 0
    for book, expected in (
        (LedgerAccount.CASH, account.cash_usd),
        (LedgerAccount.GAS, account.gas_usd),
        (LedgerAccount.REALIZED_PNL, -account.realized_usd),
        (LedgerAccount.DEPOSITS, -account.deposits_usd),
    ):
        assert balance(life.postings, book) == expected
    cost = sum((held.cost_usd for held in account.positions.values()), ZERO)
    assert balance(life.postings, LedgerAccount.POSITION) == cost
    for token in life.tokens:
        held = account.positions.get(token.id)
        assert units(life.postings, token.id) == (0 if held is None else held.units)
        assert held is None or held.units > 0
        assert held is None or 0 <= held.cost_usd <= held.bought_usd
        assert held is None or held.units <= held.bought_units
    assert account.cash_usd >= 0


def folded(life: Life, deposit_usd: Decimal) -> Account:
    """Build an account anew from its first deposit and its records alone."""
    account = accounting.open_account(deposit_usd)
    paid = iter([*life.deposits, (-1, ZERO)])
    at, amount = next(paid)
    for number in range(len(life.records) + 1):
        while at == number:
            account = accounting.deposit(account, amount)
            at, amount = next(paid)
        if number < len(life.records):
            record, price = life.records[number]
            account = accounting.apply(account, record, price)
    return account


def facts(account: Account) -> dict[str, object]:
    """Return what fills decide of an account; marks and peaks follow prices in between."""
    positions = {
        key: (
            held.units,
            held.cost_usd,
            held.bought_usd,
            held.bought_units,
            held.realized_usd,
            held.gas_usd,
            held.adds,
            held.steps_taken,
            held.exit_factor,
            held.opened_at,
        )
        for key, held in account.positions.items()
    }
    return {
        "positions": positions,
        **{
            name: getattr(account, name)
            for name in (
                "cash_usd",
                "deposits_usd",
                "realized_usd",
                "gas_usd",
                "entries_today",
                "failed_transactions",
                "losing_exits",
                "winning_trades",
                "losing_trades",
                "nonce",
                "approvals",
                "last_exits",
            )
        },
    }


def filled(record: TradeRecord, side: Side) -> bool:
    """Say whether a record is a fill of a side."""
    return record.status is TradeStatus.FILLED and record.side is side
