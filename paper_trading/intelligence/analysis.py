"""The pure step of the analysis: one token's evidence becomes one decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from paper_trading.engine.account import Account
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action
from paper_trading.engine.fills import pricing_code, round_trip_percent
from paper_trading.engine.money import exact, usd
from paper_trading.intelligence.decision_inputs import AccountFacts, inputs_of
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.experience import NO_OUTCOME, Experience
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.market_view import Listed, MarketView

#: The cost gate asks about one percent of the deposits at every level, so that the gates stay
#: nested; what a level really orders is costed when it is filled.
REFERENCE_SHARE = 100
_SMALLEST_REFERENCE_USD = Decimal(1)


@dataclass(frozen=True, slots=True)
class AccountState:
    """What decisions read of an account at one version of its state."""

    version: int
    account: Account

    def facts(self, token_id: int) -> AccountFacts:
        """Return what a decision on one token reads."""
        held = self.account.positions.get(token_id)
        since = None if held is None else held.opened_at
        return AccountFacts(self.version, since, reference_usd(self.account.deposits_usd))


def analyze(
    engine: IntelSliderEngine,
    listed: Listed,
    view: MarketView,
    state: AccountState,
    experience: Experience | None,
) -> Decision:
    """Decide on one token from its quote, its newest closed bar and the account's state.

    `experience` is what was frozen, for the strategy's key, when the batch was made.
    """
    return judge(engine, listed, view, state.facts(listed.token.id), experience)


@exact
def judge(
    engine: IntelSliderEngine,
    listed: Listed,
    view: MarketView,
    facts: AccountFacts,
    experience: Experience | None,
) -> Decision:
    """Decide on one token from what the decision reads of its account, and name its inputs."""
    if listed.is_cash:
        return skipped(engine, listed, Code.TOKEN_IS_CASH)
    if not listed.tradable:
        return skipped(engine, listed, Code.TOKEN_BLOCKED)
    made = engine.decide(evidence_of(engine, listed, view, facts, experience))
    return replace(made, inputs=inputs_of(listed, view.batch, facts))


@exact
def evidence_of(
    engine: IntelSliderEngine,
    listed: Listed,
    view: MarketView,
    facts: AccountFacts,
    experience: Experience | None,
) -> Evidence:
    """Gather what a decision on one token may look at."""
    token, batch = listed.token, view.batch
    pricing = pricing_code(token.id, batch, engine.strategy.max_quote_age_seconds)
    cost = None
    if pricing is Code.OK:
        cost = round_trip_percent(token.id, facts.notional_usd, batch)
        # Of what is held a signal may sell less than the notional that the cost is asked of.
        if cost is None and facts.held_since is None:
            pricing = Code.DEPTH_UNKNOWN
    return Evidence(
        token=token,
        market_time=batch.market_time,
        pricing=pricing,
        quote=batch.quotes.get(token.id),
        bar=listed.bar,
        quantiles=view.quantiles,
        round_trip_percent=cost,
        held_since=facts.held_since,
        outcome=NO_OUTCOME if experience is None else experience.outcome(engine.level),
        experience=experience,
    )


@exact
def reference_usd(deposits_usd: Decimal) -> Decimal:
    """Return the notional whose round trip the cost gate asks about."""
    return max(usd(deposits_usd / REFERENCE_SHARE), _SMALLEST_REFERENCE_USD)


def skipped(engine: IntelSliderEngine, listed: Listed, code: Code) -> Decision:
    """Return the decision not to look at a token."""
    token = listed.token
    return Decision(token.id, token.symbol, Action.SKIP, code, engine.level)


def wanted(decisions: Sequence[Decision], reverted: frozenset[int]) -> list[Decision]:
    """Return the decisions that ask for a trade.

    A token whose exit reverted earlier in the tick (its id is in `reverted`) is left alone: on
    the same quote it would meet the same luck and pay its gas again.
    """
    return [
        made
        for made in decisions
        if made.action in (Action.BUY, Action.SELL) and made.token_id not in reverted
    ]
