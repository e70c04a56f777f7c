import os
from typing import Any

import pytest

from bakup.errors import Damaged
from bakup.format.action import pack_action
from bakup.sector.reader import read_header
from bakup.sector.trust import Trust
from bakup.store.counting import CountingTarget


def test_one_box_reads_its_segments_only(lab: Any) -> None:
    raws = (os.urandom(300_000), os.urandom(10), os.urandom(300_000))
    finished = lab.build(raws)
    locator, size = lab.put(finished)
    counting = CountingTarget(lab.target, keep_ranges=True)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    counting.counts.ranges.clear()
    assert sector.data_box(finished.rows[1]) == raws[1]
    ((offset, length),) = counting.counts.ranges[locator]
    assert length == 65_552
    assert (offset - finished.header.data_start) % 65_552 == 0


def test_neighbours_come_with_one_read(lab: Any) -> None:
    raws = tuple(os.urandom(200_000) for _ in range(10))
    finished = lab.build(raws)
    locator, size = lab.put(finished)
    counting = CountingTarget(lab.target)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    assert [found.raw for found in sector.data_boxes(finished.rows)] == list(raws)
    assert counting.counts.reads == 2
    apart = [finished.rows[9], finished.rows[0], finished.rows[4], finished.rows[5]]
    assert [found.raw for found in sector.data_boxes(apart)] == [raws[9], raws[0], raws[4], raws[5]]
    assert counting.counts.reads == 5


def test_a_read_is_bounded(lab: Any) -> None:
    raws = tuple(os.urandom(4_000_000) for _ in range(6))
    finished = lab.build(raws)
    locator, size = lab.put(finished)
    counting = CountingTarget(lab.target, keep_ranges=True)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    assert [bytes(found.raw) == raw for found, raw in zip(sector.data_boxes(finished.rows), raws, strict=True)]
    assert max(length for _, length in counting.counts.ranges[locator]) <= 16_777_216


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_damaged_byte_costs_its_boxes_only(lab: Any, encrypt: bool) -> None:
    raws = tuple(bytes([number]) * 200_000 for number in range(8))
    finished = lab.build(raws, encrypt=encrypt)
    row = finished.rows[3]
    content = bytearray(lab.content(finished))
    content[finished.header.data_start + row.position + 100_000] ^= 0xFF
    locator, size = lab.store(content)
    sector = lab.open(locator, size, accept_plain=True)
    seen: list[Any] = []
    state = sector.verify_data(sector.meta().rows, seen.append)
    assert not state.digest_good
    assert not state.good
    whole = [found.row for found, raw in zip(seen, raws, strict=True) if bytes(found.raw) == raw]
    assert whole == [each for each in finished.rows if each is not row]
    if not encrypt:
        assert state.damaged_at == ()
        return
    (position,) = state.damaged_at
    assert row.position <= position <= row.position + 100_000
    assert seen[3].damage.message.startswith(f"{sector.name} is damaged at {position:,}: segment ")
    by_range = [found.damage is None for found in sector.data_boxes(finished.rows)]
    assert by_range == [each is not row for each in finished.rows]


def test_a_lost_tail_is_told_box_by_box(lab: Any) -> None:
    finished = lab.build(tuple(os.urandom(200_000) for _ in range(5)))
    content = bytearray(lab.content(finished))
    at = finished.header.data_start + finished.rows[2].position
    meta_start = finished.header.meta_start
    content[at:meta_start] = bytes(meta_start - at)
    sector = lab.open(*lab.store(content))
    seen: list[Any] = []
    state = sector.verify_data(sector.meta().rows, seen.append)
    assert len(state.damaged_at) > 5
    assert [found.damage is None for found in seen] == [True, False, False, False, False]


@pytest.mark.parametrize("encrypt", [True, False])
def test_what_is_left_of_a_damaged_pack_that_is_not_compressed(lab: Any, encrypt: bool) -> None:
    raw = os.urandom(400_000)
    finished = lab.build((raw,), encrypt=encrypt)
    content = bytearray(lab.content(finished))
    content[finished.header.data_start + 200_000] ^= 0xFF
    sector = lab.open(*lab.store(content), accept_plain=True)
    (row,) = sector.meta().rows
    left = sector.data_box(row)
    assert len(left) == len(raw)
    wrong = [at for at in range(len(raw)) if left[at] != raw[at]]
    assert wrong[-1] - wrong[0] < 65_536
    seen: list[Any] = []
    sector.verify_data([row], seen.append)
    assert bytes(seen[0].raw) == bytes(left)


def test_the_header_of_a_box_is_not_needed_but_its_damage_is_told(lab: Any) -> None:
    raws = (os.urandom(1000), os.urandom(1000))
    finished = lab.build(raws, encrypt=False)
    content = bytearray(lab.content(finished))
    content[finished.header.data_start + finished.rows[1].position + 20] ^= 0xFF
    sector = lab.open(*lab.store(content), accept_plain=True)
    assert sector.data_box(finished.rows[1]) == raws[1]
    assert sector.verify_data(finished.rows).damaged_at == (finished.rows[1].position,)


def test_nothing_is_left_of_a_damaged_pack_that_is_compressed(lab: Any) -> None:
    raw = b"".join(b"line %d\n" % number for number in range(300_000))
    with lab.writer() as writer:
        pack = pack_action(raw, 3)
        writer.add_data(lab.point.uuid, 0, pack, len(raw))
        finished = writer.finish()
    content = bytearray(lab.content(finished))
    content[finished.header.data_start + 70_000] ^= 0xFF
    sector = lab.open(*lab.store(content))
    with pytest.raises(Damaged, match="is damaged at"):
        sector.data_box(finished.rows[0])
