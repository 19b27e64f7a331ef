"""The plan of kills: complete where it can be, and the same for the same seed."""

import json
from collections import Counter

from tests.faults.boundaries import MONEY, STAGES
from tests.faults.plan import (
    CHILD,
    RARE,
    SERVERS,
    Census,
    Kill,
    Seen,
    another,
    boundaries_of,
    cover,
    make_plan,
)

PLACES = ((1, 20), (2, 30))
ALWAYS, SELDOM = Seen(1.0, PLACES), Seen(0.1, PLACES)
CENSUS: Census = {
    "prices": {"INSERT quote #1": ALWAYS, "COMMIT #1": ALWAYS},
    "auto_close": {
        "SELECT breakerstate #1": ALWAYS,
        "UPDATE outcomeday #1": SELDOM,
        "COMMIT #1": ALWAYS,
    },
    "analysis": {"INSERT paperaithoughtlog #1": ALWAYS, "COMMIT #1": ALWAYS},
    "execution": {"INSERT papertrade #1": SELDOM, "COMMIT #1": ALWAYS},
    "metrics": {"COMMIT #1": ALWAYS},
    "close": {
        "SELECT tick #1": Seen(0.0, cold=True),
        "UPDATE tick #1": ALWAYS,
        "COMMIT #1": ALWAYS,
    },
}


def test_every_boundary_of_a_money_stage_is_covered_by_a_child() -> None:
    plan = make_plan(CENSUS, 60, seed=1)
    covered = [(kill.stage, kill.boundary) for kill in plan if kill.covers]
    assert sorted(covered) == boundaries_of(CENSUS, MONEY)
    assert {kill.target for kill in plan if kill.covers} == {CHILD}


def test_a_plan_has_as_many_kills_as_were_asked_for_each_once() -> None:
    for kills in (1, 3, 5, 9, 10, 60, 300):
        plan = make_plan(CENSUS, kills, seed=3)
        assert len({kill.id for kill in plan}) == len(plan) == kills


def test_every_server_is_killed_also_in_a_short_run() -> None:
    targets = Counter(kill.target for kill in make_plan(CENSUS, 10, seed=2))
    assert all(targets[server] == 1 for server in SERVERS)
    assert targets[CHILD] == 5


def test_a_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert make_plan(CENSUS, 60, seed=1) == make_plan(CENSUS, 60, seed=1)
    assert make_plan(CENSUS, 60, seed=1) != make_plan(CENSUS, 60, seed=2)


def test_chance_keeps_to_what_is_met_often() -> None:
    drawn = [kill for kill in make_plan(CENSUS, 300, seed=1) if not kill.covers]
    often = [place for place in boundaries_of(CENSUS, STAGES, RARE) if place[0] != "metrics"]
    assert {(kill.stage, kill.boundary) for kill in drawn if kill.boundary} == set(often)
    assert any(kill.after_ms is not None for kill in drawn)
    assert len({kill.stage for kill in drawn}) == 5


def test_one_more_kill_is_drawn_by_its_number() -> None:
    assert another(1, CENSUS, seed=1) == another(1, CENSUS, seed=1)
    assert another(1, CENSUS, seed=1).id != another(2, CENSUS, seed=1).id


def test_what_is_seldom_met_has_its_ticks_kept() -> None:
    kept = {(kill.stage, kill.boundary) for kill in make_plan(CENSUS, 60, seed=1) if kill.places}
    assert kept == {
        ("auto_close", "UPDATE outcomeday #1"),
        ("execution", "INSERT papertrade #1"),
        ("metrics", "COMMIT #1"),
    }


def test_a_kill_survives_json() -> None:
    kill = Kill("c001", CHILD, "execution", "COMMIT #1", covers=True, places=PLACES)
    assert Kill.of_json(json.loads(json.dumps(kill.to_json()))) == kill


def test_a_boundary_met_late_gets_a_kill_of_its_own() -> None:
    kill = cover("execution", "SELECT strategyversion #1")
    assert (kill.stage, kill.boundary, kill.covers) == (
        "execution",
        "SELECT strategyversion #1",
        True,
    )
    assert "/" not in kill.id
