"""The database clock, as the stages name it."""

from paper_trading.services.clock import ClockTimestamp, now

__all__ = ["ClockTimestamp", "now"]
