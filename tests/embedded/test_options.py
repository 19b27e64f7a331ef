"""The command line of dev.py: what is accepted, and the one line for what is not."""

from decimal import Decimal
from pathlib import Path

import pytest

from dexproject.embedded.errors import Refused
from dexproject.embedded.options import (
    DEFAULT_DATA,
    PLANTS,
    BotOptions,
    FaultsOptions,
    ManageOptions,
    PytestOptions,
    UpOptions,
    parse,
)

SECONDS = "allowed is a number of seconds from 0.2 to 3600 with at most three decimals"
LEVELS = "allowed are levels from 1 to 10, each once, as 5 or 1-10 or 5,10"
HELP = "python3 dev.py up --help names the options"
WRONG = [
    (["--prices", "real"], "--prices real: allowed are live, simulated and recorded:FILE"),
    (
        ["--prices", "recorded:"],
        "--prices recorded:: allowed are live, simulated and recorded:FILE",
    ),
    (["--interval", "0"], f"--interval 0: {SECONDS}"),
    (["--interval", "0.1999"], f"--interval 0.1999: {SECONDS}"),
    (["--interval", "3600.1"], f"--interval 3600.1: {SECONDS}"),
    (["--interval", "1.2345"], f"--interval 1.2345: {SECONDS}"),
    (["--interval", "-5"], f"--interval -5: {SECONDS}"),
    (["--interval", "nan"], f"--interval nan: {SECONDS}"),
    (["--interval", "1e999"], f"--interval 1e999: {SECONDS}"),
    (["--interval", "soon"], f"--interval soon: {SECONDS}"),
    (["--levels", "11"], f"--levels 11: {LEVELS}"),
    (["--levels", "0-3"], f"--levels 0-3: {LEVELS}"),
    (["--levels", "7-5"], f"--levels 7-5: {LEVELS}"),
    (["--levels", "5,5"], f"--levels 5,5: {LEVELS}"),
    (["--levels", "1-4,3"], f"--levels 1-4,3: {LEVELS}"),
    (["--levels", ""], f"--levels : {LEVELS}"),
    (["--levels", "5,"], f"--levels 5,: {LEVELS}"),
    (["--levels", "²"], f"--levels ²: {LEVELS}"),
    (["--interval", "0_5"], f"--interval 0_5: {SECONDS}"),
    (["--levels", "111"], f"--levels 111: {LEVELS}"),
    (["--interval", "0.2" + "0" * 33 + "1"], f"--interval 0.2{'0' * 33}1: {SECONDS}"),
    (["--ticks", "0"], "--ticks 0: allowed is a whole number from 1 to 1000000000"),
    (["--ticks", "2.5"], "--ticks 2.5: allowed is a whole number from 1 to 1000000000"),
    (["--port", "0"], "--port 0: allowed is a whole number from 1 to 65535"),
    (["--port", "65536"], "--port 65536: allowed is a whole number from 1 to 65535"),
    (["--port", "65535"], "--port 65535: allowed is a port up to 65534, Flower needs the next one"),
    (["--port", "http"], "--port http: allowed is a whole number from 1 to 65535"),
    (["--data", ""], "--data: a directory is missing"),
    (["--interval"], f"argument --interval: expected one argument; {HELP}"),
    (["--fast"], f"unrecognized arguments: --fast; {HELP}"),
    (["--int", "5"], f"unrecognized arguments: --int 5; {HELP}"),
    (["extra"], f"unrecognized arguments: extra; {HELP}"),
]


@pytest.mark.parametrize(("arguments", "line"), WRONG, ids=[" ".join(pair[0]) for pair in WRONG])
def test_a_bad_option_of_up_is_told_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(["up", *arguments])
    assert str(refusal.value) == line
    assert refusal.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "a command is missing; allowed are up, bot, test, manage and faults"),
        (["down"], "down: not a command; allowed are up, bot, test, manage and faults"),
        (["manage", "--data"], "--data: a directory is missing"),
        (["manage", "--data="], "--data: a directory is missing"),
        (["bot", "--account-name", "A", "--data"], "--data: a directory is missing"),
        (["bot", "--data="], "--data: a directory is missing"),
    ],
)
def test_a_bad_command_is_told_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(arguments)
    assert str(refusal.value) == line


def test_up_without_options_uses_the_defaults() -> None:
    options = parse(["up"])
    assert options == UpOptions(
        prices="live",
        interval=Decimal(15),
        levels=(5,),
        ticks=None,
        port=8000,
        data=DEFAULT_DATA,
    )
    assert isinstance(options, UpOptions)
    assert options.flower_port == 8001
    assert options.recorded_file is None


def test_up_takes_every_option_in_both_spellings(tmp_path: Path) -> None:
    options = parse(
        [
            *("up", "--prices=recorded:prices.csv.gz", "--interval", "0.25", "--levels=1-3,10"),
            *("--ticks", "45", "--port=9000", "--data", str(tmp_path)),
        ]
    )
    assert options == UpOptions(
        prices="recorded:prices.csv.gz",
        interval=Decimal("0.25"),
        levels=(1, 2, 3, 10),
        ticks=45,
        port=9000,
        data=tmp_path.resolve(),
    )
    assert isinstance(options, UpOptions)
    assert options.recorded_file == Path("prices.csv.gz").resolve()


@pytest.mark.parametrize("text", ["0.2", "3600", "0.001e3", "15.000"])
def test_the_ends_of_the_interval_are_allowed(text: str) -> None:
    options = parse(["up", "--interval", text])
    assert isinstance(options, UpOptions)
    assert options.interval == Decimal(text)


def test_manage_keeps_the_arguments_of_its_command(tmp_path: Path) -> None:
    there = str(tmp_path)
    expected = ManageOptions(("seed", "--data", "x", "--help"), tmp_path.resolve())
    assert parse(["manage", "--data", there, "seed", "--data", "x", "--help"]) == expected
    assert parse(["manage", f"--data={there}", "seed", "--data", "x", "--help"]) == expected
    assert parse(["manage", "check"]) == ManageOptions(("check",), DEFAULT_DATA)


FAULTS_WRONG = [
    (["--kills", "0"], "--kills 0: allowed is a whole number from 1 to 10000"),
    (["--kills", "many"], "--kills many: allowed is a whole number from 1 to 10000"),
    (["--seed", "-1"], "--seed -1: allowed is a whole number from 0 to 1000000000"),
    (["--interval", "5"], "--interval 5: allowed is a number of seconds from 8 to 3600"),
    (["--interval", "soon"], f"--interval soon: {SECONDS}"),
    (["--levels", "0-3"], f"--levels 0-3: {LEVELS}"),
    (
        ["--plant", "bug"],
        "--plant bug: allowed are double-commit, lost-update, stale-cache",
    ),
    (["--log", ""], "--log : allowed is a file in a directory that exists"),
    (["--log", "/no/where/x"], "--log /no/where/x: allowed is a file in a directory that exists"),
    (["extra"], "unrecognized arguments: extra; python3 dev.py faults --help names the options"),
]


@pytest.mark.parametrize(
    ("arguments", "line"), FAULTS_WRONG, ids=[" ".join(pair[0]) for pair in FAULTS_WRONG]
)
def test_a_bad_option_of_faults_is_told_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(["faults", *arguments])
    assert str(refusal.value) == line


def test_faults_take_every_option_and_give_them_on(tmp_path: Path) -> None:
    options = parse(
        [
            *("faults", "--kills", "10", "--seed=7", "--interval", "8.5", "--levels", "9-10"),
            *("--no-aof", "--plant", PLANTS[0], "--log", str(tmp_path / "kills.jsonl")),
        ]
    )
    expected = FaultsOptions(
        kills=10,
        seed=7,
        interval=Decimal("8.5"),
        levels=(9, 10),
        plant=PLANTS[0],
        aof=False,
        log=(tmp_path / "kills.jsonl").resolve(),
    )
    assert options == expected
    assert parse(["faults", *expected.words()]) == expected
    assert parse(["faults", *FaultsOptions().words()]) == parse(["faults"]) == FaultsOptions()


def test_the_replay_of_a_file_finds_it_from_anywhere_and_needs_no_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["--prices", "a.csv"], ["--prices=a.csv"]):
        found = parse(["manage", "replay", *words, "--levels", "5"])
        assert isinstance(found, ManageOptions)
        assert str(tmp_path / "a.csv") in " ".join(found.arguments)
        assert not found.needs_servers
    stored = parse(["manage", "replay", "--session", "1", "--verify"])
    assert stored == ManageOptions(("replay", "--session", "1", "--verify"), DEFAULT_DATA)
    assert stored.needs_servers
    other = parse(["manage", "seed", "--prices", "simulated"])
    assert isinstance(other, ManageOptions)
    assert other.arguments[-1] == "simulated"
    assert other.needs_servers
    plan = parse(["manage", "price_plan", "--tokens", "9"])
    assert isinstance(plan, ManageOptions)
    assert not plan.needs_servers


def test_the_bot_keeps_its_arguments_and_the_data_directory_may_stand_anywhere(
    tmp_path: Path,
) -> None:
    there = str(tmp_path)
    expected = BotOptions(("--account-name", "A", "--max-ticks", "3"), tmp_path.resolve())
    assert parse(["bot", "--account-name", "A", "--data", there, "--max-ticks", "3"]) == expected
    assert parse(["bot", f"--data={there}", "--account-name", "A", "--max-ticks", "3"]) == expected
    assert parse(["bot", "--help"]) == BotOptions(("--help",), DEFAULT_DATA)


def test_the_arguments_of_pytest_are_kept() -> None:
    assert parse(["test", "-x", "tests/engine"]) == PytestOptions(("-x", "tests/engine"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["up", "-h"],
        ["up", "--port", "1", "--help"],
        ["manage", "--help"],
        ["faults", "-h"],
    ],
)
def test_help_is_a_text_that_names_the_command(arguments: list[str]) -> None:
    text = parse(arguments)
    assert isinstance(text, str)
    assert "python3 dev.py" in text


def test_a_number_of_thousands_of_digits_is_refused_in_one_short_line() -> None:
    with pytest.raises(Refused) as refused:
        parse(["up", "--levels", "1" * 5_000])
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) <= 600


def test_a_directory_name_that_no_file_system_takes_is_refused() -> None:
    with pytest.raises(Refused, match="too long"):
        parse(["up", "--data", "d" * 300])


@pytest.mark.parametrize("path", ["/" + "f" * 500, "/data/a\nb", "/data/a\udcffb"])
def test_a_path_that_cannot_be_kept_is_refused_before_anything_starts(path: str) -> None:
    with pytest.raises(Refused, match="allowed is a path of up to 500 printable signs") as refused:
        parse(["up", "--prices", f"recorded:{path}"])
    assert "\n" not in str(refused.value)
