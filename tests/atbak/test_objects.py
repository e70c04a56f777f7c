"""What is written is read again: any bytes, any size, with and without key and gzip; also what others wrote."""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import FACTS, KEY, Shelf, encrypted, filled, gzipped, padded, preamble

from bakup.atbak import cbc
from bakup.atbak.reader import read_seal
from bakup.atbak.writer import SMALLEST_GZIP
from bakup.errors import Damaged, Truncated, WrongAccount
from bakup.format.preamble import Facts, format_preamble, parse_preamble

SIZES = (0, 1, 15, 16, 17, 149, 150, 4_000, 4_096, 4_097, 70_000)


@given(st.binary(max_size=3_000), st.booleans(), st.sampled_from([None, 1, 9]), st.integers(1, 4_000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_in_any_pieces(data: bytes, locked: bool, level: int | None, piece: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder))
        key = KEY if locked else None
        written = shelf.write(data, key=key, level=level, piece=piece)
        assert shelf.read(key) == data
        assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).digest())
        assert written.stored == len(shelf.bytes())


@pytest.mark.parametrize(("size", "locked", "level"), [*itertools.product(SIZES, [False, True], [None, 6])])
@pytest.mark.parametrize("noise", [False, True])
def test_sizes_around_every_border(shelf: Shelf, size: int, locked: bool, level: int | None, noise: bool) -> None:
    data = os.urandom(size) if noise else (b"abc " * size)[:size]
    key = KEY if locked else None
    for piece in (1_000, 100_000):
        written = shelf.write(data, key=key, level=level, piece=piece)
        found = shelf.open(key)
        assert b"".join(found.stream()) == data
        assert found.preamble.facts == FACTS
        assert found.encrypted == locked
        assert found.preamble.gzip == written.gzip


def test_gzip_only_where_it_pays(shelf: Shelf) -> None:
    assert shelf.write(b"a" * SMALLEST_GZIP, level=6).gzip
    assert not shelf.write(b"a" * (SMALLEST_GZIP - 1), level=6).gzip
    assert not shelf.write(os.urandom(100_000), level=6).gzip
    assert not shelf.write(os.urandom(1_000_000), level=6, piece=200_000).gzip
    assert shelf.write(b"a" * 1_000_000, level=6, piece=200_000).gzip
    assert not shelf.write(b"a" * 1_000_000, level=None).gzip


def test_the_facts_of_atbus_backup_information(shelf: Shelf) -> None:
    for piece in (1_000, 100_000):
        written = shelf.write(b"x" * 50_000, key=KEY, piece=piece)
        stored = shelf.bytes()
        assert stored[:3] == b"\x01\x01\x10"
        assert written.iv == stored[3:19]
        assert written.body_sha256 == hashlib.sha256(stored[19:]).digest()
    assert shelf.write(b"x").iv is shelf.write(b"x").body_sha256 is None


def test_the_seal_is_read_again(shelf: Shelf) -> None:
    for data in (b"", bytes(10_000), os.urandom(5_000_000)):
        written = shelf.write(data, key=KEY)
        assert read_seal(shelf.target, "object", written.stored) == (written.iv or b"") + (written.body_sha256 or b"")
    with pytest.raises(Truncated, match=r"^object is cut short"):
        read_seal(shelf.target, "object", written.stored + 16)
    written = shelf.write(b"plain")
    with pytest.raises(Damaged, match="object is damaged: it is not encrypted"):
        read_seal(shelf.target, "object", written.stored)


def test_two_objects_of_one_file_have_nothing_in_common(shelf: Shelf) -> None:
    for piece in (100, 100_000):
        ivs, blocks = set(), set()
        for _ in range(20):
            shelf.write(bytes(1_000), key=KEY, piece=piece)
            stored = shelf.bytes()
            ivs.add(stored[3:19])
            blocks |= {stored[at : at + 16] for at in range(19, len(stored), 16)}
        assert len(ivs) == 20
        assert len(blocks) == 20 * ((len(stored) - 19) // 16)


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=16, max_size=16))
def test_encrypting_backwards_is_cbc(front: bytes, following: bytes) -> None:
    front = front.ljust(-(-len(front) // 16) * 16, b"\0")
    iv, blocks = cbc.encrypt_before(KEY, front, following)
    assert blocks[-16:] == following
    assert cbc.encryptor(KEY, iv).update(front) == blocks


def test_one_small_read_for_the_preamble(shelf: Shelf) -> None:
    reads = []
    shelf.write(os.urandom(3_000_000), key=KEY)
    read = shelf.target.read
    shelf.target.read = lambda *span: reads.append(span[1:]) or read(*span)  # type: ignore[method-assign]
    found = shelf.open(KEY)
    assert reads == [(0, 4_096)]
    assert len(b"".join(found.stream())) == 3_000_000
    assert [length for _, length in reads[1:]] == [len(shelf.bytes()) - 4_096]


def test_a_preamble_longer_than_the_first_read(shelf: Shelf) -> None:
    facts = Facts(b"x" * 60_000, 1, 2)
    for key, level in itertools.product((None, KEY), (None, 6)):
        shelf.write(b"data" * 1_000, facts, key=key, level=level)
        assert shelf.open(key).preamble.facts == facts
        assert shelf.read(key) == b"data" * 1_000


@pytest.mark.parametrize("first", [*range(2, 24), *range(180, 240), 4_096])
def test_any_first_read(shelf: Shelf, first: int) -> None:
    for key, level in itertools.product((None, KEY), (None, 6)):
        shelf.write(b"data" * 60, key=key, level=level)
        assert shelf.read(key, first=first) == b"data" * 60


@pytest.mark.parametrize("data", [b"", b"x", b"hello\n" * 100, bytes(100), bytes(16), os.urandom(5_000)])
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_atbus_and_the_public_pages_objects(shelf: Shelf, data: bytes, locked: bool, packed: bool) -> None:
    """ATBU writes the IV's length and a fill, the page says neither."""
    text = preamble(data, z="gzip" if packed else "none")
    stored = gzipped(data) if packed else data
    for body, header in (
        (filled(text) + stored, b"\x01\x01\x10"),
        (len(text).to_bytes(2, "little") + text + stored, b"\x01\x01"),
    ):
        shelf.put(encrypted(padded(body), header=header) if locked else b"\x01\x00" + body)
        for first in (len(text) + 40, 4_096):
            assert shelf.read(KEY if locked else None, first=first) == data


def test_gzip_of_several_members(shelf: Shelf) -> None:
    data = b"first" * 1_000 + b"second" * 1_000
    stored = gzipped(b"") + gzipped(data[:5_000]) + gzipped(b"") * 50 + gzipped(data[5_000:])
    shelf.put(b"\x01\x00" + filled(preamble(data, z="gzip")) + stored)
    assert shelf.read() == data


def test_without_a_key(shelf: Shelf) -> None:
    shelf.write(b"secret", key=KEY)
    with pytest.raises(WrongAccount, match="object is encrypted, and there is no key here"):
        shelf.open()
    shelf.write(b"open")
    assert shelf.read(KEY) == b"open"


def test_the_spool_is_never_replaced(shelf: Shelf) -> None:
    from bakup.atbak.writer import write_object

    shelf.write(b"first")
    with pytest.raises(FileExistsError):
        write_object([b"second"], FACTS, str(shelf.folder / "object"))
    assert shelf.read() == b"first"


def test_streamed_objects_have_a_wide_size(shelf: Shelf) -> None:
    shelf.write(b"x" * 3_000, piece=1_000)
    assert b",size=0000000000000003000," in shelf.bytes()
    value, _ = parse_preamble(shelf.bytes()[2:])
    assert shelf.bytes()[2:].startswith(format_preamble(value, size_digits=19))
