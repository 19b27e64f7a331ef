"""What the inline bot says at its start and at its end."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from paper_trading.engine.strategy import Strategy
from paper_trading.engine.words import number_of
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.models import FeedMode, Market, PaperTradingSession
from paper_trading.services import market_signals, signal_folder
from paper_trading.services.token_registry import CHAINS

#: What a strategy's field means while it is not set.
_UNSET = {"allowed_tokens": "all", "confidence_threshold": "the level's"}


def lines(session: PaperTradingSession) -> Iterator[str]:
    """Yield everything that a session is configured with, a line each."""
    account, market = session.account, session.account.market
    strategy = session.strategy.current_version().as_strategy()
    chain = CHAINS.get(market.chain_id)
    limit = "none" if session.tick_limit is None else number_of(session.tick_limit, "closed tick")
    yield "=" * 72
    yield f"Account {account.name}, session {session.pk}, owner {account.owner}"
    yield f"  Cash: {account.cash_usd:,.2f} USD, deposits {account.deposits_usd:,.2f} USD"
    yield f"Market {market.name}: {market.mode.lower()} prices"
    yield f"  Chain: {market.chain_id} ({chain.name if chain else 'unknown'})"
    yield f"  Seed: {session.seed}, steps of {market.step_seconds} s, {_next(session)}"
    yield f"  Modelled: {market.assumptions}"
    yield f"Tick every {session.interval_ms / 1000:g} s, limit: {limit}"
    engine = IntelSliderEngine(session.intel_level, strategy)
    yield from (f"  {name}: {text}" for name, text in engine.describe().items())
    yield from (f"  Signal {line}" for line in _signals(market))
    yield f"Strategy {session.strategy}"
    yield from (f"  {name}: {text}" for name, text in _strategy(strategy))
    yield "=" * 72


def statistics(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the final statistics of a report, a line each."""
    yield "Final statistics"
    for session in found["sessions"]:
        yield from (f"  {name}: {_text(value)}" for name, value in session.items())
    yield from (f"  {name}: {_text(found[name])}" for name in found if name != "sessions")


def _signals(market: Market) -> Iterator[str]:
    """Yield the user's signals that a market was made with, then the folder's broken files."""
    for row in market_signals.rows_of(market):
        state = "on" if row.off_step is None else f"off from step {row.off_step} on"
        reason = f": {row.off_reason}" if row.off_reason else ""
        yield f"{row.name}: {row.family}, weight {row.weight.normalize()}, {state}{reason}"
    for one in signal_folder.examine():
        if one.signal is None:
            yield f"{one.name}: off: {one.reason}"


def _next(session: PaperTradingSession) -> str:
    if session.account.market.mode == FeedMode.LIVE:
        return "by the clock"
    return f"from step {session.start_step + session.last_number}"


def _strategy(strategy: Strategy) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(strategy):
        value = getattr(strategy, field.name)
        unset = _UNSET.get(field.name, "none")
        yield field.name.replace("_", " "), unset if value in (None, ()) else _text(value)


def _text(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
