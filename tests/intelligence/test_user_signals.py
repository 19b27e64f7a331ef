"""A user's signal joins the score, keeps it in range, and fails for a whole step or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family
from paper_trading.engine.market import Token
from paper_trading.intelligence.bars import Bar, Spans
from paper_trading.intelligence.market_folding import (
    Listing,
    MarketHead,
    Native,
    Terms,
    fold_step,
    newest,
)
from paper_trading.intelligence.observed import SourceQuote, SourceStep
from paper_trading.intelligence.series import Series
from paper_trading.intelligence.signals import SIGNALS, families_agreeing, score
from paper_trading.intelligence.user_signals import (
    NO_SIGNALS,
    SignalFailed,
    SwitchedOff,
    UserSignal,
    UserSignals,
    digest,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=5)
MINE = UserSignal("mine", Family.MOMENTUM, Decimal("0.1"), 3, "a" * 64)
OTHER = UserSignal("other", Family.FLOW, Decimal("0.2"), 1, "b" * 64)


class Says:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, value: float = 0.5, fail_at: float | None = None) -> None:
        self.value = value
        self.fail_at = fail_at
        self.asked: list[tuple[str, tuple[Decimal, ...]]] = []

    def read(self, signal: UserSignal, bars: Sequence[Bar]) -> float:
        closes = tuple(bar.close for bar in bars)
        self.asked.append((signal.name, closes))
        if self.fail_at is not None and signal.name == "mine" and closes[-1] == self.fail_at:
            raise SignalFailed(signal.name, "as told")
        return self.value


def built_in(reading: str = "1") -> tuple[SignalReading, ...]:
    value = Decimal(reading)
    return tuple(
        SignalReading(one.name, one.family, value, one.weight, value * one.weight)
        for one in SIGNALS
    )


def bars(count: int) -> list[Bar]:
    price = Decimal(100)
    return [
        Bar(START + STEP * place, 300, price, price, price, price + 0, None)
        for place in range(count)
    ]


def test_without_user_signals_nothing_changes() -> None:
    assert NO_SIGNALS.join(built_in(), bars(2)) == built_in()
    assert NO_SIGNALS.longest == 0


def test_weights_are_normalised_and_the_signal_counts_in_its_family() -> None:
    user = UserSignals((MINE,), Says(-1.0))
    joined = user.join(built_in("0.15"), bars(3))
    assert [one.name for one in joined] == [*(one.name for one in SIGNALS), "mine"]
    mine = joined[-1]
    assert (mine.family, mine.reading) == (Family.MOMENTUM, Decimal(-1))
    assert mine.weight == Decimal("0.090909090909")
    assert mine.contribution == -mine.weight
    trend = joined[0]
    assert trend.weight == Decimal("0.090909090909")
    assert trend.contribution == Decimal("0.013636363636")
    assert score(joined) == sum(one.contribution for one in joined)
    assert families_agreeing(built_in("0.15")) == 6
    assert families_agreeing(joined) == 5


@given(st.lists(st.decimals("0.01", "0.2", places=4), max_size=12), st.sampled_from([-1.0, 1.0]))
def test_the_score_stays_in_its_range(weights: list[Decimal], said: float) -> None:
    signals = tuple(
        replace(MINE, name=f"s{place}", weight=weight) for place, weight in enumerate(weights)
    )
    total = score(UserSignals(signals, Says(said)).join(built_in(str(int(said))), bars(3)))
    assert total is not None
    assert -1 <= total <= 1
    assert abs(total) > Decimal("0.99999999")


def test_too_few_bars_and_off_contribute_nothing_and_block_nothing() -> None:
    says = Says()
    joined = UserSignals((MINE, OTHER), says, frozenset({"other"})).join(built_in(), bars(2))
    assert len(joined) == len(SIGNALS)
    assert says.asked == []
    # The divisor is the whole set's: scores with and without a reading compare.
    assert score(joined) == sum(one.contribution for one in joined)
    assert joined[0].weight == Decimal("0.076923076923")


def test_a_signal_alone_makes_no_score() -> None:
    joined = UserSignals((OTHER,), Says()).join((), bars(1))
    assert len(joined) == 1
    assert score(joined) is None
    assert families_agreeing(joined) is None
    # Nor does it stand in for a built-in that is not ready.
    almost = UserSignals((OTHER,), Says()).join(built_in()[1:], bars(1))
    assert len(almost) == len(SIGNALS)
    assert score(almost) is None


@pytest.mark.parametrize("said", [float("nan"), float("inf"), 1.0000001, -1.5])
def test_a_reading_out_of_range_is_refused(said: float) -> None:
    with pytest.raises(SignalFailed, match=r"mine: gave .*; -1 to 1 is allowed"):
        UserSignals((MINE,), Says(said)).join(built_in(), bars(3))


def test_signals_need_a_reader() -> None:
    with pytest.raises(ValueError, match="reader was None"):
        UserSignals((MINE,))


def test_a_digest_tells_sets_apart() -> None:
    sets = [
        (),
        (MINE,),
        (OTHER,),
        (MINE, OTHER),
        (replace(MINE, name="yours"),),
        (replace(MINE, family=Family.TREND),),
        (replace(MINE, weight=Decimal("0.11")),),
        (replace(MINE, bars=4),),
        (replace(MINE, sha256="c" * 64),),
    ]
    assert digest(()) == ""
    assert len({digest(one) for one in sets}) == len(sets)
    assert digest((MINE, OTHER)) == digest((OTHER, MINE))


TOKENS = [
    Token(id=place, symbol=symbol, decimals=18, address=symbol.lower(), fee_pips=3000)
    for place, symbol in enumerate(("AAA", "BBB", "WETH"), 1)
]
TERMS = Terms(8453, 1, "WETH", Spans(), (MINE, OTHER))


def step(number: int, prices: Sequence[int]) -> SourceStep:
    start = START + STEP * number
    quotes = {
        token.symbol: SourceQuote(
            symbol=token.symbol,
            price_usd=Decimal(price),
            liquidity_usd=Decimal(2_000_000),
            source="test",
            start=start,
            observed_at=start + STEP,
            open=Decimal(price),
            high=Decimal(price),
            low=Decimal(price),
            volume_usd=Decimal(1000),
        )
        for token, price in zip(TOKENS, prices, strict=True)
    }
    return SourceStep(number, start + STEP, quotes, Decimal(1), {})


def fold(says: Says, prices: Sequence[Sequence[int]]) -> tuple[MarketHead, list[list[str]]]:
    """Fold steps; return the head and, a step each, who gave a reading on the last token."""
    head = MarketHead(tuple(Listing(token, Series()) for token in TOKENS), Native())
    seen = []
    for number, row in enumerate(prices):
        folded = fold_step(step(number, row), head, TERMS, says)
        head = folded.head
        (bar,) = (one for one in folded.closed[1] if not one.slow)
        seen.append([one.name for one in bar.signals if one.name in ("mine", "other")])
    return head, seen


def test_a_signal_reads_the_newest_bars_of_its_token_and_no_more() -> None:
    says = Says()
    head, seen = fold(says, [(10 + place, 20 + place, 30) for place in range(5)])
    assert seen == [["other"], ["other"], ["mine", "other"], ["mine", "other"], ["mine", "other"]]
    of_mine = [[int(one) for one in closes] for name, closes in says.asked if name == "mine"]
    assert of_mine[0::3] == [[10, 11, 12], [11, 12, 13], [12, 13, 14]]
    assert of_mine[1::3] == [[20, 21, 22], [21, 22, 23], [22, 23, 24]]
    assert {len(closes) for name, closes in says.asked if name == "other"} == {1}
    assert [len(listing.recent) for listing in head.listings] == [3, 3, 3]


def test_a_failure_on_one_token_switches_the_signal_off_for_the_whole_step() -> None:
    says = Says(fail_at=24)
    head, seen = fold(says, [(10 + place, 20 + place, 30) for place in range(6)])
    assert head.off == (SwitchedOff("mine", 4, "as told"),)
    # AAA comes before BBB, on which it failed: its reading of that step is gone, too.
    assert seen[3:] == [["mine", "other"], ["other"], ["other"]]
    assert not [closes for name, closes in says.asked if name == "mine" and closes[-1] == 25]


def test_off_from_the_rows_gives_the_same_as_failing() -> None:
    prices = [(10 + place, 20 + place, 30) for place in range(6)]
    failing = Says(fail_at=24)
    failed, _ = fold(failing, prices)
    head = MarketHead(tuple(Listing(token, Series()) for token in TOKENS), Native())
    says = Says()
    for number, row in enumerate(prices):
        if number == 4:
            head = replace(head, off=failed.off)
        head = fold_step(step(number, row), head, TERMS, says).head
    assert head == failed


def test_newest_keeps_as_many_as_asked() -> None:
    some = bars(3)
    assert newest(some, 0) == ()
    assert newest(some, 2) == tuple(some[1:])
    assert newest(some, 9) == tuple(some)
