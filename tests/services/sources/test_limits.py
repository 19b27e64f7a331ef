"""The documented limits: nine tenths are used, and settings may say other ones."""

import pytest

from paper_trading.services.sources.limits import (
    COINGECKO,
    LIMITS,
    ONCHAIN,
    CoinGeckoPlan,
    Override,
    limits,
    usable,
)


@pytest.mark.parametrize(
    ("documented", "used"), [(300, 270), (30, 27), (10_000, 9_000), (1, 1), (15, 13)]
)
def test_nine_tenths_of_a_limit_are_used(documented: int, used: int) -> None:
    assert usable(documented) == used


def test_coingecko_is_there_only_with_a_key() -> None:
    assert COINGECKO not in limits()
    assert limits(CoinGeckoPlan.DEMO)[COINGECKO].per_month == 10_000
    assert limits(CoinGeckoPlan.PRO)[COINGECKO].per_minute == 500


def test_the_plans_of_coingecko_have_budgets_of_their_own() -> None:
    names = {limits(plan)[COINGECKO].budget for plan in (CoinGeckoPlan.DEMO, CoinGeckoPlan.PRO)}
    assert names == {"coingecko-demo", "coingecko-pro"}


def test_settings_replace_what_they_name_and_leave_the_rest() -> None:
    said = {ONCHAIN: Override(per_minute=1_200), COINGECKO: Override(per_month=5)}
    found = limits(overrides=said)
    assert (found[ONCHAIN].per_minute, found[ONCHAIN].per_month) == (1_200, 3_000_000)
    assert COINGECKO not in found
    assert LIMITS[ONCHAIN].per_minute == 300
