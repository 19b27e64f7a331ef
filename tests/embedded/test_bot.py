"""The launcher of the bot: what ends it before the bot runs."""

import signal
from collections.abc import Callable, Mapping

import pytest

from dexproject.embedded import bot
from dexproject.embedded.errors import Interrupted


@pytest.mark.parametrize("wait", [bot._migrate, bot._wait_until_migrated])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_migrations(
    wait: Callable[[Mapping[str, str]], None],
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bot, "run_in_foreground", lambda *_: 128 + number)
    with pytest.raises(Interrupted, match=number.name):
        wait({})
