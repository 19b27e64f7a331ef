"""The accounts and sessions of a first start; a later start goes on with them."""

from collections.abc import Sequence
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from paper_trading.bot import accounts, controls, endings, progress
from paper_trading.bot.command_line import ALLOWED_PRICES, LIVE, RECORDED, SIMULATED
from paper_trading.models import (
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    StopReason,
)
from paper_trading.services import live_markets, market_setup

ADMIN_NAME = "admin"


def admin_user(password: str) -> User:
    """Return the administrator, made with a password or given a changed one."""
    user, made = User.objects.get_or_create(
        username=ADMIN_NAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if password and (made or not user.check_password(password)):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def market_for(
    prices: str, profile: str = "normal", chain_id: int = market_setup.DEFAULT_CHAIN_ID
) -> Market:
    """Return the market of `recorded:FILE`, or of `live` or `simulated` prices of a chain."""
    if prices.startswith(RECORDED):
        return market_setup.recorded_market(Path(prices.removeprefix(RECORDED)))
    if prices == LIVE:
        return live_markets.live_market(chain_id)
    if prices != SIMULATED:
        raise ValueError(f"prices was {prices!r}; allowed are {ALLOWED_PRICES}")
    return market_setup.simulated_market(chain_id=chain_id, profile=profile)


def seed_sessions(
    owner: User, market: Market, levels: Sequence[int], interval_ms: int, ticks: int | None
) -> list[PaperTradingSession]:
    """Return one running session a level on a market, going on with those that fit.

    Sessions of the same owner on other markets or with another interval are stopped as
    REPLACED, so that one start shows one market. What a crash left open is there to be taken
    over: when `up` seeds, no worker runs.
    """
    progress.release()
    with transaction.atomic():
        return _seed(owner, market, levels, interval_ms, ticks)


def _seed(
    owner: User, market: Market, levels: Sequence[int], interval_ms: int, ticks: int | None
) -> list[PaperTradingSession]:
    strategy, _ = PaperStrategyConfiguration.objects.get_or_create(owner=owner, name="Default")
    wanted = [_account(owner, market, level) for level in levels]
    seeded = PaperTradingAccount.objects.filter(owner=owner, name__startswith="Level ")
    # Accounts come first, as in the stages, so that a worker that does run cannot cross this.
    list(seeded.select_for_update(no_key=True).order_by("pk"))
    for session in PaperTradingSession.objects.filter(
        account__in=seeded, status=SessionStatus.RUNNING
    ):
        if session.account not in wanted or session.interval_ms != interval_ms:
            controls.stop(session, StopReason.REPLACED)
    return [
        _session(account, strategy, level, interval_ms, ticks)
        for account, level in zip(wanted, levels, strict=True)
    ]


def _account(owner: User, market: Market, level: int) -> PaperTradingAccount:
    prefix = f"Level {level} · "
    found = PaperTradingAccount.objects.filter(
        owner=owner, market=market, archived_at=None, name__startswith=prefix
    ).first()
    return found or accounts.open_account(owner, f"{prefix}{market.name}", market)


def _session(
    account: PaperTradingAccount,
    strategy: PaperStrategyConfiguration,
    level: int,
    interval_ms: int,
    ticks: int | None,
) -> PaperTradingSession:
    """Go on with the account's newest session when it fits, or open a new one."""
    with transaction.atomic():
        newest = account.sessions.order_by("-pk").first()
        ended = newest is not None and newest.stop_reason in (
            StopReason.RECORD_ENDED,
            StopReason.RECORD_CHANGED,
        )
        if newest is None or ended or newest.interval_ms != interval_ms:
            # When `up` seeds, no worker runs that could finish what an earlier start left open.
            endings.abandon(account)
            return accounts.open_session(account, strategy, level, interval_ms, ticks)
        newest = account.sessions.select_for_update(no_key=True).get(pk=newest.pk)
        newest.tick_limit = None if ticks is None else newest.ticks_closed + ticks
        newest.save(update_fields=["tick_limit"])
    if newest.status == SessionStatus.STOPPED:
        controls.start(newest)
    return newest
