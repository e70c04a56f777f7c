"""Objects that lie: refused by name, nothing more than was claimed is held or written, memory stays flat."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from shelf import KEY, Shelf, encrypted, filled, gzipped, padded, preamble

from bakup.errors import Damaged, Truncated

DATA = b"what is in the file\n" * 500


def plain(text: bytes, stored: bytes = DATA) -> bytes:
    return b"\x01\x00" + filled(text) + stored


def refused(shelf: Shelf, data: bytes, said: str, kind: type[Damaged] = Damaged) -> None:
    shelf.put(data)
    with pytest.raises(kind, match=rf"^object is (damaged|cut short): .*{said}"):
        shelf.read(KEY)


def test_sizes_that_lie(shelf: Shelf) -> None:
    refused(shelf, plain(preamble(DATA, size=len(DATA) - 20)), "holds more than the 9,980 bytes")
    refused(shelf, plain(preamble(DATA, size=len(DATA) + 20)), "holds .* fewer than it says", Truncated)
    refused(shelf, plain(preamble(DATA, size=2**63 - 1)), "fewer than it says")
    refused(shelf, plain(preamble(DATA, size=0)), "more than the 0 bytes")
    refused(shelf, plain(preamble(DATA, z="gzip", size=1), gzipped(DATA)), "more than the 1 bytes")
    refused(shelf, plain(preamble(DATA, z="gzip", size=len(DATA) + 1), gzipped(DATA)), "fewer", Truncated)


def test_another_sha256(shelf: Shelf) -> None:
    for data in (plain(preamble(b"other", size=len(DATA))), plain(preamble(DATA), DATA[:-1] + b"X")):
        refused(shelf, data, "not those of the sha256")
    body = filled(preamble(DATA)) + DATA[:-1] + b"X"
    refused(shelf, encrypted(padded(body)), "not those of the sha256")


@pytest.mark.parametrize("padding", [b"\0", b"\x11", b"\x02\x03", b"\x01" * 15 + b"\x10"])
def test_wrong_padding(shelf: Shelf, padding: bytes) -> None:
    body = filled(preamble(DATA)) + DATA
    body += b"x" * (-(len(body) + len(padding)) % 16) + padding
    refused(shelf, encrypted(body), "padding is wrong")


def test_every_cut_is_noticed(shelf: Shelf) -> None:
    data = b"short\n"
    whole = [
        b"\x01\x00" + filled(preamble(data)) + data,
        b"\x01\x00" + filled(preamble(data, z="gzip")) + gzipped(data),
        encrypted(padded(filled(preamble(data)) + data)),
        encrypted(padded(filled(preamble(data, z="gzip")) + gzipped(data))),
    ]
    for one in whole:
        for length in range(len(one)):
            refused(shelf, one[:length], "")


def test_every_flipped_byte_is_noticed_or_harmless(shelf: Shelf) -> None:
    """Of the preamble only what is compared can be noticed: the format authenticates nothing."""
    shelf.write(DATA, key=KEY)
    whole = shelf.bytes()
    for at in range(len(whole) - 200, len(whole)):
        shelf.put(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        with pytest.raises(Damaged):
            shelf.read(KEY)


def test_another_key(shelf: Shelf) -> None:
    shelf.write(DATA, key=bytes(32))
    with pytest.raises(Damaged, match="object is damaged: it does not open: another key") as caught:
        shelf.open(KEY)
    assert caught.value.code == "atbak-key"
    assert "--key-file" in caught.value.hints[0]


def test_other_files(shelf: Shelf) -> None:
    for data in (b"", b"BKUP" + bytes(100), b"\x02\x00" + bytes(100), b"\x01\x07" + bytes(100), b"%PDF-1.7"):
        refused(shelf, data, "")


def test_longest_preambles(shelf: Shelf) -> None:
    text = preamble(DATA, b"")
    text += b"x" * (65_535 - len(text))
    shelf.put(plain(text))
    assert len(shelf.open().preamble.path) > 65_000
    assert shelf.read() == DATA
    refused(shelf, plain(text)[:60_000], "shorter than its preamble", Truncated)
    refused(shelf, b"\x01\x00\xff\xff" + b"v=1," * 20_000, "does not parse")


def test_gzip_that_is_none(shelf: Shelf) -> None:
    text = preamble(DATA, z="gzip")
    refused(shelf, plain(text, DATA), "gzip data do not unpack")
    refused(shelf, plain(text, gzipped(DATA)[:-9]), "end too early", Truncated)
    refused(shelf, plain(text, gzipped(DATA) + b"more"), "gzip data do not unpack")
    refused(shelf, plain(text, gzipped(DATA)[:-1]), "end too early", Truncated)


def bomb(size: int) -> bytes:
    return gzipped(bytes(size))


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_ends_at_what_it_claims(shelf: Shelf) -> None:
    text = preamble(b"tiny", z="gzip")
    stored = b"".join([bomb(64_000_000)] * 4)
    shelf.put(plain(text, stored))

    def read() -> None:
        with pytest.raises(Damaged, match="holds more than the 4 bytes"):
            shelf.read()

    assert peak(read) < 8_000_000


def test_memory_is_flat(shelf: Shelf) -> None:
    size = 100_000_000
    shelf.put(plain(preamble(bytes(size), z="gzip"), bomb(size)))
    seen = [0]

    def read() -> None:
        for piece in shelf.open().stream():
            seen[0] += len(piece)

    assert peak(read) < 8_000_000
    assert seen[0] == size


def test_memory_is_flat_while_writing(shelf: Shelf) -> None:
    data = bytes(60_000_000)
    assert peak(lambda: shelf.write(data, key=KEY, level=1)) < 24_000_000
    assert peak(lambda: shelf.write(data, key=KEY)) < 24_000_000
    assert peak(lambda: [None for _ in shelf.open(KEY).stream()]) < 24_000_000


def test_many_empty_members_take_no_ages(shelf: Shelf) -> None:
    members = gzipped(b"") * 100_000
    shelf.put(plain(preamble(b"", z="gzip"), members))
    assert shelf.read() == b""


def test_an_object_that_shrinks_while_it_is_read(shelf: Shelf) -> None:
    shelf.write(bytes(10_000), key=KEY)
    found = shelf.open(KEY)
    shelf.put(shelf.bytes()[:5_000])
    with pytest.raises(Truncated, match=r"^object is cut short: 5,000 of"):
        list(found.stream())
