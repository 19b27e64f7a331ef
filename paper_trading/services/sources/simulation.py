"""A simulated market: a seeded path with regimes, fat tails and tokens that move together.

Step n is a function of (seed, n, state of step n - 1): no clock, no float, no random module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum, unique
from typing import Any

from paper_trading.engine.luck import uniform
from paper_trading.services.sources import simulation_bars as bars
from paper_trading.services.sources.base import SourceQuote, SourceStep
from paper_trading.services.sources.simulation_regimes import (
    BY_NAME,
    CALM,
    DIGITS,
    VOLATILITY_SCALE,
    Regime,
    next_regime,
    relaxation,
)

#: Start of the bar of step 0.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
STEP_SECONDS = 300
#: Volatility of a token over a year, as a share, on average over the regimes.
VOLATILITY_ANNUAL = Decimal("0.80")
STABLE_VOLATILITY_ANNUAL = Decimal("0.02")
#: Part of a token's variance that is the market's: the correlation of any two tokens.
MARKET_SHARE = Decimal("0.6")
#: The turbo profile moves each token by up to this factor a step, either way.
TURBO_FACTOR = Decimal("1.05")
CASH_SYMBOL = "USDC"

_MARKET_WEIGHT = DIGITS.sqrt(MARKET_SHARE)
_OWN_WEIGHT = DIGITS.sqrt(1 - MARKET_SHARE)
_TURBO_LIMIT = TURBO_FACTOR.ln(DIGITS)
_TURBO_SIGMA = DIGITS.divide(_TURBO_LIMIT, DIGITS.sqrt(Decimal(3)))
_HEAT_HOURS = Decimal(1)
_HEAT_LIMIT = Decimal(25)
_START_PRICES = (Decimal("1e-15"), Decimal("1e9"))
_MOST_LIQUIDITY = Decimal("1e12")
_LONGEST_STEP = 86_400


@unique
class SimulationProfile(StrEnum):
    """NORMAL: volatility and regimes. TURBO: every price up to 5 % a step, for a show."""

    NORMAL = "normal"
    TURBO = "turbo"


@dataclass(frozen=True, slots=True)
class SimulatedToken:
    """A token of a simulated market; ValueError for a start that no path can begin at."""

    symbol: str
    start_price_usd: Decimal
    #: Both sides of its pool at the start, in USD.
    liquidity_usd: Decimal
    volatility_annual: Decimal = VOLATILITY_ANNUAL
    #: Pulled back to its start, within 2 %, whatever the market does.
    is_stable: bool = False

    def __post_init__(self) -> None:
        least, most = _START_PRICES
        if not self.symbol:
            raise ValueError("symbol of a simulated token is empty")
        if not least <= self.start_price_usd <= most:
            was = f"{self.symbol}: start price {self.start_price_usd}"
            raise ValueError(f"{was} is outside {least} to {most} USD")
        if not 0 < self.liquidity_usd <= _MOST_LIQUIDITY:
            was = f"{self.symbol}: liquidity {self.liquidity_usd}"
            raise ValueError(f"{was} must be above 0 and at most {_MOST_LIQUIDITY} USD")
        if not 0 <= self.volatility_annual <= 10:
            was = f"{self.symbol}: volatility {self.volatility_annual}"
            raise ValueError(f"{was} is outside 0 to 10 a year")


def _mood_before(state: Mapping[str, Any]) -> tuple[Regime, Decimal]:
    """Return regime and heat of the step before; a market opens calm."""
    if not state:
        return CALM, Decimal(1)
    regime = BY_NAME.get(state.get("regime", ""))
    if regime is None or "heat" not in state or "prices" not in state:
        needed = f"heat, prices and a regime of {', '.join(BY_NAME)}"
        raise ValueError(f"state of a simulation needs {needed}; was {dict(state)}")
    return regime, Decimal(state["heat"])


def _stable(symbol: str, liquidity_usd: int) -> SimulatedToken:
    return SimulatedToken(
        symbol, Decimal(1), Decimal(liquidity_usd), STABLE_VOLATILITY_ANNUAL, is_stable=True
    )


CASH_TOKEN = _stable(CASH_SYMBOL, 40_000_000)
#: The tokens of the specification, with POL for MATIC, at plausible prices.
DEFAULT_TOKENS = (
    SimulatedToken("WETH", Decimal("1863.64"), Decimal(22_000_000)),
    CASH_TOKEN,
    _stable("DAI", 8_000_000),
    SimulatedToken("WBTC", Decimal(68_211), Decimal(12_000_000)),
    SimulatedToken("UNI", Decimal("6.10"), Decimal(3_000_000)),
    SimulatedToken("AAVE", Decimal("142.50"), Decimal(2_500_000)),
    SimulatedToken("LINK", Decimal("13.20"), Decimal(3_500_000)),
    SimulatedToken("POL", Decimal("0.21"), Decimal(1_200_000)),
    SimulatedToken("ARB", Decimal("0.38"), Decimal(2_000_000)),
)


@dataclass(frozen=True, slots=True)
class _Mood:
    """What all tokens of a step share."""

    number: int
    regime: Regime
    #: Volatility relative to its mean over time.
    swing: Decimal
    #: Shock of the market, in standard deviations.
    shock: Decimal
    #: Recent variance relative to its mean, over about an hour.
    heat: Decimal


@dataclass(frozen=True, slots=True)
class SimulatedSource:
    """Serve the steps of a seeded market; ValueError for what it cannot be made of."""

    seed: int
    tokens: Sequence[SimulatedToken] = DEFAULT_TOKENS
    step_seconds: int = STEP_SECONDS
    profile: SimulationProfile = SimulationProfile.NORMAL
    name: str = "simulated"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(self.tokens))
        object.__setattr__(self, "profile", SimulationProfile(self.profile))
        if not 1 <= self.step_seconds <= _LONGEST_STEP:
            raise ValueError(f"step of {self.step_seconds} s is outside 1 to {_LONGEST_STEP} s")
        if not self.tokens:
            raise ValueError("a simulated market needs at least one token")
        symbols = [token.symbol for token in self.tokens]
        for symbol in symbols:
            if symbols.count(symbol) > 1:
                raise ValueError(f"token {symbol} appears {symbols.count(symbol)} times")
        for token in self.tokens:
            if token.symbol == CASH_SYMBOL and not token.is_stable:
                raise ValueError(f"{CASH_SYMBOL} is cash and must be stable")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols of the market, sorted."""
        return tuple(sorted(token.symbol for token in self.tokens))

    def step(self, number: int, state: Mapping[str, Any]) -> SourceStep:
        """Return the step of a number; the path has no end.

        A token that the state does not know begins at its start price.
        """
        if number < 0:
            raise ValueError(f"step {number} is below 0, the first step of a simulation")
        if number and not state:
            raise ValueError(f"step {number} needs the state of step {number - 1}, was empty")
        with localcontext(DIGITS):
            mood = self._mood(number, state)
            before = state.get("prices", {})
            quotes = {
                token.symbol: self._quote(token, mood, before.get(token.symbol))
                for token in self._with_cash()
            }
        return SourceStep(
            number=number,
            market_time=self._market_time(number),
            quotes={symbol: quotes[symbol] for symbol in self.symbols},
            cash_price_usd=quotes[CASH_SYMBOL].price_usd,
            state={
                "regime": mood.regime.name,
                "heat": str(mood.heat),
                "prices": {symbol: str(quote.price_usd) for symbol, quote in quotes.items()},
            },
        )

    def _with_cash(self) -> Sequence[SimulatedToken]:
        if CASH_SYMBOL in self.symbols:
            return self.tokens
        return (*self.tokens, CASH_TOKEN)

    def _market_time(self, number: int) -> datetime:
        return EPOCH + timedelta(seconds=(number + 1) * self.step_seconds)

    def _mood(self, number: int, state: Mapping[str, Any]) -> _Mood:
        before, heat = _mood_before(state)
        regime = next_regime(before, self.seed, number, self.step_seconds)
        swing = regime.volatility * VOLATILITY_SCALE
        shock = bars.shock(self.seed, "market", number, "shock")
        variance = min(_HEAT_LIMIT, (swing * shock) ** 2)
        heat += (variance - heat) * relaxation(self.step_seconds, _HEAT_HOURS)
        return _Mood(number, regime, swing, shock, heat.quantize(Decimal("1e-9")))

    def _quote(self, token: SimulatedToken, mood: _Mood, before: str | None) -> SourceQuote:
        open_price = Decimal(before) if before is not None else token.start_price_usd
        path = self._path(token, mood, open_price)
        high, low = bars.extremes(path, self.seed, token.symbol, mood.number)
        size = path.log_return / path.sigma if path.sigma else Decimal(0)
        luck = uniform(self.seed, "token", token.symbol, mood.number, "volume")
        market_time = self._market_time(mood.number)
        days = self.step_seconds / bars.SECONDS_PER_DAY
        liquidity = bars.depth(token.liquidity_usd, path.close, token.start_price_usd, mood.heat)
        return SourceQuote(
            symbol=token.symbol,
            price_usd=path.close,
            liquidity_usd=liquidity,
            source=self.name,
            start=market_time - timedelta(seconds=self.step_seconds),
            observed_at=market_time,
            open=open_price,
            high=high,
            low=low,
            volume_usd=bars.volume(token.liquidity_usd, days, mood.swing, size, luck),
        )

    def _path(self, token: SimulatedToken, mood: _Mood, open_price: Decimal) -> bars.Path:
        start = token.start_price_usd
        if self.profile is SimulationProfile.TURBO and not token.is_stable:
            luck = uniform(self.seed, "token", token.symbol, mood.number, "shock")
            return bars.wander(open_price, start, (2 * luck - 1) * _TURBO_LIMIT, _TURBO_SIGMA)
        days = self.step_seconds / bars.SECONDS_PER_DAY
        daily = token.volatility_annual / bars.DAYS_PER_YEAR.sqrt()
        sigma = daily * mood.swing * days.sqrt()
        own = bars.shock(self.seed, "token", token.symbol, mood.number, "shock")
        if token.is_stable:
            pull = relaxation(self.step_seconds, bars.STABLE_HOURS)
            return bars.hover(open_price, start, sigma * own, sigma, pull)
        drift = daily * mood.regime.drift * days
        together = _MARKET_WEIGHT * mood.shock + _OWN_WEIGHT * own
        return bars.wander(open_price, start, drift + sigma * together, sigma)
