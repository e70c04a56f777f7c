"""Which names some systems take for one."""

from __future__ import annotations

import pytest

from bakup.destination.alike import alike, parted, variants


def test_each_but_the_first_is_found_with_the_first() -> None:
    paths = [b"A", b"B/x", b"a", b"b", b"b/X", b"c.", b"c", b"d ", b"e", b"\xff", b"\xc3\x89", b"E\xcc\x81", b"..."]
    found = {b"a": b"A", b"b": b"B", b"c": b"c.", b"E\xcc\x81": b"\xc3\x89"}
    assert alike(lambda: paths) == found


def test_only_names_in_one_folder_are_alike() -> None:
    paths = [b"A/b/c", b"a/b/C", b"a/b/c", b"d/e/f", b"d/e/g", b"d/E/f"]
    assert alike(lambda: paths) == {b"a": b"A", b"a/b/c": b"a/b/C", b"d/E": b"d/e"}


@pytest.mark.parametrize(
    ("first", "second", "folder", "names"),
    [(b"A", b"a", b"", (b"A", b"a")), (b"x/B", b"x/b", b"x", (b"B", b"b"))],
)
def test_where_two_paths_part(first: bytes, second: bytes, folder: bytes, names: tuple[bytes, bytes]) -> None:
    assert parted(first, second) == (folder, *names)


def test_variants() -> None:
    assert variants(b"aB1") == {b"Ab1"}
    assert variants(b"12.") == set()
    assert "CAFE\u0301".encode() in variants("CAF\u00c9".encode())
    assert variants(b"\xff") == set()
