"""Who asks live sources outside of ticks: one callable, which keeps to budgets and speaks HTTP.

The process that starts sets it; without one, asking fails the way that a source fails.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paper_trading.services.sources.live import token_search
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure

#: Takes the name of a source and a request. It raises SourceFailure.
Ask = Callable[[str, Request], Answer]

DEXSCREENER, GECKOTERMINAL, RPC = "dexscreener", "geckoterminal", "onchain"


@dataclass(frozen=True, slots=True)
class Asking:
    """A way to ask, and the addresses of whom is asked."""

    ask: Ask
    dexscreener: str = token_search.DEXSCREENER
    geckoterminal: str = token_search.GECKOTERMINAL
    #: JSON-RPC URLs by price chain, where they are set. They may hold keys.
    rpc: Mapping[int, str] = field(default_factory=dict)


def nobody(source: str, request: Request) -> Answer:
    """Fail the way that a source fails: this process was given no way to ask."""
    raise SourceFailure(Reason.UNREACHABLE, f"this process cannot ask {source}: {request.shown}")


_asking = Asking(nobody)


def install(asking: Asking) -> None:
    """Set how this process asks."""
    global _asking
    _asking = asking


def installed() -> Asking:
    """Return how this process asks."""
    return _asking
