"""The thought log: one decision a token and tick, with the evidence behind it."""

from django.db import models

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action
from paper_trading.models.fields import RatioField, word_field
from paper_trading.models.market import Token
from paper_trading.models.tick import Tick


class PaperAIThoughtLog(models.Model):
    """A decision; kept small: inputs, scores, codes."""

    tick = models.ForeignKey(Tick, on_delete=models.CASCADE, related_name="thoughts")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="thoughts")
    action = word_field(Action)
    code = word_field(Code)
    confidence = RatioField(null=True)
    score = RatioField(null=True)
    #: The decision as JSON: signals, gates, numbers (intelligence.decision_json).
    evidence = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "AI thought"
        constraints = [
            models.UniqueConstraint(fields=["tick", "token"], name="thought_once"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.token}"
