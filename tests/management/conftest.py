"""The generated market of the bot's tests, for the commands too."""

from tests.bot.conftest import committed_market, market, record, snapshot

__all__ = ["committed_market", "market", "record", "snapshot"]
