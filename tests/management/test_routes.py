"""The command `routes`: an order on every way of a token, as a table and as JSON."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.models import Market, PriceBatch
from tests import builders as make
from tests.services.routed_worlds import CALM_WEI, DIRECT_POOL, LINK_POOL, WETH_POOL, routed

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("routes", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        said(*arguments)
    return caught.value


def lines(text: str) -> list[list[str]]:
    """Return the cells of the table's rows."""
    return [line.split() for line in text.split("\n\n")[1].splitlines()[1:]]


def test_the_best_way_stands_first_and_is_named_with_its_lead() -> None:
    found = routed()
    text = said("LINK")
    assert text.splitlines()[0].startswith(
        f"Live Ethereum (market {found.market.pk}), step 7 of 2026-01-05 12:35:00 UTC, "
    )
    assert "Buy LINK for 1,000 USD, at 10 USD of dexscreener: FRESH, 0 s old" in text
    direct, deep = lines(text)
    assert direct[:2] == ["LINK/USDC", "0xc3c3..c3c3"]
    assert deep[:5] == ["WETH/USDC", "0xa1a1..a1a1", ">", "LINK/WETH", "0xb2b2..b2b2"]
    assert deep[5:9] == ["2", "V2+V2", "0.1000", "C"]
    assert direct[-1] == deep[-1] == "OK"
    net = [Decimal(row[-2].replace(",", "")) for row in (direct, deep)]
    taken = next(line for line in text.splitlines() if line.startswith("The bot would take"))
    assert taken.startswith("The bot would take LINK/USDC 0xc3c3..c3c3: ")
    words = taken.partition(f": {direct[-2]} USD are left after gas, ")[2].split()
    assert words[1:] == ["more", "than", "on", "the", "next."]
    # Both figures were rounded for the table.
    assert abs(Decimal(words[0]) - (net[0] - net[1])) <= Decimal("0.0001")
    assert f"{LINK_POOL}: LINK/WETH, V2, 0.05 %, prices LINK" in text
    assert f"{WETH_POOL}: WETH/USDC, V2, 0.05 %, prices WETH" in text
    assert f"{DIRECT_POOL}: LINK/USDC, V2, 0.3 %\n" in text
    assert "send nothing" not in text


def test_a_large_sale_goes_the_deep_way() -> None:
    routed()
    text = said("link", "--side", "sell", "--usd", "100000")
    assert "Sell LINK for 100,000 USD, 10,000.000000 LINK, at 10 USD" in text
    assert "The bot would take LINK/WETH 0xb2b2..b2b2 > WETH/USDC 0xa1a1..a1a1" in text
    assert all("USD" in row for row in lines(text))


def test_a_way_that_cannot_be_quoted_shows_its_code() -> None:
    routed(direct_usd=None)
    text = said("LINK")
    assert lines(text)[1][-1] == "DEPTH_UNKNOWN"
    assert "left after gas, and no other way takes the order." in text


def test_where_there_is_no_way_it_says_so() -> None:
    routed(direct_usd=None, weth_usd=None)
    text = said("LINK")
    assert "No way takes the order: DEPTH_UNKNOWN. The pool's depth is unknown" in text
    assert "The bot would take" not in text


def test_a_price_that_nothing_is_traded_on_is_told() -> None:
    routed(verdict="JUMP")
    assert "It would send nothing now: PRICE_JUMPED. " in said("LINK")


def test_as_json_numbers_are_text() -> None:
    found = routed(CALM_WEI)
    told = json.loads(said("LINK", "--usd", "2500.5", "--json"))
    assert told["market"] == {"id": found.market.pk, "name": "Live Ethereum", "mode": "LIVE"}
    assert (told["symbol"], told["side"], told["amount_usd"]) == ("LINK", "BUY", "2500.5")
    assert (told["step"], told["age_seconds"], told["verdict"]) == (7, 0, "FRESH")
    assert told["taken"] == [WETH_POOL, LINK_POOL]
    first, second = told["routes"]
    assert [pool["address"] for pool in first["pools"]] == told["taken"]
    assert [pool["address"] for pool in second["pools"]] == [DIRECT_POOL]
    assert (first["fee_percent"], first["code"], first["hops"]) == ("0.1", "OK", 2)
    assert told["market_time"] == found.batch.market_time.isoformat()


def test_without_a_way_json_takes_none() -> None:
    routed(direct_usd=None, weth_usd=None)
    told = json.loads(said("LINK", "--json"))
    assert (told["taken"], told["routes"][0]["net_usd"]) == (None, None)


def test_of_modelled_prices_it_says_that_there_is_one_pool(market: Market) -> None:
    token = market.own_tokens.filter(is_cash=False).order_by("symbol").first()
    assert token is not None
    make.make_quote(make.make_batch(market, market.head_step + 1), token)
    text = said(token.symbol, "--market", str(market.pk))
    assert (
        "Prices are recorded: one modelled pool, of constant product, is all that"
        f" {token.symbol} has here."
    ) in text
    assert [row[0] for row in lines(text)] == ["modelled"]
    assert "The bot would take" not in text
    assert "ago" not in text


def test_without_a_name_a_live_market_is_taken() -> None:
    live = routed().market
    make.make_market(chain_id=1)
    for arguments in ((), ("--chain", "1"), ("--market", str(live.pk))):
        assert said("LINK", *arguments).startswith("Live Ethereum ")
    other = make.make_market(chain_id=84532, name="Other")
    error = refused("LINK", "--chain", "84532")
    assert (str(error), error.returncode) == ("market Other has no price batch yet", 2)
    error = refused("LINK", "--chain", "5")
    assert str(error).startswith("there is no market of chain 5; markets: ")
    assert f"{other.pk} (Other, chain 84532)" in str(error)
    assert str(refused("LINK", "--market", "999999")).startswith("there is no market 999999; ")


def test_with_no_market_at_all_it_says_so() -> None:
    error = refused("LINK")
    assert (str(error), error.returncode) == ("there is no market; markets: none", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SHIB"], "token 'SHIB' is not in the newest batch of Live Ethereum; allowed are LINK"),
        (["USDC"], "USDC is the cash of Live Ethereum"),
        (["LINK", "--usd", "0.0000001"], "base units of cash for 1E-7 USD was 0"),
    ],
)
def test_what_cannot_be_quoted_is_refused(arguments: list[str], message: str) -> None:
    routed()
    error = refused(*arguments)
    assert str(error).startswith(message)
    assert error.returncode == 2


def test_without_a_price_of_gas_it_is_refused() -> None:
    PriceBatch.objects.filter(pk=routed().batch.pk).update(native_price_usd=None)
    assert "no price of the native token" in str(refused("LINK"))


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much", "1000000000001", "1" * 50])
def test_an_amount_that_is_none_is_refused(text: str) -> None:
    error = refused("LINK", f"--usd={text}")
    assert f"was {text!r}; allowed are USD above 0 and at most 1,000,000,000,000" in str(error)


def test_a_chain_and_a_market_are_not_named_together() -> None:
    assert "not allowed with" in str(refused("LINK", "--chain", "1", "--market", "1"))
