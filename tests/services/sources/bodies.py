"""Bodies as providers sent them, and short ways to read one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.bodies import parse

FOLDER = Path(__file__).parent / "bodies"
NOW = datetime(2026, 7, 24, 13, 46, 45, tzinfo=UTC)
WETH_POOL = "0xd0b53d9277642d899df5c87a3966a349a798f224"
WETH = LiveToken(
    "WETH", 8453, "0x4200000000000000000000000000000000000006", 18, WETH_POOL,
    "uniswap_v3", 500, "ethereum",
)  # fmt: skip
USDC = LiveToken(
    "USDC", 8453, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", 6, WETH_POOL,
    "uniswap_v3", 500, "usd-coin", is_cash=True,
)  # fmt: skip


def raw(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def body(name: str) -> Any:
    return parse(raw(name))


def answer(body: Any, age_seconds: int = 0) -> Answer:
    return Answer(body, NOW, age_seconds)


def asked(*tokens: LiveToken) -> Request:
    return Request("https://host.example/x", "x", tokens)
