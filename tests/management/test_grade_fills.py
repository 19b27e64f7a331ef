"""The command `grade_fills`: fills of a live market beside the swaps that its pools list."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.engine.enums import Side
from paper_trading.management.commands.grade_fills import Command
from paper_trading.models import Market, PaperTrade, PaperTradingSession
from paper_trading.services import live_markets
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld
from tests.upstream import Fault
from tests.upstream.world import Traded

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("grade_fills", *arguments, stdout=out)
    return out.getvalue()


def filled(upstream: UpstreamWorld) -> PaperTradingSession:
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 3)
    assert fills(session)
    return session


def fills(session: PaperTradingSession) -> list[PaperTrade]:
    found = PaperTrade.objects.filter(session=session, status="FILLED").select_related("token")
    return list(found.order_by("pk"))


def beside(
    upstream: UpstreamWorld, trade: PaperTrade, gain_bp: int, size: str = "1", seconds: int = 0
) -> None:
    """Let somebody swap as a fill did, at a price that makes ours so much better."""
    world, token = upstream.world, trade.token
    assert trade.amount_in is not None
    assert trade.amount_out is not None
    cash, units = trade.amount_in, trade.amount_out
    sign = 1
    if trade.side == Side.SELL:
        cash, units, sign = units, cash, -1
    own = Decimal(int(units)).scaleb(-token.decimals)
    # Better than a real price by b of it: a buy at (1 - b), a sale at (1 + b) of it.
    paid = Decimal(int(cash)).scaleb(-6) / (1 - sign * Decimal(gain_bp) / 10_000)
    if token.pool_quote != "USDC":
        batch = trade.tick.batch
        assert batch is not None
        paid *= batch.cash_price_usd / world.price(token.pool_quote)
    at = trade.market_time + timedelta(seconds=seconds)
    # As many places as a provider tells.
    paid, factor = round(paid, 24), Decimal(size)
    world.traded.append(Traded(token.symbol, at, trade.side, own * factor, paid * factor))


def lines(text: str) -> list[list[str]]:
    """Return the cells of the table's rows."""
    return [line.split() for line in text.split("\n\n")[0].splitlines()[1:]]


def test_fills_are_compared_by_grade_and_chain(upstream: UpstreamWorld) -> None:
    session = filled(upstream)
    upstream.world.series = None
    upstream.world.prices |= {"USDC": Decimal("0.9998"), "WETH": Decimal(1864)}
    for trade in fills(session):
        beside(upstream, trade, 12)
        beside(upstream, trade, 500, size="2.5")
        beside(upstream, trade, 500, seconds=-61)
    text = said("--session", str(session.pk))
    rows = lines(text)
    assert sum(int(row[3]) for row in rows) == len(fills(session))
    for row in rows:
        assert row[4] == row[3]
        assert row[5:] == ["+12.0", "+12.0", "+12.0"]
    assert {row[0] for row in rows} == {"C"}
    assert {row[2] for row in rows} == {"USDC", "WETH"}
    assert "not compared" not in text
    pools = {(one.token.price_chain_id, one.token.pool_address) for one in fills(session)}
    assert upstream.server.count("geckoterminal") == len(pools)
    # The wider they are taken, the more are alike.
    assert "+12.0" not in said("--session", str(session.pk), "--within", "61", "--size-factor", "3")
    assert said("--account", session.account.name) == text == said()


def test_fills_that_nobody_traded_like_are_counted_with_the_reason(upstream: UpstreamWorld) -> None:
    session = filled(upstream)
    first, *others = fills(session)
    beside(upstream, first, 0, size="3")
    text = said()
    assert "1 not compared: NONE_OF_SIZE\n" in text
    assert text.count("NONE_NEAR") >= 1
    assert {row[4] for row in lines(text)} == {"0"}
    assert len(others) > 0
    # A day later the source has no list that goes so far back, and is not asked.
    asked = upstream.server.count("geckoterminal")
    upstream.clock.time += timedelta(days=1, minutes=5)
    assert "BEFORE_THE_LIST" in said()
    assert upstream.server.count("geckoterminal") == asked


def test_a_pool_without_an_answer_costs_its_own_fills_only(upstream: UpstreamWorld) -> None:
    session = filled(upstream)
    for trade in fills(session):
        beside(upstream, trade, 0)
    lost = fills(session)[-1].token.symbol
    upstream.world.gone.add(lost)
    text = said()
    assert "NO_ANSWER" in text
    assert f"No answer: {lost}: REQUEST_REFUSED" in text
    assert any(row[4] != "0" for row in lines(text))


def test_a_fill_that_went_to_another_pool_is_laid_beside_the_swaps_of_that(
    upstream: UpstreamWorld,
) -> None:
    session = filled(upstream)
    first, *_ = fills(session)
    further = ["0x" + "12" * 20, "uniswap_v3", "DAI", 3_000]
    PaperTrade.objects.filter(pk=first.pk).update(pool=further[0])
    type(first.token).objects.filter(pk=first.token_id).update(further_pools=[further])
    for trade in fills(session):
        beside(upstream, trade, 0)
    text = said()
    rows = {row[2]: row for row in lines(text)}
    # Nobody knows that pool, and the swaps of the pinned one are not taken for its own.
    assert (rows["DAI"][3], rows["DAI"][4]) == ("1", "0")
    assert f"No answer: {first.token.symbol}: REQUEST_REFUSED" in text


def test_without_a_network_it_says_so(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        upstream.clock.time += timedelta(seconds=seconds)

    monkeypatch.setattr(Command, "wait", staticmethod(wait))
    filled(upstream)
    upstream.server.misbehave("geckoterminal", Fault.RESET)
    live_markets.forget()
    with pytest.raises(CommandError, match=r"no real swaps could be had: .*UNREACHABLE"):
        said()
    # It waits for a source that failed once, and not for each pool anew.
    assert len(waits) == 1


def test_before_the_first_fill_it_says_so(upstream: UpstreamWorld) -> None:
    assert said() == "There is no fill of a live market yet.\n"
    assert upstream.server.count("geckoterminal") == 0


def test_whose_fills_must_be_of_a_live_market(market: Market) -> None:
    session = worlds.running_session(market, 5)
    for arguments in (["--session", str(session.pk)], ["--account", session.account.name]):
        with pytest.raises(CommandError, match="trades on recorded prices; real swaps are") as bad:
            said(*arguments)
        assert bad.value.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--session", "999999"], "there is no session 999999"),
        (["--account", "Nobody"], "there is no account 'Nobody'"),
        (["--session", "1", "--account", "A"], "not allowed with argument"),
        (["--session", "one"], "allowed is a whole number from 1 up"),
        (["--within", "0"], "allowed is a whole number from 1 up"),
        (["--within", "86401"], "allowed is 1 to 86400 seconds"),
        (["--size-factor", "0.5"], "allowed is a number from 1 to 10000"),
        (["--size-factor", "NaN"], "allowed is a number from 1 to 10000"),
        (["--size-factor", "much"], "allowed is a number from 1 to 10000"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        said(*arguments)
