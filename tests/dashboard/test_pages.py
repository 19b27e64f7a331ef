from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from paper_trading.dashboard.headers import POLICY
from paper_trading.dashboard.panels import PANELS
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action, Side, Stage, TradeStatus
from paper_trading.models import (
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    TickReason,
    TickStatus,
)
from paper_trading.templatetags.figures import MINUS
from tests import builders
from tests.full_account import make_one_of_each
from tests.services.signal_files import make_signal

pytestmark = pytest.mark.django_db


def client_of(user: User, *, strict: bool = False) -> Client:
    client = Client(enforce_csrf_checks=strict)
    client.force_login(user)
    return client


def account_url(account: PaperTradingAccount, rest: str = "") -> str:
    return f"/accounts/{account.pk}/{rest}"


def page(account: PaperTradingAccount, viewer: User | None = None) -> str:
    response = client_of(viewer or account.owner).get(account_url(account))
    assert response.status_code == 200
    return response.content.decode()


def panel(account: PaperTradingAccount, name: str) -> str:
    response = client_of(account.owner).get(account_url(account, f"panels/{name}/"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("path", ["", "panels/", "panels/figures/"])
def test_an_account_of_somebody_else_is_not_found(path: str) -> None:
    account = make_one_of_each()
    stranger = builders.make_user()
    assert client_of(account.owner).get(account_url(account, path)).status_code == 200
    assert client_of(stranger).get(account_url(account, path)).status_code == 404


def test_staff_see_every_account_and_the_switcher_names_their_owners() -> None:
    account = make_one_of_each()
    builders.make_account()
    text = page(account, builders.make_user(is_staff=True))
    assert account.name in text
    assert account.owner.username in text


def test_the_switcher_lists_only_accounts_of_the_user() -> None:
    mine = builders.make_account()
    other = builders.make_account(mine.owner, name="My second")
    foreign = builders.make_account(name="Not mine")
    archived = builders.make_account(mine.owner, name="Gone", archived_at=timezone.now())
    text = page(mine)
    assert other.name in text
    assert foreign.name not in text
    assert archived.name not in text


def test_home_leads_to_the_first_account_of_the_user() -> None:
    account = builders.make_account()
    builders.make_account()
    response = client_of(account.owner).get("/")
    assert response.status_code == 302
    assert response["Location"] == account_url(account)


def test_home_without_an_account_says_where_accounts_come_from() -> None:
    text = client_of(builders.make_user()).get("/").content.decode()
    assert "A member of staff opens accounts" in text


@pytest.mark.parametrize(
    "path",
    ["/", "/accounts/1/", "/accounts/1/panels/", "/api/accounts/", "/api/accounts/1/", "/admin/"],
)
def test_the_anonymous_are_sent_to_the_login(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert "/login/?next=" in response["Location"]


def test_the_login_page_needs_no_login_and_logs_in() -> None:
    builders.make_user("reader", "secret-word")
    client = Client()
    assert client.get("/login/").status_code == 200
    wrong = client.post("/login/", {"username": "reader", "password": "no"})
    assert "Please enter a correct username" in wrong.content.decode()
    right = client.post("/login/", {"username": "reader", "password": "secret-word"})
    assert right.status_code == 302


def test_pages_carry_the_policy_and_hold_nothing_inline() -> None:
    account = make_one_of_each()
    client = client_of(account.owner)
    for path in ("", "panels/", "panels/figures/"):
        assert client.get(account_url(account, path))["Content-Security-Policy"] == POLICY
    text = page(account)
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick=" not in text
    scripts = text.count("<script")
    assert scripts == text.count('<script src="/static/')
    assert scripts == 2
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_every_panel_stands_in_the_page_and_alone() -> None:
    account = make_one_of_each()
    text = page(account)
    answer = client_of(account.owner).get(account_url(account, "panels/")).json()
    assert set(answer["panels"]) == set(PANELS)
    for name in PANELS:
        assert f'id="panel-{name}"' in text
        # Only live prices have sources to be shown.
        assert panel(account, name).strip() or name == "prices"


def test_an_unknown_panel_is_not_found() -> None:
    account = builders.make_account()
    assert client_of(account.owner).get(account_url(account, "panels/nope/")).status_code == 404


def test_panels_show_what_has_changed() -> None:
    session = builders.make_session()
    token = builders.make_token("WETH")
    assert "Nothing is held." in panel(session.account, "positions")
    builders.make_position(session, token)
    text = panel(session.account, "positions")
    assert "WETH" in text
    assert "▲ $66.42" in text
    assert "(+2.66%)" in text


def test_an_account_without_a_session_shows_every_empty_state() -> None:
    account = builders.make_account()
    text = page(account)
    for words in ("No session yet", "Nothing is held.", "No order yet.", "No tick yet."):
        assert words in text
    assert "none closed yet" in text
    assert "—" in panel(account, "figures")


def test_the_market_badge_says_simulated_or_recorded_and_the_assumptions() -> None:
    simulated = builders.make_account(market=builders.make_market(seed=7001))
    assert "Simulated · seed 7001 · one step = 5 min" in page(simulated)
    assert "Pool depths are modelled." in page(simulated)
    market = builders.make_market(
        mode="RECORDED", file_path="/prices/january.csv.gz", file_sha256="ab", step_seconds=3600
    )
    recorded = builders.make_account(market=market)
    assert "Recorded · file · january.csv.gz · one step = 1 h" in page(recorded)


def test_the_session_state_is_said_in_words() -> None:
    assert "Running, entries paused" in panel(
        builders.make_session(entries_paused=True).account, "status"
    )
    assert "Halted by a person" in panel(builders.make_session(halted=True).account, "status")
    stopped = builders.make_session(
        status="STOPPED", stop_reason="RECORD_ENDED", stopped_at=timezone.now()
    )
    builders.make_position(stopped, builders.make_token())
    text = panel(stopped.account, "status")
    assert "Stopped: record ended" in text
    assert "1 unmanaged position" in text


def test_a_signal_that_is_off_says_why() -> None:
    account = builders.make_account(market=builders.make_market(signals="ab" * 32))
    builders.make_session(account)
    make_signal(account.market, name="fine")
    make_signal(account.market, name="mine", off_step=1605, off_reason="ValueError: <none>")
    text = panel(account, "status")
    assert "Signal mine is off from step 1,605 on: ValueError: &lt;none&gt;" in text
    assert "fine" not in text


def test_a_running_session_without_fresh_ticks_is_stale() -> None:
    session = builders.make_session(interval_ms=1_000)
    now = timezone.now()
    builders.make_tick(session, 1, opened_at=now - timedelta(minutes=2))
    text = panel(session.account, "status")
    assert "Stale" in text
    assert "1 m ago" in text or "2 m ago" in text
    builders.make_tick(session, 2, opened_at=now - timedelta(seconds=2))
    assert "Stale" not in panel(session.account, "status")


def test_the_figures_are_the_accounts_own() -> None:
    session = builders.make_session(
        builders.make_account(
            cash_usd=Decimal(7_500),
            realized_usd=Decimal("-12.5"),
            winning_trades=1,
            losing_trades=3,
            gas_usd=Decimal("0.0042"),
        )
    )
    builders.make_position(session, builders.make_token("WETH"))
    text = panel(session.account, "figures")
    assert "$10,066.42" in text  # 7,500 of cash and one WETH at 2,566.42
    assert "+0.66%" in text
    assert f"▼ {MINUS}$12.50" in text
    assert "25.00%" in text
    assert "1 of 4 closed" in text
    assert "gas $0.0042" in text


def test_cash_counts_at_its_price_at_the_newest_point() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    builders.make_point(tick, Decimal(9_000), cash_price_usd=Decimal("0.9"))
    text = panel(session.account, "figures")
    assert "$9,000.00" in text
    assert f"{MINUS}10.00%" in text


def test_decisions_show_confidence_against_the_threshold_and_the_reason() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    builders.make_thought(tick, builders.make_token("UNI"))
    skip = {"action": Action.SKIP, "code": Code.PRICE_MISSING, "confidence": None, "gates": ()}
    builders.make_thought(tick, builders.make_token("ARB"), **skip)
    text = panel(session.account, "decisions")
    assert "Hold UNI</b> at 37.5 of 70 confidence" in text
    won = "of such set-ups 42 of 96 won in 12 days, p_win 41 % [33, 49], break-even 33 %"
    assert f"38: top 62 % of set-ups; {won}" in text
    assert text.count("of such set-ups") == 1
    assert escape(Code.CONFIDENCE_LOW.text) in text
    assert "Skip ARB</b></span>" in text
    assert Code.PRICE_MISSING.text in text


def test_denials_and_failures_say_why() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    token = builders.make_token("LINK")
    builders.make_trade(tick, token)
    builders.make_denial(tick, token, 1)
    builders.make_trade(
        tick,
        token,
        2,
        side=Side.SELL,
        status=TradeStatus.FAILED,
        code=Code.MINIMUM_OUT_NOT_MET,
        amount_out=0,
    )
    text = panel(session.account, "trades")
    assert Code.COOL_DOWN.text in text
    assert Code.MINIMUM_OUT_NOT_MET.text in text
    for figure in ("$3.00", "$0.42", f"{MINUS}$0.17", "$0.0042"):
        assert figure in text


def test_tripped_breakers_say_why_and_the_others_how_far() -> None:
    session = builders.make_session(builders.make_account(failed_transactions=2))
    builders.make_breaker(session.account)
    text = panel(session.account, "breakers")
    assert "1 tripped" in text
    assert "Too much is lost since the market day began (percent): 5.2, limit 5." in text
    assert "2 of 5" in text
    assert "Locked tokens" not in text


def test_locks_and_resets_are_shown_with_their_reasons() -> None:
    session = builders.make_session()
    builders.make_lock(session.account, builders.make_token("MOON"))
    builders.make_breaker(
        session.account,
        tripped=False,
        tripped_market_time=None,
        reset_by=builders.make_user("mender"),
        reset_at=builders.START,
        reset_reason="Looked at.",
    )
    text = panel(session.account, "breakers")
    assert "<span>MOON</span>" in text
    assert "Locked</b> until" in text
    assert "Its team sells." in text
    assert "by mender: Looked at." in text
    assert "Off" in text
    PaperStrategyConfiguration.objects.update(max_volatility_ratio=Decimal(2))
    assert "limit 2 times" in panel(session.account, "breakers")


def test_the_pipeline_groups_chunks_and_says_why_a_tick_did_not_close() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    start = tick.opened_at
    for chunk, (begin, end) in enumerate([(0, 30), (10, 50), (5, 20)]):
        builders.make_stage(
            tick,
            Stage.ANALYSIS,
            chunk=chunk,
            started_at=start + timedelta(milliseconds=begin),
            finished_at=start + timedelta(milliseconds=end),
        )
    builders.make_tick(
        session,
        2,
        number=None,
        batch=None,
        status=TickStatus.SKIPPED,
        reason=TickReason.OVERLAP,
    )
    text = panel(session.account, "pipeline")
    assert "50 ms" in text
    assert "3 chunks" in text
    assert "1 skipped</span> The tick before it was still open." in text
    assert "3 chunks" in text


def test_many_skipped_slots_do_not_hide_the_ticks_that_ran() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    builders.make_thought(tick, builders.make_token("UNI"))
    for slot in range(2, 32):
        builders.make_tick(
            session,
            slot,
            number=None,
            batch=None,
            status=TickStatus.SKIPPED,
            reason=TickReason.NOT_SERVED,
        )
    text = panel(session.account, "pipeline")
    assert '<th scope="row">1</th>' in text
    assert "30 skipped" in text
    assert "Hold UNI" in panel(session.account, "decisions")


def test_decisions_of_an_open_tick_wait_until_they_are_all_there() -> None:
    session = builders.make_session()
    token = builders.make_token("UNI")
    builders.make_thought(builders.make_tick(session, 1), token)
    now = timezone.now()
    running = builders.make_tick(
        session, 2, status=TickStatus.OPEN, closed_at=None, lease_until=now, deadline_at=now
    )
    builders.make_thought(running, token, action=Action.BUY, code=Code.OK)
    text = panel(session.account, "decisions")
    assert "Hold UNI" in text
    assert "Buy UNI" not in text


def test_denials_do_not_crowd_out_the_fills() -> None:
    session = builders.make_session()
    tick = builders.make_tick(session, 1)
    token = builders.make_token("LINK")
    builders.make_trade(tick, token)
    for sequence in range(1, 30):
        builders.make_denial(tick, token, sequence)
    text = panel(session.account, "trades")
    assert text.count("Filled") == 1
    assert text.count("Denied") == 5


def fill(session: PaperTradingSession, first: int, last: int) -> None:
    for number in range(first, last + 1):
        token = builders.make_token()
        tick = builders.make_tick(session, number)
        builders.make_stage(tick, Stage.PRICES)
        builders.make_point(tick)
        position = builders.make_position(session, token)
        builders.make_closed_position(session, token)
        builders.make_trade(tick, token, position=position)
        builders.make_thought(tick, token)


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("rest", ["", "panels/"])
def test_the_number_of_queries_does_not_grow_with_the_rows(rest: str) -> None:
    session = builders.make_session()
    fill(session, 1, 1)
    client = client_of(session.account.owner)
    one = queries_of(client, account_url(session.account, rest))
    fill(session, 2, 20)
    twenty = queries_of(client, account_url(session.account, rest))
    assert twenty == one
    assert one <= 20
