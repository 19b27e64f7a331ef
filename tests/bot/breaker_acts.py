"""What tests of breakers and locks do to a session."""

from paper_trading.bot import CircuitBreakerManager, controls, rules
from paper_trading.models import (
    PaperTradingSession,
)
from paper_trading.services import market_view
from tests.bot import worlds


def manager(session: PaperTradingSession) -> CircuitBreakerManager:
    return CircuitBreakerManager(session.account_id)


def restart() -> None:
    """Forget what a process keeps between ticks, as a new one does."""
    rules._strategy.cache_clear()
    market_view.market_view.cache_clear()
    worlds.forget_cache()


def close_one(session: PaperTradingSession) -> None:
    """Ask for a held position to be closed, so that an exit is due at the next tick."""
    held = session.account.positions.filter(is_open=True).order_by("token__symbol")[0]
    controls.request_close(session, held.token, session.account.owner)
