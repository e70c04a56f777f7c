"""Which names some systems take for one."""

from __future__ import annotations

import pytest

from bakup.destination.alike import alike, parted, variants


def test_each_but_the_first_is_found_with_the_first() -> None:
    paths = [b"A", b"B/x", b"a", b"b", b"b/X", b"c.", b"c", b"d ", b"e", b"\xff", b"\xc3\x89", b"E\xcc\x81", b"..."]
    found = {b"a": b"A", b"b/X": b"B/x", b"c": b"c.", b"E\xcc\x81": b"\xc3\x89"}
    assert alike(lambda: paths) == found


@pytest.mark.parametrize(
    ("first", "second", "folder", "names"),
    [(b"A", b"a", b"", (b"A", b"a")), (b"x/B/c", b"x/b/c", b"x", (b"B", b"b")), (b"x/B", b"x/b", b"x", (b"B", b"b"))],
)
def test_where_two_paths_part(first: bytes, second: bytes, folder: bytes, names: tuple[bytes, bytes]) -> None:
    assert parted(first, second) == (folder, *names)


def test_variants() -> None:
    assert variants(b"aB1") == {b"Ab1"}
    assert variants(b"12.") == set()
    assert "CAFE\u0301".encode() in variants("CAF\u00c9".encode())
    assert variants(b"\xff") == set()
