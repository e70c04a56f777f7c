"""Names that a system cannot hold are escaped, and come back."""

from __future__ import annotations

import ntpath
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakup.destination.folder.names import escape, unescape

PIECES = [
    b"CON",
    b"nul",
    b"COM1",
    b"lpt\xc2\xb9",
    b"CONIN$",
    b".txt",
    b".",
    b" ",
    b":",
    b"%",
    b"%3A",
    b"%3a",
    b"\xe9",
]
names = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(b"".join),
).filter(lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."})


def held_by_windows(name: bytes) -> bool:
    shown = name.decode()
    reserved = getattr(ntpath, "isreserved", lambda path: PureWindowsPath(path).is_reserved())
    whole = PureWindowsPath(shown).parts == (shown,)
    return whole and not reserved(shown) and not set(shown) & set('<>:"|?*\\') and shown[-1] not in ". "


@given(name=names)
def test_every_name_comes_back_and_windows_holds_it(name: bytes) -> None:
    escaped = escape(name, "windows")
    assert unescape(escaped, "windows") == name
    assert held_by_windows(escaped)


@given(one=names, other=names)
def test_two_names_stay_two(one: bytes, other: bytes) -> None:
    assert (escape(one, "windows") == escape(other, "windows")) == (one == other)


@given(name=names)
def test_where_names_are_utf8(name: bytes) -> None:
    escaped = escape(name, "utf-8")
    assert escaped.decode()
    assert unescape(escaped, "utf-8") == name


@given(name=names)
def test_where_names_are_bytes_they_stay(name: bytes) -> None:
    assert escape(name, "bytes") == unescape(name, "bytes") == name


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        (b"plain name.txt", b"plain name.txt"),
        (b"100%", b"100%"),
        (b"100%25", b"100%2525"),
        (b"what?", b"what%3F"),
        (b"a:b", b"a%3Ab"),
        (b"nul.txt", b"%6Eul.txt"),
        (b"NULL", b"NULL"),
        (b"end.", b"end%2E"),
        (b"caf\xe9", b"caf%E9"),
        ("café".encode(), "café".encode()),
    ],
)
def test_the_rule(name: bytes, escaped: bytes) -> None:
    assert escape(name, "windows") == escaped
