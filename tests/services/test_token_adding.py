"""Adding a token: known by its address, priced by its deepest pool, refused with a reason."""

from datetime import timedelta
from typing import Any

import pytest

from paper_trading.engine.pair_choice import Flag, Veto
from paper_trading.models import FeedMode, Market, MarketToken, Token, TokenExamination
from paper_trading.services import asking, market_setup, token_registry
from paper_trading.services.sources.live.base import SourceFailure
from paper_trading.services.token_adding import (
    CannotAdd,
    CannotExamine,
    Examination,
    add,
    examine,
    read_vetoes,
)
from paper_trading.services.token_registry import ARBITRUM, BASE, BASE_SEPOLIA, ETHEREUM
from tests.builders import make_market, make_token
from tests.services.token_bodies import (
    NOW,
    OTHER_POOL,
    POOL,
    TOSHI,
    USDC,
    WETH,
    Scripted,
    pair,
    scripted,
    token,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return make_market(mode=FeedMode.LIVE, name="Live", chain_id=BASE, price_chain_id=BASE)


def examined(
    text: str = TOSHI, *pairs: Any, home: int = BASE, chain: int | None = None, **ask: Any
) -> Examination:
    return examine(text, chain, home, scripted(*(pairs or (pair(),)), **ask).asking, NOW)


def test_a_token_is_added_with_its_pool_and_its_decimals(market: Market) -> None:
    listing = add(market, examined(decimals=8))
    row = listing.token
    assert (row.symbol, row.address, row.decimals) == ("TOSHI", TOSHI, 8)
    assert (row.chain_id, row.price_chain_id, row.price_address) == (BASE, BASE, TOSHI)
    assert (row.pool_address, row.pool_kind, row.pool_quote) == (POOL, "uniswap_v3", "WETH")
    assert (row.coingecko_id, row.is_cash, row.is_stable) == ("", False, False)
    look = TokenExamination.objects.get(token=row)
    assert (look.day, look.pool_address, look.vetoes) == (NOW.date(), POOL, [])
    assert str(look.liquidity_usd).startswith("2183312.25")


def test_the_deepest_pool_is_pinned() -> None:
    deeper = pair(pairAddress=OTHER_POOL, liquidity={"usd": 9_000_000})
    found = examined(TOSHI, pair(), deeper)
    assert found.pool.lower() == OTHER_POOL
    assert found.choice.fee_is_assumed
    assert Flag.FEE_ASSUMED in {note.code for note in found.notes}


@pytest.mark.parametrize("address", [POOL, TOSHI])
def test_a_link_to_a_pair_or_to_a_token_is_the_same(address: str) -> None:
    found = examined(f"https://dexscreener.com/base/{address.lower()}")
    assert (found.price_address, found.pool) == (TOSHI, POOL)


def test_the_address_of_a_pool_is_taken_for_its_token() -> None:
    assert examined(POOL).price_address == TOSHI


def test_of_a_pair_the_token_is_the_side_that_is_no_major() -> None:
    turned = pair(baseToken=token(WETH, "WETH"), quoteToken=token(TOSHI, "TOSHI"),
                  priceUsd="2000", priceNative="5000000")  # fmt: skip
    assert examined(f"https://dexscreener.com/base/{POOL}", turned).symbol == "TOSHI"


def test_a_known_token_is_the_registrys_and_nobody_is_asked_for_its_decimals() -> None:
    majors = pair(baseToken=token(WETH, "EVIL"), quoteToken=token(USDC, "USDC"))
    sources = scripted(majors, decimals=3)
    found = examine(WETH, None, BASE, sources.asking, NOW)
    assert (found.symbol, found.decimals) == ("WETH", 18)
    assert {source for source, _ in sources.asked} == {"dexscreener"}


def test_decimals_come_from_the_chain_when_it_can_be_asked() -> None:
    sources = scripted(pair(), decimals=18)
    sources.rpc = {"jsonrpc": "2.0", "id": 1, "result": "0x" + "9".rjust(64, "0")}
    assert examine(TOSHI, None, BASE, sources.asking, NOW).decimals == 9
    sources.rpc = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000}}
    assert examine(TOSHI, None, BASE, sources.asking, NOW).decimals == 18


@pytest.mark.parametrize("said", [None, "many", -1, 77])
def test_unknown_decimals_are_refused_and_never_guessed(said: object) -> None:
    with pytest.raises(CannotExamine, match="nobody says how many decimals TOSHI"):
        examined(decimals=said)


def test_unreachable_decimals_are_refused() -> None:
    sources = scripted(pair())
    sources.decimals = {}
    with pytest.raises(CannotExamine, match="they are not guessed"):
        examine(TOSHI, None, BASE, sources.asking, NOW)


def test_a_token_without_a_pool_is_not_added_whatever_is_accepted(market: Market) -> None:
    found = examine(TOSHI, None, BASE, Scripted().asking, NOW)
    with pytest.raises(CannotAdd, match="NO_POOL: No pool on base can price the token"):
        add(market, found, set(Veto))
    assert not Token.objects.filter(symbol="TOSHI").exists()


def test_a_veto_counts_until_it_is_accepted_by_name(market: Market) -> None:
    young = pair(pairCreatedAt=int((NOW - timedelta(hours=3)).timestamp() * 1000),
                 liquidity={"usd": 9000})  # fmt: skip
    found = examined(TOSHI, young)
    with pytest.raises(CannotAdd, match="accept POOL_SHALLOW, POOL_YOUNG by name"):
        add(market, found)
    with pytest.raises(CannotAdd, match="accept POOL_YOUNG by name"):
        add(market, found, read_vetoes("POOL_SHALLOW"))
    row = add(market, found, read_vetoes("pool_shallow, POOL_YOUNG")).token
    assert [code for code, _ in TokenExamination.objects.get(token=row).vetoes] == [
        "POOL_SHALLOW",
        "POOL_YOUNG",
    ]


@pytest.mark.parametrize("text", ["NO_POOL", "ALL", "POOL_YOUNG;POOL_SHALLOW"])
def test_only_vetoes_can_be_accepted(text: str) -> None:
    with pytest.raises(CannotAdd, match="cannot be accepted; allowed are"):
        read_vetoes(text)


@pytest.mark.parametrize("symbol", ["WETH", "usdc", "UNI", "Pol"])
def test_the_symbol_of_another_token_is_refused_with_its_address(
    market: Market, symbol: str
) -> None:
    fake = examined(TOSHI, pair(baseToken=token(TOSHI, symbol)))
    with pytest.raises(CannotAdd, match="is the symbol of another token already: 0x"):
        add(market, fake)


def test_the_symbol_of_a_token_that_was_added_is_taken(market: Market) -> None:
    add(market, examined())
    other = "0x" + "7a" * 20
    with pytest.raises(CannotAdd, match=f"another token already: {TOSHI}"):
        add(market, examined(other, pair(baseToken=token(other, "Toshi"))))
    own = make_token("MINE", market=market, price_address=WETH)
    MarketToken.objects.create(market=market, token=own)
    with pytest.raises(CannotAdd, match=f"another token already: {WETH}"):
        add(market, examined(TOSHI, pair(baseToken=token(TOSHI, "MINE"))))


@pytest.mark.parametrize(
    "symbol",
    ["", "A B", "TOS\N{CYRILLIC CAPITAL LETTER EN}I", "<b>", "X" * 21, "A\n", "A\0", "\ud800"],
)
def test_a_symbol_that_cannot_be_told_apart_is_refused(market: Market, symbol: str) -> None:
    found = examined(TOSHI, pair(baseToken=token(TOSHI, symbol)))
    with pytest.raises(CannotAdd, match="cannot be used; allowed are"):
        add(market, found)


@pytest.mark.parametrize("odd", ["dex\0", "\ud800", "a\x1b[2J", "x" * 500])
def test_odd_words_of_a_source_break_no_row(market: Market, odd: str) -> None:
    found = examined(TOSHI, pair(dexId=odd, labels=[odd], quoteToken=token(WETH, odd)))
    row = add(market, found).token
    assert row.pool_kind == ("x" * 20 if odd[0] == "x" else "")
    look = TokenExamination.objects.get(token=row)
    assert not any(char in str(look.flags) for char in "\0\ud800\x1b")


def test_a_depth_that_no_pool_can_have_is_not_known(market: Market) -> None:
    deep = pair(pairAddress=OTHER_POOL, liquidity={"usd": 1e21})
    assert add(market, examined(TOSHI, pair(), deep)).token.pool_address == POOL


def test_a_known_token_does_not_come_beside_another_of_its_symbol(market: Market) -> None:
    own = make_token("UNI", market=market, price_address=TOSHI)
    MarketToken.objects.create(market=market, token=own)
    uni = token_registry.token(BASE, "UNI").price_address
    with pytest.raises(CannotAdd, match=f"another token already: {TOSHI}"):
        add(market, examined(uni, pair(baseToken=token(uni, "UNI"))))


def test_a_token_is_not_listed_twice(market: Market) -> None:
    add(market, examined())
    with pytest.raises(CannotAdd, match="is in Live already"):
        add(market, examined())


def test_a_token_of_two_markets_is_one_row_and_keeps_its_pool(market: Market) -> None:
    other = make_market(mode=FeedMode.LIVE, chain_id=BASE, price_chain_id=BASE)
    first = add(market, examined()).token
    deeper = pair(pairAddress=OTHER_POOL, liquidity={"usd": 9_000_000})
    second = add(other, examined(TOSHI, pair(), deeper)).token
    assert first == second
    assert Token.objects.get(pk=first.pk).pool_address == POOL


def test_a_registered_token_that_nobody_trades_takes_the_chosen_pool(market: Market) -> None:
    market_setup.sync_registry()
    uni = token_registry.token(BASE, "UNI")
    found = examined(uni.price_address, pair(baseToken=token(uni.price_address, "UNI")))
    row = add(market, found).token
    assert row == Token.objects.get(chain_id=BASE, symbol="UNI")
    assert (row.pool_address, row.coingecko_id) == (POOL, "uniswap")


@pytest.mark.parametrize("mode", [FeedMode.SIMULATED])
def test_only_live_markets_take_tokens(mode: FeedMode) -> None:
    with pytest.raises(CannotAdd, match="is simulated: its tokens are those of its prices"):
        add(make_market(mode=mode, chain_id=BASE, price_chain_id=BASE), examined())


def test_an_examination_is_for_the_markets_of_its_chain(market: Market) -> None:
    with pytest.raises(CannotAdd, match="trades on 8453; examine it for that chain"):
        add(market, examined(home=BASE_SEPOLIA))


def test_a_testnet_market_takes_a_mainnet_token_on_paper() -> None:
    market = make_market(mode=FeedMode.LIVE, chain_id=BASE_SEPOLIA, price_chain_id=BASE)
    found = examined(home=BASE_SEPOLIA)
    row = add(market, found).token
    assert (row.chain_id, row.address, row.synthetic_on_testnet) == (BASE_SEPOLIA, "", True)
    assert (row.price_chain_id, row.price_address) == (BASE, TOSHI)
    assert Flag.PRICED_ELSEWHERE in {note.code for note in found.notes}


def test_a_testnet_address_is_priced_by_the_pool_of_its_mainnet() -> None:
    testnet = token_registry.token(BASE_SEPOLIA, "LINK")
    mainnet = token_registry.token(BASE, "LINK")
    assert testnet.address is not None
    assert mainnet.address is not None
    listed = pair(baseToken=token(mainnet.address, "LINK"))
    found = examined(testnet.address, listed, home=BASE_SEPOLIA)
    assert (found.symbol, found.price_chain_id) == ("LINK", BASE)
    assert (found.price_address, found.pool) == (mainnet.address, POOL)


def test_a_testnet_address_that_nobody_knows_is_refused() -> None:
    with pytest.raises(CannotExamine, match="allowed is the address of the token on Base"):
        examined(TOSHI, home=BASE_SEPOLIA, chain=BASE_SEPOLIA)


def test_matic_is_pol() -> None:
    matic = token_registry.token(ETHEREUM, "MATIC").address
    pol = token_registry.token(ETHEREUM, "POL").price_address
    weth = token_registry.token(ETHEREUM, "WETH").price_address
    listed = pair(chainId="ethereum", baseToken=token(pol, "POL"), quoteToken=token(weth, "WETH"))
    assert matic is not None
    for home in (ETHEREUM, BASE_SEPOLIA):
        found = examined(matic, listed, home=home, chain=ETHEREUM)
        assert (found.symbol, found.price_address, found.price_chain_id) == ("POL", pol, ETHEREUM)
        assert Flag.RENAMED in {note.code for note in found.notes}


def test_a_token_of_another_chain_is_refused() -> None:
    with pytest.raises(CannotExamine, match="the token is on Arbitrum One, and the market"):
        examined(TOSHI, pair(chainId="arbitrum"), chain=ARBITRUM)
    with pytest.raises(CannotExamine, match="chain 10 is not known; known are 1"):
        examined(chain=10)


def test_two_tokens_of_one_id_are_two_pools() -> None:
    """A price goes by the pool, so tokens that share an id never overwrite each other."""
    found = [spec for spec in token_registry.tokens(ETHEREUM) if spec.symbol in ("POL", "MATIC")]
    assert len({spec.coingecko_id for spec in found}) == 1
    assert [spec.symbol for spec in found if spec.tradable] == ["POL"]


def test_a_process_that_cannot_ask_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_asking", asking.Asking(asking.nobody))
    with pytest.raises(SourceFailure, match="this process cannot ask dexscreener"):
        examine(TOSHI, None, BASE, asking.installed(), NOW)


def test_liquidity_that_fell_since_the_last_look_is_a_veto(market: Market) -> None:
    add(market, examined())
    found = examined(TOSHI, pair(liquidity={"usd": 1_000_000}))
    assert [one.code for one in found.vetoes] == [Veto.LIQUIDITY_FALLING]
