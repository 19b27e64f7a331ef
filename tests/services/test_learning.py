"""How the learner fares, for those who look: nothing yet, one day, several, and other levels."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.intelligence.experience import TwinGap
from paper_trading.services.learning import Learning, as_json, experience_read, in_words, learning
from tests import builders as make
from tests import set_up_builders as set_ups

pytestmark = pytest.mark.django_db

FOUND = Learning(make.START, 48_580, 179, True, TwinGap(18, Decimal("0.0097"), Decimal("0.0225")))


def test_it_is_what_the_newest_tick_read() -> None:
    session = make.make_session(intel_level=10)
    assert learning(session) is None
    old, new = (
        set_ups.make_experience(
            session.account.market, frozen_at=make.START + k * make.MINUTE, **more
        )
        for k, more in enumerate(({}, {"lessons_n": 7, "clusters": 3}))
    )
    make.make_tick(session, 1, experience=old)
    make.make_tick(session, 2, experience=new)
    make.make_tick(session, 3)
    found = learning(session)
    assert found == Learning(new.frozen_at, 7, 3, False, TwinGap())
    read = experience_read(session)
    assert read is not None
    assert read.frozen_at == new.frozen_at


def test_other_levels_do_not_learn() -> None:
    session = make.make_session(intel_level=9)
    make.make_tick(session, 1, experience=set_ups.make_experience(session.account.market))
    assert learning(session) is None
    assert experience_read(session) is not None


def test_the_difference_is_said_with_its_error() -> None:
    taught = "weights of 48,580 set-ups in 179 token-days, in force; against base weights"
    assert in_words(FOUND) == f"{taught} +0.010 % a set-up (standard error 0.022, n = 18 days)"
    one = replace(FOUND, twin=TwinGap(1, Decimal("-0.5")))
    assert in_words(one) == f"{taught} -0.500 % a set-up (standard error unknown, n = 1 day)"
    none = replace(FOUND, in_force=False, twin=TwinGap())
    assert in_words(none).endswith(
        "not in force until its scores can be ranked; against base weights: no finished day yet"
    )


def test_programs_read_text_and_nulls() -> None:
    assert as_json(FOUND)["mean_percent"] == "0.0097"
    assert as_json(replace(FOUND, twin=TwinGap()))["error_percent"] is None
