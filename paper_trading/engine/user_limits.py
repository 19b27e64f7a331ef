"""Which limits of a user hold at a level: what is above the level's own appetite does not bind.

Positions are taken to be full ones: pools and cash often leave less.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.bracket import bracket
from paper_trading.engine.money import HUNDRED, ZERO, exact
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.words import number_of


@dataclass(frozen=True, slots=True)
class Standing:
    """What user limits are compared with: the level, the account, the tokens."""

    strategy: Strategy
    appetite: Appetite
    equity_usd: Decimal
    #: Annual volatilities of the tokens, 1 being 100 %, as far as known and above 0.
    sigmas: Collection[Decimal]

    @property
    def share_percent(self) -> Decimal:
        """Return the share of equity of a full position: the level's or the user's."""
        asked = self.strategy.max_position_size_percent
        return min(asked, self.appetite.max_position_percent)


@dataclass(frozen=True, slots=True)
class UserLimit:
    """One limit that the user set, and what the level asks for without it, in the same unit."""

    #: Of the field of the strategy.
    name: str
    setting: Decimal
    #: None where the level asks for nothing.
    level: Decimal | None
    binds: bool
    why: str


@exact
def user_limits(standing: Standing) -> tuple[UserLimit, ...]:
    """Return every limit that is set, in the order of the strategy's settings."""
    return tuple(limit for build in _BUILDERS for limit in build(standing))


def _position(at: Standing) -> Iterator[UserLimit]:
    asked, level = at.strategy.max_position_size_percent, at.appetite.max_position_percent
    why = f"level {at.appetite.level} puts at most {_text(level)} % of equity into one token"
    yield UserLimit("max_position_size_percent", asked, level, asked < level, why)


def _daily_trades(at: Standing) -> Iterator[UserLimit]:
    most = Decimal(at.strategy.max_daily_trades)
    yield UserLimit("max_daily_trades", most, None, True, "no level counts entries of a day")


def _positions(at: Standing) -> Iterator[UserLimit]:
    most, exposure = at.strategy.max_concurrent_positions, at.appetite.max_exposure_percent
    whole, rest = divmod(exposure, at.share_percent)
    room = whole + int(rest > 0)
    why = (
        f"{_text(exposure)} % of equity has room for {number_of(int(room), 'position')} of"
        f" {_text(at.share_percent)} %; smaller ones may reach it"
    )
    yield UserLimit("max_concurrent_positions", Decimal(most), room, most < room, why)


def _confidence(at: Standing) -> Iterator[UserLimit]:
    asked, level = at.strategy.confidence_threshold, at.appetite.min_confidence
    if asked is not None:
        why = f"it stands in for the {_text(level)} % of level {at.appetite.level}"
        yield UserLimit("confidence_threshold", asked, level, asked != level, why)


def _risk(at: Standing) -> Iterator[UserLimit]:
    asked = at.strategy.risk_per_trade_percent
    if asked is None:
        return
    stops = [bracket(at.strategy, sigma).stop_percent for sigma in at.sigmas or (None,)]
    level = at.share_percent * max(stops) / HUNDRED
    why = (
        f"a position of {_text(at.share_percent)} % with its stop at {_text(max(stops))} %"
        f" may lose {_text(level)} % of equity"
    )
    yield UserLimit("risk_per_trade_percent", asked, level, asked < level, why)


def _volatility(at: Standing) -> Iterator[UserLimit]:
    asked = at.strategy.target_volatility_percent
    if asked is None:
        return
    bound = asked / at.share_percent
    level = at.share_percent * max(at.sigmas) if at.sigmas else None
    why = (
        f"a position of {_text(at.share_percent)} % reaches it where a token's annual volatility"
        f" is above {_text(bound * HUNDRED)} %; without a known one there is no entry"
    )
    binds = level is None or asked < level
    yield UserLimit("target_volatility_percent", asked, level, binds, why)


def _trade(at: Standing) -> Iterator[UserLimit]:
    asked = at.strategy.max_trade_usd
    if asked is not None:
        level = max(at.equity_usd, ZERO) * at.share_percent / HUNDRED
        why = f"{_text(at.share_percent)} % of equity are {level:.2f} USD now"
        yield UserLimit("max_trade_usd", asked, level, asked < level, why)


def _liquidity(at: Standing) -> Iterator[UserLimit]:
    asked = at.strategy.min_liquidity_usd
    why = "levels ask for a share of the pool, and for no least depth"
    yield UserLimit("min_liquidity_usd", asked, None, asked > 0, why)


def _slippage(at: Standing) -> Iterator[UserLimit]:
    asked, share = at.strategy.max_slippage_percent, at.appetite.slippage_share_percent
    level = asked * share / HUNDRED
    why = f"entries use {_text(share)} % of it, {_text(level)} %; exits begin with all of it"
    yield UserLimit("max_slippage_percent", asked, level, share >= HUNDRED, why)


def _balance(at: Standing) -> Iterator[UserLimit]:
    asked, exposure = at.strategy.minimum_balance_usd, at.appetite.max_exposure_percent
    level = max(at.equity_usd, ZERO) * (HUNDRED - exposure) / HUNDRED
    why = f"an exposure of {_text(exposure)} % leaves {level:.2f} USD of equity in cash now"
    yield UserLimit("minimum_balance_usd", asked, level, asked > level, why)


_BUILDERS: tuple[Callable[[Standing], Iterator[UserLimit]], ...] = (
    _position,
    _daily_trades,
    _positions,
    _confidence,
    _risk,
    _volatility,
    _trade,
    _liquidity,
    _slippage,
    _balance,
)


def _text(number: Decimal) -> str:
    return f"{round(number, 4).normalize():f}"
