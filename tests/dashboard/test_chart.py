from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paper_trading.dashboard.chart import HEIGHT, MARGIN, WIDTH, draw, thin
from tests.builders import MINUTE, START

amounts = st.lists(st.decimals(min_value=0, max_value=10**9, places=2), min_size=2, max_size=600)


def test_one_point_is_no_line() -> None:
    assert draw([(START, Decimal(1))], Decimal(1)) is None


def test_the_line_runs_from_edge_to_edge_and_the_baseline_lies_at_the_deposits() -> None:
    chart = draw([(START, Decimal(90)), (START + MINUTE, Decimal(110))], Decimal(100))
    assert chart is not None
    assert chart.line == f"0,{HEIGHT - MARGIN} {WIDTH},{MARGIN}"
    assert chart.baseline_y == HEIGHT // 2


def test_a_flat_line_lies_in_the_middle() -> None:
    chart = draw([(START, Decimal(5)), (START + timedelta(0), Decimal(5))], Decimal(5))
    assert chart is not None
    assert chart.baseline_y == HEIGHT // 2
    assert chart.line == f"0,{HEIGHT // 2} 0,{HEIGHT // 2}"


@given(amounts, st.decimals(min_value=0, max_value=10**9, places=2))
def test_every_point_lies_inside_the_drawing(values: list[Decimal], baseline: Decimal) -> None:
    samples = [(START + place * MINUTE, value) for place, value in enumerate(values)]
    chart = draw(samples, baseline)
    assert chart is not None
    for point in chart.line.split():
        x, y = map(int, point.split(","))
        assert 0 <= x <= WIDTH
        assert MARGIN <= y <= HEIGHT - MARGIN


@given(amounts)
def test_thinning_keeps_the_ends_the_extremes_and_the_order(values: list[Decimal]) -> None:
    samples = [(START + place * MINUTE, value) for place, value in enumerate(values)]
    kept = thin(samples, 20)
    assert len(kept) <= 42 or kept == samples
    assert kept[0] == samples[0]
    assert kept[-1] == samples[-1]
    assert kept == sorted(kept)
    assert min(value for _, value in kept) == min(values)
    assert max(value for _, value in kept) == max(values)
