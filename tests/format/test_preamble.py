"""Preambles: ours come back as they were, ATBU's and the public page's are read, others are refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakup.errors import Damaged, Failed, Truncated
from bakup.format import preamble as module
from bakup.format.preamble import (
    PREAMBLE_MAX,
    Facts,
    Preamble,
    fill_length,
    format_header,
    format_preamble,
    parse_header,
    parse_preamble,
    posix_seconds,
    safe_path,
    told_path,
)

DIGEST = bytes(range(32))
TIMES = st.integers(-(2**62), 2**62)
PATHS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1).map(str.encode)
PREAMBLES = st.builds(
    Preamble,
    st.builds(Facts, PATHS, TIMES, TIMES),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.booleans(),
)


def body(text: bytes) -> bytes:
    return len(text).to_bytes(2, "little") + text


def by_atbu(**changed: str) -> bytes:
    fields = {
        "v": "1",
        "z": "gzip",
        "sha256": DIGEST.hex(),
        "size": "5",
        "modified": "1700000000.1234567",
        "accessed": "1700000001.0",
        "path": "home/ana/a,b=c,path=x\ny",
    } | changed
    return ",".join(f"{name}={value}" for name, value in fields.items() if value != "-").encode()


@given(PREAMBLES)
def test_what_is_written_is_read_again(value: Preamble) -> None:
    data = format_preamble(value)
    found, end = parse_preamble(data + b"data")
    assert found == value
    assert len(data) == end + fill_length(end - 2)
    assert data[end:] == bytes(len(data) - end)


@given(st.integers(0, PREAMBLE_MAX))
def test_the_fill_is_atbus(length: int) -> None:
    assert length + 2 + fill_length(length) == (length + 2 + 16) // 16 * 16


def test_the_bytes_are_those_of_the_page() -> None:
    facts = Facts(b"home/ana/notes.txt", 1_700_000_000_123_456_789, 1_700_000_001_000_000_000)
    text = (
        b"v=1,z=none,sha256=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f,size=5,"
        b"modified=1700000000.123456789,accessed=1700000001.0,path=home/ana/notes.txt"
    )
    assert format_preamble(Preamble(facts, 5, DIGEST)) == len(text).to_bytes(2, "little") + text + bytes(9)


def test_wide_sizes_are_the_same_size() -> None:
    value = Preamble(Facts(b"x", 0, 0), 7, DIGEST)
    wide = format_preamble(value, size_digits=19)
    assert b"size=0000000000000000007," in wide
    assert parse_preamble(wide)[0] == value


def test_atbus_is_read() -> None:
    found, _ = parse_preamble(body(by_atbu()))
    assert found.path == b"home/ana/a,b=c,path=x\ny"
    assert found.facts.modified_ns == 1_700_000_000_123_456_700
    assert found.facts.accessed_ns == 1_700_000_001_000_000_000
    assert (found.size, found.sha256, found.gzip) == (5, DIGEST, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1700000000", 1_700_000_000 * 10**9),
        ("1.7e9", 1_700_000_000 * 10**9),
        ("-0.5", -500_000_000),
        ("1e-05", 10_000),
        ("nan", None),
        ("inf", None),
        ("1e999999999", None),
        ("1e-999999999", 0),
        ("soon", None),
        ("", None),
        ("-", None),
    ],
)
def test_times_are_floats_or_integers_or_not_known(text: str, expected: int | None) -> None:
    assert parse_preamble(body(by_atbu(modified=text)))[0].facts.modified_ns == expected


def test_unknown_keys_are_passed_over_and_some_may_lack() -> None:
    found, _ = parse_preamble(body(by_atbu(v="-", z="-", accessed="-", modified="1,mood=good")))
    assert not found.gzip
    assert found.facts == Facts(b"home/ana/a,b=c,path=x\ny", 10**9, None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"v": "2"}, "another version"),
        ({"z": "zstd"}, "neither gzip nor none"),
        ({"sha256": "-"}, "no sha256"),
        ({"sha256": "ab"}, "no sha256"),
        ({"size": "-"}, "no size"),
        ({"size": "-5"}, "no size"),
        ({"size": "9" * 30}, "no size"),
        ({"size": "9" * 5000}, "no size"),
        ({"path": "-"}, "does not parse"),
        ({"path": ""}, "no path"),
        ({"path": "a\0b"}, "no path"),
        ({"size": "5,size=6"}, "does not parse"),
        ({"size": "5,mood"}, "does not parse"),
    ],
)
def test_what_is_needed_is_asked_for_by_name(changed: dict[str, str], said: str) -> None:
    with pytest.raises(Damaged, match=said):
        parse_preamble(body(by_atbu(**changed)))


def test_other_bytes_than_utf8_are_refused() -> None:
    with pytest.raises(Damaged, match="UTF-8"):
        parse_preamble(body(by_atbu(path="") + b"caf\xe9"))
    with pytest.raises(Failed, match="fits into no preamble"):
        format_preamble(Preamble(Facts(b"caf\xe9"), 0, DIGEST))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_preamble_or_damaged(data: bytes) -> None:
    try:
        parse_preamble(data)
    except Damaged:
        return
    raise AssertionError("random bytes are a preamble")


def test_the_longest_preamble() -> None:
    rest = len(format_preamble(Preamble(Facts(b"x", 0, 0), 0, DIGEST)).rstrip(b"\0")) - 3
    value = Preamble(Facts(b"x" * (PREAMBLE_MAX - rest), 0, 0), 0, DIGEST)
    data = format_preamble(value)
    assert int.from_bytes(data[:2], "little") == PREAMBLE_MAX
    assert parse_preamble(data)[0] == value
    with pytest.raises(Truncated):
        parse_preamble(data[:PREAMBLE_MAX])
    with pytest.raises(Failed):
        format_preamble(Preamble(Facts(value.path + b"x", 0, 0), 0, DIGEST))


@pytest.mark.parametrize("path", [b"../x", b"/x", b"a/../x", b"a//b", b".", b"a/", b"a\0b", b""])
def test_paths_that_leave_their_folder(path: bytes) -> None:
    with pytest.raises(Damaged, match="leaves the folder"):
        safe_path(path)


def test_told_paths() -> None:
    assert told_path("é/日本".encode()) == "é/日本".encode()
    assert told_path(b"caf\xe9/\xff") == b"caf%E9/%FF"
    long = told_path("é".encode() * 40_000)
    assert len(long) == module.PATH_MAX
    assert long.decode() == "é" * 30_000


@given(TIMES)
def test_seconds_are_exact(time_ns: int) -> None:
    assert parse_preamble(body(by_atbu(modified=posix_seconds(time_ns))))[0].facts.modified_ns == time_ns


def test_headers() -> None:
    iv = bytes(range(16))
    assert format_header(None) == b"\x01\x00"
    assert format_header(iv) == b"\x01\x01\x10" + iv
    assert parse_header(b"\x01\x00", 2).iv is None
    atbu = parse_header(format_header(iv), 19 + 32)
    assert (atbu.iv, atbu.length, atbu.filled) == (iv, 19, True)
    page = parse_header(b"\x01\x01" + iv, 18 + 32)
    assert (page.iv, page.length, page.filled) == (iv, 18, False)
    # An IV whose first byte looks like a length: the size tells.
    other = b"\x10" + iv[1:]
    assert parse_header(b"\x01\x01" + other, 18 + 32).iv == other


@pytest.mark.parametrize(
    ("data", "size", "said"),
    [
        (b"", 0, "shorter than its header"),
        (b"\x01", 1, "shorter than its header"),
        (b"\x02\x00", 2, "version 2"),
        (b"BK", 2, "version 66"),
        (b"\x01\x02", 2, "unknown flags 0x02"),
        (b"\x01\x01\x10" + bytes(16), 19, "whole number of blocks"),
        (b"\x01\x01\x10" + bytes(24), 27, "whole number of blocks"),
        (b"\x01\x01\x10", 35, "shorter than its header"),
    ],
)
def test_headers_that_are_none(data: bytes, size: int, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        parse_header(data, size)
