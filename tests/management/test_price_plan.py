"""The command `price_plan`: calls against limits, keys never shown, no servers needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "CG-very-secret"


def price_plan(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does: with these variables and no servers."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "price_plan", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env=kept | environment,
    )  # fmt: skip


def cells(out: str, source: str, role: str) -> list[str]:
    lines = [line.split() for line in out.splitlines()]
    (found,) = [line for line in lines if line[:2] == [source, role]]
    return found


def test_the_default_fits_without_any_key() -> None:
    ended = price_plan("--tokens", "9")
    assert ended.returncode == 0, ended.stderr
    line = "dexscreener tick 15 s 1 4 240 5,760 178,560 300/min 1.7 %"
    assert " ".join(cells(ended.stdout, "dexscreener", "tick")) == line
    assert "DEX_ALCHEMY_KEY: not set" in ended.stdout
    assert "coingecko " not in ended.stdout


def test_keys_are_used_and_never_shown() -> None:
    rpc = f"https://rpc.example.org/v2/{SECRET}"
    ended = price_plan(
        "--tokens", "9",
        DEX_COINGECKO_DEMO_KEY=SECRET, DEX_ALCHEMY_KEY=SECRET, DEX_RPC_URL_8453=rpc,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert cells(ended.stdout, "onchain", "tick")[2] == "15"
    assert cells(ended.stdout, "coingecko", "cross-check")[2] == "300"
    assert "DEX_RPC_URL_8453: set" in ended.stdout
    assert "DEX_RPC_URL_1: not set" in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_a_tick_that_cannot_be_served_exits_with_1_and_says_the_shortest() -> None:
    ended = price_plan("--tokens", "500", "--interval", "1")
    assert ended.returncode == 1
    assert "the shortest possible is 5 s" in ended.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DEX_RPC_URL_8453", f"ftp://host/{SECRET}", "expected an http or https URL, was a ftp"),
        ("DEX_RPC_URL_1", f"https://me:{SECRET}@host/", "holds a user name or a password"),
        ("DEX_DEXSCREENER_URL", f"https:///{SECRET}", "names no host"),
        ("DEX_DEFILLAMA_URL", "http://127.0.0.1:80", "the host is a private address"),
        ("DEX_ALCHEMY_URL", "http://[::ffff:10.0.0.1]/", "the host is a private address"),
        ("DEX_ALCHEMY_URL", "http://169.254.169.254/", "the host is a private address"),
        ("DEX_ALCHEMY_URL", "http://2130706433/", "the host is a malformed address"),
        ("DEX_COINGECKO_URL", "http://localhost/", "names this machine"),
        (
            "DEX_COINGECKO_URL",
            "http://metadata.google.internal/",
            "of a private network; set DEX_A",
        ),
        ("DEX_RPC_URL_1", "http://nas.LAN./", "DEX_ALLOW_PRIVATE_SOURCES=1 if that is meant"),
        ("DEX_RPC_URL_8453", f"http://geth/{SECRET}", "of a private network"),
        ("DEX_DEFILLAMA_URL", "http://printer.local", "of a private network"),
        ("DEX_DEFILLAMA_URL", "http://db.localhost", "names this machine"),
        ("DEX_DEFILLAMA_URL", f"https://host.example/?key={SECRET}", "has a query"),
        ("DEX_GECKOTERMINAL_URL", "https://host:99999/", "the port is malformed"),
        ("DEX_COINGECKO_PRO_KEY", f"{SECRET}\nX: y", "holds a character that no key has"),
        ("DEX_RPC_PER_MINUTE", "many", "allowed is a whole number"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(variable: str, value: str, said: str) -> None:
    ended = price_plan(**{variable: value})
    assert ended.returncode != 0
    line = ended.stderr.splitlines()[-1]
    assert variable in line
    assert said in line
    assert SECRET not in line


def test_private_addresses_may_be_allowed() -> None:
    ended = price_plan(DEX_ALCHEMY_URL="http://127.0.0.1:8/", DEX_ALLOW_PRIVATE_SOURCES="1")
    assert ended.returncode == 0, ended.stderr


def test_an_rpc_address_may_hold_a_query() -> None:
    ended = price_plan("--tokens", "9", DEX_RPC_URL_8453=f"https://rpc.example/?key={SECRET}")
    assert ended.returncode == 0, ended.stderr
    assert "DEX_RPC_URL_8453: set" in ended.stdout


def test_an_empty_variable_counts_as_unset() -> None:
    ended = price_plan("--tokens", "9", DEX_DEXSCREENER_URL="", DEX_RPC_URL_8453="")
    assert ended.returncode == 0, ended.stderr
    assert "DEX_RPC_URL_8453: not set" in ended.stdout
