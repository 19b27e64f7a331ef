"""One reading in this very process: what a file sees, and what it may answer."""

import io
import json
import signal
from collections.abc import Iterator
from time import process_time
from typing import Any

import numpy as np
import pytest

from paper_trading.services import signal_host
from paper_trading.services.signal_folder import samples
from paper_trading.services.signal_host import Bars, Clock, TimeUp, bars_of, reading
from tests.services.signal_files import GOOD, body


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Leave the alarm of this process as it was, and let none of it end the tests."""
    before = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGPROF, before)


def some_bars(count: int = 5) -> Bars:
    return bars_of(samples(count)[0][1])


def read(text: str) -> float:
    return reading(compile(text, "mine.py", "exec"), some_bars())


def test_bars_are_float64_arrays_that_nobody_can_change() -> None:
    bars = some_bars(7)
    assert len(bars) == 7
    for name in signal_host.COLUMNS:
        column = getattr(bars, name)
        assert (column.dtype, column.shape) == (np.float64, (7,))
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True
    assert list(bars.start[:2]) == [0.0, 300.0]
    assert (bars.low <= bars.open).all()
    assert (bars.high >= bars.close).all()
    with pytest.raises(AttributeError):
        bars.close = bars.open  # type: ignore[misc]


def test_a_reading_is_a_float() -> None:
    assert -1 <= read(GOOD) <= 1
    assert read(body("return 1")) == 1.0
    assert read(body("return np.float32(0.5)", "import numpy as np")) == 0.5


@pytest.mark.parametrize(
    ("given", "kind"),
    [("None", "NoneType"), ("'1'", "str"), ("True", "bool"), ("1j", "complex"), ("bars.close",
     "ndarray")],
)  # fmt: skip
def test_what_is_no_number_is_refused(given: str, kind: str) -> None:
    with pytest.raises(TypeError, match=f"gave {kind}; a number is needed"):
        read(body(f"return {given}"))


def test_a_file_remembers_nothing() -> None:
    text = body("seen.append(1)\nreturn len(seen) / 10", "seen = []")
    code = compile(text, "mine.py", "exec")
    assert [reading(code, some_bars()) for _ in range(3)] == [0.1, 0.1, 0.1]


def busy() -> float:
    """Use up processor time, deaf to every alarm."""
    began = process_time()
    while process_time() - began < 0.05:
        continue
    return 0.0


def test_a_clock_ends_what_takes_too_long() -> None:
    rang = Clock(10.0)
    with pytest.raises(TimeUp):
        rang.ring(0, None)
    assert rang.rang
    assert Clock(10.0).run(lambda: 0.25) == 0.25
    with pytest.raises(TimeUp):
        Clock(0.001).run(busy)


def test_requests_are_answered_in_order() -> None:
    bars = samples(5)[0][1]
    asked: list[dict[str, Any]] = [
        {"id": 7, "name": "a", "sha256": "1", "source": body("return 0.5"), "size": len(bars)},
        {"id": 8, "name": "b", "sha256": "2", "source": body("return 1 / 0"), "size": len(bars)},
        {"id": 9, "name": "a", "sha256": "1", "size": len(bars)},
    ]
    requests = io.BytesIO(b"".join(json.dumps(one).encode() + b"\n" + bars for one in asked))
    answers = io.BytesIO()
    signal_host.serve(requests, answers, 5.0)
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    failed = {"id": 8, "failed": "ZeroDivisionError: division by zero"}
    assert said == [{}, {"id": 7, "value": 0.5}, failed, {"id": 9, "value": 0.5}]
