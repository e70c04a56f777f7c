import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakup.errors import Damaged, Failed, NoTarget, Untrusted
from bakup.format.action import group_action, longest_action, pack_action
from bakup.format.constants import BOX_MAX, FIRST_READ
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint
from bakup.model import Attributes, Dir
from bakup.sector.reader import read_header
from bakup.sector.region import WAITING, RegionSpool
from bakup.sector.trust import Trust
from bakup.sector.verify import verify_finished
from bakup.sector.writer import SMALLEST_PAD, SectorWriter

GROUP = group_action(encode_entries([Dir(b"d", Attributes())]), None)
MODES = [(True, True), (True, False), (False, True), (False, False)]


def accepting(lab: Any) -> Trust:
    return Trust(lab.account, accept_plain=True, accept_unsigned=True)


@pytest.mark.parametrize(("encrypt", "sign"), MODES)
def test_what_is_written_reads_back(lab: Any, encrypt: bool, sign: bool) -> None:
    raws = (b"small", os.urandom(200_000), b"x" * 65_536)
    finished = lab.build(raws, encrypt=encrypt, sign=sign)
    verify_finished(finished, accepting(lab))
    locator, size = lab.put(finished)
    sector = read_header(lab.target, locator, size, accepting(lab))
    assert sector is not None
    meta = sector.meta()
    assert meta.rows == finished.rows
    assert sector.header_digest == finished.header_digest
    assert sector.signer == (lab.account.public.signer_id if sign else b"")
    assert [bytes(found.raw) for found in sector.data_boxes(meta.rows)] == list(raws)
    assert [bytes(sector.data_box(row)) for row in reversed(meta.rows)] == list(reversed(raws))
    assert {uuid: held.value for uuid, held in meta.checkpoints.items()} == {lab.point.uuid: lab.point}
    (box,) = meta.boxes
    ((*found,),) = meta.groups(box)
    assert [entry.path for entry in found] == [b"file0000", b"file0001", b"file0002"]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 200_000) | st.sampled_from([65_536 - 58, 2**20, 2**20 - 58, 3 * 2**20 + 7]), max_size=6),
    st.booleans(),
)
def test_any_run_of_lengths(lab: Any, lengths: list[int], encrypt: bool) -> None:
    raws = tuple(bytes([number + 1]) * length for number, length in enumerate(lengths))
    with lab.writer(encrypt=encrypt) as writer:
        for name, raw in enumerate(raws):
            writer.add_data(lab.point.uuid, name, pack_action(raw, None), len(raw))
        predicted = writer.size_with(meta=[len(GROUP)])
        writer.add_meta(lab.point.uuid, 0, GROUP)
        assert writer.size_with() == predicted
        finished = writer.finish()
    assert finished.size == finished.header.sector_length == predicted == os.path.getsize(finished.path)
    verify_finished(finished, accepting(lab))
    sector = read_header(lab.target, *lab.put(finished), accepting(lab))
    assert sector is not None
    seen: list[bytes] = []
    state = sector.verify_data(finished.rows, lambda found: seen.append(bytes(found.raw)))
    assert state.good
    assert seen == list(raws) == [bytes(found.raw) for found in sector.data_boxes(finished.rows)]


def written(writer: SectorWriter) -> bytes:
    """The spool file as soon as data that were added stand in it."""
    while writer.final == writer.header_length:
        time.sleep(0.001)
    return Path(writer.path).read_bytes()


def test_nothing_in_clear_reaches_the_spool(lab: Any) -> None:
    secret = b"a secret that compresses to nothing like itself" * 40_000
    with lab.writer() as writer:
        writer.add_data(lab.point.uuid, 0, pack_action(secret, None), len(secret))
        writer.add_meta(lab.point.uuid, 0, GROUP)
        while_open = written(writer)
        finished = writer.finish()
    assert while_open
    assert secret[:40] not in while_open
    assert secret[:40] not in lab.content(finished)
    assert b"/home" not in lab.content(finished)


def test_an_unfinished_sector_has_no_header(lab: Any) -> None:
    with lab.writer() as writer:
        writer.add_data(lab.point.uuid, 0, pack_action(bytes(2**21), None), 2**21)
        assert written(writer)[:FIRST_READ].count(0) >= writer.header_length


def test_an_abandoned_build_leaves_nothing(lab: Any) -> None:
    folder = lab.target.spool_folder()
    before = sorted(os.listdir(folder))
    with lab.writer() as writer:
        writer.add_data(lab.point.uuid, 0, pack_action(b"x", None), 1)
        assert sorted(os.listdir(folder)) != before
    assert sorted(os.listdir(folder)) == before


def test_a_disk_that_takes_nothing_more_is_told_by_a_later_call(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(spool: RegionSpool, stored: memoryview) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RegionSpool, "_write", full)
    pack = pack_action(os.urandom(2**21), None)

    def add(writer: SectorWriter, packs: int) -> None:
        for number in range(packs):
            writer.add_data(lab.point.uuid, number * len(pack), pack, 2**21)

    with lab.writer() as writer:
        add(writer, 1)
        with pytest.raises(Failed, match="no space left"):
            writer.finish()
    with lab.writer() as writer, pytest.raises(Failed, match="no space left"):
        add(writer, 2 * WAITING)


def test_fits_tells_the_very_last_byte(lab: Any) -> None:
    pack = pack_action(os.urandom(70_000), None)
    with lab.writer() as probe:
        size = probe.size_with(data=[len(pack)], meta=[len(GROUP)])
    for limit, fits in ((size, True), (size - 1, False)):
        with lab.writer(limit=limit) as writer:
            assert writer.fits(data=[len(pack)], meta=[len(GROUP)]) == fits
            writer.add_data(lab.point.uuid, 0, pack, 70_000)
            assert writer.fits(meta=[len(GROUP)]) == fits
            writer.add_meta(lab.point.uuid, 0, GROUP)
            assert writer.finish().size == size


def test_checkpoint_stands_before_its_first_box_only(lab: Any) -> None:
    with lab.writer() as writer:
        writer.add_meta(lab.point.uuid, 0, GROUP)
        once = writer.meta_size
        writer.add_meta(lab.point.uuid, len(GROUP), GROUP)
        assert writer.meta_size - once == 32 + len(GROUP) < once
        finished = writer.finish()
    sector = read_header(lab.target, *lab.put(finished), accepting(lab))
    assert sector is not None
    meta = sector.meta()
    assert [box.offset for box in meta.boxes] == [0, len(GROUP)]
    assert meta.checkpoints[lab.point.uuid].content == encode_checkpoint(lab.point)
    assert bytes(meta.content(meta.boxes[1])) == GROUP


def test_pad_and_alignment(lab: Any) -> None:
    with lab.writer() as writer:
        writer.add_pad(SMALLEST_PAD)
        writer.add_pad(100_000)
        assert writer.data_size == SMALLEST_PAD + 100_000
        writer.add_meta(lab.point.uuid, 0, GROUP)
        finished = writer.finish(alignment=4096, smallest=300_000)
    assert finished.size == 303_104
    assert finished.header.sector_length < 200_000
    verify_finished(finished, accepting(lab))
    sector = read_header(lab.target, *lab.put(finished), accepting(lab))
    assert sector is not None
    assert [bytes(found.raw) for found in sector.data_boxes(sector.meta().rows)] == [b"", b""]


def test_wrong_calls(lab: Any) -> None:
    with lab.writer() as writer:
        with pytest.raises(ValueError, match="out of range"):
            writer.add_data(lab.point.uuid, 0, b"", 1)
        with pytest.raises(ValueError, match="out of range"):
            writer.add_data(lab.point.uuid, 0, bytes(BOX_MAX + 1), 1)
        with pytest.raises(ValueError, match="comes first"):
            writer.add_meta(bytes(16), 0, GROUP)
        with pytest.raises(ValueError, match="one header"):
            writer.begin_checkpoint(lab.point.uuid, b"another")
    with pytest.raises(ValueError, match="need an account"):
        SectorWriter(lab.target.spool_folder(), None)
    with pytest.raises(NoTarget):
        SectorWriter(lab.target.spool_folder() + "/gone", lab.account)


def test_longest_action_bounds_a_box() -> None:
    noise = os.urandom(10_000)
    assert len(pack_action(noise, 3)) == longest_action(len(noise))


@pytest.mark.parametrize("at", [20, 3000, 100_000, -10])
def test_a_spool_that_rots_is_not_put(lab: Any, at: int) -> None:
    finished = lab.build((os.urandom(150_000),))
    content = bytearray(lab.content(finished))
    content[at] ^= 1
    Path(finished.path).write_bytes(content)
    with pytest.raises((Damaged, Untrusted)):
        verify_finished(finished, Trust(lab.account))


def test_a_sector_never_shares_its_key(lab: Any) -> None:
    one, two = lab.build(), lab.build()
    assert one.uuid != two.uuid
    assert lab.content(one)[one.header.data_start :] != lab.content(two)[two.header.data_start :]
