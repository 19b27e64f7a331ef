"""Kill the running stack at every boundary and report what came of it, as one JSON object."""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dexproject.embedded.errors import LauncherError
from dexproject.embedded.foreground import signals_end_the_work
from dexproject.embedded.options import FaultsOptions, parse
from tests.faults import armory, messages_log
from tests.faults.driver import Driver
from tests.faults.plan import Census, read_census
from tests.faults.stack import Broken, Stack, say, stack

#: Ticks of each session in the census: about as many as a long run has, or few.
CENSUS_TICKS = 45
SHORT_CENSUS_TICKS = 3
_CLOSE_SECONDS = 60.0
#: What worker and beats need before the first slot is due, or the first ticks begin late.
_BOOT_SECONDS = 4.0


def main(arguments: Sequence[str]) -> int:
    """Run the kills and return 0 when they are all made and nothing is wrong."""
    try:
        options = parse(["faults", *arguments])
        if not isinstance(options, FaultsOptions):
            sys.stdout.write(f"{options}\n")
            return 0
        with signals_end_the_work(), tempfile.TemporaryDirectory(prefix="dex-faults-") as folder:
            return report(options, Path(folder))
    except LauncherError as error:
        say(f"dev.py: {error}")
        return error.code
    except Broken as error:
        say(f"dev.py: faults: {error}")
        return 1


def report(options: FaultsOptions, folder: Path) -> int:
    """Run in a folder, print the report and return the exit status."""
    began = time.monotonic()
    with stack(folder, options.seed, options.plant, keeps_queue=options.aof) as running:
        found = _run(running, options, folder)
    found["seconds"] = round(time.monotonic() - began)
    if options.log is not None:
        options.log.write_bytes(running.armory.log.read_bytes())
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["problems"] or found["missing"] else 0


def _run(running: Stack, options: FaultsOptions, folder: Path) -> dict[str, Any]:
    interval = float(options.interval)
    say("Making the market and its sessions")
    given = {
        "record": str(folder / "record.csv"),
        "levels": options.levels,
        "interval_ms": round(interval * 1000),
        "plant": options.plant,
    }
    code, _ = running.manage("migrate", "--noinput")
    if code != 0:
        raise Broken("migrate failed")
    begun = {int(key): last for key, last in running.act("setup", given)["begun"].items()}
    running.copy_database("reference")
    census = _census(running, options)
    driver = Driver(
        running, census, options.kills, options.seed, interval, list(begun), options.plant
    )
    say(f"Starting the stack: {len(driver.plan)} faults planned")
    running.start_apps()
    running.wait(_BOOT_SECONDS)
    running.act("start", {})
    driver.run()
    _come_to_rest(running)
    return _look(running, driver, folder, begun)


def _census(running: Stack, options: FaultsOptions) -> Census:
    """Run the same ticks undisturbed and return every boundary that they have."""
    if options.plant:
        return {}
    say("Taking the census of boundaries")
    running.copy_database("census")
    ticks = CENSUS_TICKS if options.kills >= 100 else SHORT_CENSUS_TICKS
    return read_census(running.act("census", {"ticks": ticks}, "census"))


def _come_to_rest(running: Stack) -> None:
    """Stop the sessions and wait until their last ticks are through."""
    say("Stopping the sessions")
    running.act("stop", {})
    until = time.monotonic() + _CLOSE_SECONDS
    while running.open_ticks() and time.monotonic() < until:
        running.wait(0.2)
    running.stop_apps()


def _look(running: Stack, driver: Driver, folder: Path, begun: dict[int, int]) -> dict[str, Any]:
    """Check the rows, compare with an undisturbed run, and replay."""
    say("Checking the rows")
    faulty, undisturbed = folder / "faulty", folder / "undisturbed"
    faulty.mkdir()
    undisturbed.mkdir()
    found = running.act("inspect", {"folder": str(faulty)})
    numbers, expired = found.pop("numbers"), found.pop("expired")
    say("Running the same ticks undisturbed")
    running.act(
        "reference",
        {"folder": str(undisturbed), "numbers": numbers, "expired": expired},
        "reference",
    )
    for key in numbers:
        found["problems"] += differences(key, faulty, undisturbed)
    say("Replaying the ticks")
    replayed, problems = _replay(running, driver.sessions)
    found["problems"] += problems
    found["problems"] += _too_few(driver)
    compared = sum(max(0, numbers[str(key)] - last) for key, last in begun.items())
    if not compared:
        found["problems"].append("no tick could be compared with the undisturbed run")
    return {
        "seed": driver.seed,
        **_kills(driver),
        "messages": messages_log.count(armory.lines(running.armory.messages)),
        "restarts": running.restarts,
        **found,
        "compared": compared,
        "replayed": replayed,
    }


def _kills(driver: Driver) -> dict[str, Any]:
    counted = driver.counted
    return {
        "kills": len(counted),
        "by_target": dict(Counter(line["target"] for line in counted)),
        "by_stage": dict(Counter(line["stage"] for line in counted)),
        "not_counted": len(driver.made) - len(counted),
        "boundaries": len(driver.met),
        "missing": driver.missing,
    }


def _too_few(driver: Driver) -> list[str]:
    if driver.plant or len(driver.counted) >= driver.kills:
        return []
    return [f"only {len(driver.counted)} of {driver.kills} kills were counted"]


def differences(key: str, faulty: Path, undisturbed: Path) -> list[str]:
    """Return the first row of each kind in which a session differs from its undisturbed twin."""
    left, right = (json.loads((one / f"{key}.json").read_text()) for one in (faulty, undisturbed))
    problems = []
    for kind, rows in left.items():
        others = right[kind]
        if rows == others:
            continue
        pairs = zip(rows, others, strict=False)
        first = next((pair for pair in pairs if pair[0] != pair[1]), None)
        what = f"{len(rows)} rows, undisturbed {len(others)}"
        if first is not None:
            names = [name for name in first[0] if first[0][name] != first[1].get(name)]
            what = f"{_short(first[0], names)}, undisturbed {_short(first[1], names)}"
        problems.append(f"session {key} {kind} differ: {what}")
    return problems


def _short(row: dict[str, Any], names: list[str]) -> str:
    where: dict[str, Any] = {
        name: row[name] for name in ("tick__number", "sequence", "line") if name in row
    }
    where |= {name: row.get(name) for name in names[:3]}
    return str(where)[:300]


def _replay(running: Stack, sessions: list[int]) -> tuple[int, list[str]]:
    """Replay each session and return how many were, and what differs."""
    problems = []
    for key in sessions:
        code, said = running.manage("replay", "--session", str(key), "--verify")
        if code != 0:
            last = said.strip().splitlines()[-1:] or [f"exit code {code}"]
            problems.append(f"replay of session {key}: {last[0]}")
    return len(sessions), problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
