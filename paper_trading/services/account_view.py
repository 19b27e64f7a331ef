"""What people see of an account: who may see it, its newest rows, and its figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Prefetch, QuerySet

from paper_trading.engine.money import HUNDRED, ONE, ZERO, exact, from_base_units, ratio, usd
from paper_trading.models import (
    EquityPoint,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
    TickStage,
    TickStatus,
)


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """The worth of an account now, in USD; None where a figure is undefined."""

    equity_usd: Decimal
    #: Against deposits, in percent.
    return_percent: Decimal | None
    cash_usd: Decimal
    deposits_usd: Decimal
    positions_usd: Decimal
    realized_usd: Decimal
    unrealized_usd: Decimal
    gas_usd: Decimal
    drawdown_percent: Decimal
    max_drawdown_percent: Decimal
    win_rate_percent: Decimal | None
    #: Closed positions that were won or lost, net of all gas: the n of the win rate.
    round_trips: int


def visible_accounts(user: AbstractBaseUser | AnonymousUser) -> QuerySet[PaperTradingAccount]:
    """Return a user's own accounts; staff see all."""
    accounts = PaperTradingAccount.objects.select_related("market", "owner")
    if not isinstance(user, User) or not user.is_active:
        return accounts.none()
    return accounts if user.is_staff else accounts.filter(owner=user)


def latest_session(account: PaperTradingAccount) -> PaperTradingSession | None:
    """Return the newest session of an account, with its strategy."""
    return account.sessions.select_related("strategy").order_by("-pk").first()


def open_positions(account: PaperTradingAccount) -> list[PaperPosition]:
    """Return what an account holds, by symbol."""
    held = account.positions.filter(is_open=True).select_related("token")
    return list(held.order_by("token__symbol"))


def latest_point(account: PaperTradingAccount) -> EquityPoint | None:
    """Return the newest equity point with its tick."""
    points = account.equity_points.select_related("tick")
    return points.order_by("-market_time").first()


def latest_metrics(account: PaperTradingAccount) -> PaperPerformanceMetrics | None:
    """Return the newest metrics of an account; None before the first."""
    rows = PaperPerformanceMetrics.objects.filter(session__account=account)
    return rows.order_by("-pk").first()


def latest_ticks(session: PaperTradingSession, limit: int) -> list[Tick]:
    """Return the newest executed ticks with their stages in the order in which they began."""
    stages = Prefetch("stages", queryset=TickStage.objects.order_by("started_at", "chunk"))
    executed = session.ticks.filter(number__isnull=False).order_by("-number")
    return list(executed.prefetch_related(stages)[:limit])


def skipped_since(session: PaperTradingSession, ticks: Sequence[Tick]) -> dict[str, int]:
    """Count the slots skipped since the oldest of some ticks, by reason.

    Only counts: after an outage hundreds of them would hide every tick that ran.
    """
    since = ticks[-1].opened_at if ticks else session.started_at
    skipped = session.ticks.filter(status=TickStatus.SKIPPED, opened_at__gte=since)
    counted = skipped.values_list("reason").annotate(slots=Count("pk")).order_by("reason")
    return dict(counted)


def decisions_of(ticks: Iterable[Tick]) -> list[PaperAIThoughtLog]:
    """Return the decisions of some ticks, newest tick first."""
    found = PaperAIThoughtLog.objects.filter(tick__in=[tick.pk for tick in ticks])
    return list(found.select_related("token", "tick").order_by("-tick_id", "token__symbol"))


@exact
def market_value(position: PaperPosition) -> Decimal:
    """Return the units of a position at its last mark, in USD."""
    whole = from_base_units(position.units, position.token.decimals)
    return usd(whole * position.mark_price_usd)


def cash_price_at(point: EquityPoint | None) -> Decimal:
    """Return the USD price of cash at an equity point; par when there is none."""
    return ONE if point is None else point.cash_price_usd


@exact
def unrealized(position: PaperPosition, cash_price_usd: Decimal) -> Decimal:
    """Return value less cost in USD; the cost was paid in cash and counts at its price."""
    return usd(market_value(position) - position.cost_usd * cash_price_usd)


@exact
def figures(
    account: PaperTradingAccount, held: Iterable[PaperPosition], point: EquityPoint | None
) -> AccountFigures:
    """Compute the figures from the account's own columns, so that a deposit shows at once.

    Cash counts at its price at the newest equity point, and at par before it.
    """
    cash_price = cash_price_at(point)
    cash = usd(account.cash_usd * cash_price)
    positions = ZERO
    cost = ZERO
    for position in held:
        positions += market_value(position)
        cost += position.cost_usd
    equity = cash + positions
    peak = max(account.peak_equity_usd, equity)
    drawdown = percent(peak - equity, peak) or ZERO
    decided = account.winning_trades + account.losing_trades
    return AccountFigures(
        equity_usd=equity,
        return_percent=percent(equity - account.deposits_usd, account.deposits_usd),
        cash_usd=cash,
        deposits_usd=account.deposits_usd,
        positions_usd=positions,
        realized_usd=account.realized_usd,
        unrealized_usd=positions - usd(cost * cash_price),
        gas_usd=account.gas_usd,
        drawdown_percent=drawdown,
        max_drawdown_percent=max(account.max_drawdown_percent, drawdown),
        win_rate_percent=percent(Decimal(account.winning_trades), Decimal(decided)),
        round_trips=decided,
    )


@exact
def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return a part in percent of a whole; None when the whole is not positive."""
    return ratio(part / whole * HUNDRED) if whole > 0 else None
