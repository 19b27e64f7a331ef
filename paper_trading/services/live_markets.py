"""Live markets: their sources as the settings have them, wired to budgets and the clock."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import SystemRandom

from django.conf import settings

from paper_trading.engine.money import ONE
from paper_trading.intelligence.live_step import Pinned, Said
from paper_trading.models import FeedMode, Market, MarketToken, SessionStatus
from paper_trading.services import asking, clock, live_turns, market_setup
from paper_trading.services.asked_quotes import asked_quotes
from paper_trading.services.asking import Asking
from paper_trading.services.back_fill import PastSources, back_fill, live_token
from paper_trading.services.sources import configured, usage
from paper_trading.services.sources.budgets import Budgets
from paper_trading.services.sources.limits import (
    ALCHEMY,
    COINGECKO,
    DEFILLAMA,
    DEXSCREENER,
    GECKOTERMINAL,
    ONCHAIN,
    CoinGeckoPlan,
)
from paper_trading.services.sources.live.alchemy import Alchemy
from paper_trading.services.sources.live.base import (
    FURTHER,
    Answer,
    CheckSource,
    LiveToken,
    PoolSource,
    Request,
)
from paper_trading.services.sources.live.budget_gate import BudgetGate, MarketChecks, keep_apart
from paper_trading.services.sources.live.caller import ALONE_SECONDS, Caller
from paper_trading.services.sources.live.candles import CoinGeckoChart, GeckoTerminalCandles
from paper_trading.services.sources.live.coingecko import DEMO_HEADER, PRO_HEADER, CoinGecko
from paper_trading.services.sources.live.defillama import DefiLlama
from paper_trading.services.sources.live.dexscreener import DexScreener
from paper_trading.services.sources.live.geckoterminal import GeckoTerminal
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.market_feed import (
    FIRST_SECONDS,
    Checker,
    GasReader,
    MarketFeed,
    QuoteReader,
)
from paper_trading.services.sources.live.onchain import OnChain, base_fee_wei, l1_fees
from paper_trading.services.sources.live.quoter import AskedQuote, Quoter
from paper_trading.services.sources.plan import SourcePlan, plan
from paper_trading.services.token_registry import CASH_SYMBOL


class LiveSources:
    """The live sources of one market, as `RealPriceManager` asks them."""

    def __init__(self, market: Market, keep: Callable[[str], None] = keep_apart) -> None:
        """`keep` is given the traceback of what fails inside a source."""
        self.market = market
        self._keep = keep

    def said(self, pinned: Sequence[Pinned], now: datetime) -> Said:
        """Return what the sources say of a market's tokens at a time of the database's clock."""
        symbols = {one.symbol for one in pinned}
        tokens = [one for one in live_tokens(self.market) if one.symbol in symbols]
        planned = source_plan(self.market)
        further = further_pools(self.market, symbols)
        quoter = Quoter(self._asked_quotes(planned, [*tokens, *further], now))
        served = self.market.batches.order_by("-step").values_list("source", flat=True).first()
        feed = MarketFeed(
            caller(keep=self._keep),
            [_tick_source(one.source, quoter) for one in planned.tick],
            [
                Checker(_check_source(one.source), timedelta(seconds=one.period_seconds))
                for one in planned.checks
            ],
            MarketChecks(self.market.pk, budgets()),
            served or "",
            GasReader(ONCHAIN, self.market.price_chain_id, base_fee_wei, l1_fees),
            QuoteReader(ONCHAIN, quoter.read),
        )
        return feed.said(tokens, now, further)

    def _asked_quotes(
        self, planned: SourcePlan, tokens: Sequence[LiveToken], now: datetime
    ) -> tuple[AskedQuote, ...]:
        """Return the swaps to quote; none where no node serves the ticks."""
        if ONCHAIN not in (one.source for one in planned.tick):
            return ()
        return asked_quotes(self.market, tokens, now)


def live_market(chain_id: int) -> Market:
    """Return the live market of a chain with the past that its sources tell; made when new.

    Without a network it has no past yet: `tend` asks for it again.
    """
    market = market_setup.live_market(chain_id)
    bring_past(market)
    market.refresh_from_db()
    return market


def bring_past(market: Market) -> bool:
    """Begin a market with the past that its sources tell, and say whether it has begun.

    Done by one process at a time; a market that has begun is left as it is.
    """
    if market.head_step >= 0:
        return True
    with live_turns.beginning(market.pk) as mine:
        return mine and back_fill(market, past_sources(), ask).begun


def tend(now: datetime) -> None:
    """Begin the markets whose past could not be had, and roll the usage of sources up."""
    for market in Market.objects.filter(
        mode=FeedMode.LIVE,
        head_step__lt=0,
        accounts__sessions__status=SessionStatus.RUNNING,
    ).distinct():
        bring_past(market)
    usage.tidy(now)


def live_tokens(market: Market) -> list[LiveToken]:
    """Return a market's tokens as live sources ask for them, by symbol."""
    rows = MarketToken.objects.filter(market=market).select_related("token")
    return [live_token(row.token) for row in rows.order_by("token__symbol")]


def further_pools(market: Market, symbols: Collection[str]) -> list[LiveToken]:
    """Return the further pools of a market's tokens as live sources ask for them.

    Each under a name of its own: that of its token and the address of the pool.
    """
    rows = MarketToken.objects.filter(market=market, token__symbol__in=symbols)
    leading = {CASH_SYMBOL, *market.listings.values_list("token__symbol", flat=True)}
    return [
        replace(
            live_token(row.token),
            symbol=f"{row.token.symbol}{FURTHER}{address}",
            pool=address,
            pool_kind=kind,
            pool_fee_pips=fee_pips,
            is_cash=False,
            is_further=True,
            pool_quote=quote,
        )
        for row in rows.select_related("token").order_by("token__symbol")
        for address, kind, quote, fee_pips in row.token.further_pools
        # Nothing goes through the others: the token list leaves them out.
        if not row.token.is_cash and quote in leading
    ]


def source_plan(market: Market) -> SourcePlan:
    """Return who is asked for what: budgets are shared by all live markets that are traded."""
    traded = Market.objects.filter(
        mode=FeedMode.LIVE, accounts__sessions__status=SessionStatus.RUNNING
    )
    markets = {market.pk, *traded.values_list("pk", flat=True)}
    listed = MarketToken.objects.filter(market__in=markets)
    chains: Counter[int] = Counter()
    for chain, further in listed.values_list("token__price_chain_id", "token__further_pools"):
        chains[chain] += 1 + len(further)
    return plan(configured.keys(), chains, market.step_seconds, configured.configured_limits())


def past_sources() -> PastSources:
    """Return who is asked for a market's past."""
    urls = settings.SOURCE_URLS
    chart = None
    if configured.coingecko_plan() is not CoinGeckoPlan.NONE:
        header = PRO_HEADER if _is_pro() else DEMO_HEADER
        chart = CoinGeckoChart(urls[COINGECKO], _coingecko_key(), header)
    return PastSources(
        GeckoTerminalCandles(urls[GECKOTERMINAL]), chart, DexScreener(urls[DEXSCREENER])
    )


def ask(source: str, request: Request) -> Answer:
    """Make one call outside of a tick, inside its budget; SourceFailure when it fails."""
    return caller(ALONE_SECONDS).ask(source, request, clock.now())


def install_asking() -> None:
    """Let this process ask about tokens and pools the way that ticks ask for prices."""
    urls = settings.SOURCE_URLS
    asking.install(Asking(ask, urls[DEXSCREENER], urls[GECKOTERMINAL], settings.RPC_URLS))


def caller(seconds: float = FIRST_SECONDS, keep: Callable[[str], None] = keep_apart) -> Caller:
    """Return the way to the sources: budgets, then the process's own connections."""
    return Caller(_http(seconds), BudgetGate(budgets(), SystemRandom(), keep))


def budgets() -> Budgets:
    """Return the budgets of all sources as the settings have them."""
    return Budgets(configured.configured_limits())


def forget() -> None:
    """Forget connections, as a forked child must."""
    _http.cache_clear()


@cache
def _http(seconds: float) -> HttpClient:
    return HttpClient(
        lambda: datetime.now(UTC),
        allow_private=settings.ALLOW_PRIVATE_SOURCES,
        total_seconds=seconds,
    )


def _tick_source(name: str, quoter: Quoter) -> PoolSource:
    made: dict[str, Callable[[], PoolSource]] = {
        ONCHAIN: lambda: OnChain(settings.RPC_URLS, dict.fromkeys(settings.RPC_URLS, ONE), quoter),
        DEXSCREENER: lambda: DexScreener(settings.SOURCE_URLS[DEXSCREENER]),
        GECKOTERMINAL: lambda: GeckoTerminal(settings.SOURCE_URLS[GECKOTERMINAL]),
    }
    return made[name]()


def _check_source(name: str) -> CheckSource:
    urls = settings.SOURCE_URLS
    made: dict[str, Callable[[], CheckSource]] = {
        DEFILLAMA: lambda: DefiLlama(urls[DEFILLAMA]),
        ALCHEMY: lambda: Alchemy(urls[ALCHEMY], settings.ALCHEMY_KEY),
        COINGECKO: lambda: CoinGecko(urls[COINGECKO], _coingecko_key(), is_pro=_is_pro()),
    }
    return made[name]()


def _is_pro() -> bool:
    return configured.coingecko_plan() is CoinGeckoPlan.PRO


def _coingecko_key() -> str:
    return settings.COINGECKO_PRO_KEY if _is_pro() else settings.COINGECKO_DEMO_KEY
