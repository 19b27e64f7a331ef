"""Signal files for tests, a folder that the settings name, and a market's row of a signal."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from paper_trading.engine.enums import Family
from paper_trading.models import Market, MarketSignal

#: Rises with the close of the newest bars; volume is read when it is stated.
GOOD = """
import math

import numpy as np

FAMILY = "momentum"
WEIGHT = "0.1"
BARS = 12


def signal(bars):
    change = np.diff(np.log(bars.close)).sum()
    stated = np.nan_to_num(bars.volume).mean()
    return math.tanh(20 * change) * (0.9 if stated > 0 else 0.8)
"""
#: Another good one, that wants no numpy.
RANGE = """
FAMILY = "mean_reversion"
BARS = 2


def signal(bars):
    width = float(bars.high.max() - bars.low.min())
    return 0.0 if width == 0 else 1 - 2 * float(bars.close[-1] - bars.low.min()) / width
"""


def body(lines: str, head: str = "") -> str:
    """Return a file whose signal runs some lines."""
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return f'{head}\nFAMILY = "trend"\nBARS = 5\n\n\ndef signal(bars):\n{indented}\n'


class Folder:
    """A signal folder that the settings name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        """Write a file, or another content of it."""
        (self.path / f"{name}.py").write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        """Take a file away."""
        (self.path / f"{name}.py").unlink()


def use(path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Let the settings name a folder."""
    path.mkdir(exist_ok=True)
    monkeypatch.setattr(settings, "SIGNALS_DIR", path)
    return Folder(path)


def make_signal(market: Market, **fields: Any) -> MarketSignal:
    values: dict[str, Any] = {
        "name": "mine",
        "family": Family.MOMENTUM,
        "weight": Decimal("0.05"),
        "bars": 48,
        "sha256": "ab" * 32,
        **fields,
    }
    return MarketSignal.objects.create(market=market, **values)
