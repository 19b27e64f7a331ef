"""Looks at the pools of tokens, one a day, and the better pools that were proposed."""

from django.db import models
from django.db.models import Q

from paper_trading.models.fields import UsdField
from paper_trading.models.market import Token


class TokenExamination(models.Model):
    """What was found of a token's pinned pool on a day, and the pool proposed in its place.

    A proposal changes nothing until a person takes it.
    """

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="examinations")
    day = models.DateField(help_text="Of UTC.")
    at = models.DateTimeField()
    pool_address = models.CharField(max_length=42, blank=True, help_text="The pinned pool.")
    liquidity_usd = UsdField(null=True, help_text="Both sides; empty: the pool was not seen.")
    #: Code and sentence of each.
    vetoes = models.JSONField(default=list, blank=True)
    flags = models.JSONField(default=list, blank=True)
    proposed_pool = models.CharField(max_length=42, blank=True, default="")
    proposed_liquidity_usd = UsdField(null=True)
    proposed_kind = models.CharField(max_length=20, blank=True, default="")
    proposed_quote = models.CharField(max_length=20, blank=True, default="")
    proposed_fee_pips = models.PositiveIntegerField(null=True)
    proposed_fee_is_assumed = models.BooleanField(default=False)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "day"], name="examination_once_a_day"),
            models.CheckConstraint(
                condition=Q(proposed_pool="", proposed_liquidity_usd=None, proposed_fee_pips=None)
                | Q(
                    proposed_pool__gt="",
                    proposed_liquidity_usd__isnull=False,
                    proposed_fee_pips__isnull=False,
                ),
                name="examination_proposes_as_a_whole",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(proposed_pool__gt=""),
                name="examination_accepts_a_proposal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token} on {self.day:%Y-%m-%d}"
