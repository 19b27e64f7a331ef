"""Acts on selected rows: each one logged, each refusal told, the outcome counted."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from paper_trading.admin.records import ModelAdmin
from paper_trading.bot.accounts import ControlRefused
from paper_trading.engine.locks import LONGEST_REASON

Row = TypeVar("Row", bound=Model)


class ReasonForm(forms.Form):
    """Why a person does it."""

    reason = forms.CharField(label="Reason", max_length=LONGEST_REASON)


def ask(
    admin: ModelAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    action: str,
    title: str,
    form: forms.Form | None,
) -> TemplateResponse:
    """Ask for what an action needs, or for a confirmation; the answer is posted to it."""
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.opts,
        "rows": rows,
        "action": action,
        "form": form,
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/paper_trading/ask.html", context)


def act_on_each(
    admin: ModelAdmin,
    request: HttpRequest,
    rows: QuerySet[Row],
    act: Callable[[Row], Any],
    done: str,
) -> None:
    """Do an act to every row; `done` is the past tense for the log and the message."""
    succeeded = 0
    for row in rows:
        try:
            act(row)
        except ControlRefused as refusal:
            admin.message_user(request, f"{row}: {refusal}", messages.ERROR)
            continue
        admin.log_change(request, row, f"{done[0].upper()}{done[1:]}.")
        succeeded += 1
    if succeeded:
        name = (
            rows.model._meta.verbose_name
            if succeeded == 1
            else (rows.model._meta.verbose_name_plural)
        )
        admin.message_user(request, f"{succeeded} {name}: {done}.", messages.SUCCESS)
