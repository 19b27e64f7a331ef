"""The generated market of the bot's tests, for the API too."""

from tests.bot.conftest import market, record, snapshot

__all__ = ["market", "record", "snapshot"]
