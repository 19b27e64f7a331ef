from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.amm import Pool
from paper_trading.engine.enums import Side
from paper_trading.engine.mev import (
    attack_probability,
    can_pay,
    channel_of,
    front_run,
    profit,
    sandwiched_out,
)

USD = 10**6
#: A million dollars a side at a price of one.
MILLION = Pool(10**6 * USD, 10**6 * USD, 6, 3000)
SIDES = st.sampled_from(Side)
POOLS = st.builds(
    Pool,
    st.integers(10**6, 10**15),
    st.integers(10**6, 10**30),
    st.just(18),
    st.integers(0, 30_000),
)


def minimum(out: int, tolerance: str) -> int:
    return int(out * (1 - Decimal(tolerance)))


@pytest.mark.parametrize(
    ("fee_pips", "victim", "pays"),
    [(3000, 3010, False), (3000, 3020, True), (500, 499, False), (500, 501, True)],
)
@pytest.mark.parametrize("side", Side)
def test_no_sandwich_gains_below_the_threshold(
    fee_pips: int, victim: int, pays: bool, side: Side
) -> None:
    pool = Pool(10**6 * 10**12, 10**6 * 10**12, 18, fee_pips)
    assert can_pay(pool, side, victim * 10**12) is pays
    # The smallest front-run has the best margin: the sign of its gain is the threshold.
    assert (profit(pool, side, victim * 10**12, 10**12) > 0) is pays


@pytest.mark.parametrize(
    ("trade", "tolerance", "loss"),
    [
        (1_000, "0.001", None),
        (1_000, "0.005", None),
        (1_000, "0.01", None),
        (1_000, "0.03", None),
        (5_000, "0.001", "4.96"),
        (5_000, "0.005", "24.80"),
        (5_000, "0.01", "49.60"),
        (5_000, "0.03", "148.81"),
        (10_000, "0.001", "9.87"),
        (10_000, "0.005", "49.36"),
        (10_000, "0.01", "98.72"),
        (10_000, "0.03", "296.15"),
        (50_000, "0.001", "47.48"),
        (50_000, "0.005", "237.41"),
        (50_000, "0.01", "474.83"),
        (50_000, "0.03", "1424.49"),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_sandwich_takes_the_whole_tolerance(
    trade: int, tolerance: str, loss: str | None, side: Side
) -> None:
    out = MILLION.quote(side, trade * USD)
    left = sandwiched_out(MILLION, side, trade * USD, minimum(out, tolerance), USD)
    if loss is None:
        assert left is None
    else:
        assert left is not None
        assert round(Decimal(out - left) / USD, 2) == Decimal(loss)


@pytest.mark.parametrize(
    ("tolerance", "front"), [("0.005", 2_519), ("0.01", 5_058), ("0.03", 15_407)]
)
def test_the_front_run_is_about_half_the_tolerance_of_the_pool(tolerance: str, front: int) -> None:
    out = MILLION.quote(Side.BUY, 5_000 * USD)
    size = front_run(MILLION, Side.BUY, 5_000 * USD, minimum(out, tolerance))
    assert round(Decimal(size) / USD) == front
    assert 1 < Decimal(size) / USD / (10**6 * Decimal(tolerance) / 2) < Decimal("1.03")


@pytest.mark.parametrize("trade", [1_000, 5_000, 10_000, 50_000])
@pytest.mark.parametrize("tolerance", ["0.001", "0.005", "0.01", "0.03"])
@pytest.mark.parametrize("side", Side)
def test_an_attack_is_worth_its_dollar_of_gas_unless_the_trade_is_small(
    trade: int, tolerance: str, side: Side
) -> None:
    """Nets 99 cents at the least; below the threshold any attack loses, gas aside."""
    least = minimum(MILLION.quote(side, trade * USD), tolerance)
    gain = profit(MILLION, side, trade * USD, front_run(MILLION, side, trade * USD, least)) - USD
    if trade == 1_000:
        assert gain < -USD
    else:
        assert round(Decimal(gain) / USD, 2) >= Decimal("0.99")


def best_front_run(victim: int) -> int:
    """Return the most profitable front-run of a buy, whatever its victim accepts: by thirds."""
    low, high = 0, MILLION.cash_reserve
    while high - low > USD:
        third = (high - low) // 3
        gains = [profit(MILLION, Side.BUY, victim, at) for at in (low + third, high - third)]
        low, high = (low + third, high) if gains[0] < gains[1] else (low, high - third)
    return low


@pytest.mark.parametrize(
    ("victim", "tolerance", "fills"),
    [
        # The threshold is 3,013: by 0.1, 0.4 and 1.3 % above it a smaller attack gains more,
        (3_015, "0.001", False),
        (3_025, "0.01", False),
        (3_050, "0.03", False),
        # and from 0.3, 0.6 and 1.6 % on the whole tolerance is taken.
        (3_020, "0.001", True),
        (3_030, "0.01", True),
        (3_062, "0.03", True),
    ],
)
def test_only_near_the_threshold_does_a_smaller_attack_gain_more(
    victim: int, tolerance: str, fills: bool
) -> None:
    """And there the best of all gains less than its dollar of gas."""
    out = MILLION.quote(Side.BUY, victim * USD)
    whole = front_run(MILLION, Side.BUY, victim * USD, minimum(out, tolerance))
    best = best_front_run(victim * USD)
    assert (best >= whole) is fills
    if not fills:
        assert 0 < profit(MILLION, Side.BUY, victim * USD, best) < USD


def test_an_attack_whose_gain_does_not_cover_its_gas_is_not_made() -> None:
    out = MILLION.quote(Side.BUY, 5_000 * USD)
    least = minimum(out, "0.001")
    gain = profit(MILLION, Side.BUY, 5_000 * USD, front_run(MILLION, Side.BUY, 5_000 * USD, least))
    assert round(Decimal(gain) / USD, 2) == Decimal("1.99")
    assert sandwiched_out(MILLION, Side.BUY, 5_000 * USD, least, gain) is None
    assert sandwiched_out(MILLION, Side.BUY, 5_000 * USD, least, gain - 1) is not None


@given(POOLS, SIDES, st.integers(1, 10**30), st.decimals("0", "0.5", places=3))
def test_a_victim_never_gets_less_than_its_minimum(
    pool: Pool, side: Side, amount: int, tolerance: Decimal
) -> None:
    out = pool.quote(side, amount)
    least = minimum(out, str(tolerance))
    left = sandwiched_out(pool, side, amount, least, 0)
    if left is not None:
        assert can_pay(pool, side, amount)
        assert least <= left <= out


@given(POOLS, SIDES, st.integers(1, 10**20), st.integers(1, 10**20))
def test_a_front_run_is_the_largest_that_leaves_the_minimum(
    pool: Pool, side: Side, amount: int, least: int
) -> None:
    front = front_run(pool, side, amount, least)
    assert pool.after(side, front + 1).quote(side, amount) < least
    if pool.quote(side, amount) >= least:
        assert pool.after(side, front).quote(side, amount) >= least
    else:
        assert front == 0


def test_a_front_run_needs_a_minimum_to_be_bounded() -> None:
    with pytest.raises(ValueError, match="minimum out 0 must be positive"):
        front_run(MILLION, Side.BUY, USD, 0)


@pytest.mark.parametrize(
    ("chain_id", "protected", "probability"),
    [
        (1, False, "0.6"),
        (1, True, "0.02"),
        (11155111, False, "0.6"),
        (8453, False, "0.002"),
        (8453, True, "0.002"),
        (42161, False, "0.002"),
    ],
)
def test_the_chance_of_an_attack_depends_on_the_mempool(
    chain_id: int, protected: bool, probability: str
) -> None:
    assert attack_probability(channel_of(chain_id, protected)) == Decimal(probability)


def test_an_unknown_chain_has_no_chance_of_attack() -> None:
    with pytest.raises(ValueError, match="unknown chain 5"):
        channel_of(5, protected=False)
