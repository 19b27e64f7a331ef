"""What live sources said at a step, judged token by token: the step that a market folds.

The same live and in replay. A batch keeps what was said as far as its quotes do not tell it, so
that every verdict can be made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine import money
from paper_trading.engine.depth import Depth
from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_CASH_PRICE_USD, L1Fees
from paper_trading.engine.money import HUNDRED, ONE, ZERO
from paper_trading.engine.trust import (
    EXCHANGED,
    Absent,
    Check,
    Judged,
    Reading,
    TokenTrust,
    exchanged,
    judge,
)
from paper_trading.engine.trust_json import (
    check_from_json,
    check_to_json,
    trust_from_json,
    trust_to_json,
)
from paper_trading.intelligence.observed import (
    BASE_FEE,
    L1_FEES,
    Beside,
    SourceQuote,
    SourceStep,
    l1_fees,
)
from paper_trading.intelligence.said_quotes import (
    CHAIN_QUOTES,
    SaidQuote,
    quotes_of,
    quotes_to_json,
    sound,
)

#: A source's answer held no usable price of the token, or none at all was asked for.
BAD_PRICE = "BAD_PRICE"
NOT_SAID = "NOT_SAID"
#: In what is kept of a step: spreads of readings that have one, in seconds by symbol.
SPREAD = "spread"

#: How far the price of a further pool may be from that of the pinned one.
APART_PERCENT = Decimal(2)

_GOOD = (PriceVerdict.FRESH, PriceVerdict.DISPUTED)
#: Verdicts whose quote is not the reading itself; a disputed one is at times.
_ALTERED = (PriceVerdict.JUMP, PriceVerdict.UNSELLABLE)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A token of a live market with the one pool that prices it."""

    symbol: str
    pool: str
    is_cash: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading with where it comes from."""

    reading: Reading
    source: str
    block: int | None = None
    #: Traded since the step before, in USD; None when the source does not say.
    volume_usd: Decimal | None = None
    #: What the pool was read to hold, where a node was asked.
    depth: Depth | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the sources of a market said at one step."""

    #: Who served the step, for people.
    source: str
    #: By symbol; what is not in it was not said.
    seen: Mapping[str, Seen | Absent]
    #: New checks by an independent source, by symbol.
    checks: Mapping[str, Check] = field(default_factory=dict)
    #: Of the newest block of the market's price chain; None when no node was asked.
    base_fee_wei: int | None = None
    #: What that chain pays for data on L1; None also where it is no OP-stack chain.
    l1_fees: L1Fees | None = None
    #: What the chain's quoter said of swaps on their way.
    quotes: tuple[SaidQuote, ...] = ()
    #: By symbol, what was read of a token's further pools.
    beside: Mapping[str, tuple[Beside, ...]] = field(default_factory=dict)


def seen(
    price_usd: Decimal,
    liquidity_usd: Decimal | None,
    observed_at: datetime,
    pool: str,
    source: str,
    block: int | None = None,
    volume_usd: Decimal | None = None,
    depth: Depth | None = None,
    spread_seconds: int = 0,
) -> Seen | Absent:
    """Return a reading at the scales that rows keep, or BAD_PRICE when no pool says so.

    A depth or a volume that cannot be is not said; the price stands.
    """
    liquidity, volume = _amount(liquidity_usd), _amount(volume_usd)
    try:
        price = money.price(price_usd)
        reading = Reading(price, liquidity, observed_at, pool.lower(), spread_seconds)
    except (ArithmeticError, ValueError):
        return Absent(BAD_PRICE)
    return Seen(reading, source, block, volume, depth)


def _amount(amount_usd: Decimal | None) -> Decimal | None:
    """Return an amount in USD at its scale; None for what no pool holds or trades."""
    if amount_usd is None:
        return None
    try:
        found = money.usd(amount_usd)
    except (ArithmeticError, ValueError):
        return None
    return found if ZERO <= found <= DEEPEST_POOL_USD else None


def live_step(
    number: int,
    market_time: datetime,
    said: Said,
    state: Mapping[str, Any],
    pinned: Iterable[Pinned],
) -> SourceStep:
    """Judge what was said at a step and return it as the market folds it.

    `state` is that of the market's step before, {} for the first. Cash that has no good price
    lets nothing be traded; its last price, 1 before the first, still values accounts.
    """
    before = {name: trust_from_json(found) for name, found in state.get("tokens", {}).items()}
    checks = {name: check_from_json(found) for name, found in state.get("checks", {}).items()}
    checks |= said.checks
    tokens = sorted(pinned, key=lambda one: one.symbol)
    judged = _judge_all(before, said, checks, tokens, market_time)
    cash = next((judged[one.symbol] for one in tokens if one.is_cash), None)
    cash_price = _cash_price(cash, Decimal(state.get("cash", ONE)))
    unsure = cash is None or cash.verdict not in _GOOD
    firsts = {one.pool for one in tokens if not one.is_cash}
    quotes = sound(said.quotes, {one.symbol: one.pool for one in tokens}, firsts, market_time)
    return SourceStep(
        number=number,
        market_time=market_time,
        quotes={
            one.symbol: _quote(one.symbol, judged[one.symbol], said, unsure and not one.is_cash)
            for one in tokens
            if judged[one.symbol].quote is not None
        },
        cash_price_usd=cash_price,
        state={
            "step": number,
            "tokens": {name: trust_to_json(one.state) for name, one in judged.items()},
            "checks": {
                name: check_to_json(check) for name, check in checks.items() if name in judged
            },
            "cash": str(cash_price),
        },
        reasons={name: one.reason for name, one in judged.items() if one.quote is None},
        said={"after": state.get("step"), **_journal(said, judged, before, quotes)},
    )


def said_at(step: SourceStep, source: str) -> Said:
    """Return what was said at a step, read from the step itself.

    :raises ValueError: when the step is not that of a live market.
    """
    if step.said is None:
        raise ValueError(f"step {step.number} was not served by live sources")
    found: dict[str, Seen | Absent] = {
        symbol: Absent(reason) for symbol, reason in step.reasons.items()
    }
    raw, spreads = step.said["raw"], step.said.get(SPREAD, {})
    for symbol, quote in step.quotes.items():
        found[symbol] = _unjudged(quote, raw.get(symbol), spreads.get(symbol, 0))
    checks = {name: check_from_json(one) for name, one in step.said["checks"].items()}
    fee, quotes = step.said.get(BASE_FEE), quotes_of(step.said)
    beside = {symbol: quote.beside for symbol, quote in step.quotes.items()}
    return Said(source, found, checks, fee, l1_fees(step.said), quotes, beside)


def _judge_all(
    before: Mapping[str, TokenTrust],
    said: Said,
    checks: Mapping[str, Check],
    tokens: Iterable[Pinned],
    now: datetime,
) -> dict[str, Judged]:
    readings = {one.symbol: _reading(said.seen.get(one.symbol), one.is_cash) for one in tokens}
    mixed_up = exchanged(before, readings, checks, now)
    return {
        one.symbol: judge(
            before.get(one.symbol, TokenTrust()),
            Absent(EXCHANGED) if one.symbol in mixed_up else readings[one.symbol],
            checks.get(one.symbol),
            one.pool,
            now,
        )
        for one in tokens
    }


def _reading(found: Seen | Absent | None, is_cash: bool) -> Reading | Absent:
    if found is None:
        return Absent(NOT_SAID)
    if isinstance(found, Absent):
        return found
    if is_cash and found.reading.price_usd > HIGHEST_CASH_PRICE_USD:
        return Absent(BAD_PRICE)
    return found.reading


def _cash_price(cash: Judged | None, last: Decimal) -> Decimal:
    """Return what cash is worth: its quote if that is good, else the last one that was.

    A jump of cash would move the whole account on a single reading.
    """
    if cash is None or cash.quote is None or cash.verdict not in _GOOD:
        return last
    return cash.quote.price_usd


def _quote(symbol: str, judged: Judged, said: Said, unsure: bool) -> SourceQuote:
    quote, found = judged.quote, said.seen.get(symbol)
    if quote is None:
        raise ValueError(f"{symbol} has no quote to write")
    source = Seen(quote, said.source) if not isinstance(found, Seen) else found
    good = judged.verdict in _GOOD
    # Bars are made of what the pool itself said, even while less is paid for it.
    own = judged.state.accepted if good else None
    traded = quote.price_usd if own is None else own.price_usd
    return SourceQuote(
        symbol=symbol,
        price_usd=quote.price_usd,
        liquidity_usd=quote.liquidity_usd,
        source=source.source,
        start=quote.observed_at,
        observed_at=quote.observed_at,
        open=traded,
        high=traded,
        low=traded,
        volume_usd=source.volume_usd,
        verdict=PriceVerdict.CASH_UNSURE if unsure and good else judged.verdict,
        pool=quote.pool,
        block=source.block,
        # Of a quote that is another than the reading the pool was not read.
        depth=source.depth if source.reading == quote else None,
        beside=_beside(said.beside.get(symbol, ()), quote.price_usd) if good else (),
    )


@money.exact
def _beside(found: Iterable[Beside], price_usd: Decimal) -> tuple[Beside, ...]:
    """Return the further pools that have about the price of the quote.

    One that has not is read late, or is no pool that anybody trades in.
    """
    apart = price_usd * APART_PERCENT / HUNDRED
    near = (one for one in found if abs(one.price_usd - price_usd) <= apart)
    return tuple(sorted(near, key=lambda one: one.pool))


def _journal(
    said: Said,
    judged: Mapping[str, Judged],
    before: Mapping[str, TokenTrust],
    quotes: tuple[SaidQuote, ...],
) -> dict[str, Any]:
    """Return what the quotes do not tell: readings that they are not, new checks, changes."""
    stood = {name: before.get(name, TokenTrust()).standing for name in judged}
    fee = {} if said.base_fee_wei is None else {BASE_FEE: said.base_fee_wei}
    spreads = {name: _spread(said, name) for name, one in judged.items() if one.quote is not None}
    spreads = {name: spread for name, spread in spreads.items() if spread}
    l1 = {} if said.l1_fees is None else {L1_FEES: list(astuple(said.l1_fees))}
    return {
        **fee,
        **l1,
        **({SPREAD: spreads} if spreads else {}),
        **({CHAIN_QUOTES: quotes_to_json(quotes)} if quotes else {}),
        "checks": {
            name: check_to_json(check)
            for name, check in sorted(said.checks.items())
            if name in judged
        },
        "raw": {
            name: _raw(said.seen.get(name))
            for name, one in judged.items()
            if one.quote is not None and _is_altered(one)
        },
        "changes": {
            name: [stood[name].value, one.state.standing.value]
            for name, one in judged.items()
            if one.state.standing is not stood[name]
        },
    }


def _is_altered(judged: Judged) -> bool:
    """Say whether a quote may be another than the reading itself."""
    if judged.verdict is PriceVerdict.DISPUTED:
        return judged.quote != judged.state.accepted
    return judged.verdict in _ALTERED


def _spread(said: Said, symbol: str) -> int:
    found = said.seen.get(symbol)
    return found.reading.spread_seconds if isinstance(found, Seen) else 0


def _raw(found: Seen | Absent | None) -> list[str | None] | str:
    if found is None:
        return NOT_SAID
    if isinstance(found, Absent):
        return found.reason
    depth = found.reading.liquidity_usd
    return [str(found.reading.price_usd), None if depth is None else str(depth)]


def _unjudged(
    quote: SourceQuote, raw: list[str | None] | str | None, spread_seconds: int
) -> Seen | Absent:
    if isinstance(raw, str):
        return Absent(raw)
    reading = Reading(
        quote.price_usd, quote.liquidity_usd, quote.observed_at, quote.pool, spread_seconds
    )
    if raw is not None:
        price, depth = raw
        reading = replace(
            reading,
            price_usd=Decimal(price or 0),
            liquidity_usd=None if depth is None else Decimal(depth),
        )
    return Seen(reading, quote.source, quote.block, quote.volume_usd, quote.depth)
