"""Files of patterns and lists as other programs write them; patterns that mean nothing are named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.cli.parsing.options import What
from bakup.cli.parsing.selecting import selection

Bakup = Callable[..., str]


@pytest.fixture
def bakup(tmp_path: Path) -> Bakup:
    """Runs `bakup plan` on a source with three files; gives all that it says."""
    for path in ("src/a.tmp", "src/keep/in/doc", "src/keep/out", "other/b"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bakup", "plan", *arguments, "t"],
            cwd=tmp_path,
            env={**os.environ, "BAKUP_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    "data",
    [b"*.tmp\n", b"\xef\xbb\xbf*.tmp\r\n", "\ufeff*.tmp\r\n".encode("utf-16-le"), "\ufeff*.tmp\n".encode("utf-16-be")],
)
def test_a_byte_order_mark_is_no_part_of_a_pattern_or_path(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "list"
    file.write_bytes(data)
    chosen = selection(What(exclude_from=[str(file)], files_from=[str(file)]))
    assert chosen.patterns[0] == "*.tmp"
    assert chosen.files_from == (b"*.tmp",)


def test_an_exception_without_effect_is_told_and_with_v_each_pattern(bakup: Bakup) -> None:
    inside = bakup("src", "--exclude", "/keep/", "--exclude", "*.none", "--include", "doc")
    assert "note: --include doc has no effect: it matched nothing, or a later one decides\n" in inside
    assert "*.none" not in inside
    assert "note: --exclude *.none has no effect" in bakup("-v", "src", "--exclude", "*.none")
    assert "no effect" not in bakup("-v", "src", "--exclude", "keep/*", "--include", "/keep/in")


def test_with_several_sources_a_pattern_need_mean_something_in_one(bakup: Bakup, tmp_path: Path) -> None:
    assert "no effect" not in bakup("-v", "src", "other", "--exclude", f"{tmp_path}/other/b")
    (tmp_path / "list").write_text(f"{tmp_path}/src/a.tmp\n{tmp_path}/other/b\n")
    said = bakup("src", "other", "--files-from", "list")
    assert said.count("new                1 file") == 2
    assert "warning: not in" not in said


def test_a_listed_path_outside_is_refused_with_a_hint(bakup: Bakup, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"/etc/passwd\0")
    said = bakup("src", "--files-from", "list", "-0", code=2)
    assert "error: not a path below the source: /etc/passwd\nhint: listed paths are relative to SRC" in said


def test_what_is_listed_twice_with_its_parents_or_gone(bakup: Bakup, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"keep/in/doc\0keep\0keep/in/doc\0./keep/\0gone\0")
    said = bakup("src", "--files-from", "list", "-0")
    assert "new                2 files" in said
    assert said.count("gone, which --files-from lists") == 1


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_a_marker_is_the_name_of_a_file(bakup: Bakup, name: str) -> None:
    assert "takes the name of a file" in bakup("src", "--exclude-if-present", name, code=2)
