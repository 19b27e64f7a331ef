"""What a session's strategy amounts to: limits, brackets by token, and what outcomes advise."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.bracket import Bracket, bracket
from paper_trading.engine.fills import round_trip_percent
from paper_trading.engine.kelly import KellyAdvice, advice
from paper_trading.engine.money import CONTEXT, HUNDRED, ratio
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.user_limits import Standing, UserLimit, user_limits
from paper_trading.intelligence.analysis import reference_usd
from paper_trading.intelligence.bracket_chances import BracketChances, bracket_chances
from paper_trading.intelligence.levels import appetite
from paper_trading.intelligence.market_view import Listed, MarketView
from paper_trading.models import PaperPosition, PaperTradingSession, PriceBatch
from paper_trading.models.strategy import strategy_from
from paper_trading.services.market_view import market_view

#: The newest closed positions that advice is drawn from.
OUTCOMES = 1_000


@dataclass(frozen=True, slots=True)
class TokenBracket:
    """One token's bracket as an entry now would have it; None where something is unknown."""

    symbol: str
    tradable: bool
    #: Annual, 1 being 100 %.
    sigma_annual: Decimal | None
    #: Of the notional that the cost gate asks about.
    round_trip_percent: Decimal | None
    bracket: Bracket
    chances: BracketChances | None


@dataclass(frozen=True, slots=True)
class StrategyView:
    """The settings that a session's next tick obeys, and what follows from them."""

    strategy: Strategy
    appetite: Appetite
    limits: tuple[UserLimit, ...]
    #: By symbol; empty before the first batch.
    tokens: tuple[TokenBracket, ...]
    #: None before a position was won or lost.
    kelly: KellyAdvice | None


def strategy_view(session: PaperTradingSession) -> StrategyView:
    """Read a session's strategy, the newest batch of its market and its closed positions."""
    strategy = strategy_from(session.strategy.parameters())
    notional = reference_usd(session.account.deposits_usd)
    newest = PriceBatch.objects.filter(market=session.account.market_id).order_by("-step")
    batch_id = newest.values_list("pk", flat=True).first()
    tokens: Sequence[TokenBracket] = ()
    if batch_id is not None:
        view = market_view(batch_id)
        tokens = [
            token_bracket(strategy, listed, view, notional)
            for listed in view.listed
            if not listed.is_cash
        ]
    level, account = appetite(session.intel_level), session.account
    standing = Standing(
        strategy,
        level,
        CONTEXT.add(account.deposits_usd, account.total_pnl_usd),
        [one.sigma_annual for one in tokens if one.tradable and one.sigma_annual is not None],
    )
    return StrategyView(
        strategy, level, user_limits(standing), tuple(tokens), advice(_outcomes(session))
    )


def token_bracket(
    strategy: Strategy, listed: Listed, view: MarketView, notional_usd: Decimal
) -> TokenBracket:
    """Return one token's bracket; a volatility of 0 was not measured and is no volatility."""
    token, batch = listed.token, view.batch
    sigma = batch.sigma_annual.get(token.id) or None
    cost = round_trip_percent(token.id, notional_usd, batch)
    due = bracket(strategy, sigma)
    known = sigma is not None and cost is not None and cost <= HUNDRED
    chances = bracket_chances(due, sigma, cost) if known and sigma and cost is not None else None
    return TokenBracket(token.symbol, listed.tradable, sigma, cost, due, chances)


def _outcomes(session: PaperTradingSession) -> list[Decimal]:
    """Return the net outcomes of a session's newest closed positions, in percent."""
    closed = PaperPosition.objects.filter(session=session, is_open=False, bought_usd__gt=0)
    newest = closed.order_by("-closed_market_time", "-closed_at", "-pk")
    rows = newest.values_list("realized_usd", "gas_usd", "bought_usd")[:OUTCOMES]
    return [
        ratio(CONTEXT.divide(CONTEXT.multiply(CONTEXT.subtract(made, gas), HUNDRED), bought))
        for made, gas, bought in rows
    ]
