"""Who is asked when, and whose word counts."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.intelligence.live_step import Said, Seen
from paper_trading.services.sources.live.base import LiveToken, Reason, SourceFailure
from paper_trading.services.sources.live.caller import Caller
from paper_trading.services.sources.live.market_feed import Checker, MarketFeed
from tests.services.sources.live.scripted import (
    LIQUIDITY,
    NOW,
    Network,
    OpenGate,
    ScriptedCheck,
    ScriptedSource,
    token,
)

MINUTE = timedelta(seconds=60)
TOKENS = [token("AAA"), token("BBB"), token("CCC", chain=1)]


@dataclass
class Feed:
    """A feed with a first source, a fall-back and a check."""

    first: ScriptedSource = field(
        default_factory=lambda: ScriptedSource("first", prices("10", "20", "30"))
    )
    second: ScriptedSource = field(
        default_factory=lambda: ScriptedSource("second", prices("11", "21", "31"))
    )
    check: ScriptedCheck = field(
        default_factory=lambda: ScriptedCheck("check", prices("10", "20", "40"))
    )
    network: Network = field(default_factory=Network)
    gate: OpenGate = field(default_factory=OpenGate)
    before: str = ""

    def said(self, tokens: list[LiveToken] = TOKENS, seconds: int = 0) -> Said:
        caller = Caller(self.network, self.gate)
        feed = MarketFeed(
            caller,
            [self.first, self.second],
            [Checker(self.check, MINUTE)],
            self.gate,
            self.before,
        )
        return feed.said(tokens, NOW + timedelta(seconds=seconds))


def prices(*texts: str) -> dict[str, Decimal]:
    return dict(zip(("AAA", "BBB", "CCC"), map(Decimal, texts), strict=True))


def told(said: Said) -> dict[str, str]:
    """Return the price of each token, or why it has none."""
    return {
        symbol: f"{found.reading.price_usd.normalize():f} {found.source}"
        if isinstance(found, Seen)
        else found.reason
        for symbol, found in said.seen.items()
    }


def test_one_call_a_price_chain_serves_every_token() -> None:
    feed = Feed()
    said = feed.said()
    assert sorted(feed.network.asked) == ["check/1", "check/8453", "first/1", "first/8453"]
    assert told(said) == {"AAA": "10 first", "BBB": "20 first", "CCC": "30 first"}
    assert said.source == "first"


@pytest.mark.parametrize("reason", [Reason.TIMED_OUT, Reason.THROTTLED, Reason.SERVER_ERROR])
def test_a_source_that_fails_is_replaced_within_the_step(reason: Reason) -> None:
    feed = Feed(network=Network({"first": reason}))
    said = feed.said()
    assert set(told(said).values()) == {"11 second", "21 second", "31 second"}
    assert said.source == "second"


def test_a_token_that_the_first_source_does_not_know_is_asked_of_the_next() -> None:
    feed = Feed()
    del feed.first.prices["BBB"]
    said = feed.said()
    assert told(said)["BBB"] == "21 second"
    assert said.source == "first+second"
    assert "second/1" not in feed.network.asked


def test_a_pool_that_no_source_knows_is_absent() -> None:
    feed = Feed()
    del feed.first.prices["BBB"]
    del feed.second.prices["BBB"]
    assert told(feed.said())["BBB"] == "POOL_ABSENT"


def test_the_first_reason_stands_when_all_fail() -> None:
    feed = Feed(network=Network({"first": Reason.THROTTLED, "second": Reason.UNREACHABLE}))
    said = feed.said()
    assert set(told(said).values()) == {"THROTTLED"}
    assert said.source == "first"


def test_a_body_that_cannot_be_read_is_a_failure_like_others() -> None:
    feed = Feed()
    feed.first.bad_body = True
    said = feed.said()
    assert set(told(said).values()) == {"11 second", "21 second", "31 second"}
    failures = [call.failure for call in feed.gate.noted if call.source == "first"]
    assert all(one is not None and one.reason == Reason.BAD_BODY for one in failures)


def test_a_spent_budget_makes_no_call() -> None:
    feed = Feed(gate=OpenGate(spent={"first"}))
    assert feed.said().source == "second"
    assert not any(asked.startswith("first") for asked in feed.network.asked)


def test_a_source_that_failed_before_is_asked_beside_the_next() -> None:
    feed = Feed(before="second")
    both = threading.Barrier(2, timeout=20)
    feed.network.on_call = lambda name: None if name == "check" else _meet(both)
    said = feed.said([TOKENS[0]])
    assert told(said) == {"AAA": "10 first"}
    assert said.source == "first"


def _meet(both: threading.Barrier) -> None:
    both.wait()


def test_a_source_that_still_fails_costs_no_second_round() -> None:
    feed = Feed(before="second", network=Network({"first": Reason.TIMED_OUT}))
    assert feed.said().source == "second"
    assert len([asked for asked in feed.network.asked if asked.startswith("second")]) == 2


def test_a_source_that_does_not_end_in_time_counts_as_timed_out() -> None:
    hold = threading.Event()
    feed = Feed()
    feed.network.on_call = lambda name: _hold(hold) if name == "first" else None
    said = feed.said()
    hold.set()
    assert said.source == "second"
    late = [call.failure for call in feed.gate.noted if call.source == "first"]
    assert all(one is not None and one.reason == Reason.TIMED_OUT for one in late)


def _hold(hold: threading.Event) -> None:
    hold.wait(20)


def test_a_token_without_a_pool_is_not_asked_for() -> None:
    feed = Feed()
    said = feed.said([TOKENS[0], token("BBB", pool="")])
    assert told(said) == {"AAA": "10 first", "BBB": "NO_POOL"}


def test_checks_are_made_at_their_own_pace() -> None:
    feed = Feed()
    assert set(feed.said().checks) == {"AAA", "BBB", "CCC"}
    assert feed.said(seconds=59).checks == {}
    assert set(feed.said(seconds=60).checks) == {"AAA", "BBB", "CCC"}


def test_the_check_that_is_furthest_from_the_pool_counts() -> None:
    feed = Feed()
    other = ScriptedCheck("other", prices("10.1", "26", "31"))
    caller = Caller(feed.network, feed.gate)
    checkers = [Checker(feed.check, MINUTE), Checker(other, MINUTE)]
    said = MarketFeed(caller, [feed.first], checkers, feed.gate).said(TOKENS, NOW)
    found = {symbol: check.price_usd for symbol, check in said.checks.items()}
    assert found == prices("10.1", "26", "40")
    assert feed.gate.agreements == {"check": (2, 1), "other": (2, 1)}


def test_a_check_that_fails_says_nothing_and_harms_nothing() -> None:
    feed = Feed(network=Network({"check": Reason.SERVER_ERROR}))
    said = feed.said()
    assert said.checks == {}
    assert said.source == "first"


def test_the_time_of_an_answer_is_that_of_the_markets_clock() -> None:
    said = Feed().said(seconds=3600)
    found = said.seen["AAA"]
    assert isinstance(found, Seen)
    assert found.reading.observed_at - (NOW + timedelta(hours=1)) < timedelta(seconds=10)
    assert found.reading.observed_at >= NOW + timedelta(hours=1)


def test_a_call_by_itself_raises_what_came_of_it() -> None:
    feed = Feed(network=Network({"first": Reason.KEY_REFUSED}))
    (request, _) = feed.first.requests(TOKENS)
    with pytest.raises(SourceFailure, match="KEY_REFUSED"):
        Caller(feed.network, feed.gate).ask("first", request, NOW)
    (other, _) = feed.second.requests(TOKENS)
    assert Caller(feed.network, feed.gate).ask("second", other, NOW).body == {}


def test_a_feed_without_sources_is_refused() -> None:
    feed = Feed()
    with pytest.raises(ValueError, match="serves its ticks"):
        MarketFeed(Caller(feed.network, feed.gate), [], [], feed.gate)


def test_a_source_that_answers_with_old_prices_is_replaced() -> None:
    feed = Feed()
    feed.first.age = timedelta(minutes=5)
    assert feed.said().source == "second"


def test_an_old_price_is_told_when_nobody_has_a_newer_one() -> None:
    feed = Feed(network=Network({"second": Reason.THROTTLED}))
    feed.first.age = timedelta(minutes=5)
    assert set(told(feed.said()).values()) == {"10 first", "20 first", "30 first"}


def test_an_old_check_stands_before_no_newer_one() -> None:
    feed = Feed()
    old = ScriptedCheck("old", prices("1000", "1000", "1000"), age=timedelta(minutes=4))
    checkers = [Checker(old, MINUTE), Checker(feed.check, MINUTE)]
    caller = Caller(feed.network, feed.gate)
    said = MarketFeed(caller, [feed.first], checkers, feed.gate).said(TOKENS, NOW)
    assert {symbol: one.price_usd for symbol, one in said.checks.items()} == feed.check.prices
    assert feed.gate.agreements["old"] == (0, 0)


CASH = token("CASH", is_cash=True)


def chain_feed(cash: str | None) -> Said:
    """Return what a chain says in cash, beside a source that says what cash is worth."""
    network, gate = Network(), OpenGate()
    chain = ScriptedSource("onchain", {"AAA": Decimal(10), "BBB": Decimal(20)})
    second = ScriptedSource("second", {} if cash is None else {"CASH": Decimal(cash)})
    feed = MarketFeed(Caller(network, gate), [chain, second], [], gate)
    said = feed.said([*TOKENS[:2], CASH], NOW)
    assert min(network.asked) == "onchain/8453"
    return said


def test_prices_of_the_chain_are_worth_what_cash_is_worth_at_the_same_step() -> None:
    said = chain_feed("0.88")
    assert told(said) == {"AAA": "8.8 onchain", "BBB": "17.6 onchain", "CASH": "0.88 second"}
    found = said.seen["AAA"]
    assert isinstance(found, Seen)
    assert found.reading.liquidity_usd == LIQUIDITY * Decimal("0.88")


def test_without_a_price_of_cash_the_chain_says_nothing() -> None:
    said = chain_feed(None)
    assert told(said)["AAA"] == "NO_USD_ANCHOR"


@dataclass
class ChainFeed:
    """Ticks of a chain whose cash is said by the one that is next in the plan, or after it."""

    network: Network = field(default_factory=Network)
    before: str = ""

    def tick(self, *, chain: dict[str, Decimal] | None = None) -> Said:
        onchain = {"AAA": Decimal(10), "BBB": Decimal(20)} if chain is None else chain
        others = {"AAA": Decimal(11), "BBB": Decimal(21), "CASH": Decimal("0.5")}
        ticks = [
            ScriptedSource("onchain", onchain),
            ScriptedSource("second", others),
            ScriptedSource("third", others),
        ]
        self.network.asked.clear()
        gate = OpenGate()
        feed = MarketFeed(Caller(self.network, gate), ticks, [], gate, self.before)
        said = feed.said([*TOKENS[:2], CASH], NOW)
        self.before = said.source
        return said


def test_cash_is_asked_of_the_stand_in_at_every_tick_of_an_outage() -> None:
    feed = ChainFeed()
    assert feed.tick().source == "onchain+second"
    feed.network.failing["second"] = Reason.UNREACHABLE
    for _ in range(4):
        said = feed.tick()
        assert told(said) == {"AAA": "5 onchain", "BBB": "10 onchain", "CASH": "0.5 third"}
        assert said.source == "onchain+third"
        assert sorted(feed.network.asked) == ["onchain/8453", "second/8453", "third/8453"]
    feed.network.failing.clear()
    assert [feed.tick().source for _ in range(2)] == ["onchain+second"] * 2
    assert "third/8453" not in feed.network.asked


def test_cash_is_asked_of_no_other_when_the_chain_says_nothing() -> None:
    feed = ChainFeed(Network({"onchain": Reason.TIMED_OUT, "second": Reason.TIMED_OUT}))
    assert set(told(feed.tick()).values()) == {"11 third", "21 third", "0.5 third"}
    assert feed.network.asked.count("third/8453") == 1


def test_cash_is_left_out_of_who_said_most_and_a_tie_is_broken_by_the_plan() -> None:
    assert ChainFeed().tick(chain={"AAA": Decimal(10)}).source == "onchain+second"
    feed = Feed(first=ScriptedSource("zeroth", prices("10", "20", "30")))
    del feed.first.prices["BBB"]
    assert feed.said(TOKENS[:2]).source == "zeroth+second"


def test_when_nobody_serves_who_served_before_is_still_named() -> None:
    network = Network({"first": Reason.THROTTLED, "second": Reason.UNREACHABLE})
    assert Feed(before="second", network=network).said().source == "second"
