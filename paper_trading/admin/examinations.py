"""Looks at pools: read-only, but a pool that is proposed can be taken."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from paper_trading.admin.acts import act_on_each
from paper_trading.admin.records import RecordAdmin
from paper_trading.bot.accounts import ControlRefused
from paper_trading.models import TokenExamination
from paper_trading.services import clock, pair_review


@admin.register(TokenExamination)
class TokenExaminationAdmin(RecordAdmin):
    """What was found of each token's pool, day by day."""

    list_display = (
        "token",
        "day",
        "pool_address",
        "liquidity_usd",
        "proposed_pool",
        "proposed_liquidity_usd",
        "accepted_at",
    )
    list_filter = ("day", ("proposed_pool", admin.EmptyFieldListFilter))
    list_select_related = ("token",)
    search_fields = ("token__symbol", "pool_address", "proposed_pool")
    actions = ("take",)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may change the pools of tokens."""
        return request.user.has_perm("paper_trading.change_token")

    @admin.action(description="Take the proposed pool", permissions=["steer"])
    def take(self, request: HttpRequest, rows: QuerySet[TokenExamination]) -> None:
        """Pin the proposed pools."""
        act_on_each(self, request, rows, _take, "proposed pool taken")


def _take(row: TokenExamination) -> None:
    try:
        pair_review.take(row, clock.now())
    except pair_review.CannotTake as refusal:
        raise ControlRefused(str(refusal)) from refusal
