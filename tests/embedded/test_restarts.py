"""When a process that ended is started again."""

from dexproject.embedded.restarts import LIMIT, QUICK_SECONDS, Restarts


def test_quick_ends_wait_longer_each_time_and_the_last_gives_up() -> None:
    restarts = Restarts()
    delays = [restarts.delay(1.0) for _ in range(LIMIT)]
    assert delays == [0.5, 1.0, 2.0, 4.0, None]


def test_a_long_life_clears_the_count() -> None:
    restarts = Restarts()
    for _ in range(LIMIT - 1):
        assert restarts.delay(QUICK_SECONDS - 0.001) is not None
    assert restarts.delay(QUICK_SECONDS) == 0.5
    assert [restarts.delay(0.0) for _ in range(LIMIT)] == [0.5, 1.0, 2.0, 4.0, None]
