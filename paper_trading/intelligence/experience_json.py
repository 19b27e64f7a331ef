"""Counted days and frozen experience as JSON: numbers are strings, nothing is lost."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.decision import Outcome, PWin
from paper_trading.intelligence.experience import Experience, Net, SetUpDay, TwinGap
from paper_trading.intelligence.learner import Lessons


def day_to_json(day: SetUpDay) -> dict[str, Any]:
    """Return the counts of a day, without its date."""
    lessons = day.lessons
    return {
        "levels": {str(level): _net_to_json(net) for level, net in day.levels.items()},
        "bins": {str(place): list(counts) for place, counts in day.bins.items()},
        "learned": _net_to_json(day.learned),
        "base": _net_to_json(day.base),
        "lessons": {
            "n": lessons.n,
            "clusters": lessons.clusters,
            "outcomes": str(lessons.outcomes),
            "readings": _numbers_to_json(lessons.readings),
            "products": _numbers_to_json(lessons.products),
        },
    }


def day_from_json(day: date, data: Mapping[str, Any]) -> SetUpDay:
    """Return the day that `day_to_json` wrote."""
    lessons = data["lessons"]
    return SetUpDay(
        day=day,
        levels={int(level): _net_from_json(found) for level, found in data["levels"].items()},
        bins={int(place): (int(n), int(wins)) for place, (n, wins) in data["bins"].items()},
        learned=_net_from_json(data["learned"]),
        base=_net_from_json(data["base"]),
        lessons=Lessons(
            int(lessons["n"]),
            int(lessons["clusters"]),
            Decimal(lessons["outcomes"]),
            _numbers_from_json(lessons["readings"]),
            _numbers_from_json(lessons["products"]),
        ),
    )


def experience_to_columns(found: Experience) -> dict[str, Any]:
    """Return an experience by the columns of its row, but for its time; JSON is in text."""
    twin = found.twin
    return {
        "outcomes": [[str(one.percent), one.n, one.days] for one in found.outcomes],
        "p_wins": [p_win_to_json(one) for one in found.p_wins],
        "weights": _numbers_to_json(found.weights),
        "lessons_n": found.lessons_n,
        "clusters": found.clusters,
        "points": None if found.points is None else [str(point) for point in found.points],
        "sample_size": found.sample_size,
        "twin_days": twin.days,
        "twin_mean_percent": twin.mean_percent,
        "twin_error_percent": twin.error_percent,
    }


def experience_from_columns(frozen_at: datetime, data: Mapping[str, Any]) -> Experience:
    """Return the experience that `experience_to_columns` wrote."""
    points = data["points"]
    return Experience(
        frozen_at=frozen_at,
        outcomes=tuple(Outcome(Decimal(percent), n, days) for percent, n, days in data["outcomes"]),
        p_wins=tuple(p_win_from_json(one) for one in data["p_wins"]),
        weights=_numbers_from_json(data["weights"]),
        lessons_n=data["lessons_n"],
        clusters=data["clusters"],
        points=None if points is None else tuple(Decimal(point) for point in points),
        sample_size=data["sample_size"],
        twin=TwinGap(data["twin_days"], data["twin_mean_percent"], data["twin_error_percent"]),
    )


def p_win_to_json(found: PWin) -> list[Any]:
    """Return the figures of a rank bin in the order of their fields."""
    share = None if found.share is None else str(found.share)
    interval = [str(found.mean), str(found.low), str(found.high)]
    return [share, *interval, found.n, found.days, str(found.break_even)]


def p_win_from_json(row: Sequence[Any]) -> PWin:
    """Return the figures that `p_win_to_json` wrote."""
    share, mean, low, high, n, days, even = row
    return PWin(
        share=None if share is None else Decimal(share),
        mean=Decimal(mean),
        low=Decimal(low),
        high=Decimal(high),
        n=n,
        days=days,
        break_even=Decimal(even),
    )


def _net_to_json(net: Net) -> list[Any]:
    return [net.n, str(net.total)]


def _net_from_json(found: Sequence[Any]) -> Net:
    n, total = found
    return Net(n, Decimal(total))


def _numbers_to_json(found: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: str(found[name]) for name in sorted(found)}


def _numbers_from_json(found: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in found.items()}
