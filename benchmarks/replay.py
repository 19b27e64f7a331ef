"""What a replayed tick costs, in one run without a database: `python -m benchmarks.replay`."""

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from paper_trading.services.sources.recorded import RecordedFile

#: Functions of the profile that are printed, the dearest first.
_SHOWN = 15


def main(arguments: Sequence[str] | None = None) -> None:
    """Replay a file, generated unless one is given, for one level and for ten."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
    django.setup()
    chosen = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dexproject-replay-") as folder:
        _measure(chosen.prices or _generated(Path(folder), chosen.ticks), chosen.ticks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.replay", description=__doc__)
    parser.add_argument("--prices", type=Path, help="a price file instead of the generated one")
    parser.add_argument("--ticks", type=int, default=1000)
    return parser


def _generated(folder: Path, ticks: int) -> Path:
    from benchmarks import markets
    from paper_trading.services.sources.base import BACKFILL_STEPS

    return markets.price_file(folder / "prices.csv.gz", 10, BACKFILL_STEPS + ticks)


def _measure(path: Path, ticks: int) -> None:
    from paper_trading.services.sources.recorded import RecordedFile

    file = RecordedFile.open(path)
    one, steps = _timed(file, [5], ticks)
    ten, _ = _timed(file, list(range(1, 11)), ticks)
    print(f"{len(file.symbols)} tokens, {steps} steps, back-fill included")
    print(f"  {'levels':<10}{'CPU s':>8}{'token-steps a CPU s':>22}")
    for name, spent, levels in (("one", one, 1), ("ten", ten, 10)):
        rate = steps * len(file.symbols) * levels / spent
        print(f"  {name:<10}{spent:8.2f}{rate:22,.0f}")
    print(f"  ten levels / one level: {ten / one:.2f} (10 would be no sharing of the market)")
    _profile(file, ticks)


def _timed(file: "RecordedFile", levels: Sequence[int], ticks: int) -> tuple[float, int]:
    from paper_trading.bot.replay.file_run import run_file
    from paper_trading.engine.strategy import Strategy
    from paper_trading.services.sources.base import BACKFILL_STEPS

    began = time.process_time()
    runs = run_file(file, levels, Strategy(), ticks)
    return time.process_time() - began, runs[0].ticks + BACKFILL_STEPS


def _profile(file: "RecordedFile", ticks: int) -> None:
    profile = cProfile.Profile()
    profile.enable()
    _timed(file, [5], ticks)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(_SHOWN)


if __name__ == "__main__":
    main()
