"""What the settings say of live sources: which keys are set, and which limits hold."""

from django.conf import settings

from paper_trading.services.sources.limits import (
    COINGECKO,
    ONCHAIN,
    CoinGeckoPlan,
    Limit,
    Override,
    limits,
)
from paper_trading.services.sources.plan import Keys


def coingecko_plan() -> CoinGeckoPlan:
    """Return the plan of CoinGecko by the key that is set; the pro key comes first."""
    if settings.COINGECKO_PRO_KEY:
        return CoinGeckoPlan.PRO
    return CoinGeckoPlan.DEMO if settings.COINGECKO_DEMO_KEY else CoinGeckoPlan.NONE


def keys() -> Keys:
    """Return which keys and addresses are set."""
    return Keys(coingecko_plan(), bool(settings.ALCHEMY_KEY), frozenset(settings.RPC_URLS))


def configured_limits() -> dict[str, Limit]:
    """Return the limits that hold, by source."""
    said = {
        COINGECKO: Override(
            settings.COINGECKO_PER_MINUTE or None, settings.COINGECKO_PER_MONTH or None
        ),
        ONCHAIN: Override(settings.RPC_PER_MINUTE or None, settings.RPC_PER_MONTH or None),
    }
    return limits(coingecko_plan(), said)
