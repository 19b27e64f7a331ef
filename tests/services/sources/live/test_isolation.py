"""What a source's own code raises costs that source its turn, and no one else's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from paper_trading.services.sources.live.base import Answer, LiveToken, Reason, Request
from paper_trading.services.sources.live.caller import Call, Caller
from paper_trading.services.sources.live.market_feed import GasReader, MarketFeed
from tests.services.sources.live.scripted import NOW, OpenGate, ScriptedSource
from tests.services.sources.live.test_market_feed import TOKENS, Feed, prices, told

pytestmark = pytest.mark.internal_errors
SECOND = {"11 second", "21 second", "31 second"}


@dataclass
class BrokenReader(ScriptedSource):
    """Cannot read what it is answered."""

    def read(self, request: Request, answer: Answer) -> Mapping[str, Any]:
        raise KeyError("priceUsd")


@dataclass
class BrokenWriter(ScriptedSource):
    """Cannot write its requests."""

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        raise KeyError("pool")


def broken(feed: Feed) -> list[str]:
    """Return the last line of each traceback that was kept."""
    return [text.strip().splitlines()[-1] for text in feed.gate.broken]


def test_a_reader_that_raises_is_a_failure_of_its_source(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed(first=BrokenReader("first", {}))
    said = feed.said()
    assert (said.source, set(told(said).values())) == ("second", SECOND)
    assert broken(feed) == ["KeyError: 'priceUsd'"] * 2
    failures = {call.failure.reason for call in feed.gate.noted if call.failure is not None}
    assert failures == {Reason.INTERNAL_ERROR}
    assert "source failed inside: first\nTraceback" in caplog.text
    assert "first: first/1: INTERNAL_ERROR: KeyError inside" in caplog.text


def test_a_source_that_cannot_write_its_requests_is_replaced() -> None:
    feed = Feed(first=BrokenWriter("first", {}))
    assert set(told(feed.said()).values()) == SECOND
    # What it says may hold a key, and there is no request to know it by.
    assert broken(feed) == ["KeyError"]
    assert "in requests" in feed.gate.broken[0]
    failed = [call for call in feed.gate.noted if call.source == "first"]
    assert [(call.made, _reason(call)) for call in failed] == [(True, Reason.INTERNAL_ERROR)]
    assert failed[0].request.tokens == tuple(TOKENS)


def test_a_source_that_cannot_write_its_requests_is_not_told_again_while_it_rests() -> None:
    feed = Feed(first=BrokenWriter("first", {}), gate=OpenGate(resting={"first"}))
    said = feed.said()
    assert set(told(said).values()) == SECOND
    assert broken(feed) == []
    resting = [call for call in feed.gate.noted if call.source == "first"]
    assert [(call.made, _reason(call)) for call in resting] == [(False, Reason.COOLING)]


def test_what_nobody_could_ask_says_that_the_source_failed_inside() -> None:
    feed = Feed(first=BrokenWriter("first", {}), second=BrokenWriter("second", {}))
    assert set(told(feed.said()).values()) == {"INTERNAL_ERROR"}


def test_a_source_is_not_asked_to_write_requests_of_no_tokens() -> None:
    feed = Feed(first=BrokenWriter("first", {}))
    assert (feed.said([]).seen, broken(feed)) == ({}, [])


def _reason(call: Call) -> Reason | None:
    return None if call.failure is None else call.failure.reason


class ShutGate(OpenGate):
    """Cannot keep what broke."""

    def broke(self, text: str) -> None:
        raise ValueError(f"the database takes no {text}")


def test_a_traceback_that_cannot_be_kept_costs_no_tick(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed(first=BrokenReader("first", {}), gate=ShutGate())
    assert set(told(feed.said()).values()) == SECOND
    assert "traceback of first not kept: ValueError" in caplog.text


def test_a_check_that_cannot_be_read_is_no_check() -> None:
    feed = Feed()
    feed.check.read = BrokenReader("check", {}).read  # type: ignore[method-assign]
    said = feed.said()
    assert (said.source, said.checks) == ("first", {})
    assert broken(feed) == ["KeyError: 'priceUsd'"] * 2


def test_what_the_network_raises_unexpectedly_is_kept_without_its_key() -> None:
    feed = Feed()
    secret = Request("first/v2/0123456789abcdef", "first/v2/***", (TOKENS[0],))

    def raises(name: str) -> None:
        if name == "first":
            raise RuntimeError(f"no way to {secret.url}")

    feed.first.requests = lambda tokens: [secret]  # type: ignore[method-assign]
    feed.network.on_call = raises
    assert told(feed.said([TOKENS[0]])) == {"AAA": "11 second"}
    assert broken(feed) == ["RuntimeError: no way to first/v2/***"]


def test_a_base_fee_that_cannot_be_read_is_unknown() -> None:
    feed, gate = Feed(), OpenGate()

    def read(request: Request, answer: Answer) -> int | None:
        raise KeyError("fee")

    source = ScriptedSource("first", prices("10", "20", "30"))
    caller = Caller(feed.network, gate)
    said = MarketFeed(caller, [source], [], gate, gas=GasReader("first", 1, read)).said(TOKENS, NOW)
    assert (said.source, said.base_fee_wei, said.l1_fees) == ("first", None, None)
    assert len(gate.broken) == 1
