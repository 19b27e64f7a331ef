"""How much an entry may spend: the smallest of several limits, and the one that bit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.account import Account, Position
from paper_trading.engine.bracket import exit_factor, scaled
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side
from paper_trading.engine.equity import in_cash
from paper_trading.engine.inclusion import highest_gas_usd
from paper_trading.engine.market import Batch, Quote, Token
from paper_trading.engine.money import HUNDRED, ZERO, cash_amount, cash_units, exact, usd_floor
from paper_trading.engine.pending import reserved, spent
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.position import market_value
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.swaps import CASH_ID, approve_fee_usd, swap_fee_usd
from paper_trading.engine.venues import approved
from paper_trading.engine.ways import Own, best_way, kinds_of, met, pool_in, rest_in, ways

#: Smaller entries are refused.
MINIMUM_SIZE_USD = Decimal(10)

#: Entries of which two swaps' gas would take more than this are refused.
MAXIMUM_GAS_PERCENT = Decimal(1)

LEVEL_SHARE = "level share"
STRATEGY_SHARE = "strategy share"
EXPOSURE = "exposure"
RISK_TO_STOP = "risk to stop"
VOLATILITY_TARGET = "volatility target"
POOL_SIDE = "pool side"
KNOWN_DEPTH = "known depth"
CASH = "cash"
TRADE_CAP = "trade cap"

#: Limits of one order; when one of them leaves nothing, it left too little.
_OF_AN_ORDER = (POOL_SIDE, KNOWN_DEPTH, TRADE_CAP)

#: A position may need one in so many of what a pool is known to take, either way: the price
#: moves until inclusion, and liquidity may be less when the position is sold.
KNOWN_DEPTH_PARTS = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of an entry and the cash that it leaves; below zero when it is overdrawn."""

    name: str
    room_usd: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What sizing was asked for and allowed, in cash; code is OK or why nothing is allowed."""

    asked_usd: Decimal
    #: A whole number of base units of cash; 0 unless the code is OK.
    allowed_usd: Decimal
    #: The limit that bit.
    limit: str
    code: Code
    #: Every limit that was asked, in their order; empty when the entry was refused before.
    limits: tuple[Limit, ...] = ()
    #: Address of the pool that an entry was sized for; empty: that which prices the token.
    pool: str = ""


@exact
def asked(equity_usd: Decimal, cash_price_usd: Decimal, appetite: Appetite) -> Decimal:
    """Return the level's share of equity, in cash."""
    return _share(in_cash(equity_usd, cash_price_usd), appetite.max_position_percent)


@exact
def size_buy(
    account: Account,
    token: Token,
    batch: Batch,
    strategy: Strategy,
    appetite: Appetite,
    equity_usd: Decimal,
) -> Verdict:
    """Size an entry of a token that fills.pricing_code found tradable.

    The smallest of `limits` is allowed, the first of equal ones bites. ValueError when the
    token cannot be priced.
    """
    wanted = asked(equity_usd, batch.cash_price_usd, appetite)
    way = _way(account, token, batch, wanted)
    if strategy.target_volatility_percent is not None and _sigma(token, batch) is None:
        return Verdict(wanted, ZERO, VOLATILITY_TARGET, Code.VOLATILITY_UNKNOWN)
    found = limits(account, token, batch, strategy, appetite, equity_usd, way)
    # What is allowed may go another way than what was asked for, if that takes as much.
    other = _way(account, token, batch, _least(found).room_usd)
    if other.pool != way.pool:
        again = limits(account, token, batch, strategy, appetite, equity_usd, other)
        if _least(again).room_usd >= _least(found).room_usd:
            way, found = other, again
    least = _least(found)
    spend = cash_units(max(least.room_usd, ZERO))
    code = _refusal(least.name, spend, _pool(way, batch), _swap_gas_usd(way, batch))
    allowed = cash_amount(spend) if code is Code.OK else ZERO
    return Verdict(wanted, allowed, least.name, code, found, way.pool)


def _least(found: Sequence[Limit]) -> Limit:
    return min(found, key=lambda limit: limit.room_usd)


@exact
def limits(
    account: Account,
    token: Token,
    batch: Batch,
    strategy: Strategy,
    appetite: Appetite,
    equity_usd: Decimal,
    way: Quote | None = None,
) -> tuple[Limit, ...]:
    """Return every limit of an entry with what it leaves, in cash, in the order of the rule.

    The level's and the strategy's share of equity, the risk to the stop and the volatility
    target, each less what is held of the token; the level's gross exposure less what is held
    or on its way of all; the level's share of one pool side; half of what the pool's known depth
    takes either way; cash less what pending swaps set aside, the minimum balance and gas; the
    trade cap. Those that are not set, and a depth without an end, are left out. The pool is that of
    `way`, or of the best one for the level's share.
    ValueError when the token cannot be priced.
    """
    if way is None:
        wanted = asked(equity_usd, batch.cash_price_usd, appetite)
        way = _way(account, token, batch, wanted)
    found = _limits(account, token, batch, strategy, appetite, equity_usd, way)
    return tuple(Limit(name, room) for name, room in found)


@exact
def risk_to_stop(equity_usd: Decimal, risk_percent: Decimal, stop_percent: Decimal) -> Decimal:
    """Return the position that loses `risk_percent` of equity at a stop: f * E / d."""
    return usd_floor(equity_usd * risk_percent / stop_percent)


@exact
def volatility_share(equity_usd: Decimal, target_percent: Decimal, sigma: Decimal) -> Decimal:
    """Return the position that adds a target volatility to equity: E * target / sigma.

    `sigma` is annual, 1 being 100 %; ValueError when it is not positive.
    """
    if sigma <= 0:
        raise ValueError(f"sigma was {sigma}; allowed are numbers above 0")
    return usd_floor(equity_usd * target_percent / (sigma * HUNDRED))


def _limits(
    account: Account,
    token: Token,
    batch: Batch,
    strategy: Strategy,
    appetite: Appetite,
    equity_usd: Decimal,
    way: Quote,
) -> Iterator[tuple[str, Decimal]]:
    equity = in_cash(equity_usd, batch.cash_price_usd)
    exposures = {token_id: _exposure(held, batch) for token_id, held in account.positions.items()}
    held = exposures.get(token.id, ZERO)
    yield LEVEL_SHARE, _share(equity, appetite.max_position_percent) - held
    yield STRATEGY_SHARE, _share(equity, strategy.max_position_size_percent) - held
    gross = _share(equity, appetite.max_exposure_percent)
    coming = spent(account.pending.values())
    yield EXPOSURE, gross - sum(exposures.values(), ZERO) - coming
    if strategy.risk_per_trade_percent is not None:
        stop = _stop_percent(account, token, batch, strategy)
        yield RISK_TO_STOP, risk_to_stop(equity, strategy.risk_per_trade_percent, stop) - held
    sigma = _sigma(token, batch)
    if strategy.target_volatility_percent is not None and sigma is not None:
        share = volatility_share(equity, strategy.target_volatility_percent, sigma)
        yield VOLATILITY_TARGET, share - held
    side = cash_amount(_pool(way, batch).reserve_in(Side.BUY))
    yield POOL_SIDE, _share(side, appetite.max_pool_percent)
    known = _known_depth(account, way, batch)
    if known is not None:
        yield KNOWN_DEPTH, known - held
    free = account.cash_usd - reserved(account.pending.values())
    yield CASH, free - strategy.minimum_balance_usd - _reserve(account, token, batch, strategy, way)
    if strategy.max_trade_usd is not None:
        yield TRADE_CAP, strategy.max_trade_usd


def _known_depth(account: Account, way: Quote, batch: Batch) -> Decimal | None:
    """Return the largest position that a pool of known ends should hold, in cash; None: no end.

    What earlier swaps have left in the pool is in the way of buying more.
    """
    pool = _pool(way, batch)
    tokens = pool.known_in(Side.SELL)
    if tokens is None:
        return None
    rest = rest_in(batch, way, Own(account.displaced, account.pending))
    now = met(pool, Side.BUY, rest)
    cash = 0 if now is None else now.known_in(Side.BUY) or 0
    least = min(cash, pool.quote(Side.SELL, tokens) or 0)
    return cash_amount(least // KNOWN_DEPTH_PARTS)


def _stop_percent(account: Account, token: Token, batch: Batch, strategy: Strategy) -> Decimal:
    """Return the stop that the position has, or would have when it is opened now."""
    held = account.positions.get(token.id)
    sigma = batch.sigma_annual.get(token.id)
    factor = exit_factor(strategy, sigma) if held is None else held.exit_factor
    return scaled(strategy, factor).stop_percent


def _sigma(token: Token, batch: Batch) -> Decimal | None:
    """Return the annual volatility; None when unknown or 0: it never moved, so it is unknown."""
    return batch.sigma_annual.get(token.id) or None


def _refusal(name: str, spend: int, pool: PairPool, gas_usd: Decimal) -> Code:
    if spend <= 0 and name not in _OF_AN_ORDER:
        return Code.BALANCE_LOW if name == CASH else Code.EXPOSURE_FULL
    size = cash_amount(spend)
    costly = 2 * gas_usd * HUNDRED > size * MAXIMUM_GAS_PERCENT
    if size < MINIMUM_SIZE_USD or costly or pool.quote(Side.BUY, spend) == 0:
        return Code.DEPTH_UNKNOWN if name == KNOWN_DEPTH else Code.SIZE_TOO_SMALL
    return Code.OK


def _exposure(position: Position, batch: Batch) -> Decimal:
    """Return the larger of cost and value, in cash: a falling price makes no room for adds."""
    return max(position.cost_usd, in_cash(market_value(position), batch.cash_price_usd))


def _reserve(
    account: Account, token: Token, batch: Batch, strategy: Strategy, way: Quote
) -> Decimal:
    """Return the gas of entering and of leaving again, with the approvals still due.

    The transaction manager sets aside the most that gas may cost: so much must be left for both.
    """
    if strategy.use_transaction_manager:
        paid = approved(account)
        both = (one not in paid for one in (CASH_ID, token.id))
        return sum((_highest_gas_usd(token, batch, approves=one) for one in both), ZERO)
    due = sum(one not in account.approvals for one in (CASH_ID, token.id))
    return 2 * _swap_gas_usd(way, batch) + due * approve_fee_usd(batch)


def _highest_gas_usd(token: Token, batch: Batch, *, approves: bool) -> Decimal:
    """Return the most that a swap may pay for gas, on whichever of the token's ways."""
    found = [kinds_of(batch, way.token) for way in ways(batch.quotes[token.id], Side.BUY)]
    return max(highest_gas_usd(batch, kinds, approves=approves) for kinds in found)


def _swap_gas_usd(way: Quote, batch: Batch) -> Decimal:
    """Return the gas of a swap: it does not depend on the side."""
    return swap_fee_usd(batch, kinds_of(batch, way.token))


def _way(account: Account, token: Token, batch: Batch, wanted_usd: Decimal) -> Quote:
    """Return the way that an entry of the level's share would take."""
    quote = batch.quotes.get(token.id)
    if quote is None:
        raise ValueError(f"{token.symbol} cannot be priced in batch {batch.id}")
    if not batch.native_price_usd or batch.cash_price_usd == 0:
        raise ValueError(f"{token.symbol} cannot be priced in batch {batch.id}")
    own = Own(account.displaced, account.pending)
    return best_way(batch, quote, Side.BUY, cash_units(max(wanted_usd, ZERO)), own)


def _pool(way: Quote, batch: Batch) -> PairPool:
    pool = pool_in(batch, way)
    if pool is None:
        raise ValueError(f"{way.token.symbol} cannot be priced in batch {batch.id}")
    return pool


def _share(amount: Decimal, percent: Decimal) -> Decimal:
    return usd_floor(amount * percent / HUNDRED)
