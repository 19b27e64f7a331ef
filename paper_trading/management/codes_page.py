"""The page of codes, made from the vocabularies themselves."""

from collections.abc import Iterable, Sequence

from paper_trading.engine.breakers import REASONS
from paper_trading.engine.code_notes import CLEARED, EXITS, NOTES, STATES, Origin
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import BreakerKind, ExitReason, TradingState

_HEAD = """# Codes

Every decision that is not an entry, every order that was refused, every swap that failed and every
exit says why, by one of these words. This page is made from the code:
`manage.py codes --write docs/CODES.md`; `manage.py why SESSION` counts them, and
`manage.py explain TICK TOKEN` shows the numbers behind one.
"""
_PARTS = {
    Origin.DECISION: ("Decisions", "A thought of the log carries it: BUY, SELL, HOLD or SKIP."),
    Origin.DENIAL: ("Denials", "A trade with the status DENIED carries it: nothing was sent."),
    Origin.FAILURE: (
        "Failed transactions",
        "A trade with the status FAILED: gas was paid if a block took it.",
    ),
}


def page() -> str:
    """Return docs/CODES.md."""
    parts = [_HEAD]
    for origin, (title, said) in _PARTS.items():
        rows = [
            (f"`{code}`", code.text, NOTES[code][1]) for code in Code if origin in NOTES[code][0]
        ]
        parts.append(_part(title, said, ("code", "meaning", "what you can do"), rows))
    exits = [(str(place), f"`{one}`", EXITS[one]) for place, one in enumerate(ExitReason, start=1)]
    first = "The first of them wins when several trigger at once."
    parts.append(_part("Exits", first, ("priority", "reason", "when"), exits))
    tripped = [(f"`{kind}`", f"{REASONS[kind]}.", CLEARED[kind]) for kind in BreakerKind]
    gate = "A tripped breaker stops entries and never an exit."
    parts.append(_part("Circuit breakers", gate, ("breaker", "trips when", "cleared"), tripped))
    states = [(f"`{state}`", STATES[state]) for state in TradingState]
    parts.append(_part("Trading states", "What a tick may do.", ("state", "allows"), states))
    return "\n".join(parts)


def _part(title: str, said: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = [head, ["---"] * len(head), *rows]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return f"## {title}\n\n{said}\n\n{lines}\n"
