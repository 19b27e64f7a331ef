"""What the database must refuse because a row contradicts itself."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from paper_trading.engine.enums import ExitReason
from paper_trading.models import RequestKind, SessionStatus, StopReason, TickReason, TickStatus
from tests import builders as make
from tests.models.refusals import World


def tick_of(status: TickStatus, **fields: Any) -> Callable[[World], Any]:
    """Return an act that makes a tick whose status and times disagree."""
    return lambda world: make.make_tick(
        world.session, 2, status=status, **{"batch": None, **fields}
    )


def session_of(**fields: Any) -> Callable[[World], Any]:
    return lambda world: make.make_session(
        make.make_account(), strategy=world.session.strategy, **fields
    )


CONTRADICTIONS: list[tuple[str, str, Callable[[World], Any]]] = [
    (
        "an open position with a closing time",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, closed_at=make.START),
    ),
    (
        "a closed position without a closing time",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, closed_at=None),
    ),
    (
        "a closed position without a reason",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, exit_reason=""),
    ),
    (
        "a closed position that still holds",
        "position_state_matches_times",
        lambda w: make.make_closed_position(w.session, w.token, units=1),
    ),
    (
        "an open position with a reason to be closed",
        "position_state_matches_times",
        lambda w: make.make_position(w.session, w.token, exit_reason=ExitReason.MANUAL),
    ),
    (
        "an open tick with a closing time",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, closed_at=make.START),
    ),
    (
        "an open tick without a lease",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, lease_until=None),
    ),
    (
        "an open tick without a deadline",
        "tick_status_matches_times",
        lambda w: w.open_tick(5, deadline_at=None),
    ),
    (
        "a closed tick without a closing time",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, closed_at=None),
    ),
    (
        "a closed tick without a number",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, number=None),
    ),
    (
        "a closed tick with a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.CLOSED, reason=TickReason.OVERLAP),
    ),
    (
        "a skipped tick without a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.SKIPPED, number=None),
    ),
    (
        "a skipped tick with a number",
        "tick_status_matches_times",
        tick_of(TickStatus.SKIPPED, reason=TickReason.OVERLAP),
    ),
    (
        "an expired tick without a reason",
        "tick_status_matches_times",
        tick_of(TickStatus.EXPIRED),
    ),
    (
        "a failed tick without a number",
        "tick_status_matches_times",
        tick_of(TickStatus.FAILED, number=None, reason=TickReason.ATTEMPTS),
    ),
    (
        "a running session that was stopped",
        "session_status_matches_times",
        session_of(stopped_at=make.START),
    ),
    (
        "a stopped session without a time",
        "session_status_matches_times",
        session_of(status=SessionStatus.STOPPED, stop_reason=StopReason.REQUESTED),
    ),
    (
        "a stopped session without a reason",
        "session_status_matches_times",
        session_of(status=SessionStatus.STOPPED, stopped_at=make.START),
    ),
    ("level 0", "session_level_range", session_of(intel_level=0)),
    ("level 11", "session_level_range", session_of(intel_level=11)),
    ("an interval of nothing", "session_interval_range", session_of(interval_ms=0)),
    (
        "an interval of more than an hour",
        "session_interval_range",
        session_of(interval_ms=3_600_001),
    ),
    (
        "a tripped breaker without a time",
        "breaker_state_matches_time",
        lambda w: make.make_breaker(w.account, tripped_market_time=None),
    ),
    (
        "a breaker at rest with a time",
        "breaker_state_matches_time",
        lambda w: make.make_breaker(w.account, tripped=False),
    ),
    (
        "a simulated market with a file",
        "market_file_only_when_recorded",
        lambda w: make.make_market(file_sha256="ab"),
    ),
    (
        "a recorded market without a file",
        "market_file_only_when_recorded",
        lambda w: make.make_market(mode="RECORDED"),
    ),
    (
        "half a trailing stop",
        "strategy_trailing_both_or_none",
        lambda w: make.make_strategy(trailing_activation_percent=Decimal(3)),
    ),
    (
        "a request to close no token",
        "request_token_only_to_close",
        lambda w: make.make_request(w.session, kind=RequestKind.CLOSE_POSITION),
    ),
    (
        "a request of a tick for a token",
        "request_token_only_to_close",
        lambda w: make.make_request(w.session, token=w.token),
    ),
]
