"""Why a session traded as it did: the funnel from looks at tokens to fills, by code."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action, Side, TradeStatus
from paper_trading.models import PaperAIThoughtLog, PaperTrade, PaperTradingSession


@dataclass(frozen=True, slots=True)
class Loss:
    """What did not get through a step of the funnel: a code and how often."""

    code: Code
    count: int


@dataclass(frozen=True, slots=True)
class Level:
    """One step of the funnel: how many came that far, and why the rest went no further."""

    name: str
    count: int
    lost: tuple[Loss, ...]


def funnel(session: PaperTradingSession) -> tuple[Level, ...]:
    """Count a session's entries from looks to fills; each level is the one before less its losses.

    A look is one decision on one token. What is wanted is ordered, unless the token's exit
    reverted in the same tick or the tick ended early. Exits are counted by `exits`.
    """
    looks = PaperAIThoughtLog.objects.filter(tick__session=session)
    judged = looks.exclude(action=Action.SKIP)
    wanted = looks.filter(action=Action.BUY)
    tried = PaperTrade.objects.filter(session=session, side=Side.BUY)
    sent = tried.exclude(status=TradeStatus.DENIED)
    filled = tried.filter(status=TradeStatus.FILLED)
    return (
        Level("looks", looks.count(), _losses(looks.filter(action=Action.SKIP))),
        Level("judged", judged.count(), _losses(judged.exclude(action=Action.BUY))),
        Level("wanted", wanted.count(), ()),
        Level("ordered", tried.count(), _losses(tried.filter(status=TradeStatus.DENIED))),
        Level("sent", sent.count(), _losses(tried.filter(status=TradeStatus.FAILED))),
        Level("filled", filled.count(), ()),
    )


def exits(session: PaperTradingSession) -> tuple[Level, ...]:
    """Count a session's exits the same way; what was denied or failed was wanted again."""
    tried = PaperTrade.objects.filter(session=session, side=Side.SELL)
    sent = tried.exclude(status=TradeStatus.DENIED)
    return (
        Level("ordered", tried.count(), _losses(tried.filter(status=TradeStatus.DENIED))),
        Level("sent", sent.count(), _losses(tried.filter(status=TradeStatus.FAILED))),
        Level("filled", tried.filter(status=TradeStatus.FILLED).count(), ()),
    )


def _losses(rows: QuerySet[PaperAIThoughtLog] | QuerySet[PaperTrade]) -> tuple[Loss, ...]:
    """Return the codes of rows, the most frequent first."""
    counted = rows.values("code").annotate(n=Count("pk")).order_by("-n", "code")
    return tuple(Loss(Code(row["code"]), row["n"]) for row in counted)
