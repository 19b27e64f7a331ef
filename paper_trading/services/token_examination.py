"""A pasted token examined: what it is, which pool prices it, and what speaks against it.

It writes nothing. A name proves nothing: tokens are known by chain and address, decimals are
asked for and never guessed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from paper_trading.engine import pair_choice
from paper_trading.engine.pair_choice import (
    Choice,
    Finding,
    Flag,
    Look,
    Note,
    PairSeen,
    TokenSeen,
    Veto,
)
from paper_trading.models import TokenExamination
from paper_trading.services import asking, token_registry
from paper_trading.services.asking import Asking
from paper_trading.services.sources.live import token_search
from paper_trading.services.sources.live.addresses import checksummed, v3_fee_pips
from paper_trading.services.sources.live.base import SourceFailure
from paper_trading.services.sources.live.token_search import SLUGS, Pasted, read_paste
from paper_trading.services.token_registry import ARBITRUM, BASE, CHAINS, ETHEREUM, TokenSpec

#: What pools may hold a token against: the registry's majors, and USDT, which it does not list.
_MAJORS = ("WETH", "USDC", "DAI", "WBTC", "cbBTC")
USDT = {
    ETHEREUM: "0xdAC17F958D2ee523a2206206994597C13D831ec7",
    BASE: "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2",
    ARBITRUM: "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9",
}


class CannotExamine(ValueError):
    """What was pasted cannot be examined; the message says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What is known of a token that may be added to a market."""

    at: datetime
    #: Chain of the markets that it is for.
    chain_id: int
    symbol: str
    #: None when no pool prices it, and nobody was asked.
    decimals: int | None
    price_chain_id: int
    #: On its price chain, with its checksum.
    price_address: str
    choice: Choice
    #: The registry's entry, when it is a known token.
    known: TokenSpec | None = None
    flags: tuple[Note, ...] = ()

    @property
    def vetoes(self) -> tuple[Finding, ...]:
        """Return what speaks against adding it."""
        return self.choice.vetoes

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what is assumed or not known."""
        return (*self.flags, *self.choice.flags)

    @property
    def pool(self) -> str:
        """Return the address of the chosen pool with its checksum; empty: there is none."""
        pair = self.choice.pair
        return "" if pair is None else checksummed(pair.address)

    @property
    def liquidity_usd(self) -> Decimal | None:
        """Return the depth of the chosen pool, both sides."""
        return None if self.choice.pair is None else self.choice.pair.liquidity_usd

    def lacking(self, accepted: Collection[Veto]) -> tuple[Finding, ...]:
        """Return the vetoes that are not accepted, or cannot be."""
        return tuple(
            one for one in self.vetoes if one.code not in accepted or not one.code.acceptable
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """A token where its price comes from; the address in lower case."""

    chain_id: int
    address: str


def examine(
    text: str, chain_id: int | None, home: int, asked: Asking, now: datetime
) -> Examination:
    """Examine what a person pasted, for markets on the chain `home`.

    `chain_id` is the chain that the person named; None: a link says it, or it is at home.

    :raises CannotExamine: for what is no token of these markets, with the reason.
    :raises SourceFailure: when the source of pairs could not be asked.
    """
    try:
        pasted = read_paste(text, chain_id)
        token_registry.tokens(home if pasted.chain_id is None else pasted.chain_id)
    except ValueError as error:
        raise CannotExamine(str(error)) from error
    place, renamed, pairs = _found(pasted, home, asked)
    known = _known_at(home, place)
    _require_home(place, home, known)
    look = look_at(place.chain_id, place.address, pairs, now)
    choice = pair_choice.choose(pairs, look)
    symbol = _symbol(known, choice.pair, pairs, place)
    flags = [*_renamed(renamed), *_elsewhere(place, home)]
    return Examination(
        at=now,
        chain_id=home,
        symbol=symbol,
        decimals=None if choice.pair is None else _decimals(place, symbol, known, asked),
        price_chain_id=place.chain_id,
        price_address=checksummed(place.address),
        choice=choice,
        known=known,
        flags=tuple(flags),
    )


def pairs_of(chain_id: int, token: str, asked: Asking) -> list[PairSeen]:
    """Ask for the pairs of a token; its address is in lower case.

    :raises SourceFailure: when the source could not be asked, or said nothing readable.
    """
    host = asked.dexscreener
    for request in (
        token_search.pools_request(chain_id, token, host),
        token_search.token_request(chain_id, token, host),
    ):
        found = token_search.read_pairs(asked.ask(asking.DEXSCREENER, request))
        if found:
            return found
    return []


def look_at(chain_id: int, token: str, pairs: Sequence[PairSeen], now: datetime) -> Look:
    """Return what the pairs of a token are chosen by."""
    majors = majors_of(chain_id)
    return Look(
        token=token,
        chain=SLUGS[chain_id],
        majors=majors,
        at=now,
        fees=dict(_fees(chain_id, token, pairs, majors)),
        before=_before([pair.address for pair in pairs]),
    )


def majors_of(chain_id: int) -> Mapping[str, str]:
    """Return the symbols of the majors of a price chain by address, in lower case."""
    specs = (token_registry.token(chain_id, symbol) for symbol in _MAJORS)
    known = {spec.address.lower(): spec.symbol for spec in specs if spec.address is not None}
    return {**known, USDT[chain_id].lower(): "USDT"}


def _found(
    pasted: Pasted, home: int, asked: Asking
) -> tuple[_Place, TokenSpec | None, list[PairSeen]]:
    """Return the token that was pasted, the registry's alias that it is, and its pairs."""
    if pasted.is_link:
        pasted = _of_pair(pasted, home, asked) or pasted
    place, renamed = _place(pasted, home)
    pairs = pairs_of(place.chain_id, place.address, asked)
    if pairs or pasted.is_link:
        return place, renamed, pairs
    of_pair = _of_pair(replace(pasted, chain_id=place.chain_id), home, asked)
    if of_pair is None:
        return place, renamed, pairs
    place, renamed = _place(of_pair, home)
    return place, renamed, pairs_of(place.chain_id, place.address, asked)


def _of_pair(pasted: Pasted, home: int, asked: Asking) -> Pasted | None:
    """Return the token of a pair that was pasted; None when it is no pair.

    It is the side that is no major; of two majors, the base.
    """
    chain_id = home if pasted.chain_id is None else pasted.chain_id
    request = token_search.pair_request(chain_id, pasted.address, asked.dexscreener)
    pairs = token_search.read_pairs(asked.ask(asking.DEXSCREENER, request))
    pair = next((one for one in pairs if one.address == pasted.address), None)
    if pair is None:
        return None
    majors = majors_of(chain_id)
    is_quote = pair.base.address in majors and pair.quote.address not in majors
    return Pasted((pair.quote if is_quote else pair.base).address, chain_id, is_link=True)


def _place(pasted: Pasted, home: int) -> tuple[_Place, TokenSpec | None]:
    """Return where a token's price comes from, and the registry's alias that was pasted.

    A testnet has no prices: a token of one is known by the registry, or it is one of the
    mainnet that stands for it.
    """
    chain_id = home if pasted.chain_id is None else pasted.chain_id
    for spec in token_registry.tokens(chain_id):
        if spec.address is not None and spec.address.lower() == pasted.address:
            place = _Place(spec.price_chain_id, spec.price_address.lower())
            return place, spec if spec.symbol in token_registry.ALIASES else None
    chain = CHAINS[chain_id]
    if chain.is_testnet and pasted.chain_id is not None:
        mainnet = CHAINS[chain.price_chain].name
        raise CannotExamine(
            f"{pasted.address} is no known token of {chain.name}, and nothing has a price there;"
            f" allowed is the address of the token on {mainnet}"
        )
    if len(pasted.address) != len("0x") + 40:
        raise CannotExamine(f"no pair {pasted.address} is known on {chain.name}")
    if not chain.is_testnet:
        return _Place(chain_id, pasted.address), None
    return _place(replace(pasted, chain_id=chain.price_chain), home)


def _known_at(home: int, place: _Place) -> TokenSpec | None:
    """Return the registry's entry of a token for markets on a chain."""
    for spec in token_registry.tokens(home):
        priced = _Place(spec.price_chain_id, spec.price_address.lower())
        if priced == place and spec.tradable:
            return spec
    return None


def _require_home(place: _Place, home: int, known: TokenSpec | None) -> None:
    if known is not None or place.chain_id == CHAINS[home].price_chain:
        return
    raise CannotExamine(
        f"the token is on {CHAINS[place.chain_id].name}, and the market trades on"
        f" {CHAINS[home].name}; allowed are tokens of {CHAINS[CHAINS[home].price_chain].name}"
    )


def _fees(
    chain_id: int, token: str, pairs: Sequence[PairSeen], majors: Mapping[str, str]
) -> list[tuple[str, int]]:
    """Return the fees of Uniswap v3 pools: their addresses prove them."""
    found = []
    for pair in pairs:
        is_v3 = (pair.dex, pair.version) == ("uniswap", "v3") and pair.holds(token)
        if is_v3 and pair.other(token).address in majors:
            fee = v3_fee_pips(chain_id, token, pair.other(token).address, pair.address)
            if fee is not None:
                found.append((pair.address, fee))
    return found


def _before(pools: Sequence[str]) -> dict[str, Decimal]:
    """Return the depths of pools when they were last examined."""
    written = [checksummed(pool) for pool in pools]
    rows = TokenExamination.objects.filter(pool_address__in=written, liquidity_usd__isnull=False)
    return {
        pool.lower(): depth
        for pool, depth in rows.order_by("at").values_list("pool_address", "liquidity_usd")
        if depth is not None
    }


def _symbol(
    known: TokenSpec | None, chosen: PairSeen | None, pairs: Sequence[PairSeen], place: _Place
) -> str:
    if known is not None:
        return known.symbol
    side: TokenSeen | None = None
    for pair in (chosen, *pairs):
        if pair is not None and pair.holds(place.address):
            side = pair.side(place.address)
            break
    return "" if side is None else side.symbol.strip()


def _decimals(place: _Place, symbol: str, known: TokenSpec | None, asked: Asking) -> int:
    if known is not None:
        return known.decimals
    found = _decimals_on_chain(place, asked)
    if found is None:
        found = _decimals_listed(place, asked)
    if found is None:
        raise CannotExamine(
            f"nobody says how many decimals {symbol or 'the token'} ({place.address}) has, and"
            " they are not guessed; try later, or set an RPC URL for its chain"
        )
    return found


def _decimals_on_chain(place: _Place, asked: Asking) -> int | None:
    url = asked.rpc.get(place.chain_id)
    if url is None:
        return None
    request = token_search.decimals_call(url, place.chain_id, place.address)
    try:
        return token_search.read_decimals_call(asked.ask(asking.RPC, request))
    except SourceFailure:
        return None


def _decimals_listed(place: _Place, asked: Asking) -> int | None:
    request = token_search.decimals_request(place.chain_id, place.address, asked.geckoterminal)
    try:
        answer = asked.ask(asking.GECKOTERMINAL, request)
    except SourceFailure:
        return None
    return token_search.read_decimals(answer, place.address)


def _renamed(alias: TokenSpec | None) -> list[Note]:
    return [] if alias is None else [Note(Flag.RENAMED, f"{alias.symbol}: {alias.note}.")]


def _elsewhere(place: _Place, home: int) -> list[Note]:
    if place.chain_id == home:
        return []
    text = f"Traded on {CHAINS[home].name}, priced on {CHAINS[place.chain_id].name}."
    return [Note(Flag.PRICED_ELSEWHERE, text)]
