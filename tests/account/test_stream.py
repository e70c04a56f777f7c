from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.account.stream import (
    SEGMENT,
    TAG,
    Opener,
    Sealer,
    plain_length,
    region_key,
    segments,
    stored_length,
)
from bakup.errors import Damaged, Truncated

STREAM = json.loads((Path(__file__).parent.parent / "vectors" / "account.json").read_text())["stream"]
KEY = bytes(range(32))
STORED = SEGMENT + TAG
EDGES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 5]


def pattern(length: int) -> bytes:
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def sealed(plain: bytes, key: bytes = KEY) -> bytearray:
    out = bytearray(stored_length(len(plain)))
    assert Sealer(key).seal(memoryview(plain), memoryview(out), 0, True) == len(out)
    return out


def opened(stored: bytes | bytearray, first: int = 0, total: int | None = None) -> bytes:
    count = -(-len(stored) // STORED)
    out = bytearray(b"\xee" * plain_length(len(stored)))
    Opener(KEY).open(memoryview(stored), memoryview(out), first, count if total is None else total)
    return bytes(out)


def refused(stored: bytes | bytearray, size: int, first: int, total: int) -> Damaged:
    """Asserts that `stored` is refused and that nothing of it is left in the buffer."""
    out = bytearray(b"\xee" * size)
    with pytest.raises(Damaged) as caught:
        Opener(KEY).open(memoryview(stored), memoryview(out), first, total)
    assert out == bytes(size)
    return caught.value


def test_there_are_vectors() -> None:
    assert len(STREAM["regions"]) == 12


@pytest.mark.parametrize("vector", STREAM["regions"], ids=lambda v: f"{v['region']}-{v['plain_length']}")
def test_region_is_sealed_as_the_spec_says(vector: dict[str, Any]) -> None:
    key = region_key(bytes.fromhex(STREAM["sector_key"]), bytes.fromhex(STREAM["uuid"]), vector["region"])
    stored = sealed(pattern(vector["plain_length"]), key)
    assert key.hex() == vector["region_key"]
    assert len(stored) == vector["stored_length"]
    assert blake3(stored).hexdigest() == vector["stored_blake3"]


def test_keys_differ_by_region_sector_and_secret() -> None:
    uuid = bytes(16)
    made = {
        region_key(KEY, uuid, "data"),
        region_key(KEY, uuid, "meta"),
        region_key(KEY, b"\1" * 16, "data"),
        region_key(bytes(32), uuid, "data"),
    }
    assert len(made) == 4


@pytest.mark.parametrize("length", EDGES)
def test_lengths_at_the_edges_come_back(length: int) -> None:
    stored = sealed(pattern(length))
    assert len(stored) == stored_length(length) == length + TAG * segments(length)
    assert plain_length(len(stored)) == length
    assert opened(stored) == pattern(length)


@given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, SEGMENT - 1))
@settings(deadline=None, max_examples=40)
def test_any_content_comes_back(salt: bytes, whole: int, rest: int) -> None:
    plain = (salt + pattern(whole * SEGMENT + rest))[: whole * SEGMENT + rest]
    assert opened(sealed(plain)) == plain


@given(st.integers(0, 2**40))
def test_lengths_are_inverse(length: int) -> None:
    assert plain_length(stored_length(length)) == length


@given(st.integers(-5, 2**40))
def test_a_stored_length_is_valid_or_refused(stored: int) -> None:
    valid = stored >= 0 and (stored % STORED == 0 or stored % STORED > TAG)
    if valid:
        assert stored_length(plain_length(stored)) == stored
        assert segments(plain_length(stored)) == -(-stored // STORED)
    else:
        with pytest.raises(Damaged):
            plain_length(stored)


@pytest.mark.parametrize("stored", [1, TAG, STORED + 1, STORED + TAG])
def test_a_tag_without_content_is_no_region(stored: int) -> None:
    with pytest.raises(Damaged):
        plain_length(stored)


def test_runs_make_the_same_stream_as_one_call() -> None:
    plain = pattern(5 * SEGMENT + 9)
    out = bytearray(stored_length(len(plain)))
    sealer = Sealer(KEY)
    for first, end in [(3, 6), (0, 1), (1, 3)]:
        part = memoryview(plain)[first * SEGMENT : end * SEGMENT]
        sealer.seal(part, memoryview(out)[first * STORED : end * STORED], first, end == 6)
    assert out == sealed(plain)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_any_run_of_segments_opens_by_itself(data: st.DataObject) -> None:
    length = data.draw(st.sampled_from(EDGES[1:]))
    total = segments(length)
    first = data.draw(st.integers(0, total - 1))
    end = data.draw(st.integers(first, total))
    run = sealed(pattern(length))[first * STORED : end * STORED]
    assert opened(run, first, total) == pattern(length)[first * SEGMENT : end * SEGMENT]


@given(st.sampled_from(EDGES[1:]), st.data())
@settings(deadline=None, max_examples=40)
def test_a_flipped_bit_is_refused_and_named(length: int, data: st.DataObject) -> None:
    stored = sealed(pattern(length))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    error = refused(stored, length, 0, segments(length))
    assert f"segment {at // STORED} of {segments(length)} does not open" in error.message


def test_swapped_segments_are_refused() -> None:
    stored = sealed(pattern(3 * SEGMENT))
    swapped = stored[STORED : 2 * STORED] + stored[:STORED] + stored[2 * STORED :]
    assert "segment 0 of 3" in refused(swapped, 3 * SEGMENT, 0, 3).message


def test_a_segment_at_another_number_is_refused() -> None:
    stored = sealed(pattern(3 * SEGMENT))
    refused(stored[STORED : 2 * STORED], SEGMENT, 0, 3)


def test_truncation_at_a_segment_is_seen() -> None:
    stored = sealed(pattern(3 * SEGMENT))
    assert "segment 1 of 2" in refused(stored[: 2 * STORED], 2 * SEGMENT, 0, 2).message


def test_an_appended_segment_is_seen() -> None:
    stored = sealed(pattern(2 * SEGMENT))
    assert "segment 1 of 3" in refused(stored + stored[:STORED], 3 * SEGMENT, 0, 3).message


def test_a_segment_beyond_the_region_is_refused() -> None:
    stored = sealed(pattern(2 * SEGMENT))
    assert "beyond" in refused(stored, 2 * SEGMENT, 0, 1).message


@pytest.mark.parametrize("cut", [1, TAG, SEGMENT])
def test_a_cut_segment_is_truncated(cut: int) -> None:
    stored = sealed(pattern(3 * SEGMENT))[: 2 * STORED - cut]
    assert isinstance(refused(stored, 2 * SEGMENT, 0, 3), Truncated)


def test_less_than_a_tag_is_truncated() -> None:
    assert isinstance(refused(bytes(TAG), 0, 0, 1), Truncated)


def test_failure_in_a_later_segment_wipes_the_earlier_ones() -> None:
    stored = sealed(pattern(3 * SEGMENT))
    stored[-1] ^= 1
    refused(stored, 3 * SEGMENT, 0, 3)


def test_wrong_key_is_refused() -> None:
    refused(sealed(pattern(5), bytes(32)), 5, 0, 1)


@pytest.mark.parametrize(
    ("plain", "out", "first", "last"),
    [(5, 5 + TAG, 0, False), (5, 5 + TAG - 1, 0, True), (5, 5 + TAG + 1, 0, True), (0, 0, 3, True)],
)
def test_sealing_what_cannot_be_is_a_mistake(plain: int, out: int, first: int, last: bool) -> None:
    with pytest.raises(ValueError, match=r"segment|out"):
        Sealer(KEY).seal(memoryview(bytes(plain)), memoryview(bytearray(out)), first, last)


@pytest.mark.parametrize(("size", "first"), [(4, 0), (6, 0), (5, -1)])
def test_opening_into_what_does_not_fit_is_a_mistake(size: int, first: int) -> None:
    with pytest.raises(ValueError, match=r"segment|out"):
        Opener(KEY).open(memoryview(sealed(pattern(5))), memoryview(bytearray(size)), first, 1)
