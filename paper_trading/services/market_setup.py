"""Making markets: the registry's tokens, a simulation, a recorded file, live sources."""

from decimal import Decimal
from pathlib import Path

from django.db import transaction

from paper_trading.engine.market import Token as TokenValue
from paper_trading.intelligence.bars import Spans
from paper_trading.intelligence.market_folding import Native, Terms
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.intelligence.user_signals import UserSignal, digest
from paper_trading.models import FeedMode, Market, MarketToken, Token
from paper_trading.services import market_signals, signal_folder, token_registry
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources import recorded
from paper_trading.services.sources.base import BACKFILL_STEPS
from paper_trading.services.sources.recorded import RecordedFile
from paper_trading.services.sources.simulation import DEFAULT_TOKENS

DEFAULT_CHAIN_ID = 84532
CASH_SYMBOL = "USDC"
SIMULATION_STEP_SECONDS = 300

#: Seed of every recorded market: its luck belongs to the file.
RECORDED_SEED = 1
#: Gas of a recorded market without ETH or WETH is priced at this, and the market says so.
MODELLED_NATIVE_PRICE_USD = Decimal(3000)
#: Of a file's name; names of markets and of accounts on them have 80 characters at most.
_SHOWN_NAME = 48
_NATIVE_SYMBOLS = ("WETH", "ETH")
_SIMULATED_ASSUMPTIONS = (
    "Prices, volumes and pool depths are simulated from a seed; nothing here is a market price."
    f" One tick is one step of {SIMULATION_STEP_SECONDS // 60} minutes of market time. Gas follows"
    " a documented seeded path."
)
#: Of every live market: its luck belongs to the tokens and the time.
LIVE_SEED = 1
#: A live tick, as the specification has it.
LIVE_STEP_SECONDS = 15
_LIVE_ASSUMPTIONS = (
    "Prices and depths are those of one pinned pool a token, read from public sources{testnet};"
    " fills are reckoned on them, nothing is sent to a chain. Gas follows a documented seeded path;"
    " with a node of the price chain its base fee, and what a rollup pays for data, are the chain's"
    " own, and a pool against USDC is reckoned as it was read. Bars from before the market"
    " began are candles of the same pools; the cost of a trade in them is reckoned with the depth"
    " that each pool had when the market began, since past depths are not published."
)
_TESTNET = ", for tokens of a testnet those of their mainnet, {chain}"
_SIMULATED_SYMBOLS = {token.symbol for token in DEFAULT_TOKENS}


def sync_registry() -> int:
    """Add the registry's tokens that are not there yet; edited rows stay as they are."""
    known = set(Token.objects.filter(market=None).values_list("chain_id", "symbol"))
    missing = [
        _registered(spec)
        for chain_id in token_registry.CHAINS
        for spec in token_registry.tokens(chain_id)
        if (spec.chain_id, spec.symbol) not in known
    ]
    Token.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def simulated_market(
    seed: int = 1, chain_id: int = DEFAULT_CHAIN_ID, profile: str = "normal"
) -> Market:
    """Return the simulated market of a seed, back-filled; made when it is new.

    Another set of user signals in the folder is another market: its scores do not compare.
    """
    chain, signals = token_registry.CHAINS[chain_id], signal_folder.signals()
    with transaction.atomic():
        market, made = Market.objects.get_or_create(
            chain_id=chain_id,
            mode=FeedMode.SIMULATED,
            seed=seed,
            profile=profile,
            file_sha256="",
            signals=digest(signals),
            defaults={
                "name": f"Simulated {chain.name}, seed {seed}"
                + ("" if profile == "normal" else f", {profile}")
                + _signals_name(signals),
                "price_chain_id": chain.price_chain,
                "step_seconds": SIMULATION_STEP_SECONDS,
                "backfill_steps": BACKFILL_STEPS,
                "native_symbol": "WETH",
                "assumptions": _SIMULATED_ASSUMPTIONS,
            },
        )
        if made:
            listed = Token.objects.filter(chain_id=chain_id, market=None, tradable=True)
            _list(market, [token for token in listed if token.symbol in _SIMULATED_SYMBOLS])
            market_signals.list_signals(market, signals)
    PriceFeedService(market).backfill()
    return market


def live_market(chain_id: int = DEFAULT_CHAIN_ID) -> Market:
    """Return the live market of a chain; made when it is new.

    It has no beginning yet: `back_fill.back_fill` gives it a past, or its first tick begins it
    without one. Another set of user signals in the folder is another market.
    """
    chain, signals = token_registry.CHAINS[chain_id], signal_folder.signals()
    with transaction.atomic():
        market, made = Market.objects.get_or_create(
            chain_id=chain_id,
            mode=FeedMode.LIVE,
            seed=LIVE_SEED,
            profile="normal",
            file_sha256="",
            signals=digest(signals),
            defaults={
                "name": f"Live {chain.name}{_signals_name(signals)}",
                "price_chain_id": chain.price_chain,
                "step_seconds": LIVE_STEP_SECONDS,
                "backfill_steps": 0,
                "native_symbol": "WETH",
                "assumptions": _live_assumptions(chain),
            },
        )
        if made:
            tokens = Token.objects.filter(chain_id=chain_id, market=None, tradable=True)
            _list(market, list(tokens))
            market_signals.list_signals(market, signals)
    return market


def recorded_market(path: Path) -> Market:
    """Return the market of a recorded file, back-filled; made when it is new.

    RecordedFileError names what is wrong with the file. A file is known by its content: a
    moved copy is the same market. Another set of user signals is another market.
    """
    file = RecordedFile.open(path)
    signals = signal_folder.signals()
    terms, native = recorded_terms(file)
    with transaction.atomic():
        market, made = Market.objects.get_or_create(
            chain_id=terms.price_chain_id,
            mode=FeedMode.RECORDED,
            seed=terms.seed,
            profile="normal",
            file_sha256=file.sha256,
            signals=digest(signals),
            defaults={
                "name": f"Recorded {path.name[: _SHOWN_NAME - len(_signals_name(signals))]}"
                f" {file.sha256[:8]}{_signals_name(signals)}",
                "price_chain_id": terms.price_chain_id,
                "step_seconds": file.step_seconds,
                "backfill_steps": BACKFILL_STEPS,
                "file_path": str(path.resolve()),
                "native_symbol": terms.native_symbol,
                "native_price_usd": "" if native.price_usd is None else str(native.price_usd),
                "assumptions": _recorded_assumptions(terms.native_symbol),
            },
        )
        if made:
            tokens = [_recorded_token(market, symbol) for symbol in file.symbols]
            _list(market, Token.objects.bulk_create(tokens))
            market_signals.list_signals(market, signals)
    moved(market, path)
    PriceFeedService(market).backfill()
    return market


def moved(market: Market, path: Path) -> None:
    """Keep the place of a recorded market's file."""
    if market.file_path != str(path.resolve()):
        market.file_path = str(path.resolve())
        market.save(update_fields=["file_path"])


def recorded_terms(
    file: RecordedFile, signals: tuple[UserSignal, ...] = ()
) -> tuple[Terms, Native]:
    """Return what the market of a file is made of, and the native price that it begins with.

    Without ETH or WETH in the file, gas is priced at a stated constant.
    """
    native = next((symbol for symbol in _NATIVE_SYMBOLS if symbol in file.symbols), "")
    terms = Terms(
        price_chain_id=token_registry.CHAINS[DEFAULT_CHAIN_ID].price_chain,
        seed=RECORDED_SEED,
        native_symbol=native,
        spans=Spans.for_step(file.step_seconds),
        signals=signals,
    )
    return terms, Native(None if native else MODELLED_NATIVE_PRICE_USD)


def recorded_tokens(file: RecordedFile) -> tuple[ListedToken, ...]:
    """Return the tokens of a file as a market without a database lists them."""
    return tuple(
        ListedToken(
            TokenValue(
                id=number,
                symbol=symbol,
                decimals=recorded.DECIMALS,
                address=symbol.lower(),
                fee_pips=recorded.POOL_FEE_PIPS,
            ),
            is_cash=symbol == CASH_SYMBOL,
            tradable=True,
        )
        for number, symbol in enumerate(file.symbols, 1)
    )


def _live_assumptions(chain: token_registry.ChainSpec) -> str:
    mainnet = token_registry.CHAINS[chain.price_chain].name
    testnet = _TESTNET.format(chain=mainnet) if chain.is_testnet else ""
    return _LIVE_ASSUMPTIONS.format(testnet=testnet)


def _signals_name(signals: tuple[UserSignal, ...]) -> str:
    return f", signals {digest(signals)[:8]}" if signals else ""


def _list(market: Market, tokens: list[Token]) -> None:
    MarketToken.objects.bulk_create(MarketToken(market=market, token=token) for token in tokens)


def _registered(spec: token_registry.TokenSpec) -> Token:
    return Token(
        symbol=spec.symbol,
        chain_id=spec.chain_id,
        address=spec.address or "",
        decimals=spec.decimals,
        coingecko_id=spec.coingecko_id,
        price_chain_id=spec.price_chain_id,
        price_address=spec.price_address or "",
        pool_address=spec.pool_address or "",
        pool_kind=spec.pool_kind,
        pool_quote=spec.pool_quote or "",
        pool_fee_pips=spec.pool_fee_pips,
        pool_fee_is_assumed=spec.pool_fee_is_assumed,
        is_stable=spec.is_stable,
        is_cash=spec.symbol == CASH_SYMBOL,
        tradable=spec.tradable,
        synthetic_on_testnet=spec.synthetic_on_testnet,
        note=spec.note,
    )


def _recorded_token(market: Market, symbol: str) -> Token:
    return Token(
        symbol=symbol,
        chain_id=market.chain_id,
        price_chain_id=market.price_chain_id,
        decimals=recorded.DECIMALS,
        pool_kind="modelled",
        pool_fee_pips=recorded.POOL_FEE_PIPS,
        is_cash=symbol == CASH_SYMBOL,
        market=market,
        note="Exists in a recorded file; its pool is modelled.",
    )


def _recorded_assumptions(native: str) -> str:
    gas = (
        f"gas is priced by the file's own {native}"
        if native
        else f"the file has no ETH, so gas is priced at a modelled {MODELLED_NATIVE_PRICE_USD} USD"
    )
    return (
        "Prices are the file's. Depth is modelled: every token has one constant-product pool of"
        f" {recorded.POOL_LIQUIDITY_USD:,} USD with a fee of"
        f" {Decimal(recorded.POOL_FEE_PIPS) / 10_000:f} %, traded on Base; {gas}; cash stands at"
        " par."
    )
