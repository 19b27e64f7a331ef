"""The generated market of the bot's tests, for the commands too."""

from tests.bot.conftest import (
    committed_market,
    market,
    record,
    snapshot,
    upstream,
    upstream_snapshot,
    whole,
)

__all__ = [
    "committed_market",
    "market",
    "record",
    "snapshot",
    "upstream",
    "upstream_snapshot",
    "whole",
]
