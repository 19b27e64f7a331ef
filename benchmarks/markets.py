"""Generated price files, and accounts with a session that are ready to tick."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

from django.contrib.auth.models import User

from paper_trading.bot import accounts, controls, opening
from paper_trading.models import PaperStrategyConfiguration, PaperTradingSession
from paper_trading.services import market_setup
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources.base import BACKFILL_STEPS
from paper_trading.services.sources.recorded_bars import COLUMNS
from paper_trading.services.sources.simulation import SimulatedSource, SimulatedToken

#: Scores that rank the others, with a margin for the first bars, which have none.
_SCORES = 2000
_WARM_UP_STEPS = 270
_LEVEL = 10


def price_file(path: Path, tokens: int, steps: int) -> Path:
    """Write a seeded market of so many tokens, WETH among them, and return the path.

    The name goes into a column that is ignored, so that equal prices make two markets.
    """
    made = [SimulatedToken("WETH", Decimal(1800), Decimal(20_000_000))]
    made += [
        SimulatedToken(f"T{number:02}", Decimal(number), Decimal(20_000_000))
        for number in range(1, tokens)
    ]
    source = SimulatedSource(seed=1, tokens=made)
    state: dict[str, object] = {}
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        rows = csv.writer(file)
        rows.writerow((*COLUMNS, "copy"))
        for number in range(steps):
            step = source.step(number, state)
            state = dict(step.state)
            for quote in step.quotes.values():
                prices = (quote.open, quote.high, quote.low, quote.price_usd)
                texts = (f"{price:f}" for price in (*prices, quote.volume_usd or Decimal(0)))
                rows.writerow((quote.start.isoformat(), quote.symbol, *texts, path.name))
    return path


def lead(tokens: int) -> int:
    """Return the first step at which the scores of so many tokens rank each other."""
    return max(BACKFILL_STEPS, _SCORES // tokens + _WARM_UP_STEPS)


def session_on(owner: User, folder: Path, name: str, tokens: int, ticks: int) -> int:
    """Make a market of its own with an account, and return the id of its session."""
    start = lead(tokens)
    path = price_file(folder / f"{name}.csv.gz", tokens, start + ticks + 1)
    market = market_setup.recorded_market(path)
    if start > market.backfill_steps:
        PriceFeedService(market).batch_for(start - 1)
    strategy, _ = PaperStrategyConfiguration.objects.get_or_create(owner=owner, name="Benchmark")
    account = accounts.open_account(owner, name, market)
    session = accounts.open_session(account, strategy, _LEVEL)
    PaperTradingSession.objects.filter(pk=session.pk).update(start_step=start)
    return session.pk


def open_tick(owner: User, session_id: int) -> int:
    """Open the next tick of a session by hand and return its id."""
    session = PaperTradingSession.objects.get(pk=session_id)
    controls.request_tick(session, owner)
    tick_id = opening.open_manual_tick(session_id)
    if tick_id is None:
        raise RuntimeError(f"session {session_id} did not open a tick")
    return tick_id
