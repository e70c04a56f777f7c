import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bakup.errors import BakupError, Damaged, Truncated, Untrusted
from bakup.format.action import ACTION, frame, group_action, pack_action, pad_action
from bakup.format.box import OWN, BoxHeader, pack_table
from bakup.format.certificate import Certificate
from bakup.format.constants import FIRST_READ, OUTSIDE, ActionType, SectorFlag
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end, encode_kept
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


def test_a_longer_header_costs_one_read_more(lab: Any, certified: Callable[..., Any]) -> None:
    sources = tuple(
        sorted({lab.point.source, *(bytes([1, *divmod(number, 256)]) + b"source-uuid-1" for number in range(400))})
    )
    unsigned = Certificate(2, lab.other.public.signing, b"writer-uuid-16by", sources, bytes(3373))
    certificate = replace(unsigned, signature=lab.account.sign(unsigned.signed_message())).to_bytes()
    locator, size = lab.put(
        lab.build(account=certified(lab.account, lab.other), target_field=bytes(4096), certificate=certificate)
    )
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
END_OFFSET = 0xFFFFFE << 40
UNKNOWN = ACTION.pack(0, 0, 0x0777, 3) + b"new"


def test_a_crafted_region_that_is_good(lab: Any) -> None:
    own = box(pad_action(50), OUTSIDE, OWN) + box(UNKNOWN, OUTSIDE, OWN)
    meta = checkpoint_box(lab) + own + box(END, END_OFFSET) + box(GROUP + UNKNOWN) + box(UNKNOWN, 999) + pack_table([])
    sector = lab.open(*lab.craft(b"", meta))
    found = sector.meta()
    assert [len(group) for each in found.boxes for group in found.groups(each)] == [1]  # type: ignore[arg-type]
    assert [found.end(end)[1].last for end in found.ends] == [True]
    assert (found.refused, found.others) == ({}, [])
    assert not any(each.refused for each in found.boxes)


def test_chunks_that_a_sector_keeps_for_itself(lab: Any) -> None:
    pack = pack_action(b"one" * 9, None)
    data = box(pack, OUTSIDE, OWN) + box(pad_action(40), OUTSIDE, OWN)
    rows = [TableRow(OWN, OUTSIDE, len(pack), 0, 27), TableRow(OWN, OUTSIDE, 40, 32 + len(pack), 0)]
    one = b"c" * 32
    kept = ((0, ((one, 3, 0), (one, 20, 7), (one, 21, 27))), (1, ((one, 1, 0),)), (2, ((one, 1, 0),)))
    meta = box(frame(ActionType.CHUNKS, encode_kept(kept)), OUTSIDE, OWN) + pack_table(rows)
    found = lab.open(*lab.craft(data, meta)).meta()
    assert not found.others
    assert list(found.chunks()) == [(rows[0], one, 3, 0), (rows[0], one, 20, 7)]


@pytest.mark.parametrize(
    "case",
    [
        "no checkpoint",
        "two headers",
        "one header twice",
        "no table",
        "table of another length",
        "box cut short",
        "box too long",
        "row without data",
        "in no lane",
        "more than it stores",
    ],
)
def test_refused_meta_regions(lab: Any, case: str) -> None:
    point, table = checkpoint_box(lab), pack_table([])
    other = frame(ActionType.CHECKPOINT, encode_checkpoint(lab.point).replace(b"host", b"tosh"))
    metas = {
        "no checkpoint": box(GROUP) + table,
        "two headers": point + box(other, OUTSIDE) + table,
        "one header twice": point + point + table,
        "no table": point,
        "table of another length": point + bytes(47) + (47).to_bytes(8, "little"),
        "box cut short": point + bytes(20) + table,
        "box too long": point + box(GROUP)[:-1] + table,
        "row without data": point + pack_table([TableRow(b"u" * 16, 0, 100, 0, 5)]),
        "in no lane": point + box(GROUP, 2**63) + table,
        "more than it stores": point + box(group_bomb() * 17) + table,
    }
    sector = lab.open(*lab.craft(b"", metas[case]))
    with pytest.raises(Damaged, match="is damaged: "):
        sector.meta()


def group_bomb() -> bytes:
    """A GROUP that says it unpacks to the most that one may."""
    return group_action(bytes(4_194_304), 3)


@pytest.mark.parametrize(
    "bad",
    [
        pack_action(b"x", None),
        pad_action(50),
        frame(ActionType.CHUNKS, b"\x90"),
        frame(ActionType.CHECKPOINT, b"\x90"),
        END,
        ACTION.pack(0, 0, 0x8777, 0),
        ACTION.pack(2, 0, 0x0777, 0),
        ACTION.pack(0x100, 0, ActionType.GROUP, 0),
        ACTION.pack(0, 1, ActionType.GROUP, 0) + b"p",
        GROUP[:-1],
    ],
)
def test_a_box_that_is_refused_leaves_the_others(lab: Any, bad: bytes) -> None:
    meta = checkpoint_box(lab) + box(bad) + box(GROUP, len(bad)) + pack_table([])
    found = lab.open(*lab.craft(b"", meta)).meta()
    assert [bool(each.refused) for each in found.boxes] == [True, False]
    assert [each.offset for each in found.boxes] == [0, len(bad)]


@pytest.mark.parametrize(
    "end",
    [
        encode_end(End(b"another-uuid-16b", 0, True, (), 0, 0)),
        encode_end(End(b"point-uuid-16byt", 1, True, (), 0, 0)),
        b"\x90",
    ],
)
def test_an_end_that_is_refused(lab: Any, end: bytes) -> None:
    meta = checkpoint_box(lab) + box(frame(ActionType.END, end), END_OFFSET) + pack_table([])
    found = lab.open(*lab.craft(b"", meta)).meta()
    assert [bool(each.refused) for each in found.ends] == [True]
    assert len(found.others) == 1


@pytest.mark.parametrize("case", ["another uuid", "two in a box", "no header", "a group", "out of range"])
def test_a_check_point_that_is_refused_leaves_the_others(lab: Any, case: str) -> None:
    framed = frame(ActionType.CHECKPOINT, encode_checkpoint(lab.point))
    far = msgspec.structs.replace(lab.point, uuid=b"another-uuid-16b", sequence=2**63)
    content = {
        "another uuid": framed,
        "two in a box": framed + framed,
        "no header": frame(ActionType.CHECKPOINT, b"\x90"),
        "a group": GROUP,
        "out of range": frame(ActionType.CHECKPOINT, encode_checkpoint(far)),
    }[case]
    uuid = b"another-uuid-16b"
    meta = box(content, OUTSIDE, uuid) + box(GROUP, 0, uuid) + checkpoint_box(lab) + box(GROUP) + pack_table([])
    found = lab.open(*lab.craft(b"", meta)).meta()
    assert list(found.refused) == [uuid]
    assert list(found.checkpoints) == [lab.point.uuid]
    assert [each.checkpoint for each in found.boxes] == [lab.point.uuid]


def test_a_group_is_refused_when_it_is_decoded(lab: Any) -> None:
    bad = group_action(encode_entries([Dir(b"../up", Attributes())]), None)
    meta = lab.open(*lab.craft(b"", checkpoint_box(lab) + box(bad + GROUP) + pack_table([]))).meta()
    refused, good = meta.groups(meta.boxes[0])
    assert isinstance(refused, Damaged)
    assert "a path has" in refused.message
    assert isinstance(good, tuple)


def test_an_unknown_critical_field_is_refused(lab: Any) -> None:
    locator, size = lab.craft(b"", pack_table([]), others=((0x8123, b""),))
    with pytest.raises(Damaged, match="must be understood"):
        lab.open(locator, size)
    assert lab.open(*lab.craft(b"", pack_table([]), others=((0x0123, b"x"),))).meta().rows == ()


def test_flags_cannot_be_dropped(lab: Any) -> None:
    """A header that says it is not encrypted, signed by nobody we believe, is not ours."""
    found = fetch_header(lab.target, *lab.put(lab.build()))
    assert found is not None
    stripped = replace(
        found.header, flags=SectorFlag(0), public_key=None, encrypted_keys=(), key_check=None, signature=None
    )
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
