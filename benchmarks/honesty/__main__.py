"""Run a study and say whether its claim holds: `python -m benchmarks.honesty driftless`."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import django

from benchmarks.honesty.kept import OtherStudy, Shelf

if TYPE_CHECKING:
    from benchmarks.honesty.reports import Report

_Run = TypeVar("_Run")
_Outcome = TypeVar("_Outcome")

#: Seeds of each study of generated markets: enough for errors that mean something.
SEEDS = {"driftless": 200, "planted": 60, "cadence": 6}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one study; 0 when its claim holds, 1 when it does not, 2 for bad arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
    django.setup()
    chosen = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        found = _STUDIES[chosen.study](chosen)
    except OtherStudy as refused:
        print(refused, file=sys.stderr)
        return 2
    print(found.markdown())
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    if chosen.json is not None:
        found.write(chosen.json)
    return 1 if found.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.honesty", description=__doc__)
    parser.allow_abbrev = False
    studies = parser.add_subparsers(dest="study", required=True)
    for name, seeds in SEEDS.items():
        generated = studies.add_parser(name, allow_abbrev=False)
        generated.add_argument("--seeds", type=_count, default=seeds)
        generated.add_argument("--jobs", type=_count, default=2, help="processes (2)")
        generated.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="keep each seed, go on from there",
        )
        generated.add_argument("--levels", type=_levels, default=list(range(1, 11)))
        if name == "planted":
            generated.add_argument("--fee-pips", type=_count, default=500, help="pool fee (500)")
    for name in ("levels", "reliability"):
        recorded = studies.add_parser(name, allow_abbrev=False)
        recorded.add_argument("--prices", type=Path, required=True, metavar="FILE")
        recorded.add_argument("--ticks", type=_count, help="the first ticks of the file only")
        if name == "levels":
            recorded.add_argument("--levels", type=_levels, default=list(range(1, 11)))
            recorded.add_argument(
                "--set", type=_setting, action="append", default=[], metavar="NAME=VALUE"
            )
    for study in studies.choices.values():
        study.add_argument("--json", type=Path, metavar="PATH", help="write the figures here")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"was {text!r}; a whole number from 1 on is needed")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"was {text!r}; allowed is NAME=VALUE")
    return name, value


def _levels(text: str) -> list[int]:
    from paper_trading.management.arguments import levels

    return levels(text)


def _each(
    kind: type[_Outcome],
    run: Callable[[int], Sequence[_Outcome]],
    chosen: argparse.Namespace,
    **settings: object,
) -> list[Sequence[_Outcome]]:
    """Run seeds 1, 2, ... in some processes; the order of the results is that of the seeds."""
    from paper_trading.intelligence.inputs import program

    seeds, jobs, numbers = chosen.seeds, chosen.jobs, range(1, chosen.seeds + 1)
    if chosen.out is not None:
        study = {"name": chosen.study, "program": program(""), "levels": chosen.levels, **settings}
        run = partial(Shelf(chosen.out, study).outcomes, kind, run)
    if jobs == 1:
        return list(_told(map(run, numbers), seeds))
    with ProcessPoolExecutor(jobs, initializer=django.setup) as pool:
        return list(_told(pool.map(run, numbers), seeds))


def _told(runs: Iterable[_Run], seeds: int) -> Iterator[_Run]:
    for done, run in enumerate(runs, 1):
        print(f"seed {done} of {seeds}", file=sys.stderr, flush=True)
        yield run


def _driftless(chosen: argparse.Namespace) -> "Report":
    from benchmarks.honesty import driftless

    run = partial(driftless.run, levels=chosen.levels)
    return driftless.report(_each(driftless.Outcome, run, chosen))


def _planted(chosen: argparse.Namespace) -> "Report":
    from benchmarks.honesty import planted

    run = partial(planted.run, levels=chosen.levels, fee_pips=chosen.fee_pips)
    found = _each(planted.Outcome, run, chosen, fee_pips=chosen.fee_pips)
    return planted.report(found, chosen.fee_pips)


def _cadence(chosen: argparse.Namespace) -> "Report":
    from benchmarks.honesty import cadence

    run = partial(cadence.run, levels=chosen.levels)
    return cadence.report(_each(cadence.Outcome, run, chosen))


def _levels_study(chosen: argparse.Namespace) -> "Report":
    from benchmarks.honesty import levels
    from paper_trading.models.strategy import strategy_with

    strategy = strategy_with(dict(chosen.set))
    counted = levels.run(chosen.prices, chosen.levels, strategy, chosen.ticks)
    return levels.report(counted, [f"{name} = {value}" for name, value in chosen.set])


def _reliability(chosen: argparse.Namespace) -> "Report":
    from benchmarks.honesty import reliability

    return reliability.report(reliability.run(chosen.prices, chosen.ticks))


_STUDIES: dict[str, Callable[[argparse.Namespace], "Report"]] = {
    "driftless": _driftless,
    "planted": _planted,
    "cadence": _cadence,
    "levels": _levels_study,
    "reliability": _reliability,
}

if __name__ == "__main__":
    sys.exit(main())
