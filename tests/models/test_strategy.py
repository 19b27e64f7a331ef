from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import IntegerField

from paper_trading.engine.strategy import RANGES, Strategy
from paper_trading.models import PaperStrategyConfiguration
from paper_trading.models.strategy import steps_of, strategy_from, strategy_with
from tests import builders

NEW: dict[str, Any] = {
    "take_profit_steps": ((Decimal("4.5"), Decimal(50)), (Decimal(8), Decimal(25))),
    "exit_volatility_percent": Decimal(80),
    "risk_per_trade_percent": Decimal("0.5"),
    "target_volatility_percent": Decimal(20),
    "max_trade_usd": Decimal("1234.5"),
}


def test_settings_are_written_as_text_and_read_as_numbers() -> None:
    found = strategy_with(
        {
            "take_profit_steps": "4.5:50, 8:25",
            "exit_volatility_percent": "80",
            "risk_per_trade_percent": "0.50",
            "target_volatility_percent": "20",
            "max_trade_usd": "1234.5",
        }
    )
    assert found == Strategy(**NEW)
    assert strategy_with({"take_profit_steps": "", "max_trade_usd": "none"}) == Strategy()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"take_profit_steps": "5"}, "take_profit_steps was '5': .* pairs of gain and share"),
        ({"take_profit_steps": "5:x"}, "pairs of gain and share"),
        ({"take_profit_steps": "8:50,5:25"}, "each gain must be above the one before it"),
        ({"take_profit_steps": "5:50,12:25"}, "must be below take_profit_percent, 10"),
        ({"take_profit_steps": "5:50,8:51"}, "at most 100 is allowed"),
        ({"exit_volatility_percent": "0.9"}, "exit_volatility_percent was '0.9'"),
        ({"exit_volatility_percent": "80", "stop_loss_percent": "50"}, "at most 49.5 is allowed"),
        ({"risk_per_trade_percent": "0"}, "risk_per_trade_percent was '0'"),
        ({"target_volatility_percent": "1001"}, "target_volatility_percent was '1001'"),
        ({"max_trade_usd": "9.99"}, "max_trade_usd was '9.99'"),
        ({"trailing_distance_percent": "3"}, "needs both its activation and its distance"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strategy_with(settings)


@pytest.mark.parametrize(
    "raw", [None, "5:50", [5], [["5"]], [["5", "50", "1"]], [[5.5, 50]], [[True, 50]], [["a", 50]]]
)
def test_a_list_that_is_no_list_of_steps_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"^take_profit_steps was .*; allowed are pairs"):
        steps_of(raw)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_the_admin_allows_what_the_engine_does(name: str) -> None:
    field: Any = PaperStrategyConfiguration._meta.get_field(name)
    for value in RANGES[name]:
        assert field.clean(value, None) == value
    low, high = RANGES[name]
    step = 1 if isinstance(field, IntegerField) else Decimal("0.001")
    for value in (low - step, high + step):
        with pytest.raises(ValidationError):
            field.clean(value, None)


@pytest.mark.django_db
def test_a_version_keeps_every_setting_and_an_older_one_is_off() -> None:
    steps = [["4.50", "50"], [8, "25"]]
    row = builders.make_strategy(
        **{
            **NEW,
            "take_profit_steps": steps,
            "use_transaction_manager": Strategy().use_transaction_manager,
        }
    )
    row.refresh_from_db()
    row.full_clean()
    version = row.current_version()
    assert version.parameters["take_profit_steps"] == [["4.5", "50"], ["8", "25"]]
    assert version.as_strategy() == Strategy(**NEW)
    assert row.current_version() == version
    older = {name: value for name, value in version.parameters.items() if name not in NEW}
    assert strategy_from(older) == Strategy()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"take_profit_steps": [["12", "50"]]},
        {"take_profit_steps": [[5.5, 50]]},
        {"exit_volatility_percent": Decimal(80), "stop_loss_percent": Decimal(50)},
        {"trailing_activation_percent": Decimal(5)},
    ],
)
def test_settings_that_contradict_each_other_are_not_clean(wrong: dict[str, Any]) -> None:
    row = PaperStrategyConfiguration(owner=builders.make_user(), name="Mine", **wrong)
    with pytest.raises(ValidationError):
        row.full_clean()
