"""What an account of one size did, counted record by record."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from paper_trading.engine.curve import index_of
from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.engine.equity import worth
from paper_trading.engine.money import HUNDRED, ONE, ZERO, cash_amount, exact, ratio
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence.book import Book

#: The terms of a fill's shortfall, and gas.
TERMS = ("fee", "impact", "drift", "mev", "gas")
_BASIS_POINTS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Size:
    """What a session's decisions came to in an account of one size; money is USD."""

    #: The first deposit.
    size_usd: Decimal
    #: The size that the rows are of.
    own: bool
    #: Time-weighted, of equity at marks.
    return_percent: Decimal
    #: Equity less deposits, as it changed over the session.
    gain_usd: Decimal
    #: Cash that filled buys took.
    bought_usd: Decimal
    #: Inputs of fills at the middle of the pool when they were quoted.
    traded_usd: Decimal
    #: In USD by term; gas of failures too.
    costs: Mapping[str, Decimal]
    fills: int
    #: By code.
    failures: Mapping[str, int]
    denials: Mapping[str, int]
    #: Of entries that were sent: the limit that bit, and what the level asked and limits left.
    limits: Mapping[str, int]
    asked_usd: Decimal
    allowed_usd: Decimal

    @property
    def net_percent(self) -> Decimal | None:
        """Return the gain in percent of what was bought; None when nothing was."""
        return _share(self.gain_usd, self.bought_usd, HUNDRED)

    @property
    def allowed_percent(self) -> Decimal | None:
        """Return what limits left of the orders that were sent; None when none were."""
        return _share(self.allowed_usd, self.asked_usd, HUNDRED)

    def basis_points(self, term: str) -> Decimal | None:
        """Return a cost in basis points of what was traded; None when nothing was."""
        return _share(self.costs[term], self.traded_usd, _BASIS_POINTS)


@dataclass(slots=True)
class Tally:
    """The running count of a session; `index`, `gain_usd` are those of its begin."""

    index: Decimal
    gain_usd: Decimal
    bought_usd: Decimal = ZERO
    traded_usd: Decimal = ZERO
    costs: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TERMS, ZERO))
    fills: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    asked_usd: Decimal = ZERO
    allowed_usd: Decimal = ZERO

    @classmethod
    def begun(cls, book: Book) -> "Tally":
        """Begin to count where a book stands."""
        return cls(index_of(book.record.curve), _gain(book))

    @exact
    def count(self, record: TradeRecord) -> None:
        """Count one record of a step."""
        if record.status is TradeStatus.DENIED:
            self.denials[record.code.value] += 1
            return
        if record.side is Side.BUY:
            self.limits[record.limit] += 1
            self.asked_usd += record.asked_usd
            self.allowed_usd += record.allowed_usd
        swap = record.swap
        if swap is None:
            return
        for term in TERMS:
            self.costs[term] += getattr(swap, f"{term}_usd")
        if record.status is TradeStatus.FAILED:
            self.failures[record.code.value] += 1
            return
        self.fills += 1
        if record.side is Side.BUY:
            self.bought_usd += cash_amount(swap.amount_in)
            self.traded_usd += cash_amount(swap.amount_in)
        else:
            self.traded_usd += cash_amount(swap.amount_out) + swap.shortfall_usd

    @exact
    def size(self, size_usd: Decimal, own: bool, book: Book) -> Size:
        """Return what came of it where the book stands now."""
        return Size(
            size_usd=size_usd,
            own=own,
            return_percent=ratio((index_of(book.record.curve) / self.index - ONE) * HUNDRED),
            gain_usd=_gain(book) - self.gain_usd,
            bought_usd=self.bought_usd,
            traded_usd=self.traded_usd,
            costs=dict(self.costs),
            fills=self.fills,
            failures=dict(sorted(self.failures.items())),
            denials=dict(sorted(self.denials.items())),
            limits=dict(sorted(self.limits.items())),
            asked_usd=self.asked_usd,
            allowed_usd=self.allowed_usd,
        )


@exact
def _gain(book: Book) -> Decimal:
    return worth(book.account, book.account.cash_price_usd) - book.account.deposits_usd


@exact
def _share(part: Decimal, whole: Decimal, scale: Decimal) -> Decimal | None:
    return ratio(part / whole * scale) if whole else None
