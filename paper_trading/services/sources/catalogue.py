"""Which source prices a market."""

from pathlib import Path

from paper_trading.models import FeedMode, Market
from paper_trading.services.sources.base import PriceSource
from paper_trading.services.sources.recorded import RecordedFile, RecordedSource
from paper_trading.services.sources.simulation import (
    DEFAULT_TOKENS,
    SimulatedSource,
    SimulationProfile,
)


class RecordChanged(Exception):
    """The file behind a recorded market is gone or no longer what it was."""


def source_of(market: Market) -> PriceSource:
    """Open the source of a market. RecordChanged when its file is not the one it began with."""
    if market.mode == FeedMode.RECORDED:
        return RecordedSource(_same_file(market))
    listed = set(market.listings.values_list("token__symbol", flat=True))
    tokens = [token for token in DEFAULT_TOKENS if token.symbol in listed]
    profile = SimulationProfile(market.profile)
    return SimulatedSource(market.seed, tokens, market.step_seconds, profile)


def _same_file(market: Market) -> RecordedFile:
    try:
        file = RecordedFile.open(Path(market.file_path))
    except ValueError as error:
        raise RecordChanged(str(error)) from error
    if file.sha256 != market.file_sha256:
        raise RecordChanged(f"{market.file_path} has changed since the market was made")
    return file
