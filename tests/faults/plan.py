"""Which kills to make: every boundary of the money stages once, then seeded chance."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.faults.boundaries import MONEY, STAGES

CHILD, WORKER, POSTGRES = "child", "worker", "postgres"
VALKEY, EMPTY_VALKEY, BEAT = "valkey", "valkey-empty", "beat"
STORES = (POSTGRES, VALKEY, EMPTY_VALKEY)
#: What is killed beside a child. All but beat stop more than one tick: they go one an interval.
SERVERS = (WORKER, *STORES, BEAT)
TARGETS = (CHILD, *SERVERS)
#: Not a kill: a deposit from another process, at a boundary.
DEPOSIT = "deposit"

#: One kill of a server or of beat for so many kills.
SERVER_SHARE = 12
#: One kill at no boundary, but so soon behind the claim, for so many kills.
CHANCE_SHARE = 10
LATEST_CHANCE_MS = 12

#: Chance draws among boundaries that at least this share of the runs reach: for a server, for
#: a child.
COMMON, RARE = 0.5, 0.09


@dataclass(frozen=True, slots=True)
class Seen:
    """How often the runs of a stage reach a boundary, and in which (session, tick number).

    A `cold` one is reached by a process that has read nothing yet.
    """

    share: float
    places: tuple[tuple[int, int], ...] = ()
    cold: bool = False


#: By stage, each boundary with what the census saw of it.
Census = Mapping[str, Mapping[str, Seen]]


@dataclass(frozen=True, slots=True)
class Kill:
    """One fault: at a boundary of a stage or, with `after_ms`, so long behind its claim.

    `covers` tells a kill that a boundary still needs from one drawn by chance; `places` are the
    ticks, by session and number, that are kept for it. `needs` names a head that the stage must
    have run before; `session` limits a kill to one session. For a `cold` one the process
    forgets what it knows at the claim.
    """

    id: str
    target: str
    stage: str
    boundary: str = ""
    after_ms: float | None = None
    covers: bool = False
    needs: str = ""
    session: int | None = None
    places: tuple[tuple[int, int], ...] = ()
    cold: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the kill as JSON."""
        return asdict(self)

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> "Kill":
        """Return the kill that `to_json` wrote."""
        return cls(**{**found, "places": places_of(found["places"])})


def places_of(found: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Return places from JSON."""
    return tuple((session, number) for session, number in found)


def read_census(found: Mapping[str, Mapping[str, Any]]) -> Census:
    """Return a census from JSON."""
    return {
        stage: {
            boundary: Seen(seen["share"], places_of(seen["places"]), seen["cold"])
            for boundary, seen in boundaries.items()
        }
        for stage, boundaries in found.items()
    }


def boundaries_of(
    census: Census, stages: Sequence[str], share: float = 0.0
) -> list[tuple[str, str]]:
    """Return the boundaries of some stages that so many runs reach, sorted."""
    return sorted(
        (stage, boundary)
        for stage in stages
        for boundary, found in census.get(stage, {}).items()
        if found.share >= share
    )


def make_plan(census: Census, kills: int, seed: int) -> list[Kill]:
    """Return so many kills, the same for the same census and seed.

    With fewer kills than boundaries, a seeded sample of them is covered. A boundary that is
    seldom met has ticks kept for it.
    """
    luck = random.Random(seed)
    servers = _servers(kills)
    wanted = boundaries_of(census, MONEY)
    luck.shuffle(wanted)
    wanted = wanted[: kills - len(servers)]
    plan = []
    for number, (stage, boundary) in enumerate(wanted):
        seen = census[stage][boundary]
        kept = seen.places if stage == "metrics" or seen.share < COMMON else ()
        key = f"c{number:03d}"
        plan.append(Kill(key, CHILD, stage, boundary, covers=True, places=kept, cold=seen.cold))
    places = boundaries_of(census, STAGES, COMMON)
    plan += [
        _drawn(f"s{number:03d}", target, places, luck) for number, target in enumerate(servers)
    ]
    places = boundaries_of(census, STAGES, RARE)
    plan += [_drawn(f"r{number:03d}", CHILD, places, luck) for number in range(kills - len(plan))]
    return plan


def cover(stage: str, boundary: str) -> Kill:
    """Return the kill for a boundary that the census did not meet."""
    key = f"late-{stage}-{boundary}".replace(" ", "_")
    return Kill(key, CHILD, stage, boundary, covers=True, cold=True)


def another(number: int, census: Census, seed: int) -> Kill:
    """Return one more kill by chance, for a run that has to go on."""
    luck = random.Random(f"{seed}:{number}")
    return _drawn(f"x{number:03d}", CHILD, boundaries_of(census, STAGES, RARE), luck)


def _servers(kills: int) -> list[str]:
    """Return the kills of servers and beat: each kind in turn, about one in SERVER_SHARE."""
    number = min(kills, max(len(SERVERS), kills // SERVER_SHARE))
    return [SERVERS[index % len(SERVERS)] for index in range(number)]


def _drawn(key: str, target: str, places: Sequence[tuple[str, str]], luck: random.Random) -> Kill:
    # Drawn by stage first: the many statements of one stage do not crowd out the others.
    stage = luck.choice(sorted({stage for stage, _ in places if stage != "metrics"}))
    boundary = luck.choice([found for of, found in places if of == stage])
    if luck.randrange(CHANCE_SHARE) == 0:
        return Kill(key, target, stage, after_ms=round(luck.uniform(0, LATEST_CHANCE_MS), 2))
    return Kill(key, target, stage, boundary)
