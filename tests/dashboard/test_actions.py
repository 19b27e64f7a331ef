import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from paper_trading.models import PaperTradingAccount
from tests import builders

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


@pytest.mark.parametrize("act", ["pause", "resume", "tick", "close"])
def test_the_anonymous_cannot_act(act: str) -> None:
    session = builders.make_session()
    response = Client().post(account_url(session.account, f"{act}/"))
    assert response.status_code == 302
    assert "/login/" in response["Location"]


def test_the_actions_need_the_csrf_token() -> None:
    session = builders.make_session()
    strict = client_of(session.account.owner, strict=True)
    assert strict.post(account_url(session.account, "pause/")).status_code == 403
    session.refresh_from_db()
    assert not session.entries_paused


def test_the_actions_take_post_only() -> None:
    session = builders.make_session()
    assert (
        client_of(session.account.owner).get(account_url(session.account, "pause/")).status_code
        == 405
    )


def test_the_owner_pauses_and_resumes_entries() -> None:
    session = builders.make_session()
    client = client_of(session.account.owner)
    answer = client.post(account_url(session.account, "pause/"), follow=True).content.decode()
    assert "Entries are paused; exits go on." in answer
    session.refresh_from_db()
    assert session.entries_paused
    logged = LogEntry.objects.get()
    assert (logged.user, logged.object_id) == (session.account.owner, str(session.pk))
    client.post(account_url(session.account, "resume/"))
    session.refresh_from_db()
    assert not session.entries_paused


def test_what_cannot_be_done_is_refused_in_one_sentence() -> None:
    session = builders.make_session(
        status="STOPPED", stop_reason="REQUESTED", stopped_at=timezone.now()
    )
    client = client_of(session.account.owner)
    answer = client.post(account_url(session.account, "pause/"), follow=True).content.decode()
    assert f"Session {session.pk} is stopped." in answer


def test_closing_a_position_is_asked_for_once() -> None:
    session = builders.make_session()
    token = builders.make_token("WETH")
    builders.make_position(session, token)
    client = client_of(session.account.owner)
    for _ in range(2):
        answer = client.post(
            account_url(session.account, "close/"), {"token": token.pk}, follow=True
        )
    assert "WETH is already marked to be closed." in answer.content.decode()
    request = session.requests.get()
    assert (request.kind, request.token, request.requested_by) == (
        "CLOSE_POSITION",
        token,
        session.account.owner,
    )


def test_running_a_tick_stores_the_request_and_tells_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = builders.make_session()
    sent: list[int] = []
    monkeypatch.setattr("tasks.open_tick.send_manual", sent.append)
    client_of(session.account.owner).post(account_url(session.account, "tick/"))
    assert session.requests.get().kind == "TICK"
    assert sent == [session.pk]


def test_staff_without_the_permission_look_and_do_not_touch() -> None:
    session = builders.make_session()
    staff = builders.make_user(is_staff=True)
    assert "Pause entries" not in page(session.account, staff)
    assert client_of(staff).post(account_url(session.account, "pause/")).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="change_papertradingsession"))
    assert client_of(staff).post(account_url(session.account, "pause/")).status_code == 302
    session.refresh_from_db()
    assert session.entries_paused


def test_a_stranger_cannot_act() -> None:
    session = builders.make_session()
    stranger = client_of(builders.make_user())
    assert stranger.post(account_url(session.account, "pause/")).status_code == 404
