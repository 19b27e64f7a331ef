"""The head of one token's bars: what is forming, what is remembered, and one step of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.decision import SignalReading
from paper_trading.intelligence.bars import Bar, Forming, Observation, Spans, begin, floor, fold
from paper_trading.intelligence.boundary import decimal_of
from paper_trading.intelligence.signals import (
    SCORE_VERSION,
    View,
    families_agreeing,
    readings,
    score,
    sigma_ready,
)
from paper_trading.intelligence.states import (
    FastState,
    SlowState,
    fast_from_json,
    slow_from_json,
    state_to_json,
)
from paper_trading.intelligence.user_signals import NO_SIGNALS, UserSignals


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """A closed bar; a fast one carries what the signals said when it closed."""

    bar: Bar
    slow: bool
    #: The ready signals, in table order, then the user's; empty on slow bars.
    signals: tuple[SignalReading, ...] = ()
    #: None until every built-in signal is ready.
    score: Decimal | None = None
    #: Annualised volatility as a fraction.
    sigma_annual: Decimal | None = None
    families_agreeing: int | None = None
    #: Score, volatility and families are all known.
    ready: bool = False
    #: The last reference round trip stated in it, in percent.
    round_trip_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Forming bars and recurrence states of one (market, token); empty to begin with."""

    fast: Forming | None = None
    slow: Forming | None = None
    fast_state: FastState = field(default_factory=FastState)
    slow_state: SlowState = field(default_factory=SlowState)
    #: End of the latest observation.
    end: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the series as JSON values; `from_json` gives back an equal one."""
        return {
            "version": SCORE_VERSION,
            "end": None if self.end is None else self.end.isoformat(),
            "fast": _forming_to_json(self.fast),
            "slow": _forming_to_json(self.slow),
            "fast_state": state_to_json(self.fast_state),
            "slow_state": state_to_json(self.slow_state),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Series":
        """Return the series that `to_json` wrote.

        :raises ValueError: when it was written by another version of the score.
        """
        if data.get("version") != SCORE_VERSION:
            raise ValueError(
                f"series version was {data.get('version')!r}; this score is version "
                f"{SCORE_VERSION}: fold the bars again"
            )
        return cls(
            fast=_forming_from_json(data["fast"]),
            slow=_forming_from_json(data["slow"]),
            fast_state=fast_from_json(data["fast_state"]),
            slow_state=slow_from_json(data["slow_state"]),
            end=None if data["end"] is None else datetime.fromisoformat(data["end"]),
        )


def advance(
    series: Series,
    observation: Observation,
    spans: Spans,
    user: UserSignals = NO_SIGNALS,
    recent: Sequence[Bar] = (),
) -> tuple[Series, tuple[ClosedBar, ...]]:
    """Fold one observation and return the new head with the bars that closed, oldest first.

    A slow bar precedes the fast bar that closes with it, so that the fast bar's signals
    see it. The user's signals read the `recent` closed fast bars, oldest first, and the new one.

    :raises SignalFailed: when one of the user's signals gives no reading.
    :raises ValueError: when the observation starts before the series' end, lasts longer
        than a fast bar, or the spans are not those of the forming bars.
    """
    _check(series, observation, spans)
    slow_before, slow_own = _split(series.slow, observation, spans.slow_seconds)
    fast_before, fast_own = _split(series.fast, observation, spans.fast_seconds)
    slow_after, slow = _finish(slow_own, observation)
    fast_after, fast = _finish(fast_own, observation)

    closed: list[ClosedBar] = []
    seen = list(recent)
    fast_state, slow_state = series.fast_state, series.slow_state
    for slow_done, fast_done in ((slow_before, fast_before), (slow_after, fast_after)):
        if slow_done is not None:
            slow_state = slow_state.after(slow_done.bar)
            closed.append(ClosedBar(slow_done.bar, slow=True))
        if fast_done is not None:
            fast_state = fast_state.after(fast_done.bar)
            seen.append(fast_done.bar)
            view = _view(fast_done, fast_state, slow_state)
            closed.append(_judge(fast_done, view, user.join(readings(view), seen)))
    return Series(fast, slow, fast_state, slow_state, observation.end), tuple(closed)


def _check(series: Series, observation: Observation, spans: Spans) -> None:
    if series.end is not None and observation.start < series.end:
        raise ValueError(
            f"observation started {observation.start}; the series already reaches {series.end}"
        )
    lasted = (observation.end - observation.start).total_seconds()
    if lasted > spans.fast_seconds:
        raise ValueError(
            f"observation lasted {lasted:g} s; the fast bar of {spans.fast_seconds} s is the most"
        )
    for forming, seconds in ((series.fast, spans.fast_seconds), (series.slow, spans.slow_seconds)):
        if forming is not None and forming.bar.seconds != seconds:
            raise ValueError(
                f"bar span was {seconds} s; this series is made of {forming.bar.seconds} s bars"
            )


def _split(
    forming: Forming | None, observation: Observation, seconds: int
) -> tuple[Forming | None, Forming]:
    """Return the bar that the observation's arrival closes, and the one it falls in."""
    if forming is None:
        return None, begin(observation, seconds)
    if forming.bar.start == floor(observation.start, seconds):
        return None, fold(forming, observation)
    return forming, begin(observation, seconds)


def _finish(forming: Forming, observation: Observation) -> tuple[Forming | None, Forming | None]:
    """Return (closed, still forming): the observation's end may complete its own bar."""
    return (forming, None) if observation.end >= forming.bar.end else (None, forming)


def _view(done: Forming, fast: FastState, slow: SlowState) -> View:
    cost = done.round_trip_percent
    return View(fast, slow, done.bar.seconds, None if cost is None else float(cost))


def _judge(done: Forming, view: View, signals: tuple[SignalReading, ...]) -> ClosedBar:
    total, fast, bar = score(signals), view.fast, done.bar
    sigma = decimal_of(fast.sigma_annual(bar.seconds)) if sigma_ready(fast) else None
    return ClosedBar(
        bar=bar,
        slow=False,
        signals=signals,
        score=total,
        sigma_annual=sigma,
        families_agreeing=families_agreeing(signals),
        ready=total is not None and sigma is not None,
        round_trip_percent=done.round_trip_percent,
    )


def _forming_to_json(forming: Forming | None) -> dict[str, Any] | None:
    if forming is None:
        return None
    bar = forming.bar
    return {
        "start": bar.start.isoformat(),
        "seconds": bar.seconds,
        "prices": [str(bar.open), str(bar.high), str(bar.low), str(bar.close)],
        "volume_usd": None if bar.volume_usd is None else str(bar.volume_usd),
        "round_trip_percent": (
            None if forming.round_trip_percent is None else str(forming.round_trip_percent)
        ),
    }


def _forming_from_json(data: Mapping[str, Any] | None) -> Forming | None:
    if data is None:
        return None
    first, high, low, last = (Decimal(text) for text in data["prices"])
    volume, cost = data["volume_usd"], data["round_trip_percent"]
    bar = Bar(
        start=datetime.fromisoformat(data["start"]),
        seconds=int(data["seconds"]),
        open=first,
        high=high,
        low=low,
        close=last,
        volume_usd=None if volume is None else Decimal(volume),
    )
    return Forming(bar, None if cost is None else Decimal(cost))
