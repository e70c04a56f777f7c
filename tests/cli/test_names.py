from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.cli.output import names

PATHS = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\0", b"x"))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"2025/07/DSC04411.ARW", "2025/07/DSC04411.ARW"),
        (b"caf\xe9.jpg", r"$'caf\xe9.jpg'"),
        ("café.jpg".encode(), "café.jpg"),
        (b"two\nlines", r"$'two\nlines'"),
        (b"esc\x1b[31m", r"$'esc\x1b[31m'"),
        ("abc\u202egpj".encode(), r"$'abc\xe2\x80\xaegpj'"),
        (b" first", "$' first'"),
        (b"dir /last", "$'dir /last'"),
        (b"it's", "it's"),
        (b"it's \xff", r"$'it\'s \xff'"),
        (b"back\\slash\x01", r"$'back\\slash\x01'"),
        (b"$'x'", r"$'$\'x\''"),
        (b"", "."),
        ("写真/\u3000".encode(), "$'写真/\u3000'"),
        ("a\u3000b".encode(), "a\u3000b"),
    ],
)
def test_shown(path: bytes, shown: str) -> None:
    assert names.shown(path) == shown


@given(PATHS)
def test_a_shown_path_moves_no_cursor(path: bytes) -> None:
    assert not set(names.shown(path)) & {chr(code) for code in [*range(32), 127, *range(0x80, 0xA0)]}


def _typed_in_bash(words: list[str]) -> list[bytes]:
    done = subprocess.run(["bash", "-c", "printf '%s\\0' " + " ".join(words)], stdout=subprocess.PIPE, check=True)
    return done.stdout.split(b"\0")[:-1]


@settings(deadline=None, max_examples=40)
@given(st.lists(PATHS, min_size=1, max_size=20))
def test_bash_takes_back_what_is_quoted(paths: list[bytes]) -> None:
    assert _typed_in_bash([names.quoted(path) for path in paths]) == paths


@settings(deadline=None, max_examples=40)
@given(st.lists(PATHS.map(lambda path: path + b"\xff"), min_size=1, max_size=20))
def test_bash_takes_back_what_is_shown_escaped(paths: list[bytes]) -> None:
    assert _typed_in_bash([names.shown(path) for path in paths]) == paths


def test_quoted_for_a_shell() -> None:
    assert names.quoted("/home/ana/Photos") == "/home/ana/Photos"
    assert names.quoted("/home/ana/My Photos") == "'/home/ana/My Photos'"
    assert names.quoted(os.fsdecode(b"caf\xe9")) == r"$'caf\xe9'"


def test_cut_in_the_middle_counts_columns() -> None:
    assert names.cut_middle("2025/07/Sardinia/DSC04411.ARW", 15) == "2025/0...11.ARW"
    assert names.cells(names.cut_middle("写真" * 20, 21)) <= 21
    assert names.cut_middle("short", 15) == "short"


@given(st.text(max_size=60), st.integers(0, 60))
def test_cut_never_is_too_wide(text: str, width: int) -> None:
    assert names.cells(names.cut(text, width)) <= width
    assert names.cells(names.cut_middle(text, width)) <= width


def test_a_message_shows_no_control_character() -> None:
    assert names.safe("a\x1b[2Jb\udce9") == r"a\x1b[2Jb\xe9"


@pytest.mark.parametrize("path", [b"caf\xe9.jpg", "café".encode()])
def test_is_exact(path: bytes) -> None:
    assert names.is_exact(path) == (path != b"caf\xe9.jpg")
