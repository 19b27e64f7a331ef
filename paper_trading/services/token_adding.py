"""Adding an examined token to a live market: it takes part from the next batch on."""

import logging
import re
from collections.abc import Collection

from django.db import transaction

from paper_trading.engine import money
from paper_trading.engine.pair_choice import Finding, Veto
from paper_trading.models import FeedMode, Market, MarketToken, Token, TokenExamination
from paper_trading.services import token_registry
from paper_trading.services.market_setup import CASH_SYMBOL
from paper_trading.services.token_examination import CannotExamine, Examination, examine

__all__ = [
    "CannotAdd",
    "CannotExamine",
    "Examination",
    "add",
    "examine",
    "read_vetoes",
    "what_follows",
]

logger = logging.getLogger(__name__)
#: What can be typed and told apart; letters of other scripts look like these.
_SYMBOL = re.compile(r"[A-Za-z0-9$._+-]{1,20}")


class CannotAdd(ValueError):
    """An examined token cannot be added; the message says why and what can be done."""


def read_vetoes(text: str) -> frozenset[Veto]:
    """Read a list of vetoes that a person accepts, such as `POOL_YOUNG,POOL_SHALLOW`.

    :raises CannotAdd: naming what is no veto, and those that there are.
    """
    names = {name.strip().upper() for name in text.split(",") if name.strip()}
    known = {veto.value for veto in Veto if veto.acceptable}
    if unknown := sorted(names - known):
        raise CannotAdd(
            f"{', '.join(unknown)} cannot be accepted; allowed are {', '.join(sorted(known))}"
        )
    return frozenset(Veto(name) for name in names)


def add(market: Market, examination: Examination, accepted: Collection[Veto] = ()) -> MarketToken:
    """Add an examined token to a market and keep the examination; return its listing.

    The market's row is locked meanwhile: no batch is made with half a token.

    :raises CannotAdd: for a veto that is not accepted, a token that is listed already, a symbol
        that another token has, and a market that is not live.
    """
    _require_live(market, examination)
    if lacking := examination.lacking(accepted):
        raise CannotAdd(_vetoed(examination, lacking))
    with transaction.atomic():
        locked = Market.objects.select_for_update(no_key=True).get(pk=market.pk)
        _require_own_symbol(locked, examination)
        token = _token(examination)
        if MarketToken.objects.filter(market=locked, token=token).exists():
            raise CannotAdd(f"{token} ({_address(token)}) is in {locked} already")
        listing = MarketToken.objects.create(market=locked, token=token)
        _keep(token, examination)
    logger.info("%s: %s (%s) added, pool %s", market, token, _address(token), token.pool_address)
    return listing


def what_follows(listing: MarketToken) -> str:
    """Return a sentence about a listing that was added: since when it is priced and bought.

    A market is given its past once, with all of its tokens; docs/ARCHITECTURE.md says why.
    """
    if listing.market.head_step < 0:
        return f"{listing}: it takes part from the first batch on, with what past is found."
    return (
        f"{listing}: it takes part from the next batch on; it has no bars yet, so it is not"
        " bought for its first 20 hours or so."
    )


def _require_live(market: Market, examination: Examination) -> None:
    if market.mode != FeedMode.LIVE:
        raise CannotAdd(
            f"{market} is {market.mode.lower()}: its tokens are those of its prices; tokens can"
            " be added to live markets"
        )
    if examination.chain_id != market.chain_id:
        raise CannotAdd(
            f"the token was examined for chain {examination.chain_id}, and {market} trades on"
            f" {market.chain_id}; examine it for that chain"
        )


def _vetoed(examination: Examination, lacking: Collection[Finding]) -> str:
    reasons = " ".join(f"{one.code}: {one.text}" for one in lacking)
    text = f"{examination.symbol or examination.price_address} is not added. {reasons}"
    names = [one.code.value for one in lacking if one.code.acceptable]
    if len(names) < len(lacking):
        return text
    return f"{text} To add it all the same, accept {', '.join(names)} by name."


def _require_own_symbol(market: Market, examination: Examination) -> None:
    """Refuse a symbol that means another token already: prices and trades go by it."""
    symbol = examination.symbol
    if not _SYMBOL.fullmatch(symbol):
        raise CannotAdd(
            f"its symbol {symbol!r} cannot be used; allowed are 1 to 20 letters from A to Z,"
            " digits and $ . _ + -"
        )
    if examination.known is None:
        for spec in token_registry.tokens(examination.chain_id):
            if spec.symbol.upper() == symbol.upper():
                raise CannotAdd(_taken(symbol, spec.address or spec.price_address))
    on_chain = Token.objects.filter(
        chain_id=examination.chain_id, market=None, symbol__iexact=symbol
    )
    listed = Token.objects.filter(listings__market=market, symbol__iexact=symbol)
    for token in (*on_chain, *listed):
        if _price_of(token) != _price(examination):
            raise CannotAdd(_taken(symbol, _address(token)))


def _taken(symbol: str, address: str) -> str:
    return f"{symbol} is the symbol of another token already: {address}"


def _token(examination: Examination) -> Token:
    """Return the token's row, made when it is new.

    A row that no market lists takes the chosen pool; one that is traded keeps its own, and the
    daily look proposes a better one.
    """
    pool = _pool(examination)
    found, made = Token.objects.get_or_create(
        chain_id=examination.chain_id,
        symbol=examination.symbol,
        market=None,
        defaults={**_identity(examination), **pool},
    )
    if _price_of(found) != _price(examination):
        raise CannotAdd(_taken(found.symbol, _address(found)))
    if not made and not found.listings.exists():
        for name, value in pool.items():
            setattr(found, name, value)
        found.save(update_fields=list(pool))
    return found


def _pool(examination: Examination) -> dict[str, str | int | bool]:
    choice = examination.choice
    if choice.pair is None:
        raise CannotAdd(f"{examination.symbol} has no pool")
    return {
        "pool_address": examination.pool,
        "pool_kind": choice.pair.kind,
        "pool_quote": choice.quote,
        "pool_fee_pips": choice.fee_pips,
        "pool_fee_is_assumed": choice.fee_is_assumed,
    }


def _identity(examination: Examination) -> dict[str, object]:
    """Return what a new row says of a token. A CoinGecko id is never guessed from a symbol."""
    known, elsewhere = examination.known, examination.chain_id != examination.price_chain_id
    if examination.decimals is None:
        raise CannotAdd(f"the decimals of {examination.symbol} are not known")
    return {
        "address": (known.address or "")
        if known is not None
        else ("" if elsewhere else examination.price_address),
        "decimals": examination.decimals,
        "coingecko_id": "" if known is None else known.coingecko_id,
        "price_chain_id": examination.price_chain_id,
        "price_address": examination.price_address,
        "is_stable": known is not None and known.is_stable,
        "is_cash": known is not None and known.symbol == CASH_SYMBOL,
        "synthetic_on_testnet": elsewhere if known is None else known.synthetic_on_testnet,
        "note": " ".join(one.text for one in examination.notes)[:300],
    }


def _keep(token: Token, examination: Examination) -> None:
    """Keep the examination as the day's look; a second one of a day is not another."""
    depth = examination.liquidity_usd
    TokenExamination.objects.get_or_create(
        token=token,
        day=examination.at.date(),
        defaults={
            "at": examination.at,
            "pool_address": examination.pool,
            "liquidity_usd": None if depth is None else money.usd(depth),
            "vetoes": [[one.code.value, one.text] for one in examination.vetoes],
            "flags": [[one.code.value, one.text] for one in examination.notes],
        },
    )


def _price_of(token: Token) -> tuple[int, str]:
    return token.price_chain_id, token.price_address.lower()


def _price(examination: Examination) -> tuple[int, str]:
    return examination.price_chain_id, examination.price_address.lower()


def _address(token: Token) -> str:
    return token.address or token.price_address
