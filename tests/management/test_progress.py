import pytest

from paper_trading.management.progress import teller


def test_a_line_is_written_every_other_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = [0.0], list[str]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tell = teller(lines.append, "step")
    for at, done in ((1.9, 1), (2.0, 500), (3.9, 700), (4.0, 1_000)):
        now[0] = at
        tell(done, 1_000)
    tell(0, 0)
    assert lines == ["step 500 of 1,000 (50 %)", "step 1,000 of 1,000 (100 %)"]
