"""The state of orders on their way, and where people see it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from paper_trading.engine.pending_json import pending_json
from paper_trading.models import PaperTradingAccount
from paper_trading.services.transaction_manager import OrderState, get_transaction_manager
from tests import builders
from tests.engine.desks import WORLD, A, B, executed
from tests.engine.waiting import BY, L1, sent
from tests.engine.worlds import NOON, decision

pytestmark = pytest.mark.django_db


def waiting_account(pool: str = "") -> PaperTradingAccount:
    """An account with a buy of AAA for 1,000 that was sent at noon, to a further pool if named."""
    found = {
        key: replace(one, plan=replace(one.plan, pool=pool))
        for key, one in sent().account.pending.items()
    }
    return builders.make_account(pending=pending_json(found))


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (0, OrderState.SUBMITTED),
        (1, OrderState.SUBMITTED),
        (2, OrderState.PENDING),
        (119, OrderState.PENDING),
        (120, OrderState.UNKNOWN),
    ],
)
def test_an_order_is_submitted_then_pending_then_unknown(seconds: int, state: OrderState) -> None:
    manager = get_transaction_manager(waiting_account())
    (order,) = manager.waiting(NOON + timedelta(seconds=seconds))
    assert (order.state, order.symbol) == (state, "AAA")
    assert order.value_usd == 1000
    assert order.deadline_at == NOON + timedelta(seconds=120)


def test_before_the_first_tick_an_order_is_submitted() -> None:
    (order,) = get_transaction_manager(waiting_account()).waiting(None)
    assert order.state is OrderState.SUBMITTED
    assert list(get_transaction_manager(builders.make_account()).waiting(None)) == []


def test_the_page_and_the_api_show_orders_on_their_way() -> None:
    account = waiting_account()
    builders.make_position(builders.make_session(account), builders.make_token(), failed_exits=2)
    client = Client()
    client.force_login(account.owner)
    page = client.get(f"/accounts/{account.pk}/").content.decode()
    assert "Buy AAA" in page
    assert "Submitted" in page
    assert "exit failed 2 times" in page
    # Base has no channel to choose.
    assert "Sequencer<small>private channel: not applicable</small>" in page
    found = client.get(f"/api/accounts/{account.pk}/").json()
    (order,) = found["pending"]
    assert (order["token"], order["side"], order["state"]) == ("AAA", "BUY", "SUBMITTED")
    assert order["included_at"] == (NOON + timedelta(seconds=2)).isoformat()
    assert (order["leg"], order["legs"], order["pool"]) == (0, 1, "")


def test_the_page_says_that_entries_share_a_transaction_and_which_channel_they_took() -> None:
    made = executed(decision(A), decision(B), world=replace(WORLD, gas=L1), by=BY).account
    account = builders.make_account(pending=pending_json(made.pending))
    orders = get_transaction_manager(account).waiting(None)
    assert [(one.nonce, one.leg, one.legs) for one in orders] == [(1, 0, 2), (1, 1, 2)]
    client = Client()
    client.force_login(account.owner)
    page = client.get(f"/accounts/{account.pk}/").content.decode()
    assert page.count("Private · one of 2") == 2
    assert "not applicable" not in page


def test_an_order_says_which_further_pool_it_goes_to() -> None:
    pool = "0x" + "4f" * 20
    account = waiting_account(pool)
    (order,) = get_transaction_manager(account).waiting(None)
    assert order.pool == pool
    client = Client()
    client.force_login(account.owner)
    (told,) = client.get(f"/api/accounts/{account.pk}/").json()["pending"]
    assert told["pool"] == pool
