"""Set-ups end once, when they should and not before, judged against a plain look at every bar."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.enums import SetUpEnd
from paper_trading.intelligence.brackets import Bracket
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.setups import Matured, Pending, bounds, net_percent
from tests.intelligence.samples import at
from tests.intelligence.set_up_samples import TIGHT, bar, market, plainly, set_up

TOKEN = 7


def test_a_set_up_whose_time_was_over_before_a_gap_has_no_outcome() -> None:
    """It waits two hours; a close within three bars of their end still tells how they went."""
    for last, ended, net in ((27, SetUpEnd.TIME, "-0.3"), (28, SetUpEnd.GAP, None)):
        for close in ("100", "90", "120") if net is None else ("100",):
            pending = Pending(TIGHT.hold)
            pending.add(set_up(TOKEN, bar(0, Decimal(100))))
            [one] = pending.close(TOKEN, bar(last, Decimal(close)), at(300 * last))
            assert one.ended is ended
            assert one.net_percent == (None if net is None else Decimal(net))
            assert len(pending) == 0


def test_a_gap_within_its_time_leaves_its_outcome() -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(0, Decimal(100))))
    [one] = pending.close(TOKEN, bar(20, Decimal(90)), at(6000))
    assert (one.ended, one.net_percent) == (SetUpEnd.STOP, Decimal("-10.3"))


@pytest.mark.parametrize(("entry", "is_one"), [("1e-13", True), ("9e-14", False), ("1e-18", False)])
def test_a_net_that_cannot_be_counted_is_no_outcome(entry: str, is_one: bool) -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(0, Decimal(entry))))
    [one] = pending.close(TOKEN, bar(1, Decimal(1)), at(300))
    assert one.ended is (SetUpEnd.TARGET if is_one else SetUpEnd.BEYOND)
    assert (one.net_percent is not None) is is_one


def run(bars: list[ClosedBar], bracket: Bracket = TIGHT) -> tuple[list[list[Matured]], Pending]:
    """Fold bars of one token, each a set-up; return what each bar ended, and what waits."""
    pending, ended = Pending(bracket.hold), []
    for one in bars:
        ended.append(pending.close(TOKEN, one, one.bar.end))
        pending.add(set_up(TOKEN, one, bracket))
    return ended, pending


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["0.25", "1", "2"]))
def test_every_set_up_ends_once_and_as_a_plain_look_says(seed: int, hours: str) -> None:
    bracket = Bracket(Decimal("0.5"), Decimal(1), Decimal(hours))
    bars = [found for step in market(seed, 120, tokens=1, skip=0.1) for _, found in step]
    ended, pending = run(bars, bracket)
    found = {
        one.set_up.entered_at: (place, one.ended)
        for place, step in enumerate(ended)
        for one in step
    }
    assert len(found) == sum(map(len, ended))
    waiting = 0
    for place, entry in enumerate(bars):
        judged = plainly(entry, bars[place + 1 :], bracket)
        waiting += judged is None
        wanted = None if judged is None else (place + 1 + judged[0], judged[1])
        assert found.get(entry.bar.end) == wanted
    assert len(pending) == waiting == len(bars) - len(found)


@settings(max_examples=200, deadline=None)
@given(
    st.decimals("1e-18", "1e9", places=24).filter(lambda price: price > 0),
    st.decimals("0", "5", places=12),
    st.integers(-2, 2),
    st.booleans(),
)
def test_bounds_are_exact_to_the_last_place_of_a_price(
    entry: Decimal, cost: Decimal, ulps: int, is_upper: bool
) -> None:
    lower, upper = bounds(entry, cost, TIGHT)
    close = (upper if is_upper else lower) + ulps * Decimal(1).scaleb(-36)
    net = (close - entry) * 100 - cost * entry
    assert (close <= lower) == (net <= -TIGHT.stop_percent * entry)
    assert (close >= upper) == (net >= TIGHT.target_percent * entry)


def test_the_net_is_the_change_less_one_round_trip() -> None:
    found = set_up(TOKEN, bar(0, Decimal(200), cost="0.7"))
    assert net_percent(found, Decimal(203)) == Decimal("0.8")
    assert net_percent(found, Decimal(200)) == Decimal("-0.7")


@pytest.mark.parametrize(
    ("closes", "ended", "net"),
    [
        (["99.8"], SetUpEnd.STOP, "-0.5"),
        (["99.81", "101.3"], SetUpEnd.TARGET, "1"),
        (["101.29", "99"], SetUpEnd.STOP, "-1.3"),
        (["100"] * 24, SetUpEnd.TIME, "-0.3"),
    ],
)
def test_what_is_reached_first_ends_it(closes: list[str], ended: SetUpEnd, net: str) -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(0, Decimal(100))))
    for index, close in enumerate(closes, 1):
        assert len(pending) == 1
        found = pending.close(TOKEN, bar(index, Decimal(close)), at(300 * index))
    [one] = found
    assert (one.ended, one.net_percent, one.at) == (ended, Decimal(net), at(300 * len(closes)))
    assert len(pending) == 0


def test_the_stop_comes_before_the_time() -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(0, Decimal(100))))
    [one] = pending.close(TOKEN, bar(24, Decimal(90)), at(9000))
    assert (one.ended, one.at) == (SetUpEnd.STOP, at(9000))


def test_a_bar_ends_nothing_of_another_token() -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(0, Decimal(100))))
    assert pending.close(TOKEN + 1, bar(1, Decimal(1)), at(300)) == []
    assert len(pending) == 1


def test_set_ups_of_a_token_come_in_order() -> None:
    pending = Pending(TIGHT.hold)
    pending.add(set_up(TOKEN, bar(1, Decimal(100))))
    for index in (0, 1):
        with pytest.raises(ValueError, match="later than"):
            pending.add(set_up(TOKEN, bar(index, Decimal(100))))


def test_ended_set_ups_leave_the_heaps_and_the_rest_ends_as_it_should() -> None:
    """Each bar ends the set-up before it at its target; one with far bounds waits through all."""
    far = Bracket(Decimal(90), Decimal(10) ** 9, Decimal(100))
    pending, price = Pending(far.hold), Decimal(100)
    pending.add(set_up(TOKEN, bar(0, price), far))
    for index in range(1, 600):
        price = price * Decimal("1.02")
        ended = pending.close(TOKEN, bar(index, price), at(300 * index))
        assert [one.set_up.entered_at for one in ended] == (
            [] if index == 1 else [at(300 * (index - 1))]
        )
        pending.add(set_up(TOKEN, bar(index, price)))
        assert len(pending) == 2
    waiting = pending._tokens[TOKEN]
    assert max(len(waiting._low), len(waiting._high), len(waiting._entered)) < 300
    [one, last] = pending.close(TOKEN, bar(600, Decimal(1)), at(300 * 600))
    assert (one.set_up.entered_at, one.ended) == (at(0), SetUpEnd.STOP)
    assert last.ended is SetUpEnd.STOP
