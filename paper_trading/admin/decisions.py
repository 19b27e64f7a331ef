"""The thought log: each decision with the evidence behind it."""

from django.contrib import admin
from django.template.loader import render_to_string

from paper_trading.admin.records import RecordAdmin
from paper_trading.intelligence.decision_json import decision_from_json
from paper_trading.intelligence.p_win import in_words
from paper_trading.models import PaperAIThoughtLog


@admin.register(PaperAIThoughtLog)
class ThoughtAdmin(RecordAdmin):
    """Decisions, readable: gates met and missed, signals and what each contributed."""

    list_display = ("tick", "token", "action", "confidence", "score", "code")
    list_filter = ("action", "code")
    list_select_related = ("tick", "token")
    search_fields = ("token__symbol",)
    record_fields = (("tick", "token"), ("action", "code"), "why", "created_at")

    @admin.display(description="Evidence")
    def why(self, row: PaperAIThoughtLog) -> str:
        """Return gates and signals as tables."""
        decision = decision_from_json(row.evidence)
        context = {"decision": decision, "words": in_words(decision)}
        return render_to_string("admin/paper_trading/evidence.html", context)
