"""Kelly's fraction of past outcomes: advice for people. Nothing is sized by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.money import HUNDRED, ONE, ZERO, exact, ratio, require

#: The share of Kelly's fraction that is advised at most: estimates are too sure of themselves.
HIGHEST_SHARE = Decimal("0.25")
#: Beta(20, 20): forty trades at even odds stand before the first real ones.
PRIOR_WINS = 20
PRIOR_LOSSES = 20
#: From so many trades on, the share of wins is taken as it is.
ENOUGH_TRADES = 100

_HIGHEST_PAYOFF = Decimal(10) ** 15
_MOST_TRADES = 10**12


@dataclass(frozen=True, slots=True)
class KellyAdvice:
    """What past outcomes would advise to put on one position, in percent of equity.

    Figures are None where they are undefined.
    """

    #: Outcomes that were won or lost; an exact zero is neither.
    trades: int
    #: The share of wins that is used, in percent: shrunk to even odds while trades are few.
    win_percent: Decimal
    #: Mean win over mean loss; None without both.
    payoff: Decimal | None
    #: p - (1 - p) / b, floored at 0, times the advised share.
    discrete_percent: Decimal | None
    #: mean / variance of the outcomes, floored at 0, times the advised share.
    continuous_percent: Decimal | None


@exact
def discrete(win_share: Decimal, payoff: Decimal) -> Decimal:
    """Return p - (1 - p) / b (Kelly 1956); below 0 when the odds are against.

    ValueError when the share is not in 0 to 1 or the payoff not above 0.
    """
    require("win_share", win_share, ZERO, ONE)
    require("payoff", payoff, ZERO, _HIGHEST_PAYOFF, above=True)
    return ratio(win_share - (ONE - win_share) / payoff)


@exact
def continuous(mean: Decimal, variance: Decimal) -> Decimal | None:
    """Return mean / variance (Merton); None when nothing varies. ValueError below 0."""
    require("variance", variance, ZERO, _HIGHEST_PAYOFF)
    return None if variance == 0 else ratio(mean / variance)


@exact
def shrunk(wins: int, losses: int) -> Decimal:
    """Return the share of wins, under a Beta(20, 20) prior while there are under 100 trades.

    TypeError, ValueError when a count is no whole number of 0 or more.
    """
    require("wins", wins, 0, _MOST_TRADES, whole=True)
    require("losses", losses, 0, _MOST_TRADES, whole=True)
    count = wins + losses
    if count >= ENOUGH_TRADES:
        return ratio(Decimal(wins) / count)
    return ratio(Decimal(wins + PRIOR_WINS) / (count + PRIOR_WINS + PRIOR_LOSSES))


@exact
def advice(net_percents: Sequence[Decimal], share: Decimal = HIGHEST_SHARE) -> KellyAdvice:
    """Return the advice of net outcomes, in percent of what each position had cost.

    `share` is the part of Kelly's fraction that is advised. ValueError when it is not in
    0 to 1/4.
    """
    require("share", share, ZERO, HIGHEST_SHARE)
    wins = [net for net in net_percents if net > 0]
    losses = [-net for net in net_percents if net < 0]
    win_share = shrunk(len(wins), len(losses))
    payoff = None
    if wins and losses:
        payoff = ratio(_mean(wins) / _mean(losses))
    return KellyAdvice(
        trades=len(wins) + len(losses),
        win_percent=win_share * HUNDRED,
        payoff=payoff,
        # Wins that are nothing beside the losses have no payoff to divide by.
        discrete_percent=_advised(discrete(win_share, payoff), share) if payoff else None,
        continuous_percent=_of_outcomes(net_percents, share),
    )


def _of_outcomes(net_percents: Sequence[Decimal], share: Decimal) -> Decimal | None:
    if len(net_percents) < 2:
        return None
    mean = _mean(net_percents)
    squares = sum(((net - mean) ** 2 for net in net_percents), ZERO)
    variance = squares / (len(net_percents) - 1)
    # Percent over percent squared: a hundred times too little.
    found = continuous(mean * HUNDRED, variance)
    return None if found is None else _advised(found, share)


def _advised(fraction: Decimal, share: Decimal) -> Decimal:
    return ratio(max(fraction, ZERO) * share * HUNDRED)


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, ZERO) / len(numbers)
