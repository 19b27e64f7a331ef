"""Prices from 2e-18 to 1e9 and tokens of 0 to 36 decimals through the whole pipeline."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from paper_trading.bot import ledger_check
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.models import Market, Token
from paper_trading.services import market_setup
from tests.bot import worlds

#: What a hundred dollars become, and the decimals of the token.
EXTREMES = {
    "MOON": (Decimal("2e-20"), 36),
    "PEAK": (Decimal(10) ** 7, 36),
    "CRASH": (Decimal("2e-20"), 0),
    "NOISE": (Decimal(10) ** 7, 12),
}
TICKS = 8


@pytest.fixture
def extreme_market(db: None, record: Path, tmp_path: Path) -> Market:
    """A market whose tokens cost next to nothing or a fortune, with decimals to match."""
    path = tmp_path / "extremes.csv"
    with record.open(newline="") as source, path.open("w", newline="") as target:
        rows = csv.DictReader(source)
        out = csv.DictWriter(target, rows.fieldnames or ())
        out.writeheader()
        for row in rows:
            scale, _ = EXTREMES.get(row["symbol"], (Decimal(1), 18))
            for name in ("open", "high", "low", "close"):
                row[name] = f"{(Decimal(row[name]) * scale).normalize():f}"
            out.writerow(row)
    market = market_setup.recorded_market(path)
    for symbol, (_, decimals) in EXTREMES.items():
        Token.objects.filter(market=market, symbol=symbol).update(decimals=decimals)
    return market


def test_prices_and_decimals_of_every_size_trade_and_verify(extreme_market: Market) -> None:
    session = worlds.running_session(
        extreme_market, allowed_tokens=list(EXTREMES), take_profit_steps=[["3", "50"]]
    )
    worlds.run_ticks(session, TICKS)
    filled = session.trades.filter(status=TradeStatus.FILLED)
    for symbol in EXTREMES:
        assert filled.filter(side=Side.BUY, token__symbol=symbol).exists(), symbol
    assert filled.filter(side=Side.SELL, token__symbol="MOON", steps_taken=1).exists()
    assert filled.filter(side=Side.SELL, token__symbol="CRASH").exists()
    session.account.refresh_from_db()
    assert ledger_check.problems(session.account) == []
    found = verify(session.pk)
    assert (found.closed, found.to_the_end) == (TICKS, True)
