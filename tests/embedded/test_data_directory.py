"""The data directory: private, recognised, and never somebody else's."""

import stat
from pathlib import Path

import pytest

from dexproject.embedded.credentials import Credentials, write_private
from dexproject.embedded.errors import Refused
from dexproject.embedded.paths import DataDirectory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_directory_is_private(tmp_path: Path) -> None:
    home = DataDirectory(tmp_path / "new" / "data")
    home.make()
    home.make()
    Credentials.load(home.secrets)
    assert mode(home.root) == 0o700
    assert mode(home.lock) == mode(home.secrets) == 0o600


def test_a_directory_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(Refused) as refusal:
        DataDirectory(tmp_path).make()
    line = f"{tmp_path} is not empty and no data directory; name another one"
    assert str(refusal.value) == line
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(Refused) as refusal:
        DataDirectory(file).make()
    assert str(refusal.value) == f"{file} cannot be used for data: File exists"


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = Credentials.load(tmp_path / "secrets.json")
    assert Credentials.load(tmp_path / "secrets.json") == first
    assert Credentials.load(tmp_path / "other.json") != first


@pytest.mark.parametrize("content", ["", "{}", '{"secret_key": ""}', "[]", '{"unknown": "x"}'])
def test_damaged_secrets_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(Refused) as refusal:
        Credentials.load(path)
    assert str(refusal.value) == f"{path} is not readable or not a complete list of secrets"


def test_a_private_file_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_only_large_logs_are_moved_aside(tmp_path: Path) -> None:
    home = DataDirectory(tmp_path)
    home.make()
    home.log("web").write_bytes(b"x" * 10_000_001)
    home.log("beat").write_bytes(b"x" * 10_000_000)
    home.rotate_logs()
    assert sorted(path.name for path in home.logs.iterdir()) == ["beat.log", "web.log.1"]
