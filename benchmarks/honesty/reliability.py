"""Whether the shown chance to win is what came about, on a recorded file and on its hours."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.honesty.reports import Report
from paper_trading.bot.replay.market import MemoryMarket
from paper_trading.engine.decision import PWin
from paper_trading.engine.equity import market_day
from paper_trading.engine.money import ZERO
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence import bars as spans
from paper_trading.intelligence.brackets import key_of
from paper_trading.intelligence.observed import exact_step
from paper_trading.intelligence.p_win import BINS, bin_of
from paper_trading.intelligence.setups import SetUp
from paper_trading.services import market_setup
from paper_trading.services.sources.recorded import RecordedFile, RecordedSource
from paper_trading.services.sources.recorded_bars import Bar

HOUR_SECONDS = 3600
#: Series by the hour that are made of one token.
PHASES = 6
#: Share of bins whose interval must hold what came about, in percent.
LEAST_INSIDE_PERCENT = 90.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One matured set-up: the bin it was in, what was shown then, and how it ended."""

    place: int
    #: Market day of its entry.
    day: date
    shown: PWin
    won: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The matured set-ups of one series, in the order in which they matured."""

    name: str
    judged: tuple[Judged, ...]


def run(path: Path, ticks: int | None = None) -> list[Series]:
    """Fold a file, or its first steps, as it is and by the hour."""
    file = RecordedFile.open(path)
    if ticks is not None:
        file = replace(file, starts=file.starts[:ticks], bars=file.bars[:ticks])
    return [
        Series(f"{file.step_seconds} s", tuple(judged(file))),
        Series(f"{HOUR_SECONDS} s", tuple(judged(hourly(file)))),
    ]


def hourly(file: RecordedFile) -> RecordedFile:
    """Return a file by the hour: `PHASES` series of each token, begun at even distances.

    A file of days holds too few hours to rank and to mature anything once; hours that begin
    elsewhere are as real. A series begun later is moved back to the first one's hours.
    """
    apart = HOUR_SECONDS // file.step_seconds // PHASES
    parts = [_by_hour(_begun(file, apart * phase), phase) for phase in range(PHASES)]
    hours = min(part.steps for part in parts)
    bars = [sorted(bar for part in parts for bar in part.bars[hour]) for hour in range(hours)]
    return replace(
        parts[0],
        symbols=tuple(sorted(symbol for part in parts for symbol in part.symbols)),
        starts=parts[0].starts[:hours],
        bars=tuple(tuple(step) for step in bars),
    )


def _begun(file: RecordedFile, later: int) -> RecordedFile:
    """Return a file without its first bars, which takes their times."""
    return replace(file, starts=file.starts[: file.steps - later], bars=file.bars[later:])


def _by_hour(file: RecordedFile, phase: int) -> RecordedFile:
    """Return a file with the bars of each hour made into one; the phase is in the symbols."""
    grouped = [
        (start, [bar for _, bars in found for bar in bars])
        for start, found in groupby(
            zip(file.starts, file.bars, strict=True), key=lambda one: _hour(one[0])
        )
    ]
    return replace(
        file,
        step_seconds=HOUR_SECONDS,
        symbols=tuple(f"{symbol}+{phase}" for symbol in file.symbols),
        starts=tuple(start for start, _ in grouped),
        bars=tuple(
            tuple(bar._replace(symbol=f"{bar.symbol}+{phase}") for bar in _merged(bars))
            for _, bars in grouped
        ),
    )


def _hour(start: datetime) -> datetime:
    return spans.floor(start, HOUR_SECONDS)


def _merged(bars: Sequence[Bar]) -> list[Bar]:
    by_symbol: dict[str, list[Bar]] = defaultdict(list)
    for bar in bars:
        by_symbol[bar.symbol].append(bar)
    return [
        found[0]._replace(
            high=max(bar.high for bar in found),
            low=min(bar.low for bar in found),
            close=found[-1].close,
            volume_usd=sum((bar.volume_usd for bar in found), ZERO),
        )
        for _, found in sorted(by_symbol.items())
    ]


def judged(file: RecordedFile) -> list[Judged]:
    """Return every set-up of a file that matured, with the interval shown when it was entered.

    The file is folded from its first step on: quantiles come into force as soon as there are
    scores enough, and set-ups with them.
    """
    source, key = RecordedSource(file), key_of(Strategy())
    terms, native = market_setup.recorded_terms(file)
    tokens = market_setup.recorded_tokens(file)
    market = MemoryMarket(terms, tokens, native, {key})
    shown: dict[tuple[int, datetime], PWin] = {}
    found: list[Judged] = []
    for number in range(file.steps):
        book = market.step(exact_step(source.step(number, {})), tokens).books[key]
        for one in book.made.matured:
            said = shown.pop(_name(one.set_up))
            # Without an outcome there is nothing to compare with what was said.
            if one.net_percent is not None:
                found.append(_judge(one.set_up, said, won=one.net_percent > 0))
        for entered in book.made.entered:
            if book.experience is not None:
                shown[_name(entered)] = book.experience.p_win(entered.confidence)
    return found


def _name(set_up: SetUp) -> tuple[int, datetime]:
    return set_up.token_id, set_up.entered_at


def _judge(made: SetUp, shown: PWin, *, won: bool) -> Judged:
    return Judged(bin_of(made.confidence), market_day(made.entered_at), shown, won)


def report(series: Sequence[Series]) -> Report:
    """Compare shown and realized by rank bin, and measure the skill of both series."""
    bins = [line for one in series for line in _bins(one)]
    inside = 100.0 * sum(line["inside"] for line in bins) / len(bins) if bins else 0.0
    scores = [_score(one) for one in series]
    failed = f"{inside:.0f} % of the bins held what came about"
    said = "; ".join(
        f"{one['series']}: n = {one['n']}, base rate {one['base']:.3f}, Brier {one['brier']:.4f}"
        f" against {one['base_brier']:.4f}, skill {one['skill']:+.3f}"
        for one in scores
    )
    return Report(
        title="Shown and realized chance to win, by rank bin",
        method=(
            "Shown is the mean, over the set-ups of a bin, of the chance and its 95 % interval at"
            " their entry; realized is the share of the same set-ups that ended above zero. Set-ups"
            " of a day and of ten tokens move together: days count, not set-ups. Skill is 1 - Brier"
            f" / Brier of the base rate, which nobody knew beforehand: {said}. Inside:"
            f" {inside:.0f} % of the bins."
        ),
        head=("series", "bin", "n", "days", "shown %", "low %", "high %", "realized %", "inside"),
        rows=tuple(
            (
                line["series"], f"{10 * line['bin']}-{10 * line['bin'] + 10}",
                line["n"], line["days"],
                *(f"{line[name]:.1f}" for name in ("mean", "low", "high", "realized")),
                "yes" if line["inside"] else "no",
            )
            for line in bins
        ),
        data={"bins": bins, "scores": scores, "inside_percent": inside},
        failures=() if inside >= LEAST_INSIDE_PERCENT else (failed,),
    )  # fmt: skip


def _bins(series: Series) -> list[dict[str, Any]]:
    lines = []
    for place in range(BINS):
        found = [one for one in series.judged if one.place == place]
        if not found:
            continue
        n = len(found)
        low, mean, high = (
            sum(float(getattr(one.shown, name)) for one in found) / n
            for name in ("low", "mean", "high")
        )
        realized = 100.0 * sum(one.won for one in found) / n
        lines.append(
            {
                "series": series.name, "bin": place, "n": n,
                "days": len({one.day for one in found}), "low": low, "mean": mean, "high": high,
                "realized": realized, "inside": low <= realized <= high,
            }
        )  # fmt: skip
    return lines


def _score(series: Series) -> dict[str, Any]:
    """Return Brier scores; all zero for a series without set-ups."""
    n = len(series.judged)
    base = sum(one.won for one in series.judged) / n if n else 0.0
    brier = (
        sum((float(one.shown.mean) / 100.0 - one.won) ** 2 for one in series.judged) / n
        if n
        else 0.0
    )
    least = base * (1.0 - base)
    skill = 1.0 - brier / least if least else 0.0
    return {
        "series": series.name, "n": n, "base": base, "brier": brier, "base_brier": least,
        "skill": skill,
    }  # fmt: skip
