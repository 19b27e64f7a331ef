"""Trust: pools that a source reads one for the other, and honest ones that are not."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import trust
from paper_trading.engine.trust import Absent, Check, Reading, TokenTrust, judge
from tests.engine.readings import (
    MISSING,
    POOL,
    TICK,
    fold,
    of,
    prices,
    reading,
)
from tests.engine.worlds import NOON


@given(prices, prices, st.integers(1, 4))
def test_two_pools_exchanged_never_make_a_price(a: Decimal, b: Decimal, length: int) -> None:
    states = {name: fold(of(of_name, of_name))[-1].state for name, of_name in (("A", a), ("B", b))}
    for tick in range(2, 2 + length):
        seen: dict[str, Reading | Absent] = {"A": reading(b, tick=tick), "B": reading(a, tick=tick)}
        mixed = trust.exchanged(states, seen, {}, NOON + tick * TICK)
        apart = abs(a - b) * 100 > trust.JUMP_PERCENT * max(a, b)
        assert mixed == ({"A", "B"} if apart else mixed)
        for name in states:
            one = Absent(trust.EXCHANGED) if name in mixed else seen[name]
            judged = judge(states[name], one, None, POOL, NOON + tick * TICK)
            if name in mixed:
                assert (judged.verdict, judged.quote) == (MISSING, None)
                assert judged.state.accepted == states[name].accepted


def test_two_that_crash_together_have_not_been_exchanged() -> None:
    states = {name: fold(of("100", "100"))[-1].state for name in "AB"}
    seen: dict[str, Reading | Absent] = {name: reading("60", tick=2) for name in "AB"}
    assert trust.exchanged(states, seen, {}, NOON + 2 * TICK) == frozenset()


def rotated(
    count: int, *, by: int = 1, tick: int = 2
) -> tuple[dict[str, TokenTrust], dict[str, Reading | Absent]]:
    """Return known tokens of 1, 10, 100 and so on, and each read at another's price."""
    names = "ABCDEF"[:count]
    own = [Decimal(10) ** number for number in range(count)]
    states = {name: fold(of(one, one))[-1].state for name, one in zip(names, own, strict=True)}
    seen: dict[str, Reading | Absent] = {
        name: reading(own[(number + by) % count], tick=tick) for number, name in enumerate(names)
    }
    return states, seen


@given(st.integers(2, 6), st.integers(1, 5))
def test_any_ring_of_pools_read_for_each_other_is_a_mix_up(count: int, by: int) -> None:
    states, seen = rotated(count, by=by)
    found = trust.exchanged(states, seen, {}, NOON + 2 * TICK)
    assert found == (frozenset(states) if by % count else frozenset())


def test_one_that_jumps_to_a_price_of_a_ring_is_not_in_it() -> None:
    states, seen = rotated(3)
    states["Z"] = fold(of("5000", "5000"))[-1].state
    seen["Z"] = reading("100", tick=2)
    assert trust.exchanged(states, seen, {}, NOON + 2 * TICK) == {"A", "B", "C"}


def test_two_honest_tokens_are_not_locked_by_prices_of_before_an_outage() -> None:
    states, seen = rotated(2)
    late = NOON + TICK + trust.OLDEST
    assert trust.exchanged(states, seen, {}, late) == {"A", "B"}
    assert trust.exchanged(states, seen, {}, late + timedelta(microseconds=1)) == frozenset()
    own = {"A": Check(Decimal(1), late), "B": Check(Decimal(10), late)}
    assert trust.exchanged(states, seen, own, late + TICK) == {"A", "B"}


def test_two_honest_tokens_are_not_locked_when_checks_agree_with_them() -> None:
    states, seen = rotated(2)
    now = NOON + 2 * TICK
    agreeing = {"A": Check(Decimal("10.4"), now), "B": Check(Decimal("0.97"), now)}
    assert trust.exchanged(states, seen, agreeing, now) == frozenset()
    apart = {"A": Check(Decimal(1), now), "B": Check(Decimal(10), now)}
    assert trust.exchanged(states, seen, apart, now) == {"A", "B"}
