"""Which kills to make: every boundary of the money stages once, then seeded chance."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.faults.boundaries import MONEY, STAGES

CHILD, WORKER, POSTGRES = "child", "worker", "postgres"
VALKEY, EMPTY_VALKEY, BEAT = "valkey", "valkey-empty", "beat"
#: What is killed beside a child. Each stops more than one tick, so they go one an interval.
SERVERS = (WORKER, POSTGRES, VALKEY, EMPTY_VALKEY, BEAT)
TARGETS = (CHILD, *SERVERS)
#: Not a kill: a deposit from another process, at a boundary.
DEPOSIT = "deposit"

#: One kill of a server or of beat for so many kills.
SERVER_SHARE = 12
#: One kill at no boundary, but so soon behind the claim, for so many kills.
CHANCE_SHARE = 10
LATEST_CHANCE_MS = 12

#: By stage, each boundary with the share of the stage's runs that reach it.
Census = Mapping[str, Mapping[str, float]]
#: Chance draws among boundaries that at least this share of the runs reach.
COMMON = 0.5


@dataclass(frozen=True, slots=True)
class Kill:
    """One fault: at a boundary of a stage or, with `after_ms`, so long behind its claim.

    `covers` tells a kill that a boundary still needs from one drawn by chance. `needs` names a
    head that the stage must have run before; `tick` limits it to one session.
    """

    id: str
    target: str
    stage: str
    boundary: str = ""
    after_ms: float | None = None
    covers: bool = False
    needs: str = ""
    session: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the kill as JSON."""
        return asdict(self)


def boundaries_of(
    census: Census, stages: Sequence[str], share: float = 0.0
) -> list[tuple[str, str]]:
    """Return the boundaries of some stages that so many runs reach, sorted."""
    return sorted(
        (stage, boundary)
        for stage in stages
        for boundary, found in census.get(stage, {}).items()
        if found >= share
    )


def make_plan(census: Census, kills: int, seed: int) -> list[Kill]:
    """Return so many kills, the same for the same census and seed.

    With fewer kills than boundaries, a seeded sample of them is covered.
    """
    luck = random.Random(seed)
    servers = _servers(kills)
    wanted = boundaries_of(census, MONEY)
    luck.shuffle(wanted)
    wanted = wanted[: kills - len(servers)]
    plan = [
        Kill(f"c{number:03d}", CHILD, stage, boundary, covers=True)
        for number, (stage, boundary) in enumerate(wanted)
    ]
    places = boundaries_of(census, STAGES, COMMON)
    plan += [
        _drawn(f"s{number:03d}", target, places, luck) for number, target in enumerate(servers)
    ]
    plan += [_drawn(f"r{number:03d}", CHILD, places, luck) for number in range(kills - len(plan))]
    return plan


def cover(stage: str, boundary: str) -> Kill:
    """Return the kill for a boundary that the census did not meet."""
    return Kill(f"late-{stage}-{boundary}".replace(" ", "_"), CHILD, stage, boundary, covers=True)


def another(number: int, census: Census, seed: int) -> Kill:
    """Return one more kill by chance, for a run that has to go on."""
    luck = random.Random(f"{seed}:{number}")
    return _drawn(f"x{number:03d}", CHILD, boundaries_of(census, STAGES, COMMON), luck)


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
