import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakup.errors import BakupError, Damaged, Truncated, Untrusted
from bakup.format.action import ACTION, frame, group_action, pack_action, pad_action
from bakup.format.box import BoxHeader, pack_table
from bakup.format.constants import FIRST_READ, OUTSIDE, ActionType, SectorFlag
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.model import Attributes, Dir, End, TableRow
from bakup.sector import meta as meta_module
from bakup.sector.reader import fetch_header, open_sector, read_header
from bakup.sector.trust import Trust
from bakup.store.counting import CountingTarget
from bakup.store.opening import open_object


def read_all(target: Any, locator: str, size: int, trust: Trust) -> tuple[Any, ...] | None:
    """Everything that a sector gives, or None if it is no sector; raises if any of it is refused."""
    sector = read_header(target, locator, size, trust)
    if sector is None:
        return None
    meta = sector.meta()
    found: list[Any] = [meta.checkpoints, meta.rows, meta.boxes]
    found += [group for box in meta.boxes for group in meta.groups(box)]
    state = sector.verify_data(meta.rows, lambda box: found.append(bytes(box.raw)))
    if not state.good:
        raise Damaged("the data region is damaged")
    return tuple(found)


def test_two_reads_give_header_and_metadata(lab: Any) -> None:
    locator, size = lab.put(lab.build((os.urandom(500_000),) * 3))
    counting = CountingTarget(lab.target, keep_ranges=True)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    sector.meta()
    assert counting.counts.reads == 2
    header = sector.header
    assert counting.counts.ranges == {locator: [(0, FIRST_READ), (header.meta_start, header.meta_length)]}
    assert counting.counts.read_bytes == FIRST_READ + header.meta_length


def test_a_longer_header_costs_one_read_more(lab: Any) -> None:
    locator, size = lab.put(lab.build(target_field=bytes(4096)))
    counting = CountingTarget(lab.target)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    assert sector.header.length > FIRST_READ
    assert sector.meta().boxes
    assert counting.counts.reads == 3


def large_meta(lab: Any) -> tuple[str, int]:
    with lab.writer() as writer:
        offset = 0
        for number in range(3):
            noise = Attributes(xattrs=((b"user.noise", os.urandom(3_900_000)),))
            content = group_action(encode_entries([Dir(b"d%d" % number, noise)]), None)
            writer.add_meta(lab.point.uuid, offset, content)
            offset += len(content)
        return lab.put(writer.finish())  # type: ignore[no-any-return]


@pytest.mark.parametrize("held", [meta_module.HELD_MAX, 1_000_000])
def test_long_metadata_come_in_pieces(lab: Any, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(meta_module, "HELD_MAX", held)
    locator, size = large_meta(lab)
    counting = CountingTarget(lab.target, keep_ranges=True)
    sector = read_header(counting, locator, size, Trust(lab.account))
    assert sector is not None
    meta = sector.meta()
    assert [entry.path for box in meta.boxes for group in meta.groups(box) for entry in group] == [
        b"d0",
        b"d1",
        b"d2",
    ]
    assert counting.counts.reads == 3
    assert max(length for _, length in counting.counts.ranges[locator]) == 8_388_608


@pytest.mark.parametrize("held", [meta_module.HELD_MAX, 1_000])
def test_damaged_metadata_are_refused_by_their_digest(lab: Any, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(meta_module, "HELD_MAX", held)
    finished = lab.build((b"x",) * 100)
    content = bytearray(lab.content(finished))
    content[finished.header.meta_start + 5] ^= 1
    sector = lab.open(*lab.store(content))
    assert not sector.meta_good()
    with pytest.raises(Damaged, match=r"^sector [0-9a-f-]{36} is damaged: the metadata are not what the header says"):
        sector.meta()


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_changed_byte_anywhere_is_refused(lab: Any, encrypt: bool) -> None:
    finished = lab.build((b"one" * 50, b"two" * 70), encrypt=encrypt, alignment=64)
    content, trust = lab.content(finished), Trust(lab.account, accept_plain=not encrypt)
    whole = read_all(lab.target, *lab.store(content), trust)
    assert whole is not None
    path = Path(lab.target.url, "crafted.bakup")
    refused = 0
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        try:
            assert read_all(lab.target, "crafted.bakup", len(content), trust) is None
            assert at < 4
        except (Damaged, Untrusted):
            refused += 1
    assert refused == len(content) - 4
    assert len(content) > 1_500


def test_cut_short_at_every_boundary(lab: Any) -> None:
    finished = lab.build((os.urandom(140_000), b"small"))
    content, header = lab.content(finished), finished.header
    boundaries = {0, 1, 3, 4, 109, 110, header.length - 1, header.length, header.meta_start, len(content) - 1}
    boundaries |= {header.data_start + 65_552, header.data_start + 65_551, header.meta_start + 1}
    boundaries |= {header.data_start + row.position for row in finished.rows}
    for length in sorted(boundaries):
        lab.store(content[:length])
        if length < 4:
            assert read_header(lab.target, "crafted.bakup", length, Trust(lab.account)) is None
            continue
        for said in (length, len(content)):
            with pytest.raises(Truncated) as caught:
                read_all(lab.target, "crafted.bakup", said, Trust(lab.account))
            assert "is cut short: " in caught.value.message


def test_objects_that_are_no_sectors(lab: Any) -> None:
    for content in (b"", b"BKU", b"hello world" * 1000, b"\0" * 5000):
        assert read_header(lab.target, *lab.store(content), Trust(lab.account)) is None


def test_padding_is_zeros(lab: Any) -> None:
    finished = lab.build()
    content = lab.content(finished)
    assert read_all(lab.target, *lab.store(content + bytes(10)), Trust(lab.account)) is not None
    for padding in (bytes(9) + b"\1", b"\1" + bytes(10_000_000)):
        with pytest.raises(Damaged, match="the padding is not zeros"):
            read_all(lab.target, *lab.store(content + padding), Trust(lab.account))


def box(content: bytes, offset: int = 0, uuid: bytes | None = None) -> bytes:
    return BoxHeader(uuid or b"point-uuid-16byt", offset, len(content)).to_bytes() + content


def checkpoint_box(lab: Any, uuid: bytes | None = None) -> bytes:
    return box(frame(ActionType.CHECKPOINT, encode_checkpoint(lab.point)), OUTSIDE, uuid)


GROUP = group_action(encode_entries([Dir(b"d", Attributes())]), None)
END = frame(ActionType.END, encode_end(End(b"point-uuid-16byt", 0, True, (), 0, 0)))
UNKNOWN = ACTION.pack(0, 0, 0x0777, 3) + b"new"


def test_a_crafted_region_that_is_good(lab: Any) -> None:
    meta = checkpoint_box(lab) + box(GROUP + UNKNOWN + END) + pack_table([])
    sector = lab.open(*lab.craft(b"", meta))
    found = sector.meta()
    assert [len(group) for each in found.boxes for group in found.groups(each)] == [1]
    assert [end.value.last for end in found.ends] == [True]
    assert found.ends[0].content == encode_end(found.ends[0].value)


@pytest.mark.parametrize(
    "case",
    [
        "no checkpoint",
        "checkpoint of another uuid",
        "two headers",
        "checkpoint in the stream",
        "group outside of the stream",
        "pack among metadata",
        "pad among metadata",
        "must understand",
        "end of another check point",
        "no table",
        "table of another length",
        "box cut short",
        "box too long",
        "two checkpoints in a box",
        "row without data",
    ],
)
def test_refused_meta_regions(lab: Any, case: str) -> None:
    point, table = checkpoint_box(lab), pack_table([])
    framed = frame(ActionType.CHECKPOINT, encode_checkpoint(lab.point))
    other = frame(ActionType.CHECKPOINT, encode_checkpoint(lab.point).replace(b"host", b"tosh"))
    metas = {
        "no checkpoint": box(GROUP) + table,
        "checkpoint of another uuid": checkpoint_box(lab, b"another-uuid-16b") + table,
        "two headers": point + box(other, OUTSIDE) + table,
        "checkpoint in the stream": point + box(framed) + table,
        "group outside of the stream": point + box(GROUP, OUTSIDE) + table,
        "pack among metadata": point + box(pack_action(b"x", None)) + table,
        "pad among metadata": point + box(pad_action(50)) + table,
        "must understand": point + box(ACTION.pack(0, 0, 0x8777, 0)) + table,
        "end of another check point": point
        + box(frame(ActionType.END, encode_end(End(bytes(16), 0, True, (), 0, 0))))
        + table,
        "no table": point,
        "table of another length": point + bytes(47) + (47).to_bytes(8, "little"),
        "box cut short": point + bytes(20) + table,
        "box too long": point + box(GROUP)[:-1] + table,
        "two checkpoints in a box": box(framed + framed, OUTSIDE) + table,
        "row without data": point + pack_table([TableRow(bytes(16), 0, 100, 0, 5)]),
    }
    sector = lab.open(*lab.craft(b"", metas[case]))
    with pytest.raises(Damaged, match="is damaged: "):
        sector.meta()


def test_a_group_is_refused_when_it_is_decoded(lab: Any) -> None:
    bad = group_action(encode_entries([Dir(b"../up", Attributes())]), None)
    meta = lab.open(*lab.craft(b"", checkpoint_box(lab) + box(bad) + pack_table([]))).meta()
    with pytest.raises(Damaged, match=r"^sector .* is damaged: a path has"):
        list(meta.groups(meta.boxes[0]))


def test_an_unknown_critical_field_is_refused(lab: Any) -> None:
    locator, size = lab.craft(b"", pack_table([]), others=((0x8123, b""),))
    with pytest.raises(Damaged, match="must be understood"):
        lab.open(locator, size)
    assert lab.open(*lab.craft(b"", pack_table([]), others=((0x0123, b"x"),))).meta().rows == ()


def test_flags_cannot_be_dropped(lab: Any) -> None:
    """A header that says it is not encrypted, signed by nobody we believe, is not ours."""
    found = fetch_header(lab.target, *lab.put(lab.build()))
    assert found is not None
    stripped = replace(found.header, flags=SectorFlag(0), public_key=None, encrypted_keys=(), signature=None)
    locator, size = lab.store(stripped.to_bytes() + bytes(stripped.data_length + stripped.meta_length))
    with pytest.raises(Untrusted, match="is not signed"):
        lab.open(locator, size)


@pytest.mark.parametrize(
    "data_box",
    [
        box(group_action(b"x" * 10, None), 0),
        box(pack_action(b"x" * 9, None), 0),
        box(pack_action(b"x" * 10, None) * 2, 0),
        box(pack_action(b"x" * 10, None), 5),
        box(pack_action(b"x" * 10, None), 0, b"another-uuid-16b"),
        box(pad_action(40), 0),
    ],
)
def test_a_data_box_that_is_not_the_tables(lab: Any, data_box: bytes) -> None:
    row = TableRow(b"point-uuid-16byt", 0, len(data_box) - 32, 0, 10)
    sector = lab.open(*lab.craft(data_box, pack_table([row])))
    rows = sector.meta().rows
    (found,) = sector.data_boxes(rows)
    assert found.damage is not None
    assert found.damage.message.startswith(f"{sector.name} is damaged at 0: ")


def test_a_row_beyond_the_region(lab: Any) -> None:
    sector = lab.open(*lab.put(lab.build()))
    with pytest.raises(Damaged):
        sector.data_box(TableRow(lab.point.uuid, 0, 100, 10**9, 5))


def test_one_file_by_itself(lab: Any) -> None:
    finished = lab.build()
    locator, size = lab.put(finished)
    target, found, length = open_object(f"{lab.target.url}/{locator}")
    sector = read_header(target, found, length, Trust(lab.account))
    assert (found, length) == (locator, size)
    assert sector is not None
    assert sector.meta().rows == finished.rows


def test_errors_name_the_sector(lab: Any) -> None:
    content = bytearray(lab.content(lab.build()))
    content[6] |= 0x80
    locator, size = lab.store(content)
    with pytest.raises(BakupError, match=r"^crafted\.bakup is damaged: unknown flag"):
        read_header(lab.target, locator, size, Trust(lab.account))


def test_open_sector_after_fetch_reads_nothing_more(lab: Any) -> None:
    locator, size = lab.put(lab.build())
    counting = CountingTarget(lab.target)
    found = fetch_header(counting, locator, size)
    assert found is not None
    open_sector(counting, found, Trust(lab.account))
    assert counting.counts.reads == 1
