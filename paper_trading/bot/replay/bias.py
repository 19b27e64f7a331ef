"""Look-ahead: what a file says later must change nothing that was decided before."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paper_trading.bot.replay.file_run import digests
from paper_trading.engine.strategy import Strategy
from paper_trading.services.sources.base import BACKFILL_STEPS
from paper_trading.services.sources.recorded import RecordedFile


@dataclass(frozen=True, slots=True)
class Bias:
    """A past that another future changed."""

    #: Ticks before the cut, and how the future after it was changed.
    cut: int
    change: str
    #: Number of the first tick that differs, and in what.
    tick: int
    part: str

    def __str__(self) -> str:
        return (
            f"tick {self.tick}: {self.part} changed when the file was {self.change}"
            f" from tick {self.cut + 1} on"
        )


def biases(
    file: RecordedFile, level: int, strategy: Strategy, cuts: Sequence[int], seed: int
) -> list[Bias]:
    """Cut the future off and shuffle it at each cut; return what that changed before the cut.

    :raises ValueError: for a cut that leaves no tick before or after it.
    """
    last = file.steps - BACKFILL_STEPS
    for cut in cuts:
        if not 0 < cut < last:
            allowed = f"1 to {last - 1}: the file has {last} ticks"
            raise ValueError(f"cut was {cut}; allowed is {allowed}")
    known = digests(file, level, strategy, max(cuts))
    found: list[Bias] = []
    for cut in cuts:
        for change, changed in (
            ("cut off", truncated(file, cut)),
            ("shuffled", shuffled(file, cut, seed)),
        ):
            other = digests(changed, level, strategy, cut)
            found += _first(known[:cut], other, cut, change)
    return found


def truncated(file: RecordedFile, ticks: int) -> RecordedFile:
    """Return a file that ends after so many ticks."""
    steps = BACKFILL_STEPS + ticks
    return replace(file, starts=file.starts[:steps], bars=file.bars[:steps])


def shuffled(file: RecordedFile, ticks: int, seed: int) -> RecordedFile:
    """Return a file whose bars after so many ticks come in another order; times stay."""
    steps = BACKFILL_STEPS + ticks
    future = list(file.bars[steps:])
    random.Random(seed).shuffle(future)  # noqa: S311
    return replace(file, bars=(*file.bars[:steps], *future))


def _first(
    known: Sequence[Mapping[str, str]], other: Sequence[Mapping[str, str]], cut: int, change: str
) -> list[Bias]:
    """Return the first tick in which two pasts differ, as a list of one; empty when none does."""
    for tick, (before, after) in enumerate(zip(known, other, strict=True), 1):
        for part in before:
            if before[part] != after[part]:
                return [Bias(cut, change, tick, part)]
    return []
