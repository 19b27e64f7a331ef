"""The source plan: inside every limit, whatever the tokens, the tick and the keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.services.sources.limits import (
    ALCHEMY,
    COINGECKO,
    DEFILLAMA,
    DEXSCREENER,
    GECKOTERMINAL,
    MONTH_SECONDS,
    ONCHAIN,
    CoinGeckoPlan,
    Limit,
    limits,
)
from paper_trading.services.sources.plan import (
    Keys,
    PlannedSource,
    Role,
    SourcePlan,
    backfill_minutes,
    most_in,
    plan,
    shortest_period,
)

BASE, ARBITRUM = 8453, 42161
NINE = {BASE: 9}


def planned(
    keys: Keys | None = None, tokens: dict[int, int] | None = None, tick_seconds: int = 15
) -> SourcePlan:
    found = keys or Keys()
    return plan(found, NINE if tokens is None else tokens, tick_seconds, limits(found.coingecko))


def names(sources: tuple[PlannedSource, ...]) -> list[str]:
    return [one.source for one in sources]


def one_of(made: SourcePlan, source: str, role: Role) -> PlannedSource:
    (found,) = [one for one in made.all if (one.source, one.role) == (source, role)]
    return found


def test_without_any_key_nine_tokens_fit_at_fifteen_seconds() -> None:
    made = planned()
    assert names(made.tick) == [DEXSCREENER, GECKOTERMINAL]
    assert names(made.checks) == [DEFILLAMA]
    assert names(made.backfill) == [GECKOTERMINAL]
    assert made.notes == made.problems == ()
    serving = made.tick[0]
    assert (serving.calls, serving.period_seconds) == (1, 15)
    assert serving.calls_in(86_400) == 5_760


def test_with_an_rpc_for_every_price_chain_ticks_are_priced_on_chain() -> None:
    two = {BASE: 9, ARBITRUM: 1}
    assert names(planned(Keys(rpc_chains=frozenset({BASE})), two).tick)[0] == DEXSCREENER
    both = planned(Keys(rpc_chains=frozenset({BASE, ARBITRUM})), two)
    assert names(both.tick) == [ONCHAIN, DEXSCREENER, GECKOTERMINAL]
    assert [one.role for one in both.tick] == [Role.TICK, Role.FALL_BACK, Role.FALL_BACK]
    assert both.tick[0].calls == 2


def test_an_rpc_that_is_too_slow_for_the_tick_stands_behind_others() -> None:
    keys = Keys(rpc_chains=frozenset({BASE}))
    few = dict(limits()) | {ONCHAIN: Limit(ONCHAIN, batch=100, per_minute=300, per_month=100_000)}
    made = plan(keys, NINE, 15, few)
    assert names(made.tick) == [DEXSCREENER, GECKOTERMINAL, ONCHAIN]
    assert made.tick[-1].period_seconds == -(-MONTH_SECONDS // 90_000)
    assert "onchain (fall-back) would exceed its limit every 15 s" in made.notes[0]


def test_coingecko_goes_slowly_on_the_free_plan_and_by_the_minute_on_a_paid_one() -> None:
    demo = planned(Keys(CoinGeckoPlan.DEMO))
    check = one_of(demo, COINGECKO, Role.CHECK)
    assert check.period_seconds == 300
    assert check.calls_in(MONTH_SECONDS) <= 9_000
    assert names(demo.backfill) == [GECKOTERMINAL, COINGECKO]
    pro = planned(Keys(CoinGeckoPlan.PRO))
    assert one_of(pro, COINGECKO, Role.CHECK).period_seconds == 60


def test_alchemy_comes_less_often_when_the_hour_is_too_short() -> None:
    assert one_of(planned(Keys(alchemy=True)), ALCHEMY, Role.CHECK).period_seconds == 60
    many = planned(Keys(alchemy=True), {BASE: 500})
    check = one_of(many, ALCHEMY, Role.CHECK)
    assert (check.calls, check.period_seconds) == (20, 277)
    assert many.notes[-1] == (
        "alchemy (cross-check) would exceed its limit every 60 s: it is asked every 277 s."
    )


def test_a_tick_that_no_source_can_serve_names_the_shortest_that_one_can() -> None:
    made = planned(tokens={BASE: 500}, tick_seconds=1)
    (problem,) = made.problems
    assert problem == (
        "No source can serve a tick of 1 s inside its limits; the shortest possible is 5 s."
    )
    assert planned(tokens={BASE: 500}, tick_seconds=5).problems == ()
    assert planned(tokens={BASE: 500}, tick_seconds=4).problems != ()


@pytest.mark.parametrize(("tokens", "calls"), [(1, 1), (30, 1), (31, 2), (500, 17)])
def test_a_call_takes_as_many_tokens_as_the_source_allows(tokens: int, calls: int) -> None:
    assert planned(tokens={BASE: tokens}).tick[0].calls == calls


def test_checks_come_no_oftener_than_ticks() -> None:
    assert planned(tick_seconds=600).checks[0].period_seconds == 600


def test_a_back_fill_of_nine_tokens_takes_a_minute() -> None:
    (backfill,) = planned().backfill
    assert (backfill.calls, backfill_minutes(backfill)) == (27, 1)


def test_without_tokens_nothing_is_called_and_no_chain_is_priced_on_chain() -> None:
    made = planned(Keys(rpc_chains=frozenset({BASE})), tokens={BASE: 0})
    assert {one.calls for one in made.all} == {0}
    assert names(made.tick)[0] == DEXSCREENER


def test_a_tick_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a tick of 0 s"):
        planned(tick_seconds=0)


keys = st.builds(
    Keys,
    st.sampled_from(CoinGeckoPlan),
    st.booleans(),
    st.frozensets(st.sampled_from([BASE, ARBITRUM])),
)
tokens = st.dictionaries(st.sampled_from([1, BASE, ARBITRUM]), st.integers(0, 2_000))


@given(keys=keys, tokens=tokens, tick_seconds=st.integers(1, 3_600))
def test_no_plan_passes_nine_tenths_of_a_limit(
    keys: Keys, tokens: dict[int, int], tick_seconds: int
) -> None:
    made = planned(keys, tokens, tick_seconds)
    for one in (*made.tick, *made.checks):
        for seconds, most in one.limit.windows():
            # A refresh that is larger than a window is spread by the budget.
            assert one.calls > most or most_in(one.calls, one.period_seconds, seconds) <= most
        if one.limit.month_calls is not None:
            assert one.calls_in(MONTH_SECONDS) <= one.limit.month_calls
    assert (made.tick[0].period_seconds > tick_seconds) == bool(made.problems)


@given(
    calls=st.integers(1, 400),
    per_minute=st.integers(1, 400),
    per_hour=st.none() | st.integers(1, 5_000),
)
def test_the_shortest_period_is_the_shortest(
    calls: int, per_minute: int, per_hour: int | None
) -> None:
    limit = Limit("any", batch=1, per_minute=per_minute, per_hour=per_hour)
    period = shortest_period(limit, calls)
    windows = [pair for pair in limit.windows() if calls <= pair[1]]
    assert all(most_in(calls, period, seconds) <= most for seconds, most in windows)
    if period > 1 and len(windows) == len(list(limit.windows())):
        assert any(most_in(calls, period - 1, seconds) > most for seconds, most in windows)
