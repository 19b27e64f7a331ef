"""The bracket of a strategy, and which sessions share a book."""

from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.bracket import bracket as engine_bracket
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.brackets import Bracket, bracket_of, key_of


def test_a_bracket_is_what_the_exits_obey() -> None:
    found = bracket_of(Strategy())
    assert found == Bracket(Decimal(5), Decimal(10), Decimal(24))
    assert found.hold == timedelta(hours=24)
    assert Bracket(Decimal(5), Decimal(10), Decimal("1.5")).hold == timedelta(minutes=90)


def test_break_even_is_the_share_of_targets_that_pays_for_the_stops() -> None:
    assert bracket_of(Strategy()).break_even_percent == Decimal("33.333333333333")
    even = Bracket(Decimal(2), Decimal(2), Decimal(1))
    assert even.break_even_percent == 50


def test_a_factor_widens_both_sides_and_leaves_the_time() -> None:
    wide = bracket_of(Strategy()).times(Decimal("1.5"))
    assert wide == Bracket(Decimal("7.5"), Decimal(15), Decimal(24))


def test_a_set_up_has_the_bracket_that_an_exit_would_have() -> None:
    strategy = Strategy(exit_volatility_percent=Decimal(80))
    for sigma in (None, Decimal("0.2"), Decimal("0.8"), Decimal("1.2"), Decimal(9)):
        due, made = engine_bracket(strategy, sigma), key_of(strategy).bracket_at(sigma)
        assert (made.stop_percent, made.target_percent) == (due.stop_percent, due.target_percent)
    assert key_of(Strategy()).bracket_at(Decimal(9)) == bracket_of(Strategy())


@pytest.mark.parametrize(
    ("stop", "target", "hours", "name"),
    [("0", "1", "1", "stop"), ("1", "-1", "1", "target"), ("1", "1", "NaN", "hold_hours")],
)
def test_a_bracket_that_holds_nothing_is_refused(
    stop: str, target: str, hours: str, name: str
) -> None:
    with pytest.raises(ValueError, match=f"bracket {name}.* more than 0 is needed"):
        Bracket(Decimal(stop), Decimal(target), Decimal(hours))


def test_a_key_is_what_changes_how_set_ups_are_judged() -> None:
    key = key_of(Strategy())
    assert key_of(Strategy(max_daily_trades=1, min_liquidity_usd=Decimal(5))) == key
    for other in (
        Strategy(stop_loss_percent=Decimal(4)),
        Strategy(take_profit_percent=Decimal(9)),
        Strategy(max_hold_hours=Decimal(23)),
        Strategy(confidence_threshold=Decimal(40)),
        Strategy(exit_volatility_percent=Decimal(80)),
    ):
        assert key_of(other) != key
