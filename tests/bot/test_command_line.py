"""The bot's command line: what is accepted, and the one line for what is not."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from dexproject.embedded.options import ROOT
from dexproject.embedded.ports import pick
from paper_trading.bot import command_line
from paper_trading.bot.command_line import BadArguments, Chosen, parse

NAME = ["--account-name", "A"]
SECONDS = "allowed is 0.2 to 3600 seconds with at most three decimals"
HELP = "--help names the options"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], f"the following arguments are required: --account-name; {HELP}"),
        (["--account-name", ""], "account name '': allowed are 1 to 120 printable signs"),
        ([*NAME, "--intel-level", "11"],
         "--intel-level '11': allowed is a whole number from 1 to 10"),
        ([*NAME, "--intel-level", "high"],
         "--intel-level 'high': allowed is a whole number from 1 to 10"),
        ([*NAME, "--tick-interval", "0"], f"--tick-interval: interval was '0'; {SECONDS}"),
        ([*NAME, "--tick-interval", "1e999"], f"--tick-interval: interval was '1e999'; {SECONDS}"),
        ([*NAME, "--tick-interval=-1e999999"],
         f"--tick-interval: interval was '-1e999999'; {SECONDS}"),
        ([*NAME, "--tick-interval", "1.0001"],
         f"--tick-interval: interval was '1.0001'; {SECONDS}"),
        ([*NAME, "--tick-interval", "0_5"], f"--tick-interval: interval was '0_5'; {SECONDS}"),
        ([*NAME, "--max-ticks", "0"],
         "--max-ticks '0': allowed is a whole number from 1 to 1000000000"),
        ([*NAME, "--max-ticks", "-3"],
         "--max-ticks '-3': allowed is a whole number from 1 to 1000000000"),
        ([*NAME, "--prices", "real"],
         "prices 'real': allowed are live, simulated and recorded:FILE"),
        ([*NAME, "--prices", "recorded:"],
         "prices 'recorded:': allowed are live, simulated and recorded:FILE"),
        ([*NAME, "--prices", "recorded:gone.csv"], "prices: gone.csv: no such file"),
        ([*NAME, "--log-level", "loud"],
         "--log-level 'loud': allowed are DEBUG, INFO, WARNING, ERROR"),
        ([*NAME, "--use-real-prices", "--prices", "simulated"],
         "--use-real-prices means --prices live, not 'simulated'"),
        ([*NAME, "--level", "5"], f"unrecognized arguments: --level 5; {HELP}"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_told_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(BadArguments) as refusal:
        parse(arguments)
    assert str(refusal.value) == line


@pytest.mark.parametrize(
    "words",
    [["--prices", "live"], ["--use-real-prices"], ["--use-real-prices", "--prices", "live"]],
)
def test_real_prices_are_live_ones(words: list[str]) -> None:
    assert parse([*NAME, *words]).prices == command_line.LIVE


def test_an_unknown_chain_is_refused_with_those_of_the_registry() -> None:
    with pytest.raises(
        BadArguments, match=r"chain id 2: allowed are 1 \(Ethereum\), 8453 \(Base\)"
    ):
        parse([*NAME, "--chain-id", "2"])


def test_a_huge_number_is_refused_in_one_short_line() -> None:
    for option in ("--intel-level", "--max-ticks", "--chain-id", "--tick-interval"):
        with pytest.raises(BadArguments) as refusal:
            parse([*NAME, option, "1" * 5_000])
        assert len(str(refusal.value)) < 200


def test_without_options_the_defaults_hold() -> None:
    assert parse(NAME) == Chosen("A", 5, Decimal(15), None, None, None, None)


def test_every_option_is_taken(record: Path) -> None:
    options = (
        f"--account-name=MyBot --intel-level 9 --tick-interval 0.25 --prices recorded:{record}"
        " --chain-id 8453 --max-ticks 20 --log-level debug"
    )
    assert parse(options.split()) == Chosen(
        account_name="MyBot",
        intel_level=9,
        tick_interval=Decimal("0.25"),
        prices=f"recorded:{record.resolve()}",
        chain_id=8453,
        max_ticks=20,
        log_level="DEBUG",
    )


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("", "DATABASE_URL is not set"),
        (
            "mysql://me:secret@h/d",
            "DATABASE_URL: expected postgresql://user:password@host:port/name",
        ),
        ("postgresql://me:secret@127.0.0.1:{port}/d", "the database cannot be used: connection"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(url: str, line: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "paper_trading.bot", "--account-name", "A"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": url.format(port=pick())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"paper_trading.bot: error: {line}")
    assert "secret" not in said


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    assert "--use-real-prices" in capsys.readouterr().out
