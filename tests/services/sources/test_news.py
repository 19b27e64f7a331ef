"""A warning that every reading repeats is told once, until it says something else."""

import logging
from decimal import Decimal

import pytest

from paper_trading.services.sources.live import pool_state
from paper_trading.services.sources.live.news import SILENCE_SECONDS, News
from paper_trading.services.sources.live.pool_state import PoolState
from tests.services.sources.bodies import USDC, WETH, WETH_POOL

SAID = "pool %s takes a fee of %d pips, not %d"


def record(*said: object, at: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord("a", logging.WARNING, "a.py", 1, SAID, said, None)
    made.created = at
    return made


def test_what_was_told_is_told_again_when_it_changes() -> None:
    told = News()
    said = [
        ("a", 500, 3000),
        ("a", 500, 3000),
        ("b", 500, 3000),
        ("a", 100, 3000),
        ("a", 100, 3000),
    ]
    assert [told.filter(record(*one)) for one in said] == [True, False, True, True, False]


def test_what_was_not_said_for_a_while_is_news_again() -> None:
    told = News()
    times = [0.0, SILENCE_SECONDS, 2 * SILENCE_SECONDS, 3 * SILENCE_SECONDS + 1]
    passed = [told.filter(record("a", 500, 3000, at=at)) for at in times]
    assert passed == [True, False, False, True]


def test_a_line_of_no_pool_always_passes() -> None:
    told = News()
    assert [told.filter(record()) for _ in range(2)] == [True, True]


def test_a_pool_of_another_fee_is_told_once_a_change(caplog: pytest.LogCaptureFixture) -> None:
    one, sides = Decimal(1), (WETH.address, USDC.address)
    state = PoolState(*sides, one, one, one, {}, (10**30, 10**18), (500, 10))
    pool = WETH_POOL[:-4] + "0000"
    for assumed in (3000, 3000, 500, 100, 100):
        state.depth(USDC.address, assumed, pool)
    lines = [one.getMessage() for one in caplog.records if one.name == pool_state.__name__]
    assert lines == [f"pool {pool} takes a fee of 500 pips, not {one}" for one in (3000, 100)]
