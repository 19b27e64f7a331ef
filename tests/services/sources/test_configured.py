"""Which keys are set, and which limits hold, as the settings say."""

import pytest
from pytest_django import Settings

from paper_trading.services.sources.configured import configured_limits, keys
from paper_trading.services.sources.limits import (
    ALCHEMY,
    COINGECKO,
    DEFILLAMA,
    DEXSCREENER,
    GECKOTERMINAL,
    ONCHAIN,
    CoinGeckoPlan,
)
from paper_trading.services.sources.plan import Keys


@pytest.fixture(autouse=True)
def _no_keys(settings: Settings) -> None:
    settings.COINGECKO_DEMO_KEY = settings.COINGECKO_PRO_KEY = settings.ALCHEMY_KEY = ""
    settings.RPC_URLS = {}
    settings.COINGECKO_PER_MINUTE = settings.COINGECKO_PER_MONTH = 0
    settings.RPC_PER_MINUTE = settings.RPC_PER_MONTH = 0


def test_nothing_set_is_nothing_used() -> None:
    assert keys() == Keys()
    assert set(configured_limits()) == {DEXSCREENER, GECKOTERMINAL, DEFILLAMA, ALCHEMY, ONCHAIN}


def test_with_both_keys_of_coingecko_the_pro_key_is_used(settings: Settings) -> None:
    settings.COINGECKO_DEMO_KEY = "demo"
    assert keys().coingecko is CoinGeckoPlan.DEMO
    settings.COINGECKO_PRO_KEY = "pro"
    assert keys().coingecko is CoinGeckoPlan.PRO
    assert configured_limits()[COINGECKO].budget == "coingecko-pro"


def test_addresses_and_limits_are_those_of_the_settings(settings: Settings) -> None:
    settings.ALCHEMY_KEY, settings.RPC_URLS = "key", {8453: "https://rpc.example.org"}
    settings.COINGECKO_DEMO_KEY, settings.COINGECKO_PER_MINUTE = "demo", 100
    settings.RPC_PER_MONTH = 300_000
    assert keys() == Keys(CoinGeckoPlan.DEMO, alchemy=True, rpc_chains=frozenset({8453}))
    found = configured_limits()
    assert (found[COINGECKO].per_minute, found[COINGECKO].per_month) == (100, 10_000)
    assert (found[ONCHAIN].per_minute, found[ONCHAIN].per_month) == (300, 300_000)
