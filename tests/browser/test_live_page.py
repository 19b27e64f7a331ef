import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from paper_trading.models import PaperTradingAccount
from paper_trading.services import redis_client
from paper_trading.services.websocket_service import channel, publish
from tests import builders
from tests.full_account import make_one_of_each

pytestmark = [pytest.mark.browser]

PASSWORD = "secret-word"


def logged_in(browser: Any, server: str, user: User, width: int = 1280, **options: Any) -> Any:
    """Log in through the form; returns the page and what the console said."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **options)
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(f"{server}/login/")
    page.fill("#id_username", user.username)
    page.fill("#id_password", PASSWORD)
    page.click("button")
    page.wait_for_url("**/accounts/*/")
    return page


@pytest.fixture
def account(server: str) -> PaperTradingAccount:
    return make_one_of_each(builders.make_user("reader", PASSWORD))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(150):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def listening(user: User) -> bool:
    client = redis_client.client(2)
    return bool(client.pubsub_numsub(channel(user.pk))[0][1])


def announce_fill(account: PaperTradingAccount) -> None:
    publish(
        account.owner_id,
        {
            "type": "trade",
            "account": account.pk,
            "session": 1,
            "trade": 1,
            "token": "LINK",
            "side": "BUY",
            "status": "FILLED",
            "code": "OK",
            "exit_reason": "",
            "allowed_usd": "10",
            "realized_usd": None,
        },
    )


def test_an_event_brings_the_new_rows_and_is_announced(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner)
    until(lambda: listening(account.owner))
    builders.make_position(account.sessions.get(), builders.make_token("BRANDNEW"))
    assert "BRANDNEW" not in page.inner_text("#panel-positions")
    announce_fill(account)
    page.wait_for_selector("#panel-positions >> text=BRANDNEW", timeout=5_000)
    assert page.inner_text("#announce") == "Bought LINK."
    assert page.said == []


def test_many_events_are_one_request_a_second(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner)
    until(lambda: listening(account.owner))
    asked: list[str] = []

    def note(request: Any) -> None:
        # What scripts ask for; the browser itself may still fetch a picture or a font.
        if request.resource_type in ("fetch", "xhr"):
            asked.append(request.url)

    page.on("request", note)
    for _ in range(50):
        announce_fill(account)
    page.wait_for_timeout(1_800)
    assert 1 <= len(asked) <= 3
    assert all(url.endswith("/panels/") for url in asked)


def test_a_lost_socket_is_said_and_found_again(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner)
    sockets: list[Any] = []

    def through(route: Any) -> None:
        route.connect_to_server()
        sockets.append(route)

    page.route_web_socket("**/ws/events/", through)
    page.reload()
    page.wait_for_timeout(300)
    builders.make_position(account.sessions.get(), builders.make_token("BRANDNEW"))
    sockets[0].close()
    page.wait_for_selector("#link", state="visible", timeout=5_000)
    page.wait_for_selector("#link", state="hidden", timeout=5_000)
    # Nobody published: the page looked by itself, since it may have missed something.
    page.wait_for_selector("#panel-positions >> text=BRANDNEW", timeout=5_000)
    assert len(sockets) == 2


def test_focus_and_opened_details_survive_an_update(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    session = account.sessions.get()
    builders.make_point(builders.make_tick(session, 2))
    page = logged_in(browser, server, account.owner)
    until(lambda: listening(account.owner))
    page.click("#equity-table summary")
    page.focus("#pause")
    builders.make_point(builders.make_tick(session, 3))
    announce_fill(account)
    page.wait_for_selector("#panel-status >> text=Tick 3", timeout=5_000)
    assert page.evaluate("document.activeElement.id") == "pause"
    assert page.evaluate("document.getElementById('equity-table').open")


def test_pausing_asks_first(browser: Any, server: str, account: PaperTradingAccount) -> None:
    page = logged_in(browser, server, account.owner)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#pause")
    assert page.is_visible("#pause")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#pause")
    page.wait_for_selector("text=Entries are paused; exits go on.")
    assert page.is_visible("#resume")


def test_the_theme_is_chosen_and_kept(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(246, 248, 250)"
    page.select_option("#theme", "dark")
    assert page.evaluate(ground) == "rgb(13, 17, 23)"
    page.reload()
    assert page.evaluate(ground) == "rgb(13, 17, 23)"
    page.select_option("#theme", "system")
    assert page.evaluate(ground) == "rgb(246, 248, 250)"


@pytest.mark.parametrize("width", [360, 500, 900])
def test_no_width_scrolls_sideways(
    width: int, browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner, width)
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.said == []


def test_who_was_logged_out_is_led_to_the_login(
    browser: Any, server: str, account: PaperTradingAccount
) -> None:
    page = logged_in(browser, server, account.owner)
    until(lambda: listening(account.owner))
    page.context.clear_cookies()
    announce_fill(account)
    page.wait_for_url("**/login/**", timeout=5_000)
