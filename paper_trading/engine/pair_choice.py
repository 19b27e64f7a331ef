"""Which pool prices a token: the deepest honest one, what speaks against it, what is assumed.

Nothing is taken on trust from a name: pools and their other tokens are known by address.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum, unique

from paper_trading.engine.enums import PoolKind
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_PRICE_USD
from paper_trading.engine.money import HUNDRED, exact
from paper_trading.engine.words import number_of

#: Both sides of the pool. A trade of 100 USD then moves the price by less than one percent.
LEAST_LIQUIDITY_USD = Decimal(25_000)
#: Most rug pulls happen within a day of the first liquidity.
YOUNGEST = timedelta(hours=24)
#: A constant-product pool loses 29 % of its worth when the price halves: more was pulled.
FALLEN_PERCENT = Decimal(30)
#: So many buys with next to no sale are the sign of a token that cannot be sold.
TELLING_BUYS = 20
FEWEST_SELLS_PERCENT = Decimal(5)
#: A pool is proposed in place of the pinned one when it is this many times as deep.
DEEPER_FACTOR = Decimal("1.5")

#: So many pools are read beside the pinned one: each takes a place in a source's bulk call.
MOST_FURTHER = 2

#: Fees in pips where the protocol has one for all of its pools.
_FIXED_FEES = {
    ("uniswap", "v2"): 3_000,
    ("sushiswap", "v2"): 3_000,
    ("pancakeswap", "v2"): 2_500,
}
#: Taken where the fee cannot be told, and said so: the usual tier.
ASSUMED_FEE_PIPS = 3_000
#: Pools of these have Solidly's curves unless they are told to be of v3.
_SOLIDLY_DEXES = frozenset({"aerodrome", "velodrome"})
_VERSIONS = ("v2", "v3", "v4")
_KIND_LENGTH = 20
_ADDRESS_LENGTH = 42


@unique
class Veto(StrEnum):
    """Why a token is not added unless a person accepts it by name."""

    NO_POOL = "NO_POOL"
    POOL_SHALLOW = "POOL_SHALLOW"
    POOL_YOUNG = "POOL_YOUNG"
    LIQUIDITY_FALLING = "LIQUIDITY_FALLING"
    BUYS_WITHOUT_SELLS = "BUYS_WITHOUT_SELLS"
    SELLS_FAIL = "SELLS_FAIL"

    @property
    def acceptable(self) -> bool:
        """A person may accept it. Without a pool there is nothing to accept."""
        return self is not Veto.NO_POOL


@unique
class Flag(StrEnum):
    """What is assumed or not known of a token that is added."""

    FEE_ASSUMED = "FEE_ASSUMED"
    TRANSFER_TAX_UNKNOWN = "TRANSFER_TAX_UNKNOWN"
    POOL_AGE_UNKNOWN = "POOL_AGE_UNKNOWN"
    TRADES_UNKNOWN = "TRADES_UNKNOWN"
    NOT_SEEN_BEFORE = "NOT_SEEN_BEFORE"
    RENAMED = "RENAMED"
    PRICED_ELSEWHERE = "PRICED_ELSEWHERE"


@unique
class Refused(StrEnum):
    """Why a pool cannot be the pinned one."""

    OTHER_CHAIN = "OTHER_CHAIN"
    NOT_HELD = "NOT_HELD"
    NO_CONTRACT = "NO_CONTRACT"
    QUOTE_UNKNOWN = "QUOTE_UNKNOWN"
    PRICE_UNKNOWN = "PRICE_UNKNOWN"
    POOL_DEPTH_UNKNOWN = "POOL_DEPTH_UNKNOWN"
    SHALLOWER = "SHALLOWER"

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        return _REFUSALS[self]


_REFUSALS = {
    Refused.OTHER_CHAIN: "is on another chain",
    Refused.NOT_HELD: "does not hold the token",
    Refused.NO_CONTRACT: "has no address of its own (Uniswap v4 and the like)",
    Refused.QUOTE_UNKNOWN: "holds it against a token that is none of the majors",
    Refused.PRICE_UNKNOWN: "has no price",
    Refused.POOL_DEPTH_UNKNOWN: "has no known depth",
    Refused.SHALLOWER: "is shallower than the chosen one",
}


@dataclass(frozen=True, slots=True)
class TokenSeen:
    """One side of a pair as a source names it; the address in lower case."""

    address: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Trades:
    """How often a pair was bought and sold in a period."""

    buys: int
    sells: int


@dataclass(frozen=True, slots=True)
class PairSeen:
    """A pair as a source shows it. Prices in USD per whole base token; None: it does not say."""

    chain: str
    dex: str
    #: In lower case; longer than an address where the protocol keeps its pools in one contract.
    address: str
    labels: tuple[str, ...]
    base: TokenSeen
    quote: TokenSeen
    price_usd: Decimal | None
    #: Quote tokens per base token.
    price_native: Decimal | None
    #: Both sides.
    liquidity_usd: Decimal | None
    volume_h24_usd: Decimal | None
    h24: Trades | None
    h1: Trades | None
    created_at: datetime | None

    @property
    def version(self) -> str:
        """Return the protocol's version by its label; empty when none is given."""
        return next((label for label in self.labels if label in _VERSIONS), "")

    @property
    def kind(self) -> str:
        """Name the sort of pool: the exchange and its version."""
        name = f"{self.dex}_{self.version}" if self.version else self.dex
        return name[:_KIND_LENGTH]

    def holds(self, address: str) -> bool:
        """Say whether a token is one of its sides."""
        return address in (self.base.address, self.quote.address)

    def side(self, address: str) -> TokenSeen:
        """Return the side of a token."""
        return self.base if self.base.address == address else self.quote

    def other(self, address: str) -> TokenSeen:
        """Return the side against a token."""
        return self.quote if self.base.address == address else self.base

    @exact
    def price_of(self, address: str) -> Decimal | None:
        """Return the price of one of its tokens in USD; None when it cannot be told.

        `price_usd` is that of the base token; the quote token's is price_usd / price_native.
        """
        price = self.price_usd
        if price is not None and self.base.address != address:
            price = price / self.price_native if self.price_native else None
        return price if price is not None and 0 < price <= HIGHEST_PRICE_USD else None


@dataclass(frozen=True, slots=True)
class Look:
    """What pairs are chosen by."""

    #: Address of the token on its price chain, in lower case.
    token: str
    #: The price chain as the source names it.
    chain: str
    #: Symbols by address, of the tokens whose prices are known to be sound.
    majors: Mapping[str, str]
    at: datetime
    #: Fee by pool, where it is known.
    fees: Mapping[str, int]
    #: Depth by pool as last examined, in USD.
    before: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Finding:
    """A veto with its sentence."""

    code: Veto
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A flag with its sentence."""

    code: Flag
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The pool that prices a token, and what is to be said of it."""

    pair: PairSeen | None
    #: Symbol of the token that the pool holds it against.
    quote: str
    fee_pips: int
    fee_is_assumed: bool
    vetoes: tuple[Finding, ...]
    flags: tuple[Note, ...]
    #: The pools that were passed over, and why.
    refused: tuple[tuple[PairSeen, Refused], ...]
    #: Those that could have been chosen, the deepest first.
    fit: tuple[PairSeen, ...] = ()


@exact
def choose(pairs: Iterable[PairSeen], look: Look) -> Choice:
    """Choose the pool that prices a token: the deepest that holds it against a major.

    Of pools of one depth, the one of the lowest address: the same whatever the order.
    """
    refused: list[tuple[PairSeen, Refused]] = []
    fit: list[PairSeen] = []
    for pair in pairs:
        reason = _refused(pair, look)
        if reason is None:
            fit.append(pair)
        else:
            refused.append((pair, reason))
    fit.sort(key=lambda pair: (-_depth(pair), pair.address))
    refused += [(pair, Refused.SHALLOWER) for pair in fit[1:]]
    if not fit:
        none = Finding(Veto.NO_POOL, _no_pool(look, refused))
        return Choice(None, "", ASSUMED_FEE_PIPS, True, (none,), (), tuple(refused))
    best = fit[0]
    fee, assumed = fee_of(best, look.fees)
    return Choice(
        pair=best,
        quote=look.majors[best.other(look.token).address],
        fee_pips=fee,
        fee_is_assumed=assumed,
        vetoes=vetoes(best, look),
        flags=tuple(_flags(best, look, fee, assumed)),
        refused=tuple(refused),
        fit=tuple(fit),
    )


@exact
def further(choice: Choice, look: Look, pinned: str) -> list[tuple[PairSeen, int]]:
    """Return the pools besides the pinned one that orders may go through, with their fees in pips.

    The deepest of those that nothing speaks against; none whose fee is only assumed.
    """
    found = []
    # A source may list a pair twice.
    for pair in {one.address: one for one in choice.fit}.values():
        fee, assumed = fee_of(pair, look.fees)
        if pair.address != pinned and not assumed and not vetoes(pair, look):
            found.append((pair, fee))
    return found[:MOST_FURTHER]


@exact
def vetoes(pair: PairSeen, look: Look) -> tuple[Finding, ...]:
    """Return what speaks against a pool."""
    found = [_low(pair), _young(pair, look.at), _falling(pair, look.before), _unsold(pair)]
    return tuple(one for one in found if one is not None)


def curve_of(kind: str) -> PoolKind:
    """Return the curve of a pool by what `PairSeen.kind` calls it; V2 for what is not known.

    A pool of Solidly whose name does not say that it is stable is taken for a volatile one.
    """
    dex, _, version = kind.rpartition("_")
    if version in ("v3", "slipstream"):
        return PoolKind.V3
    if not {kind, dex} & _SOLIDLY_DEXES:
        return PoolKind.V2
    return PoolKind.SOLIDLY_STABLE if version == "stable" else PoolKind.SOLIDLY_VOLATILE


def fee_of(pair: PairSeen, known: Mapping[str, int]) -> tuple[int, bool]:
    """Return the fee of a pool in pips, and whether it is assumed."""
    found = known.get(pair.address, _FIXED_FEES.get((pair.dex, pair.version)))
    return (ASSUMED_FEE_PIPS, True) if found is None else (found, False)


@exact
def is_deeper(candidate: Decimal, pinned: Decimal | None) -> bool:
    """Say whether a pool is so much deeper than the pinned one that it is worth a change."""
    return pinned is None or candidate >= pinned * DEEPER_FACTOR


def _refused(pair: PairSeen, look: Look) -> Refused | None:
    if pair.chain != look.chain:
        return Refused.OTHER_CHAIN
    if not pair.holds(look.token):
        return Refused.NOT_HELD
    if len(pair.address) != _ADDRESS_LENGTH:
        return Refused.NO_CONTRACT
    other = pair.other(look.token).address
    if other == look.token or other not in look.majors:
        return Refused.QUOTE_UNKNOWN
    if pair.price_of(look.token) is None:
        return Refused.PRICE_UNKNOWN
    known = pair.liquidity_usd is not None and pair.liquidity_usd <= DEEPEST_POOL_USD
    return None if known else Refused.POOL_DEPTH_UNKNOWN


def _depth(pair: PairSeen) -> Decimal:
    return Decimal(0) if pair.liquidity_usd is None else pair.liquidity_usd


def _no_pool(look: Look, refused: list[tuple[PairSeen, Refused]]) -> str:
    where = f"No pool on {look.chain} can price the token"
    if not refused:
        return f"{where}: the source knows none that holds it."
    counts: dict[Refused, int] = {}
    for _, reason in refused:
        counts[reason] = counts.get(reason, 0) + 1
    told = "; ".join(f"{count} {reason.sentence}" for reason, count in counts.items())
    return f"{where}: of {len(refused)} found, {told}."


def _low(pair: PairSeen) -> Finding | None:
    depth = _depth(pair)
    if depth >= LEAST_LIQUIDITY_USD:
        return None
    text = f"Its pool holds {depth:,.0f} USD; {LEAST_LIQUIDITY_USD:,} USD are wanted."
    return Finding(Veto.POOL_SHALLOW, text)


def _young(pair: PairSeen, now: datetime) -> Finding | None:
    if pair.created_at is None or now - pair.created_at >= YOUNGEST:
        return None
    hours = max(0, (now - pair.created_at) // timedelta(hours=1))
    wanted = YOUNGEST // timedelta(hours=1)
    return Finding(Veto.POOL_YOUNG, f"Its pool is {hours} h old; {wanted} h are wanted.")


def _falling(pair: PairSeen, before: Mapping[str, Decimal]) -> Finding | None:
    was, now = before.get(pair.address), _depth(pair)
    if was is None or now * HUNDRED >= was * (HUNDRED - FALLEN_PERCENT):
        return None
    lost = (was - now) * HUNDRED / was
    text = f"Its liquidity fell by {lost:.0f} %, from {was:,.0f} to {now:,.0f} USD."
    return Finding(Veto.LIQUIDITY_FALLING, text)


def _unsold(pair: PairSeen) -> Finding | None:
    """Look for a honeypot: it lets everybody in and nobody out."""
    for trades, period in ((pair.h24, "24 h"), (pair.h1, "1 h")):
        if trades is None or trades.buys < TELLING_BUYS:
            continue
        said = f"{number_of(trades.buys, 'buy')} and {number_of(trades.sells, 'sale')} in {period}"
        if trades.sells == 0:
            return Finding(Veto.SELLS_FAIL, f"{said}: sales seem to fail.")
        if trades.sells * HUNDRED < (trades.buys + trades.sells) * FEWEST_SELLS_PERCENT:
            return Finding(Veto.BUYS_WITHOUT_SELLS, f"{said}: hardly anybody gets out.")
    return None


def _flags(pair: PairSeen, look: Look, fee: int, assumed: bool) -> Iterable[Note]:
    if assumed:
        text = f"The fee of {pair.kind} pools cannot be told; {fee} pips are assumed."
        yield Note(Flag.FEE_ASSUMED, text)
    # No source that is asked says it.
    text = "Whether its contract taxes transfers is not known; no tax is modelled."
    yield Note(Flag.TRANSFER_TAX_UNKNOWN, text)
    if pair.created_at is None:
        yield Note(Flag.POOL_AGE_UNKNOWN, "The source does not say how old its pool is.")
    if pair.h24 is None and pair.h1 is None:
        yield Note(Flag.TRADES_UNKNOWN, "The source does not say how often it is sold.")
    if pair.address not in look.before:
        text = "Its pool is seen for the first time: whether liquidity falls is not known."
        yield Note(Flag.NOT_SEEN_BEFORE, text)
