"""Delivery: which message runs which stage, on what queue, and how long it stays valid.

A task takes ids, calls one stage and sends what the rows say comes next. It holds no logic
of trading: lost, late or doubled, a message changes nothing.
"""

from tasks import (
    analysis,
    auto_close,
    close,
    execution,
    failures,
    live_markets,
    metrics,
    open_tick,
    pair_review,
    prices,
    sweep,
)

__all__ = [
    "analysis",
    "auto_close",
    "close",
    "execution",
    "failures",
    "live_markets",
    "metrics",
    "open_tick",
    "pair_review",
    "prices",
    "sweep",
]
