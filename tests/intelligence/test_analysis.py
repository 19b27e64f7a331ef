"""One token's evidence becomes one decision, and names what it was made from."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action
from paper_trading.engine.fills import round_trip_percent
from paper_trading.engine.market import Batch
from paper_trading.engine.position import buy
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.analysis import (
    AccountState,
    analyze,
    evidence_of,
    judge,
    reference_usd,
    wanted,
)
from paper_trading.intelligence.decision_inputs import changed, columns, facts_of
from paper_trading.intelligence.experience import NO_OUTCOME, freeze
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.market_view import Listed, MarketView
from tests.engine import worlds
from tests.intelligence.samples import EVEN, START, TOKEN, closed_bar
from tests.intelligence.set_up_samples import KEY

ENGINE = IntelSliderEngine(5, Strategy())
QUOTE = worlds.quote(TOKEN, at=START, liquidity="100000000")
BATCH = worlds.batch(QUOTE, at=START)
#: Every gate of every level is met.
LISTED = Listed(TOKEN, is_cash=False, tradable=True, bar=closed_bar("0.99", 6))
FLAT = AccountState(3, worlds.account())
OPENED_AT = START - timedelta(hours=2)
HELD = replace(
    FLAT,
    account=FLAT.account.with_position(
        buy(None, TOKEN, 10**18, Decimal(100), Decimal(100), OPENED_AT)
    ),
)


def view(batch: Batch = BATCH, quantiles: tuple[Decimal, ...] | None = EVEN) -> MarketView:
    return MarketView(batch, quantiles, ())


def test_a_decision_names_what_it_was_made_from() -> None:
    made = analyze(ENGINE, LISTED, view(), FLAT, None)
    assert (made.action, made.code, made.level) == (Action.BUY, Code.OK, 5)
    inputs = made.inputs
    assert inputs is not None
    assert (inputs.state_version, inputs.held_since) == (3, None)
    assert inputs.notional_usd == 100
    assert (inputs.observed_at, inputs.bar_end) == (START, START)
    assert changed(inputs.seal, columns(LISTED, BATCH, facts_of(inputs))) == []
    other = replace(BATCH, step=BATCH.step + 1)
    assert changed(inputs.seal, columns(LISTED, other, facts_of(inputs))) == ["batch step"]


def test_it_is_made_again_from_its_row_alone() -> None:
    made = analyze(ENGINE, LISTED, view(), HELD, None)
    assert made.inputs is not None
    assert judge(ENGINE, LISTED, view(), facts_of(made.inputs), None) == made
    with localcontext(prec=3):
        assert judge(ENGINE, LISTED, view(), facts_of(made.inputs), None) == made


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (replace(LISTED, is_cash=True), Code.TOKEN_IS_CASH),
        (replace(LISTED, is_cash=True, tradable=False), Code.TOKEN_IS_CASH),
        (replace(LISTED, tradable=False), Code.TOKEN_BLOCKED),
    ],
)
def test_cash_and_what_is_set_aside_are_not_looked_at(listed: Listed, code: Code) -> None:
    made = analyze(ENGINE, listed, view(), HELD, None)
    assert made == Decision(TOKEN.id, TOKEN.symbol, Action.SKIP, code, 5)


def test_evidence_is_the_batch_the_bar_and_the_account() -> None:
    experience = freeze(KEY, START, [], [], {"trend_fast": Decimal("0.1")})
    found = evidence_of(ENGINE, LISTED, view(), HELD.facts(TOKEN.id), experience)
    assert (found.quote, found.bar, found.quantiles) == (QUOTE, LISTED.bar, EVEN)
    assert (found.market_time, found.held_since) == (START, OPENED_AT)
    assert found.round_trip_percent == round_trip_percent(TOKEN.id, Decimal(100), BATCH)
    assert found.outcome == experience.outcome(5)
    assert found.experience is experience
    bare = evidence_of(ENGINE, LISTED, view(), FLAT.facts(TOKEN.id), None)
    assert (bare.outcome, bare.experience, bare.held_since) == (NO_OUTCOME, None, None)


def test_what_cannot_be_priced_has_no_cost_and_is_skipped_with_the_reason() -> None:
    old = replace(BATCH, market_time=START + timedelta(seconds=901))
    found = evidence_of(ENGINE, LISTED, view(old), FLAT.facts(TOKEN.id), None)
    assert (found.pricing, found.round_trip_percent) == (Code.PRICE_STALE, None)
    made = analyze(ENGINE, LISTED, view(old), FLAT, None)
    assert (made.action, made.code) == (Action.SKIP, Code.PRICE_STALE)
    gone = analyze(ENGINE, LISTED, view(replace(BATCH, quotes={})), FLAT, None)
    assert (gone.action, gone.code) == (Action.SKIP, Code.PRICE_MISSING)
    assert gone.inputs is not None
    assert gone.inputs.observed_at is None


@pytest.mark.parametrize(
    ("deposits", "notional"),
    [("10000", "100"), ("99.99", "1"), ("0.01", "1"), ("123456789.1", "1234567.891")],
)
def test_the_cost_gate_asks_about_a_hundredth_of_the_deposits(deposits: str, notional: str) -> None:
    with localcontext(prec=3):
        assert reference_usd(Decimal(deposits)) == Decimal(notional)


def test_trades_are_wanted_where_no_exit_has_reverted() -> None:
    tokens = [worlds.token(number) for number in range(1, 5)]
    actions = (Action.BUY, Action.HOLD, Action.SELL, Action.SKIP)
    made = [worlds.decision(of, action) for of, action in zip(tokens, actions, strict=True)]
    assert wanted(made, frozenset()) == [made[0], made[2]]
    assert wanted(made, frozenset({1, 2})) == [made[2]]
