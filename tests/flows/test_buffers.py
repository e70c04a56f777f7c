"""Chunks of large files wait in the memory that they were read into: nothing of it is used again too early."""

from __future__ import annotations

import os

from rig import MIB, Rig
from trees import noise, snapshot, write

from bakup.layouts.sectors.buffers import Buffers


def test_room_is_behind_what_is_held() -> None:
    buffers = Buffers(100)
    first = buffers.room(60)
    first.holders, first.used = 1, 60
    assert buffers.room(40) is first
    second = buffers.room(41)
    assert second is not first
    assert second.used == 0


def test_a_buffer_comes_back_when_the_last_holder_lets_go() -> None:
    buffers = Buffers(100)
    first = buffers.room(100)
    first.holders, first.used = 2, 100
    second = buffers.room(1)
    second.holders, second.used = 1, 100
    buffers.release(first)
    third = buffers.room(1)
    assert third is not first
    third.holders, third.used = 1, 100
    buffers.release(first)
    assert buffers.room(100) is first
    assert first.used == 0


def test_the_last_buffer_is_used_again_at_once_when_nobody_holds_it() -> None:
    buffers = Buffers(100)
    first = buffers.room(10)
    first.used = 95
    assert buffers.room(10) is first
    assert first.used == 0


def test_files_of_all_lengths_one_after_the_other(rig: Rig) -> None:
    # Many share a buffer, many end in the next one; some chunks are known, so that packs are not end to end.
    files = {f"{number:02}": noise(MIB + number * 400_000, number % 7) for number in range(24)}
    files["twice"] = files["05"] + files["09"] + files["05"]
    write(rig.source, files)
    before = snapshot(rig.source)
    rig.sync()
    assert snapshot(rig.restore()[0]) == before
    with open(rig.source / "20", "r+b") as file:
        file.seek(5 * MIB)
        file.write(os.urandom(100))
    before = snapshot(rig.source)
    rig.sync()
    assert snapshot(rig.restore()[0]) == before
