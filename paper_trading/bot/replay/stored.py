"""What ticks left behind, read in portions: the rows that a replay is compared with."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    EquityPoint,
    InternalError,
    LedgerEntry,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperTrade,
    SimulatedTransaction,
    TickStage,
)


@dataclass(slots=True)
class TickRows:
    """The rows of one tick."""

    equity: EquityPoint | None = None
    metrics: PaperPerformanceMetrics | None = None
    #: The stage close was done.
    reached_close: bool = False
    _thoughts: dict[int, PaperAIThoughtLog] = field(default_factory=dict)
    _failed: set[int] = field(default_factory=set)
    #: By stage, how many exceptions of no token were kept.
    _errors: Counter[Stage] = field(default_factory=Counter)
    _trades: dict[Stage, list[PaperTrade]] = field(default_factory=lambda: defaultdict(list))
    _transactions: dict[int, list[SimulatedTransaction]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _postings: dict[int, list[LedgerEntry]] = field(default_factory=lambda: defaultdict(list))

    def trades(self, stage: Stage) -> Sequence[PaperTrade]:
        """Return the trades of a stage in their sequence."""
        return self._trades[stage]

    def broken(self, stage: Stage) -> frozenset[int]:
        """Return the tokens at whose orders a venue raised: denied so, an exception kept of each.

        What failed inside is an input, as it is of an analysis. A denial that no exception was
        kept of is none: it is to be compared.
        """
        denied = [one for one in self._trades[stage] if one.code == Code.INTERNAL_ERROR]
        if len(denied) > self._errors[stage]:
            return frozenset()
        return frozenset(one.token_id for one in denied)

    def transactions(self, trade_id: int) -> list[SimulatedTransaction]:
        """Return the transactions of a trade by nonce."""
        return self._transactions[trade_id]

    def postings(self, trade_id: int) -> list[LedgerEntry]:
        """Return the ledger lines of a trade in order."""
        return self._postings[trade_id]

    def thought(self, token_id: int) -> PaperAIThoughtLog | None:
        """Return the decision on a token."""
        return self._thoughts.get(token_id)

    def thoughts(self) -> Sequence[PaperAIThoughtLog]:
        """Return the decisions on all tokens."""
        return tuple(self._thoughts.values())

    def count_trades(self) -> int:
        """Return the number of trades of all stages."""
        return sum(map(len, self._trades.values()))

    def count_thoughts(self) -> int:
        """Return the number of decisions."""
        return len(self._thoughts)

    @property
    def failed(self) -> frozenset[int]:
        """The tokens of whose analysis an exception was kept.

        What failed inside is an input: nothing but the row can say that it happened.
        """
        return frozenset(self._failed)


def broken_of(rows: TickRows) -> dict[Stage, frozenset[int]]:
    """Return the tokens at whose orders a venue raised, for each stage that asks one."""
    return {stage: rows.broken(stage) for stage in (Stage.AUTO_CLOSE, Stage.EXECUTION)}


def rows_of(tick_ids: Sequence[int]) -> dict[int, TickRows]:
    """Read all that some ticks left behind, in a fixed number of statements."""
    found = {key: TickRows() for key in tick_ids}
    for point in EquityPoint.objects.filter(tick__in=tick_ids):
        found[point.tick_id].equity = point
    for measured in PaperPerformanceMetrics.objects.filter(tick__in=tick_ids):
        found[measured.tick_id].metrics = measured
    for thought in PaperAIThoughtLog.objects.filter(tick__in=tick_ids):
        found[thought.tick_id]._thoughts[thought.token_id] = thought
    done = TickStage.objects.filter(tick__in=tick_ids, stage=Stage.CLOSE)
    for tick_id in done.values_list("tick", flat=True):
        found[tick_id].reached_close = True
    kept = InternalError.objects.filter(tick__in=tick_ids)
    for tick_id, token_id, stage in kept.values_list("tick", "token", "stage"):
        if token_id:
            found[tick_id]._failed.add(token_id)
        else:
            found[tick_id]._errors[Stage(stage)] += 1
    _add_trades(found, PaperTrade.objects.filter(tick__in=tick_ids).order_by("sequence"))
    return found


def _add_trades(found: dict[int, TickRows], trades: Iterable[PaperTrade]) -> None:
    homes: dict[int, TickRows] = {}
    for trade in trades:
        homes[trade.pk] = found[trade.tick_id]
        found[trade.tick_id]._trades[Stage(trade.stage)].append(trade)
    sent = SimulatedTransaction.objects.filter(trade__in=list(homes)).order_by("nonce")
    for transaction in sent:
        homes[transaction.trade_id]._transactions[transaction.trade_id].append(transaction)
    lines = LedgerEntry.objects.filter(trade__in=list(homes)).order_by("line")
    for line in lines:
        if line.trade_id is not None:
            homes[line.trade_id]._postings[line.trade_id].append(line)
