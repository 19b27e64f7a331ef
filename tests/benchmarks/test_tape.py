"""The tape on files of a few minutes, made by the plain formulas and not by the pool model."""

import math
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import tape as module
from benchmarks.tape import (
    Followed,
    Minute,
    disagreements,
    follow,
    main,
    order_cost_percent,
    predicted_tick,
    read,
)

DEEP, THIN = 3_800_000_000_000_000_000, 50_000_000_000_000_000
HEADER = "timestamp,netAmount0,netAmount1,closeTick,currentLiquidity"
#: Net flows of a few minutes in dollars; a negative one is paid in WETH.
FLOWS = (0, 900, -2_500, 40_000, 0, -60_000, 1, 15_000)


def rows(liquidity: int, flows: tuple[int, ...] = FLOWS, off: int = 0) -> list[str]:
    """Return a tape: each minute's net flow, and the tick that the plain formulas lead to."""
    root, found = 1.0001 ** (201_125.5 / 2), [f"start,0,0,201125,{liquidity}"]
    for minute, dollars in enumerate(flows):
        units = dollars * 10**6
        if units >= 0:
            after = liquidity * root / (liquidity + units * 0.9995 * root)
            nets = units, -int(liquidity * (root - after)) if units else 0
        else:
            after = 1 / (1 / root + units / liquidity)
            nets = units, int(liquidity * (after - root) / 0.9995)
        root = after
        tick = math.floor(2 * math.log(root) / math.log(1.0001)) + off
        # Half of the recordings write ticks as 198133.0.
        written = f"{tick}.0" if minute % 2 else str(tick)
        found.append(f"{minute},{nets[0]},{nets[1]},{written},{liquidity}")
    return found


def tape(folder: Path, lines: list[str], header: str = HEADER) -> Path:
    path = folder / "tape.minute.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_tape_that_the_model_follows_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--minutes", str(tape(tmp_path, rows(DEEP)))]) == 0
    printed = capsys.readouterr().out
    assert "refused (depth unknown) in 0 minutes; cost 0.0561 % (median of 9)" in printed
    assert "does not hold" not in printed


def test_a_tape_that_goes_its_own_ways_does_not_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = rows(DEEP)
    jumping = [lines[0], *(line.replace(",2011", ",2019") for line in lines[1::2])]
    assert main(["--minutes", str(tape(tmp_path, jumping))]) == 1
    assert "does not hold: all minutes" in capsys.readouterr().out


def test_another_cost_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--minutes", str(tape(tmp_path, rows(2 * DEEP)))]) == 1
    assert "10,000 USD cost 0.0531 %, not 0.056 %" in capsys.readouterr().out


def test_a_thin_pool_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tape(tmp_path, rows(THIN, (0, 900, -900, 50, -1_000)))
    assert main(["--minutes", str(path)]) == 0
    assert "10,000 USD refused (depth unknown) in 6 minutes\n" in capsys.readouterr().out


def test_a_flow_beyond_two_spacings_is_refused_and_counts_as_a_miss() -> None:
    before = Minute("a", 0, 0, 201_125, THIN)
    far = Minute("b", 10_000 * 10**6, -(10**18), 201_046, THIN)
    assert predicted_tick(before, far) is None
    followed = follow([before, far, far], traded_only=True)
    assert followed.errors == (None, None)
    assert followed.centile(50) == Decimal("Infinity")
    assert not followed.holds()


def test_minutes_without_trades_can_be_left_out(tmp_path: Path) -> None:
    minutes = read(tape(tmp_path, rows(DEEP)))
    assert len(follow(minutes, traded_only=False).errors) == 8
    assert len(follow(minutes, traded_only=True).errors) == 6


def test_an_order_costs_its_fee_and_its_impact() -> None:
    cost = order_cost_percent(Minute("a", 0, 0, 201_125, DEEP))
    assert cost is not None
    assert round(cost, 4) == Decimal("0.0561")
    assert order_cost_percent(Minute("a", 0, 0, 198_133, THIN)) is None


def test_centiles_are_of_the_errors_in_order() -> None:
    assert Followed((3, 0, 1, 0)).centile(50) == Decimal("0.5")
    assert Followed(tuple(range(10))).centile(90) == 9
    assert Followed((0,) * 9 + (1,)).holds()
    assert not Followed((0,) * 9 + (2,)).holds()
    assert not Followed((0, 1, 1)).holds()


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["a,0,0,1,1"], HEADER, "has 1 minutes; at least 2 are needed"),
        (["a,x,0,1,1"], HEADER, "line 2 is no minute of a tape"),
        (["a,0,0,NaN,1"], HEADER, "line 2 is no minute of a tape"),
        (["a,0,0,1"], "timestamp,netAmount0,netAmount1,closeTick", "line 2 .*currentLiquidity"),
        (["a,0,0,1"], HEADER, "line 2 is no minute of a tape"),
    ],
)
def test_what_is_no_tape_is_refused(
    tmp_path: Path, lines: list[str], header: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(tape(tmp_path, lines, header))


def test_a_file_that_is_not_there_ends_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--minutes", str(tmp_path / "none.csv")])
    assert refused.value.code == 2
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("liquidity", "said", "wrong"),
    [
        (DEEP, Decimal("0.0561"), 0),
        (DEEP, Decimal("0.0563"), 1),
        (DEEP, None, 1),
        (THIN, None, 0),
        (THIN, Decimal("0.45"), 1),
    ],
)
def test_a_cost_or_refusal_against_the_plain_formulas_is_found(
    monkeypatch: pytest.MonkeyPatch, liquidity: int, said: Decimal | None, wrong: int
) -> None:
    monkeypatch.setattr(module, "order_cost_percent", lambda minute: said)
    assert disagreements([Minute("a", 0, 0, 201_125, liquidity)]) == wrong
