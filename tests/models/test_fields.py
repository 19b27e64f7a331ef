"""Exact columns keep every digit or refuse; versions and bulk writes keep what they are given."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from paper_trading.engine.strategy import Strategy
from paper_trading.models import (
    MarketToken,
    PaperPosition,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    Quote,
    StrategyVersion,
)
from paper_trading.models.bulk import update_rows
from tests import builders as make

pytestmark = pytest.mark.django_db

UINT256_MAX = 2**256 - 1


def test_a_price_of_2_34e_18_survives_the_round_trip() -> None:
    quote = make.make_quote(
        make.make_batch(make.make_market()), make.make_token(), price_usd=Decimal("2.34e-18")
    )
    assert Quote.objects.get(pk=quote.pk).price_usd == Decimal("2.34e-18")


@pytest.mark.parametrize(
    "digits", ["0.000000000000000000000000000000000001", "999999999999999999999999.5"]
)
def test_the_smallest_and_a_huge_price_survive(digits: str) -> None:
    quote = make.make_quote(
        make.make_batch(make.make_market()), make.make_token(), price_usd=Decimal(digits)
    )
    assert Quote.objects.get(pk=quote.pk).price_usd == Decimal(digits)


def test_usd_keeps_18_places() -> None:
    account = make.make_account(cash_usd=Decimal("12345678901234567890.123456789012345678"))
    stored = PaperTradingAccount.objects.get(pk=account.pk).cash_usd
    assert str(stored) == "12345678901234567890.123456789012345678"


def test_the_largest_uint256_is_a_number_of_units() -> None:
    position = make.make_position(make.make_session(), make.make_token(), units=UINT256_MAX)
    stored = PaperPosition.objects.get(pk=position.pk).units
    assert stored == UINT256_MAX
    assert isinstance(stored, int)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cash_usd", Decimal("1e-19")),
        ("cash_usd", Decimal("1.0000000000000000001")),
        ("max_drawdown_percent", Decimal("1e-13")),
        ("cash_usd", Decimal("NaN")),
        ("cash_usd", Decimal("Infinity")),
    ],
)
def test_what_the_column_would_round_is_refused(field: str, value: Decimal) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ValidationError, match=field):
        make.make_account(**fields)


def test_zeros_behind_the_last_place_are_no_digits() -> None:
    assert make.make_account(cash_usd=Decimal("1.00000000000000000000")).pk


WRITES: dict[str, Callable[[PaperTradingAccount], Any]] = {
    "create": lambda account: make.make_account(cash_usd=account.cash_usd),
    "save": lambda account: account.save(),
    "update": lambda account: PaperTradingAccount.objects.update(cash_usd=account.cash_usd),
    "bulk_update": lambda account: PaperTradingAccount.objects.bulk_update([account], ["cash_usd"]),
    "update_rows": lambda account: update_rows([account], ["cash_usd"]),
    "filter": lambda account: PaperTradingAccount.objects.filter(
        cash_usd=account.cash_usd
    ).exists(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("value", [0.5, 1.0, float("nan")])
def test_a_float_is_refused(write: Callable[[PaperTradingAccount], Any], value: float) -> None:
    account = make.make_account()
    account.cash_usd = value
    with pytest.raises(ValidationError, match="float"), transaction.atomic():
        write(account)
    assert PaperTradingAccount.objects.get(pk=account.pk).cash_usd == 10_000


def test_part_of_a_unit_is_refused() -> None:
    with pytest.raises(ValidationError, match="units"):
        make.make_position(make.make_session(), make.make_token(), units=Decimal("1.5"))


def test_one_set_of_values_is_one_version() -> None:
    strategy = make.make_strategy()
    first = strategy.current_version()
    assert strategy.current_version() == first
    assert (first.number, PaperStrategyConfiguration.objects.get(pk=strategy.pk).version) == (1, 1)


def test_a_changed_value_makes_a_new_version_and_the_old_one_stays() -> None:
    strategy = make.make_strategy()
    first = strategy.current_version()
    strategy.stop_loss_percent = Decimal("7.5")
    strategy.save()
    second = strategy.current_version()
    assert (second.number, second.as_strategy().stop_loss_percent) == (2, Decimal("7.5"))
    assert StrategyVersion.objects.get(pk=first.pk).as_strategy().stop_loss_percent == 5


def test_a_version_does_not_depend_on_how_a_number_is_written() -> None:
    strategy = make.make_strategy(stop_loss_percent=Decimal("5.000"))
    first = strategy.current_version()
    strategy.refresh_from_db()
    assert strategy.current_version() == first


def test_a_version_turns_into_the_engine_s_value_with_every_field() -> None:
    values: dict[str, Any] = {
        "max_position_size_percent": Decimal("12.5"),
        "trailing_activation_percent": Decimal(4),
        "trailing_distance_percent": Decimal("1.25"),
        "confidence_threshold": Decimal(0),
        "max_daily_trades": 3,
        "use_transaction_manager": False,
        "allowed_tokens": ["WETH", "UNI"],
        "blocked_tokens": ["DAI"],
    }
    wanted = {**values, "allowed_tokens": ("WETH", "UNI"), "blocked_tokens": ("DAI",)}
    assert make.make_strategy(**values).current_version().as_strategy() == Strategy(**wanted)


def test_the_defaults_of_the_row_are_those_of_the_engine() -> None:
    row = PaperStrategyConfiguration.objects.create(owner=make.make_user(), name="Mine")
    assert row.current_version().as_strategy() == Strategy()


def test_many_rows_are_written_by_one_statement() -> None:
    session = make.make_session()
    rows = [make.make_position(session, make.make_token()) for _ in range(3)]
    for number, row in enumerate(rows):
        row.units, row.net_pnl_percent = 10**30 + number, None
        row.mark_price_usd = Decimal("2.34e-18") * (number + 1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        update_rows(rows, ["units", "net_pnl_percent", "mark_price_usd"])
    assert len(queries) == 1
    for row in rows:
        stored = PaperPosition.objects.get(pk=row.pk)
        assert (stored.units, stored.net_pnl_percent) == (row.units, None)
        assert stored.mark_price_usd == row.mark_price_usd


def test_a_bulk_write_takes_words_times_booleans_json_and_keys() -> None:
    session = make.make_session()
    closed = make.make_position(session, make.make_token())
    closed.is_open, closed.units, closed.cost_usd = False, 0, Decimal(0)
    closed.exit_reason, closed.closed_at = "MANUAL", make.START
    closed.closed_market_time = make.START
    update_rows(
        [closed],
        ["is_open", "units", "cost_usd", "exit_reason", "closed_at", "closed_market_time"],
    )
    stored = PaperPosition.objects.get(pk=closed.pk)
    assert (stored.is_open, stored.exit_reason, stored.closed_at) == (False, "MANUAL", make.START)

    market, token = make.make_market(), make.make_token()
    listing = MarketToken.objects.create(market=market, token=token)
    listing.series, listing.last_bar = {"a": ["'", "ä", None]}, make.make_bar(market, token)
    update_rows([listing], ["series", "last_bar"])
    again = MarketToken.objects.get(pk=listing.pk)
    assert (again.series, again.last_bar) == (listing.series, listing.last_bar)


def test_a_bulk_write_leaves_other_rows_and_columns_alone() -> None:
    session = make.make_session()
    touched, other = (make.make_position(session, make.make_token()) for _ in range(2))
    touched.units, touched.cost_usd = 5, Decimal(7)
    update_rows([touched], ["units"])
    assert PaperPosition.objects.get(pk=touched.pk).cost_usd == Decimal(2_500)
    assert PaperPosition.objects.get(pk=other.pk).units == 10**18


def test_nothing_to_write_asks_nothing_of_the_database() -> None:
    with CaptureQueriesContext(connection) as queries:
        update_rows([], ["units"])
    assert len(queries) == 0


def test_a_bulk_write_refuses_what_the_column_would_round() -> None:
    position = make.make_position(make.make_session(), make.make_token())
    position.cost_usd = Decimal("1e-19")
    with pytest.raises(ValidationError, match="cost_usd"):
        update_rows([position], ["cost_usd"])
