"""Arm the kills of a plan against the running stack until all of them were made."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults import armory
from tests.faults.boundaries import COMMITTED, MONEY
from tests.faults.plan import (
    BEAT,
    CHILD,
    DEPOSIT,
    EMPTY_VALKEY,
    SERVERS,
    STORES,
    WORKER,
    Census,
    Kill,
    another,
    boundaries_of,
    cover,
    make_plan,
)
from tests.faults.stack import Stack, say

#: Kills by chance that lie ready at once, beside every boundary that still needs one.
READY = 12
#: Intervals without a counted kill after which a run gives up.
PATIENCE = 25
#: Part of an interval after which the next server may be killed: in the next slot, not in this.
SERVER_GAP = 0.7
_LOOK_SECONDS = 0.2


@dataclass
class Driver:
    """The state of one run of kills: what is planned, armed, made, and met."""

    stack: Stack
    census: Census
    kills: int
    seed: int
    interval: float
    sessions: list[int]
    plant: str = ""
    plan: list[Kill] = field(init=False)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    _armed: set[str] = field(default_factory=set)
    _known: set[tuple[str, str]] = field(default_factory=set)
    _extra: int = 0
    _server_fired: bool = False

    def __post_init__(self) -> None:
        self.plan = self._planned()
        self._known = set(boundaries_of(self.census, MONEY))

    def run(self) -> None:
        """Kill until the plan is done, or nothing happens any more."""
        progress, server_at, told = time.monotonic(), 0.0, -1
        while not self.done:
            before = len(self.counted)
            self._read()
            if len(self.counted) > before:
                progress = time.monotonic()
            if time.monotonic() - progress > PATIENCE * self.interval:
                say(f"gave up: no counted kill in {PATIENCE} intervals")
                break
            if self._server_fired:
                server_at, self._server_fired = time.monotonic(), False
            self._arm(servers=time.monotonic() - server_at > SERVER_GAP * self.interval)
            if len(self.counted) // 10 != told:
                told = len(self.counted) // 10
                say(f"{len(self.counted)} kills counted, {len(self.missing)} boundaries to meet")
            self.stack.wait(_LOOK_SECONDS)
        self.stack.armory.disarm()

    @property
    def counted(self) -> list[dict[str, Any]]:
        """Return the kills that fell between a claim and its commit."""
        return [line for line in self.made.values() if line["counts"]]

    @property
    def met(self) -> set[tuple[str, str]]:
        """Return the boundaries at which a process or a server was killed."""
        return {(line["stage"], line["boundary"]) for line in self.counted}

    @property
    def whole(self) -> bool:
        """Say whether this run is long enough to meet every boundary."""
        return not self.plant and self.kills >= len(self._known) + len(SERVERS)

    @property
    def missing(self) -> list[str]:
        """Return the boundaries of money stages that no kill has met."""
        wanted = self._known if self.whole else set()
        return [f"{stage}: {boundary}" for stage, boundary in sorted(wanted - self.met)]

    @property
    def done(self) -> bool:
        """Say whether there is nothing left to do."""
        if self.plant:
            return all(kill.id in self.made for kill in self.plan)
        enough = len(self.counted) >= self.kills and not self.missing
        pending = [kill for kill in self.plan if kill.target in SERVERS]
        return enough and all(kill.id in self.made for kill in pending)

    def _planned(self) -> list[Kill]:
        if not self.plant:
            middle = self.sessions[len(self.sessions) // 2]
            deposits = [
                Kill(f"d{number}", DEPOSIT, stage, f"{_WRITE} #1", session=middle)
                for number, stage in enumerate(("auto_close", "execution"))
            ]
            extra = [
                Kill(f"a{number:02d}", CHILD, stage, COMMITTED)
                for number, stage in enumerate(("auto_close", "execution") * (self.kills // 20))
            ]
            return [*deposits, *make_plan(self.census, self.kills, self.seed), *extra]
        return planted(self.plant, self.kills)

    def _arm(self, *, servers: bool) -> None:
        """Lay out what still needs a boundary, some by chance, and one server an interval."""
        open_ones = [kill for kill in self.plan if kill.id not in self.made]
        few = len(self.counted) + self._pending(open_ones) < self.kills
        if few and not self.plant:
            self._extra += 1
            self.plan.append(another(self._extra, self.census, self.seed))
        ready = [kill for kill in open_ones if kill.covers or kill.target == DEPOSIT]
        ready += [kill for kill in open_ones if not kill.covers and kill.target == CHILD][:READY]
        ready += [kill for kill in open_ones if kill.target == BEAT][:1]
        if servers:
            ready += [kill for kill in open_ones if kill.target in (WORKER, *STORES)][:1]
        for kill in ready:
            if kill.id not in self._armed:
                self._armed.add(kill.id)
                self.stack.armory.arm(kill)

    @staticmethod
    def _pending(kills: list[Kill]) -> int:
        return sum(kill.target != DEPOSIT and kill.boundary != COMMITTED for kill in kills)

    def _repeat(self, key: str) -> None:
        """Take a kill that turned out not to count back, and plan it anew."""
        if self.made[key]["counts"]:
            self.made[key]["counts"] = False
            void = next(kill for kill in self.plan if kill.id == key)
            self.plan.append(replace(void, id=f"{key}-again"))

    def _read(self) -> None:
        """Read what was killed, and boundaries that the census did not meet."""
        for line in armory.lines(self.stack.armory.log):
            if "void" in line:
                self._repeat(line["void"])
            elif line["kill"] not in self.made:
                self.made[line["kill"]] = line
                self._server_fired |= line["target"] in (WORKER, *STORES)
                self.stack.forgets = self.stack.forgets or line["target"] == EMPTY_VALKEY
        for line in armory.lines(self.stack.armory.seen):
            place = (line["stage"], line["boundary"])
            late = place[0] in MONEY and place[1] != COMMITTED and place not in self._known
            if late and self.whole:
                say(f"met later than in the census: {place[0]} {place[1]}")
                self._known.add(place)
                self.plan.append(cover(*place))


#: What a deposit falls in front of: the stage has read the account and not yet written it.
_WRITE = "UPDATE papertradingaccount"
_TRADE = "INSERT papertrade"


def planted(plant: str, kills: int) -> list[Kill]:
    """Return the kills that let a planted defect do its harm."""
    if plant == "double-commit":
        return [
            # Without a trade in it, what is doubled is of no account.
            Kill(f"p{number}", CHILD, stage, "COMMIT #1", needs=_TRADE)
            for number, stage in enumerate(("execution", "auto_close") * kills)
        ][:kills]
    if plant == "stale-cache":
        return [
            Kill(f"p{number}", CHILD, "auto_close", COMMITTED, needs=_TRADE)
            for number in range(kills)
        ]
    return [Kill(f"p{number}", DEPOSIT, "auto_close", f"{_WRITE} #1") for number in range(kills)]
