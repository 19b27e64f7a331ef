"""Markets are made once: the registry's tokens, a simulation by its seed, a file by its content."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from paper_trading.bot import seeding
from paper_trading.models import FeedMode, Market, Token
from paper_trading.services import market_setup, token_registry
from paper_trading.services.sources.catalogue import source_of
from tests import builders as make
from tests.bot import worlds

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short_back_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_setup, "BACKFILL_STEPS", 3)


def test_the_registry_is_added_once_for_every_chain() -> None:
    added = market_setup.sync_registry()
    wanted = sum(len(token_registry.tokens(chain_id)) for chain_id in token_registry.CHAINS)
    assert added == wanted == Token.objects.count()
    assert market_setup.sync_registry() == 0


def test_what_a_person_edited_stays() -> None:
    market_setup.sync_registry()
    Token.objects.filter(symbol="WETH", chain_id=8453).update(pool_fee_pips=500, note="Mine")
    Token.objects.filter(symbol="UNI", chain_id=8453).delete()
    assert market_setup.sync_registry() == 1
    weth = Token.objects.get(symbol="WETH", chain_id=8453)
    assert (weth.pool_fee_pips, weth.note) == (500, "Mine")


def test_only_usdc_is_cash() -> None:
    market_setup.sync_registry()
    assert set(Token.objects.filter(is_cash=True).values_list("symbol", flat=True)) == {"USDC"}


def test_a_simulated_market_is_back_filled_and_made_once_a_seed() -> None:
    market_setup.sync_registry()
    first = market_setup.simulated_market(seed=3)
    assert market_setup.simulated_market(seed=3) == first
    other = market_setup.simulated_market(seed=4)
    turbo = market_setup.simulated_market(seed=3, profile="turbo")
    assert len({first.pk, other.pk, turbo.pk}) == 3
    assert (first.mode, first.head_step, first.backfill_steps) == (FeedMode.SIMULATED, 2, 3)
    assert first.bars.filter(slow=False).count() == 3 * first.listings.count()
    assert not first.batches.exists()
    assert "simulated" in first.assumptions
    assert set(source_of(first).symbols) == set(
        first.listings.values_list("token__symbol", flat=True)
    )


def test_a_live_market_is_made_once_a_chain_and_waits_for_its_beginning() -> None:
    market_setup.sync_registry()
    first = market_setup.live_market()
    assert market_setup.live_market() == first
    assert market_setup.live_market(8453) != first
    assert (first.name, first.mode, first.step_seconds) == ("Live Base Sepolia", FeedMode.LIVE, 15)
    assert (first.head_step, first.price_chain_id, first.native_symbol) == (-1, 8453, "WETH")
    listed = set(first.listings.values_list("token__symbol", flat=True))
    assert listed == set(token_registry.DEFAULT_SYMBOLS)
    assert not first.bars.exists()


def test_a_live_market_says_what_its_prices_are() -> None:
    market_setup.sync_registry()
    testnet = market_setup.live_market().assumptions
    assert "for tokens of a testnet those of their mainnet, Base;" in testnet
    assert "the depth that each pool had when the market began" in testnet
    assert "testnet" not in market_setup.live_market(8453).assumptions


def test_a_recorded_market_is_known_by_the_content_of_its_file(
    record: Path, tmp_path: Path
) -> None:
    first = market_setup.recorded_market(record)
    moved = Path(shutil.copy(record, tmp_path / "elsewhere.csv"))
    again = market_setup.recorded_market(moved)
    assert again.pk == first.pk
    assert Market.objects.get().file_path == str(moved.resolve())
    assert Token.objects.filter(market=first).count() == len(worlds.SCRIPTS)


def test_another_file_is_another_market_with_tokens_of_its_own(
    record: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.csv"
    changed.write_text("".join(record.read_text().splitlines(keepends=True)[:-1]))
    first, second = market_setup.recorded_market(record), market_setup.recorded_market(changed)
    assert first.pk != second.pk
    assert first.name != second.name
    assert first.own_tokens.count() == second.own_tokens.count() == len(worlds.SCRIPTS)


def test_a_file_with_a_long_name_can_be_traded_on(record: Path, tmp_path: Path) -> None:
    long = Path(shutil.copy(record, tmp_path / f"{'prices' * 30}.csv"))
    market = market_setup.recorded_market(long)
    [session] = seeding.seed_sessions(make.make_user(), market, [10], 1_000, None)
    assert session.account.name == f"Level 10 · {market.name}"


def test_a_recorded_market_says_what_is_modelled(record: Path, tmp_path: Path) -> None:
    with_native = market_setup.recorded_market(record)
    assert with_native.native_symbol == "WETH"
    assert "gas is priced by the file's own WETH" in with_native.assumptions
    other = tmp_path / "other.csv"
    other.write_text(record.read_text().replace(",WETH,", ",LINK,"))
    without = market_setup.recorded_market(other)
    assert without.native_symbol == ""
    assert Decimal(without.native_price_usd) == market_setup.MODELLED_NATIVE_PRICE_USD
    assert "modelled 3000 USD" in without.assumptions
    assert "4,000,000 USD" in without.assumptions
