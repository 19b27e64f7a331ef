"""Kelly's fraction of past outcomes: advice for people. Nothing is sized by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.money import HUNDRED, ONE, RATIO_LIMIT, ZERO, exact, ratio, require

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
    """What past outcomes would advise for one position, in percent of equity.

    Figures are None where they are undefined, or out of what a ratio keeps. A size may be over
    100: it is what the outcomes say, not what a limit allows.
    """

    #: Outcomes that were won or lost; an exact zero is neither.
    trades: int
    #: The share of wins that is used, in percent: shrunk to even odds while trades are few.
    win_percent: Decimal
    #: Mean win over mean loss; None without both.
    payoff: Decimal | None
    #: What a lost position should cost: p - (1 - p) / b, floored at 0, times the advised share.
    risk_percent: Decimal | None
    #: The size of a position that costs this much when it loses the mean loss.
    position_percent: Decimal | None
    #: A size by another way: mean / variance of the outcomes, floored at 0, times the share.
    continuous_percent: Decimal | None


@exact
def discrete(win_share: Decimal, payoff: Decimal) -> Decimal:
    """Return p - (1 - p) / b (Kelly 1956); below 0 when the odds are against.

    It is the share of equity that is lost with a lost bet, not the size of a position, which
    loses only a part of itself.

    ValueError when the share is not in 0 to 1 or the payoff not above 0.
    """
    require("win_share", win_share, ZERO, ONE)
    require("payoff", payoff, ZERO, _HIGHEST_PAYOFF, above=True)
    return ratio(win_share - (ONE - win_share) / payoff)


@exact
def continuous(mean: Decimal, variance: Decimal) -> Decimal | None:
    """Return mean / variance (Merton); None when nothing, or next to nothing, varies.

    ValueError when the variance is below 0.
    """
    require("variance", variance, ZERO, _HIGHEST_PAYOFF)
    return None if variance == 0 else _known(mean / variance)


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
def advice(net_percents: Sequence[Decimal], share: Decimal = HIGHEST_SHARE) -> KellyAdvice | None:
    """Return the advice of net outcomes, in percent of what each position had cost.

    `share` is the part of Kelly's fraction that is advised. None when nothing was won or lost.
    ValueError when the share is not in 0 to 1/4.
    """
    require("share", share, ZERO, HIGHEST_SHARE)
    wins = [net for net in net_percents if net > 0]
    losses = [-net for net in net_percents if net < 0]
    if not wins and not losses:
        return None
    win_share = shrunk(len(wins), len(losses))
    payoff, risk, position = None, None, None
    if wins and losses:
        payoff = _known(_mean(wins) / _mean(losses))
    # Wins that are nothing beside the losses have no payoff to divide by.
    if payoff and payoff <= _HIGHEST_PAYOFF:
        risk = _advised(discrete(win_share, payoff), share)
        position = _known(risk / _mean(losses) * HUNDRED)
    return KellyAdvice(
        trades=len(wins) + len(losses),
        win_percent=win_share * HUNDRED,
        payoff=payoff,
        risk_percent=risk,
        position_percent=position,
        continuous_percent=_of_outcomes(net_percents, share),
    )


def _of_outcomes(net_percents: Sequence[Decimal], share: Decimal) -> Decimal | None:
    if len(net_percents) < 2:
        return None
    mean = _mean(net_percents)
    squares = sum(((net - mean) ** 2 for net in net_percents), ZERO)
    variance = squares / (len(net_percents) - 1)
    if variance > _HIGHEST_PAYOFF:
        return None
    # Percent over percent squared: a hundred times too little.
    found = continuous(mean * HUNDRED, variance)
    return None if found is None else _known(max(found, ZERO) * share * HUNDRED)


def _advised(fraction: Decimal, share: Decimal) -> Decimal:
    return ratio(max(fraction, ZERO) * share * HUNDRED)


def _known(number: Decimal) -> Decimal | None:
    """Return a figure as a ratio; None when it is larger than a ratio may be."""
    return ratio(number) if abs(number) < RATIO_LIMIT else None


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, ZERO) / len(numbers)
