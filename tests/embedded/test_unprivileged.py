"""Copies of programs for a user who may not pass through private directories."""

import os
import stat
from pathlib import Path

import pytest

from dexproject.embedded import unprivileged
from dexproject.embedded.errors import LauncherError
from dexproject.embedded.process import Owner
from dexproject.embedded.unprivileged import can_reach, readable_copy

STRANGER = Owner(54321, 54321)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a private place with a program and a library; copies go beside it."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(unprivileged, "COPIES", copies)
    base = tmp_path / "private" / "site-packages"
    program = base / "package" / "bin" / "server"
    program.parent.mkdir(parents=True)
    program.write_text("program")
    program.chmod(0o700)
    (base / "package.libs").mkdir()
    (base / "package.libs" / "libone.so").write_text("library")
    (tmp_path / "private").chmod(0o700)
    return base


def parts(base: Path) -> list[Path]:
    return [base / "package" / "bin" / "server", base / "package.libs"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_copy_keeps_the_shape_and_everybody_may_read_it(installed: Path) -> None:
    before = os.umask(0o077)
    try:
        copy = readable_copy(installed, parts(installed), "package 1")
    finally:
        os.umask(before)
    assert (copy / "package" / "bin" / "server").read_text() == "program"
    assert (copy / "package.libs" / "libone.so").read_text() == "library"
    folders = [copy, copy / "package", copy / "package" / "bin", copy / "package.libs"]
    assert [mode(folder) for folder in folders] == [0o755] * 4
    assert mode(copy / "package" / "bin" / "server") == 0o755
    assert mode(copy / "package.libs" / "libone.so") == 0o644
    assert mode(installed.parent) == 0o700


def test_a_copy_is_made_once_for_a_release(installed: Path) -> None:
    first = readable_copy(installed, parts(installed), "package 1")
    marker = first / "marker"
    marker.touch()
    assert readable_copy(installed, parts(installed), "package 1") == first
    assert marker.exists()
    assert readable_copy(installed, parts(installed), "package 2") != first


def test_a_copy_that_lost_a_file_is_made_again(installed: Path) -> None:
    copy = readable_copy(installed, parts(installed), "package 1")
    (copy / "package.libs" / "libone.so").unlink()
    assert readable_copy(installed, parts(installed), "package 1") == copy
    assert (copy / "package.libs" / "libone.so").read_text() == "library"


def test_a_place_that_others_can_write_to_is_not_trusted(installed: Path) -> None:
    copy = readable_copy(installed, parts(installed), "package 1")
    copy.chmod(0o777)
    with pytest.raises(LauncherError) as failure:
        readable_copy(installed, parts(installed), "package 1")
    assert str(failure.value) == f"{copy} is not a directory of ours alone; remove it"


def test_a_link_in_place_of_the_copy_is_not_followed(installed: Path, tmp_path: Path) -> None:
    copy = readable_copy(installed, parts(installed), "package 1")
    moved = copy.rename(tmp_path / "elsewhere")
    copy.symlink_to(moved)
    with pytest.raises(LauncherError, match=r"is not a directory of ours alone"):
        readable_copy(installed, parts(installed), "package 1")


def test_a_private_parent_or_file_is_out_of_reach(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.touch()
    own = Owner(os.geteuid(), os.getegid())
    file.chmod(0o700)
    assert can_reach(file, own)
    assert not can_reach(file, STRANGER)
    assert can_reach(Path("/bin/sh"), STRANGER)
