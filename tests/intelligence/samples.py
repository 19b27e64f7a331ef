"""Observations and evidences that several tests share."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Outcome
from paper_trading.engine.market import Quote, Token
from paper_trading.intelligence.bars import Bar, Observation
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.series import ClosedBar

START = datetime(2024, 3, 1, tzinfo=UTC)
TOKEN = Token(id=7, symbol="WETH", decimals=18, address="0x42", fee_pips=3000)
#: Quantiles of a score spread evenly over [-1, 1].
EVEN = tuple(Decimal(k - 100) / 100 for k in range(201))


def at(seconds: float) -> datetime:
    """Return the moment `seconds` after the samples' start."""
    return START + timedelta(seconds=seconds)


def quote(seconds: float, price: str | Decimal, volume: str | None = None) -> Observation:
    """Return a plain quote: one moment, one price."""
    value = Decimal(price)
    amount = None if volume is None else Decimal(volume)
    return Observation(at(seconds), at(seconds), value, value, value, value, amount, Decimal("0.7"))


def candles(count: int, seed: int, step: int = 300, skip: float = 0.0) -> list[Observation]:
    """Return a random walk of recorded bars; each is left out with probability `skip`."""
    luck = random.Random(seed)
    price, rows = 100.0, []
    for index in range(count):
        first = price
        price *= 1 + luck.gauss(0, 0.003)
        high, low = max(first, price) * 1.001, min(first, price) * 0.999
        if luck.random() < skip:
            continue
        opened, highest, lowest, last = (
            Decimal(f"{value:.8f}") for value in (first, high, low, price)
        )
        volume = Decimal(f"{luck.lognormvariate(10, 1):.2f}")
        start, end = at(index * step), at((index + 1) * step)
        rows.append(Observation(start, end, opened, highest, lowest, last, volume, Decimal("0.7")))
    return rows


def closed_bar(
    score: str = "0.5", families: int = 4, sigma: str = "0.8", ready: bool = True
) -> ClosedBar:
    """Return a ready fast bar that ended at the samples' start."""
    one = Decimal(1)
    bar = Bar(at(-300), 300, one, one, one, one, one)
    return ClosedBar(bar, False, (), Decimal(score), Decimal(sigma), families, ready)


def evidence(
    bar: ClosedBar | None = None,
    *,
    pricing: Code = Code.OK,
    liquidity: str | None = "1000000",
    cost: str | None = "0.3",
    held_seconds: int | None = None,
    token: Token = TOKEN,
) -> Evidence:
    """Return an evidence on which every level buys unless something is changed."""
    depth = None if liquidity is None else Decimal(liquidity)
    return Evidence(
        token=token,
        market_time=START,
        pricing=pricing,
        quote=Quote(token, Decimal(100), START, "test", depth),
        bar=closed_bar("0.99", 5) if bar is None else bar,
        quantiles=EVEN,
        round_trip_percent=None if cost is None else Decimal(cost),
        held_since=None if held_seconds is None else at(-held_seconds),
        outcome=Outcome(Decimal("55.5"), 3, 1),
    )
