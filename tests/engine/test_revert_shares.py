"""How often orders revert, by tolerance and delay: the tails that the code has, and real ones.

The price of an order moves by r until its block, with a deviation of sigma * sqrt(delay / year).
A sale reverts when r < -s, and a buy when 1 / (1 + r) < 1 - s.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from math import atan, pi, sqrt
from statistics import NormalDist

import pytest

from paper_trading.engine import gas
from paper_trading.engine.enums import Action, Side, TradeStatus
from paper_trading.engine.market import GasConditions
from paper_trading.engine.money import CONTEXT
from tests.engine.desks import WORLD, A, closed
from tests.engine.pools import BASE, CASH, ETHER, ETHEREUM, REVERTED, batch_of, order_of, swap_of
from tests.engine.waiting import BY, pending, seconds, sent, told
from tests.engine.worlds import decision

YEAR_SECONDS = 31_536_000
BISECTIONS = 40

#: Volatility a year, delay in seconds, tolerance in percent, and a Gaussian's share in percent.
ROWS = [
    ("0.8", 12, "0.05", "15.5"),
    ("0.8", 12, "0.1", "2.1"),
    ("0.8", 2, "0.05", "0.65"),
    ("0.8", 60, "0.1", "18.2"),
    ("0.8", 60, "0.3", "0.33"),
    ("0.8", 60, "0.5", "0.00029"),
]
#: One-minute returns of bitcoin at a volatility of 72 % a year: how many, and which percentage
#: of them a tolerance did not cover.
MINUTES_SEEN = 45_030
MINUTES = [("0.1", "9.2"), ("0.3", "0.67"), ("0.5", "0.155"), ("1", "0.016")]
ALL = [row[:3] for row in ROWS] + [("0.72", 60, tolerance) for tolerance, _ in MINUTES]


def deviation(sigma: str, delay: float | Decimal) -> float:
    return float(sigma) * sqrt(float(delay) / YEAR_SECONDS)


def gaussian(sigma: str, delay: int, loss: float) -> float:
    return NormalDist().cdf(-loss / deviation(sigma, delay))


def student_3(sigma: str, delay: int, loss: float) -> float:
    """Of unit variance: t(3) has a variance of 3."""
    x = loss / deviation(sigma, delay)
    return 0.5 - (x / (1 + x * x) + atan(x)) / pi


def student_4(sigma: str, delay: float | Decimal, loss: float) -> float:
    """Of unit variance: t(4) has a variance of 2."""
    t = sqrt(2) * loss / deviation(sigma, delay)
    spread = 1 + t * t / 4
    return 0.5 - 0.375 * t / sqrt(spread) * (1 - t * t / spread / 12)


def loss_of(side: Side, tolerance: str) -> float:
    """Return how far the price has to go against an order to revert it."""
    share = float(tolerance) / 100
    return share if side is Side.SELL else share / (1 - share)


def digits(share: float, like: str) -> str:
    """Return a share in percent with the places of a figure."""
    return f"{share * 100:.{len(like.partition('.')[2])}f}"


def block_after(delay: int, monkeypatch: pytest.MonkeyPatch) -> GasConditions:
    """Return the fees of a chain whose next block comes after so many seconds."""
    if delay == gas.chain(BASE.chain_id).inclusion_seconds:
        return BASE
    slow = replace(gas.chain(ETHEREUM.chain_id), inclusion_seconds=delay)
    monkeypatch.setitem(gas.CHAINS, ETHEREUM.chain_id, slow)
    return ETHEREUM


def share_of(reverts: Callable[[Decimal], bool], side: Side) -> float:
    """Return the share of all draws that revert, between its ends by halves."""
    low, high = Decimal(0), Decimal(1)
    with localcontext(CONTEXT):
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            # A price that falls takes sales, one that rises takes buys.
            if reverts(middle) is (side is Side.SELL):
                low = middle
            else:
                high = middle
    return float(high if side is Side.SELL else 1 - low)


def luck_is(u: Decimal) -> Callable[..., Decimal]:
    """Return luck whose drift is one draw, and that no attacker has."""
    return lambda _seed, *key: u if key[-1] == "drift" else Decimal("0.999")


@pytest.mark.parametrize(("sigma", "delay", "tolerance", "percent"), ROWS)
def test_the_deviation_until_a_block_is_that_of_the_table(
    sigma: str, delay: int, tolerance: str, percent: str
) -> None:
    assert digits(gaussian(sigma, delay, float(tolerance) / 100), percent) == percent


def test_fat_tails_are_those_of_the_table() -> None:
    """At 0.5 % in a minute; a Gaussian would do so three times in a million."""
    assert digits(student_3("0.8", 60, 0.005), "0.215") == "0.215"
    assert digits(student_4("0.8", 60, 0.005), "0.152") == "0.152"


def executed_share(
    side: Side, sigma: str, delay: int, tolerance: str, monkeypatch: pytest.MonkeyPatch
) -> float:
    """Return the share of draws at which an order that is executed at once reverts."""
    conditions = block_after(delay, monkeypatch)
    batch = batch_of(gas=conditions, sigma=sigma, liquidity="1000000000")
    amount = 100 * CASH if side is Side.BUY else ETHER // 20
    order = order_of(side, amount, str(Decimal(tolerance) / 100))

    def reverts(u: Decimal) -> bool:
        monkeypatch.setattr("paper_trading.engine.fills.uniform", luck_is(u))
        return swap_of(order, batch).status is REVERTED

    return share_of(reverts, side)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("sigma", "delay", "tolerance"), ALL)
def test_orders_revert_as_often_as_t4_says_and_not_as_a_gaussian(
    side: Side, sigma: str, delay: int, tolerance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = executed_share(side, sigma, delay, tolerance, monkeypatch)
    loss = loss_of(side, tolerance)
    assert share == pytest.approx(student_4(sigma, delay, loss), rel=0.001)
    assert share != pytest.approx(gaussian(sigma, delay, loss), rel=0.05)


@pytest.mark.parametrize(
    ("delay", "tolerance", "draws"), [(12, "0.05", 3_000), (60, "0.1", 3_000), (60, "0.3", 8_000)]
)
def test_drawn_luck_reverts_that_share_of_orders(
    delay: int, tolerance: str, draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within three deviations of a binomial count; a Gaussian's share is beyond them."""
    conditions = block_after(delay, monkeypatch)
    # A volatility that is not known is taken to be 80 %.
    batch = batch_of(gas=conditions, sigma=None, liquidity="1000000000")
    order = order_of(Side.SELL, ETHER // 20, str(Decimal(tolerance) / 100))
    count = sum(swap_of(order, batch, seed).status is REVERTED for seed in range(draws))
    loss = loss_of(Side.SELL, tolerance)
    for share, agrees in (
        (student_4("0.8", delay, loss), True),
        (gaussian("0.8", delay, loss), False),
    ):
        assert (abs(count - draws * share) <= 3 * sqrt(draws * share * (1 - share))) is agrees


@pytest.mark.parametrize("side", Side)
def test_an_order_on_its_way_meets_the_same_tails_between_two_prices(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of fifteen seconds along a bridge that ends where it began."""
    volatile = replace(WORLD, sigma_annual={A.id: Decimal(9)})
    before = sent(world=volatile).account
    if side is Side.SELL:
        bought = closed(before, seconds(15, {}, WORLD), BY).account
        before = sent(decision(A, Action.SELL), of=bought, world=seconds(15, {}, volatile)).account
    plan = pending(before).plan
    after = seconds(30 if side is Side.SELL else 15, {}, volatile)

    def reverts(u: Decimal) -> bool:
        monkeypatch.setattr("paper_trading.engine.inclusion.uniform", luck_is(u))
        return told(before, after).status is TradeStatus.FAILED

    tolerance = 100 - 100 * Decimal(plan.minimum_out) / plan.quoted_out
    loss = loss_of(side, str(tolerance))
    exact = student_4("9", Decimal(2 * 13) / 15, loss)
    assert 0.001 < exact < 0.3
    assert share_of(reverts, side) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(("tolerance", "percent"), MINUTES)
def test_real_minutes_lie_between_t4_and_t3_at_their_own_volatility(
    tolerance: str, percent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is executed reverts a quarter too often at 0.1 %, and half as often at 1 %."""
    loss, real = float(tolerance) / 100, float(percent) / 100
    share = executed_share(Side.SELL, "0.72", 60, tolerance, monkeypatch)
    low, high = sorted((share, student_3("0.72", 60, loss)))
    assert low < real < high
    assert 0.44 < share / real < 1.25
    assert abs(share - real) < abs(gaussian("0.72", 60, loss) - real)


def test_at_a_tolerance_of_0_3_percent_real_minutes_cannot_be_told_from_t4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share = executed_share(Side.SELL, "0.72", 60, "0.3", monkeypatch)
    assert abs(share - 0.0067) < 2 * sqrt(0.0067 * (1 - 0.0067) / MINUTES_SEEN)
