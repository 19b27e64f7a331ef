"""Strategy configurations, and the versions that ticks ran with."""

import dataclasses
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from paper_trading.admin.records import ModelForm, ReadableAdmin, RecordAdmin
from paper_trading.engine.strategy import Strategy
from paper_trading.models import PaperStrategyConfiguration, StrategyVersion, Token


class StrategyForm(ModelForm):
    """A configuration whose tokens exist; the model itself checks what must go together."""

    class Meta:
        model = PaperStrategyConfiguration
        fields = ("owner", "name", *(field.name for field in dataclasses.fields(Strategy)))

    def clean_allowed_tokens(self) -> list[str]:
        """Check the symbols."""
        return _symbols(self.cleaned_data["allowed_tokens"])

    def clean_blocked_tokens(self) -> list[str]:
        """Check the symbols."""
        return _symbols(self.cleaned_data["blocked_tokens"])


def _symbols(words: Any) -> list[str]:
    """Return a list of known symbols; ValidationError names what is not one."""
    if words in (None, ""):
        return []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValidationError(f'Was {words!r}; write a list of symbols, such as ["WETH", "LINK"].')
    known = set(Token.objects.values_list("symbol", flat=True))
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValidationError(
            f"Not a known symbol: {', '.join(unknown)}; known are {', '.join(sorted(known))}."
        )
    return list(dict.fromkeys(words))


@admin.register(PaperStrategyConfiguration)
class StrategyAdmin(ReadableAdmin):
    """Configurations. A change takes effect, as a new version, at the next tick."""

    form = StrategyForm
    list_display = (
        "name",
        "owner",
        "version",
        "stop_loss_percent",
        "take_profit_percent",
        "max_hold_hours",
        "max_position_size_percent",
        "updated_at",
    )
    list_filter = ("owner",)
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Propose the user as the owner."""
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}


@admin.register(StrategyVersion)
class StrategyVersionAdmin(RecordAdmin):
    """Immutable versions."""

    list_display = ("strategy", "number", "created_at")
    list_select_related = ("strategy",)
    search_fields = ("strategy__name",)
