"""A real server and a real browser: the page as people use it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = Path("/usr/bin/chromium")
START_SECONDS = 30


@pytest.fixture(scope="session")
def address(django_db_setup: None) -> Iterator[str]:
    """Serve the site from the test database; yields its address."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "uvicorn", "dexproject.asgi:application", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command, "--log-level", "warning", "--ws", "auto"],
        env={
            **os.environ,
            "DATABASE_URL": _test_database(),
            "DEX_SECRET_KEY": "a key for this test alone",
            "PYTHONWARNINGS": "ignore",
        },
    )
    try:
        found = f"http://127.0.0.1:{port}"
        _wait_for(f"{found}/healthz")
        yield found
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture
def server(address: str, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the server, over an empty database that takes queries here."""
    # Playwright keeps an event loop in this thread, which makes Django refuse queries.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    return address


def _test_database() -> str:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return f"{base}/{connection.settings_dict['NAME']}"


def _wait_for(address: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer in {START_SECONDS} s")


@pytest.fixture
def browser(server: str) -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM))
        yield chromium
        chromium.close()
