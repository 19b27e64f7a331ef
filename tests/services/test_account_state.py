"""An account's rows, the engine's value, and JSON say the same to the digit."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from paper_trading.engine.account import LastExit
from paper_trading.engine.enums import ExitReason
from paper_trading.models import PaperTradingAccount
from paper_trading.services import account_state
from tests import builders as make

pytestmark = pytest.mark.django_db

TINY = Decimal("0.000000000000000001")


def full_account() -> PaperTradingAccount:
    """Make an account where no column has its default."""
    account = make.make_account(
        cash_usd=Decimal("1234.5") + TINY,
        realized_usd=Decimal("-7.25"),
        gas_usd=TINY,
        max_drawdown_percent=Decimal("0.000000000001"),
        day=date(2026, 1, 5),
        entries_today=3,
        failed_transactions=1,
        losing_exits=2,
        winning_trades=4,
        losing_trades=5,
        nonce=11,
        approvals=[0, 7],
        last_exits={"7": ["2026-01-05T10:00:00+00:00", "STOP_LOSS"]},
        state_version=9,
    )
    session = make.make_session(account)
    make.make_position(
        session,
        make.make_token(decimals=6),
        units=2**200,
        mark_price_usd=Decimal("2.34e-18"),
        net_pnl_percent=None,
        adds=1,
    )
    make.make_closed_position(session, make.make_token())
    return account


def test_the_value_holds_what_the_row_holds() -> None:
    row = PaperTradingAccount.objects.get(pk=full_account().pk)
    state = account_state.load(row)
    assert state.version == 9
    for name in account_state.COLUMNS:
        assert getattr(state.account, name) == getattr(row, name)
    assert state.account.approvals == {0, 7}
    exit_time = datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert state.account.last_exits == {7: LastExit(exit_time, ExitReason.STOP_LOSS)}
    [held] = state.account.positions.values()
    assert (held.units, held.adds, held.net_pnl_percent) == (2**200, 1, None)


def test_closed_positions_are_no_part_of_the_state() -> None:
    row = full_account()
    assert len(account_state.load(row).account.positions) == 1


def test_json_gives_back_the_same_state() -> None:
    state = account_state.load(full_account())
    text = json.dumps(account_state.to_json(state))
    assert account_state.from_json(json.loads(text)) == state


def test_the_json_carries_decimals_as_text() -> None:
    found = account_state.to_json(account_state.load(full_account()))
    assert found["cash_usd"] == "1234.500000000000000001"
    assert found["positions"][0]["units"] == str(2**200)


def test_what_is_not_a_state_is_refused() -> None:
    with pytest.raises(KeyError):
        account_state.from_json({"version": 1})


def test_writing_raises_the_version_by_one_and_saves_every_column() -> None:
    row = full_account()
    value = account_state.load(row).account
    other = make.make_account()
    account_state.write(other, value)
    stored = PaperTradingAccount.objects.get(pk=other.pk)
    assert stored.state_version == 1
    for name in (*account_state.COLUMNS, "approvals", "last_exits"):
        assert getattr(stored, name) == getattr(row, name), name
