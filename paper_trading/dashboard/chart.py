"""The equity line: points for an SVG, drawn on the server, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.models import PaperTradingAccount

#: The drawing's own units; the page stretches it.
WIDTH, HEIGHT = 1000, 240
MARGIN = 8
POINTS = 1500
BUCKETS = 120
TABLE_ROWS = 12

Sample = tuple[datetime, Decimal]


@dataclass(frozen=True, slots=True)
class EquityChart:
    """A line against the deposits. Coordinates grow to the right and down."""

    line: str
    #: The line closed along the baseline, to be filled.
    area: str
    baseline_y: int
    first: Sample
    last: Sample
    lowest: Decimal
    highest: Decimal
    top: Decimal
    bottom: Decimal
    rows: tuple[Sample, ...]


def equity_chart(account: PaperTradingAccount) -> EquityChart | None:
    """Return the chart of the newest points; None when there are fewer than two."""
    newest = account.equity_points.order_by("-market_time")
    samples = list(newest.values_list("market_time", "equity_usd")[:POINTS])
    samples.reverse()
    return draw(samples, account.deposits_usd)


def draw(samples: Sequence[Sample], baseline: Decimal) -> EquityChart | None:
    """Place samples, oldest first, in the drawing."""
    if len(samples) < 2:
        return None
    amounts = [amount for _, amount in samples]
    lowest, highest = min(amounts), max(amounts)
    bottom, top = min(lowest, baseline), max(highest, baseline)
    kept = thin(samples, BUCKETS)
    begin, span = kept[0][0], kept[-1][0] - kept[0][0]
    height = HEIGHT - 2 * MARGIN

    def y(amount: Decimal) -> int:
        share = (top - amount) / (top - bottom) if top > bottom else Decimal("0.5")
        return MARGIN + int(share * height)

    def x(at: datetime) -> int:
        return WIDTH * (at - begin) // span if span else 0

    line = " ".join(f"{x(at)},{y(amount)}" for at, amount in kept)
    level = y(baseline)
    return EquityChart(
        line=line,
        area=f"{x(begin)},{level} {line} {x(kept[-1][0])},{level}",
        baseline_y=level,
        first=samples[0],
        last=samples[-1],
        lowest=lowest,
        highest=highest,
        top=top,
        bottom=bottom,
        rows=tuple(reversed(_spread(samples, TABLE_ROWS))),
    )


def thin(samples: Sequence[Sample], buckets: int) -> list[Sample]:
    """Keep the lowest and the highest sample of each bucket, and both ends."""
    if len(samples) <= 2 * buckets:
        return list(samples)
    kept = {0, len(samples) - 1}
    for bucket in range(buckets):
        start = bucket * len(samples) // buckets
        places = range(start, (bucket + 1) * len(samples) // buckets)
        kept.add(min(places, key=lambda place: samples[place][1]))
        kept.add(max(places, key=lambda place: samples[place][1]))
    return [samples[place] for place in sorted(kept)]


def _spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return at most so many samples, evenly spread, the last one included."""
    if len(samples) <= count:
        return list(samples)
    last = len(samples) - 1
    return [samples[last * place // (count - 1)] for place in range(count)]
