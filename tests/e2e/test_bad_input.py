"""What cannot be run is refused in one line, and nothing is left behind."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import PATIENCE_SECONDS, command, environment, free_port, left_behind

pytestmark = pytest.mark.stack
HEADER = "timestamp,symbol,open,high,low,close,volume_usd"


def refused(folder: Path, *options: str, **variables: str) -> str:
    """Run `up` and return its one line, having made sure that nothing was left behind."""
    data, port = folder / "data", free_port()
    given = {"--data": str(data), "--port": str(port)}
    for name, value in given.items():
        options = options if name in options else (*options, name, value)
    ended = subprocess.run(
        command("up", *options),
        env=environment(variables),
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode not in (0, 130), ended.stdout
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert left_behind(data, port) == []
    assert not (data / "run.json").exists()
    return lines[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--speed", "3"], ["--speed 3", "--help"]),
        (["--prices", "real"], ["--prices real", "live, simulated", "recorded:FILE"]),
        (["--prices", "recorded:"], ["--prices recorded:", "recorded:FILE"]),
        (["--interval", "0"], ["--interval 0", "0.2 to 3600"]),
        (["--interval", "soon"], ["--interval soon", "0.2 to 3600"]),
        (["--levels", "11"], ["--levels 11", "1 to 10"]),
        (["--levels", "0"], ["--levels 0", "1 to 10"]),
        (["--ticks", "0"], ["--ticks 0", "from 1"]),
        (["--port", "70000"], ["--port 70000", "65535"]),
    ],
    ids=" ".join,
)
def test_an_option_that_is_not_allowed_is_named(
    options: list[str], words: list[str], tmp_path: Path
) -> None:
    line = refused(tmp_path, *options)
    assert all(word in line for word in words), line
    assert not (tmp_path / "data").exists()


def test_a_price_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = refused(tmp_path, "--prices", "recorded:gone.csv")
    assert "gone.csv" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEADER}\n2026-01-05T00:00:00Z,WETH,1,1,1,dear,5\n", ["line 2", "dear"]),
        (f"{HEADER}\n2026-01-05T00:00:00Z,WETH,1,1,1,1,5\nyesterday,WETH,1,1,1,1,5\n",
         ["line 3", "yesterday"]),
        ("time,price\n1,2\n", ["line 1"]),
    ],
    ids=["a price", "a time", "the header"],
)  # fmt: skip
def test_a_wrong_line_of_a_price_file_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text(text)
    line = refused(tmp_path, "--prices", "recorded:wrong.csv")
    assert all(word in line for word in ["wrong.csv", *words]), line


@pytest.fixture
def taken() -> Iterator[int]:
    """Hold a port whose lower neighbour is free, so that it can be the page's or Flower's."""
    with socket.socket() as listening:
        while True:
            below = free_port()
            try:
                listening.bind(("127.0.0.1", below + 1))
            except OSError:
                continue
            break
        listening.listen()
        yield below + 1


def test_a_port_in_use_is_named(taken: int, tmp_path: Path) -> None:
    line = refused(tmp_path, "--port", str(taken))
    assert str(taken) in line
    assert "--port" in line
    assert not (tmp_path / "data").exists()


def test_the_port_of_flower_is_asked_for_too(taken: int, tmp_path: Path) -> None:
    line = refused(tmp_path, "--port", str(taken - 1))
    assert str(taken) in line
    assert "Flower" in line


@pytest.mark.parametrize(
    ("variable", "url", "words"),
    [
        ("DATABASE_URL", "mysql://me:secret@127.0.0.1/dex", ["mysql", "postgresql://"]),
        ("DATABASE_URL", "postgresql://me:secret@127.0.0.1:nine/dex", ["postgresql://"]),
        ("REDIS_URL", "http://:secret@127.0.0.1", ["redis://"]),
        ("DATABASE_URL", "postgresql://me:secret@127.0.0.1:{port}/dex", ["127.0.0.1:{port}"]),
        ("REDIS_URL", "redis://:secret@127.0.0.1:{port}", ["127.0.0.1:{port}"]),
    ],
    ids=["scheme", "number", "redis scheme", "no database there", "no redis there"],
)
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    variable: str, url: str, words: list[str], tmp_path: Path
) -> None:
    port = free_port()
    line = refused(tmp_path, **{variable: url.format(port=port)})
    assert all(word.format(port=port) in line for word in [variable, *words]), line
    assert "secret" not in line
