"""Accounts: opened, funded and reset here; their money is changed by nothing else."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from paper_trading.admin.acts import ReasonForm, act_on_each, ask
from paper_trading.admin.records import ModelForm, RecordAdmin
from paper_trading.bot import accounts
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.engine.words import number_of
from paper_trading.models import AccountEvent, PaperTradingAccount, Token


class AccountForm(ModelForm):
    """What a new account needs."""

    deposit_usd = forms.DecimalField(
        label="First deposit, USD", min_value=Decimal("0.01"), initial=accounts.STARTING_CASH_USD
    )

    class Meta:
        model = PaperTradingAccount
        fields = ("owner", "name", "market")


class FundForm(forms.Form):
    """How much to add."""

    amount_usd = forms.DecimalField(label="Amount to add, USD", min_value=Decimal("0.01"))


class ReleaseForm(ReasonForm):
    """Which token, and why."""

    token = forms.ModelChoiceField(Token.objects.filter(is_cash=False).order_by("symbol", "pk"))
    field_order = ("token", "minutes", "reason")


class LockForm(ReleaseForm):
    """Which token, for how long, and why."""

    minutes = forms.IntegerField(label="Minutes of market time", initial=60)


@admin.register(PaperTradingAccount)
class AccountAdmin(RecordAdmin):
    """Accounts, with what the ledger says of them."""

    list_display = (
        "name",
        "owner",
        "market",
        "cash_usd",
        "deposits_usd",
        "realized_usd",
        "total_pnl_usd",
        "created_at",
        "archived_at",
    )
    list_filter = ("market", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("owner", "market")
    search_fields = ("name", "owner__username")
    date_hierarchy = "created_at"
    actions = ("fund", "reset", "lock", "release")
    form = AccountForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's own permission: accounts are opened here."""
        return request.user.has_perm("paper_trading.add_papertradingaccount")

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may fund and reset accounts."""
        return request.user.has_perm("paper_trading.change_papertradingaccount")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields for a new account, all of the record's for an old one."""
        if obj is None:
            return ("owner", "name", "market", "deposit_usd")
        return super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return nothing for a new account."""
        return () if obj is None else super().get_readonly_fields(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Propose the user as the owner."""
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Open an account; a refusal is told and nothing is left behind."""
        try:
            return super().add_view(request, form_url, extra_context)
        except ControlRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self, request: HttpRequest, obj: PaperTradingAccount, form: Any, change: bool
    ) -> None:
        """Open the account with its first deposit as a ledger posting."""
        owner = User.objects.get(pk=obj.owner_id)
        made = accounts.open_account(owner, obj.name, obj.market, form.cleaned_data["deposit_usd"])
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(description="Fund: add money", permissions=["steer"])
    def fund(
        self, request: HttpRequest, rows: QuerySet[PaperTradingAccount]
    ) -> HttpResponse | None:
        """Ask for an amount, then add it to each account."""
        form = FundForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, rows, "fund", "Add money to these accounts", form)
        amount: Decimal = form.cleaned_data["amount_usd"]
        user = cast("User", request.user)
        act_on_each(
            self,
            request,
            rows,
            lambda row: accounts.deposit(row, amount, user),
            f"funded with {amount} USD",
        )
        return None

    @admin.action(description="Reset: archive and open anew", permissions=["steer"])
    def reset(
        self, request: HttpRequest, rows: QuerySet[PaperTradingAccount]
    ) -> HttpResponse | None:
        """Ask for confirmation, then archive each account and open its successor."""
        if "confirmed" not in request.POST:
            title = "Archive these accounts and open each anew with its first deposit?"
            return ask(self, request, rows, "reset", title, None)
        act_on_each(self, request, rows, accounts.reset, "archived and opened anew")
        return None

    @admin.action(description="Lock a token: no entries, exits go on", permissions=["steer"])
    def lock(
        self, request: HttpRequest, rows: QuerySet[PaperTradingAccount]
    ) -> HttpResponse | None:
        """Ask for a token, a time and a reason, then lock it in each account."""
        form = LockForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, rows, "lock", "Lock a token in these accounts", form)
        token, minutes, reason = (
            form.cleaned_data[name] for name in ("token", "minutes", "reason")
        )
        user = cast("User", request.user)
        act_on_each(
            self,
            request,
            rows,
            lambda row: CircuitBreakerManager(row.pk).lock(token, minutes, user, reason),
            f"{token} locked for {number_of(minutes, 'minute')}: {reason.rstrip('.')}",
        )
        return None

    @admin.action(description="Release the lock of a token", permissions=["steer"])
    def release(
        self, request: HttpRequest, rows: QuerySet[PaperTradingAccount]
    ) -> HttpResponse | None:
        """Ask for a token and a reason, then release its lock in each account."""
        form = ReleaseForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            title = "Release the lock of a token in these accounts"
            return ask(self, request, rows, "release", title, form)
        token, reason = (form.cleaned_data[name] for name in ("token", "reason"))
        user = cast("User", request.user)
        act_on_each(
            self,
            request,
            rows,
            lambda row: CircuitBreakerManager(row.pk).release(token, user, reason),
            f"lock of {token} released: {reason.rstrip('.')}",
        )
        return None


@admin.register(AccountEvent)
class AccountEventAdmin(RecordAdmin):
    """What changed accounts outside of their ticks: deposits, breakers, locks of tokens."""

    list_display = (
        "account",
        "version",
        "kind",
        "amount_usd",
        "breaker",
        "token",
        "reason",
        "requested_by",
    )
    list_filter = ("kind",)
    list_select_related = ("account", "token", "requested_by")
    search_fields = ("account__name",)
