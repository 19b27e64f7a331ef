"""Random histories of an account, and its figures computed anew from all of their events."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import strategies as st

from paper_trading.engine import track
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.tallies import COSTS, Swapped, round_trip
from paper_trading.engine.track import TrackRecord, Worth
from tests.engine.worlds import NOON

STEP = timedelta(minutes=15)
FIRST = Decimal(10_000)


@dataclass(frozen=True)
class Event:
    """A tick: what passed before it, its worth and prices, its trades, and money paid in after."""

    steps: int
    equity: Decimal
    exposed: Decimal
    eth: Decimal | None
    token: Decimal
    nets: tuple[Decimal, ...] = ()
    paid: Decimal = Decimal(0)


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda number: Decimal(number) / 100)


EVENTS = st.builds(
    Event,
    steps=st.integers(1, 9),
    equity=cents(500_000, 2_000_000),
    exposed=cents(0, 100),
    eth=st.none() | cents(100_000, 400_000),
    token=cents(1, 1_000),
    nets=st.lists(cents(-5_000, 5_000), max_size=2).map(tuple),
    paid=st.just(Decimal(0)) | cents(1, 500_000),
)
HISTORIES = st.lists(EVENTS, min_size=1, max_size=25)


def times(events: Sequence[Event]) -> list[datetime]:
    at, found = NOON, []
    for event in events:
        at += event.steps * STEP
        found.append(at)
    return found


def swaps(event: Event, at: datetime, scale: Decimal = Decimal(1)) -> list[Swapped]:
    """Return the sales of a tick, each the end of a position of 500 USD."""
    reasons = list(ExitReason)
    return [
        Swapped(
            at,
            place,
            f"T{place}",
            {name: scale * (place + 1) for place, name in enumerate(COSTS)},
            sold_usd=500 * scale,
            trip=round_trip(at - STEP, reasons[place], 500 * scale, net * scale, Decimal(0)),
        )
        for place, net in enumerate(event.nets)
    ]


def folded(events: Sequence[Event], scale: Decimal = Decimal(1)) -> TrackRecord:
    """Fold a history; money may be scaled."""
    record = track.opened(FIRST * scale)
    for event, at in zip(events, times(events), strict=True):
        record = ticked(record, event, at, scale)
    return record


def ticked(
    record: TrackRecord, event: Event, at: datetime, scale: Decimal = Decimal(1)
) -> TrackRecord:
    """Fold one event."""
    quoted = {2: event.token} | ({} if event.eth is None else {1: event.eth})
    prices = Prices(quoted, frozenset(quoted), None if event.eth is None else 1)
    record = track.counted(record, swaps(event, at, scale))
    record = track.observed(record, worth_of(event, at, scale), prices, STEP)
    return track.paid_in(record, event.paid * scale) if event.paid else record


def worth_of(event: Event, at: datetime, scale: Decimal = Decimal(1)) -> Worth:
    equity = event.equity * scale
    return Worth(at, equity, equity * event.exposed, Decimal(1))


def indices(events: Sequence[Event]) -> list[Decimal]:
    """Return the index at every tick, one growth after the other."""
    found, before, index = [], FIRST, Decimal(1)
    for event in events:
        index *= event.equity / before
        before = event.equity + event.paid
        found.append(index)
    return found


def hourly(events: Sequence[Event]) -> list[Decimal]:
    """Return the index at the end of each full hour, looked up in all of the ticks."""
    at, levels = times(events), indices(events)
    start, found = at[0] - STEP, []
    end = start + timedelta(hours=1)
    while end <= at[-1]:
        known = [level for level, time in zip(levels, at, strict=True) if time <= end]
        found.append(known[-1])
        end += timedelta(hours=1)
    return found


def deepest(events: Sequence[Event]) -> Decimal:
    """Return the deepest fall as a fraction, each tick against all before it."""
    levels = [Decimal(1), *indices(events)]
    return max(1 - level / max(levels[: place + 1]) for place, level in enumerate(levels))


def exposure(events: Sequence[Event]) -> Decimal | None:
    """Return the share of positions, every span of time by itself."""
    spans = [
        (event.exposed, (later - at) // STEP)
        for event, (at, later) in zip(events, pairwise(times(events)), strict=False)
    ]
    total = sum(length for _, length in spans)
    if not total:
        return None
    return sum((share * length for share, length in spans), Decimal(0)) / total


def by_day(events: Sequence[Event]) -> dict[object, list[Decimal]]:
    """Return the results that were won or lost by UTC day."""
    found: dict[object, list[Decimal]] = defaultdict(list)
    for event, at in zip(events, times(events), strict=True):
        found[at.date()] += [net for net in event.nets if net]
    return {day: nets for day, nets in found.items() if nets}
