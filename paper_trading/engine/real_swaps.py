"""Fills beside real swaps of the same pool: by how much a fill flatters, in basis points."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum, unique

from paper_trading.engine.enums import FillGrade, Side
from paper_trading.engine.market import require_zone
from paper_trading.engine.money import ONE, exact, require

#: A hundredth of a percent.
BASIS_POINTS = Decimal(10_000)
_TENTH = Decimal("0.1")


@unique
class NotCompared(StrEnum):
    """Why a fill is not compared."""

    NO_POOL = "NO_POOL"
    #: The source's list of swaps begins later.
    BEFORE_THE_LIST = "BEFORE_THE_LIST"
    NO_ANSWER = "NO_ANSWER"
    #: Nobody traded near it; nobody on its side; nobody of about its size.
    NONE_NEAR = "NONE_NEAR"
    NONE_OF_SIDE = "NONE_OF_SIDE"
    NONE_OF_SIZE = "NONE_OF_SIZE"


@dataclass(frozen=True, slots=True)
class RealSwap:
    """A swap that somebody made in a pool, from a token's side.

    :raises TypeError: when a figure is a float or no number.
    :raises ValueError: when one is not above 0, or the time has no zone.
    """

    at: datetime
    side: Side
    #: Paid or got for one whole token, fee and impact in it: in cash where the pool's other token
    #: is cash, else in USD.
    price: Decimal
    size_usd: Decimal

    def __post_init__(self) -> None:
        """Refuse what no swap is."""
        require_zone("time of a swap", self.at)
        for name in ("price", "size_usd"):
            require(name, getattr(self, name), 0, Decimal(10) ** 60, above=True)


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill of ours, in the units of the swaps that it is laid beside."""

    at: datetime
    side: Side
    price: Decimal
    size_usd: Decimal
    grade: FillGrade
    chain_id: int
    #: Symbol of its pool's other token. Where that is not cash, a fill has paid a first pool too.
    against: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """Which real swaps are like a fill: near in time, and of its size within a factor.

    :raises ValueError: when the time is not above 0, or the factor below 1.
    """

    within: timedelta = timedelta(seconds=60)
    size_factor: Decimal = Decimal(2)

    def __post_init__(self) -> None:
        """Refuse what nothing is like."""
        if self.within <= timedelta(0):
            raise ValueError(f"within was {self.within}; allowed are times above 0")
        require("size_factor", self.size_factor, ONE, BASIS_POINTS)


@dataclass(frozen=True, slots=True)
class Compared:
    """A fill with its error, or why there is none."""

    fill: Fill
    error_bp: Decimal | None
    reason: NotCompared | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The fills of one grade on one chain, in pools against one token."""

    grade: FillGrade
    chain_id: int
    against: str
    fills: int
    #: Signed: above 0 our fills were better than real swaps. None without any compared.
    low_bp: Decimal | None
    median_bp: Decimal | None
    high_bp: Decimal | None
    compared: int
    #: How many were not compared, by reason.
    without: Mapping[NotCompared, int]


@exact
def compare(
    fill: Fill, swaps: Sequence[RealSwap], known_since: datetime, like: Likeness
) -> Compared:
    """Compare a fill with the median price of the real swaps that are like it.

    `known_since` is where the list of swaps begins. A buy is better when it paid less, a sale when
    it got more.
    """
    if fill.at + like.within < known_since:
        return Compared(fill, None, NotCompared.BEFORE_THE_LIST)
    near = [one for one in swaps if abs(one.at - fill.at) <= like.within]
    of_side = [one for one in near if one.side is fill.side]
    low, high = fill.size_usd / like.size_factor, fill.size_usd * like.size_factor
    alike = sorted(one.price for one in of_side if low <= one.size_usd <= high)
    if not alike:
        kinds = ((near, NotCompared.NONE_NEAR), (of_side, NotCompared.NONE_OF_SIDE))
        missing = (reason for found, reason in kinds if not found)
        return Compared(fill, None, next(missing, NotCompared.NONE_OF_SIZE))
    real = median(alike)
    gain = real - fill.price if fill.side is Side.BUY else fill.price - real
    return Compared(fill, gain / real * BASIS_POINTS)


@exact
def median(ordered: Sequence[Decimal]) -> Decimal:
    """Return the middle of sorted numbers, of two the mean; ValueError for none."""
    if not ordered:
        raise ValueError("nothing has no median")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(ordered: Sequence[Decimal], percent: int) -> Decimal:
    """Return the least of sorted numbers that so many percent are not above: the nearest rank.

    ValueError for none, and for a percentage that is not 1 to 100.
    """
    if not ordered or not 1 <= percent <= 100:
        raise ValueError(f"{percent} % of {len(ordered)} numbers; allowed is 1 to 100 of some")
    return ordered[-(-len(ordered) * percent // 100) - 1]


def reports(compared: Iterable[Compared]) -> list[Report]:
    """Return how fills did by grade, chain and other token of the pool, the best grade first."""
    groups: dict[tuple[FillGrade, int, str], list[Compared]] = {}
    for one in compared:
        fill = one.fill
        groups.setdefault((fill.grade, fill.chain_id, fill.against), []).append(one)
    return [_report(key, groups[key]) for key in sorted(groups)]


def _report(key: tuple[FillGrade, int, str], of: Sequence[Compared]) -> Report:
    errors = sorted(one.error_bp for one in of if one.error_bp is not None)
    reasons = [one.reason for one in of if one.reason is not None]
    low = middle = high = None
    if errors:
        found = (percentile(errors, 10), median(errors), percentile(errors, 90))
        low, middle, high = (one.quantize(_TENTH) for one in found)
    without = {reason: reasons.count(reason) for reason in NotCompared if reason in reasons}
    return Report(*key, len(of), low, middle, high, len(errors), without)
