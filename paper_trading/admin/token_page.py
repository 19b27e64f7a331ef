"""The page of a market that adds a token: paste, look at what was found, confirm."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from paper_trading.admin.records import ReadableAdmin
from paper_trading.engine.pair_choice import Veto
from paper_trading.models import FeedMode, Market
from paper_trading.services import asking, clock
from paper_trading.services.examination_text import lines
from paper_trading.services.sources.live.base import SourceFailure
from paper_trading.services.token_adding import (
    CannotAdd,
    Examination,
    add,
    examine,
    what_follows,
)
from paper_trading.services.token_registry import CHAINS

_ADDED = "Token {} added, pool {}."


class PasteForm(forms.Form):
    """What a person pastes, and on the second page what was confirmed."""

    text = forms.CharField(label="Contract address or DexScreener link", max_length=300)
    chain = forms.TypedChoiceField(
        label="Chain of the address",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", "as the link says, or the market's"),
            *((chain.chain_id, chain.name) for chain in CHAINS.values()),
        ],
    )
    accept = forms.MultipleChoiceField(
        required=False,
        choices=[(veto.value, veto.value) for veto in Veto if veto.acceptable],
        widget=forms.MultipleHiddenInput,
    )
    #: The pool that was shown: another one found at the confirmation is shown first.
    pool = forms.CharField(required=False, max_length=42, widget=forms.HiddenInput)


class AddTokenPage(ReadableAdmin):
    """Gives the admin of markets a page a live market where tokens are added."""

    def get_urls(self) -> list[URLPattern]:
        """Return the page besides Django's own."""
        view = self.admin_site.admin_view(self.add_token)
        name = "paper_trading_market_add_token"
        return [path("<int:pk>/add-token/", view, name=name), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the market, with the way to the page for who may add tokens."""
        shown = {"may_add_token": _may(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)

    def add_token(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Examine what was pasted; add it once what was found is confirmed."""
        if not _may(request):
            raise PermissionDenied
        market = Market.objects.filter(pk=pk, mode=FeedMode.LIVE).first()
        if market is None:
            raise Http404("there is no such live market")
        form = PasteForm(request.POST if request.method == "POST" else None)
        found = _examined(form, market) if form.is_bound and form.is_valid() else None
        if found is not None and "confirmed" in request.POST:
            answer = self._confirmed(request, market, form, found)
            if answer is not None:
                return answer
        return self._page(request, market, form, found)

    def _confirmed(
        self, request: HttpRequest, market: Market, form: PasteForm, found: Examination
    ) -> HttpResponse | None:
        """Add the token and go back to the market; None when the page says why not."""
        if form.cleaned_data["pool"] != found.pool:
            form.add_error(None, "Another pool is the deepest by now: look again, then confirm.")
            return None
        try:
            listing = add(market, found, {Veto(name) for name in form.cleaned_data["accept"]})
        except CannotAdd as refusal:
            form.add_error(None, str(refusal))
            return None
        self.log_change(request, market, _ADDED.format(listing.token, found.pool))
        self.message_user(request, what_follows(listing), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:paper_trading_market_change", args=[market.pk]))

    def _page(
        self, request: HttpRequest, market: Market, form: PasteForm, found: Examination | None
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Add a token to {market}",
            "opts": self.opts,
            "market": market,
            "form": form,
            "found": found,
            "lines": [] if found is None else list(lines(found)),
            "can_be_added": found is not None and not found.lacking(set(Veto)),
        }
        return TemplateResponse(request, "admin/paper_trading/add_token.html", context)


def _may(request: HttpRequest) -> bool:
    permissions = ("paper_trading.add_token", "paper_trading.change_market")
    return request.user.has_perms(permissions)


def _examined(form: PasteForm, market: Market) -> Examination | None:
    """Examine what was pasted; None when the form says why not."""
    try:
        return examine(
            form.cleaned_data["text"],
            form.cleaned_data["chain"],
            market.chain_id,
            asking.installed(),
            clock.now(),
        )
    except (ValueError, SourceFailure) as error:
        form.add_error(None, str(error))
        return None
