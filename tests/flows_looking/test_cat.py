"""cat: exactly the file's bytes, or a verified beginning of them and the reason."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from look import Look
from rig import SMALL_SECTOR, Answers
from trees import noise

from bakup.api.reports import TargetOptions
from bakup.errors import Failed, Usage
from bakup.flows import cat
from bakup.layouts.sectors.reader import SOMEWHERE

MIB = 1 << 20
ODD = {"caf\udce9.jpg": b"1", "d/new\nline": b"2" * 100, "empty": b"", " ": noise(70_000)}


def flip(sector: Path, position: int) -> None:
    """Damage the data region's segment that holds a plaintext position."""
    raw = bytearray(sector.read_bytes())
    [header] = struct.unpack_from("<I", raw, 10)
    raw[header + position // 65_536 * 65_552 + 5] ^= 1
    sector.write_bytes(raw)


def pack_at(look: Look, data: bytes, offset: int) -> tuple[Path, int, int]:
    """(sector, a plaintext position in it, offset in the file where it begins) of the chunk that holds an offset."""
    from blake3 import blake3

    with look.rig.open() as home:
        rows = home.catalog.execute(
            "SELECT s.locator, p.position + 32, c.length, c.id, p.length FROM chunks c JOIN packs p ON p.id = c.pack"
            " JOIN sectors s ON s.id = p.sector"
        ).fetchall()
        blob = b"".join(row[0] for row in home.catalog.execute("SELECT extents FROM parts ORDER BY offset"))
    begin = 0
    for length, chunk in struct.iter_unpack("<Q32s", blob):
        if begin <= offset < begin + length:
            assert blake3(data[begin : begin + length]).digest() == chunk
            [(name, position, packed)] = [(row[0], row[1], row[4]) for row in rows if row[3] == chunk]
            return look.rig.target / name, position + packed // 2, begin
        begin += length
    raise AssertionError(offset)


def test_bytes_are_the_files(look: Look) -> None:
    big = noise(9 * MIB) + bytes(3 * MIB) + noise(5 * MIB, 1)
    uuid = look.sync({**ODD, "big": big})
    look.sync({"big": b"small now"})
    for fresh in (False, True):
        if fresh:
            look.rig.new_home("elsewhere")
        for name, data in ODD.items():
            got, report = look.cat(os.fsencode(name))
            assert got == data
            assert (report.bytes, report.written, report.cause, report.other_places) == (len(data), len(data), None, ())
        assert look.cat(b"big", at=uuid.hex()[:8])[0] == big
        assert look.cat(b"big")[0] == b"small now"
    assert look.cat(os.fsencode(look.rig.source) + b"/empty")[0] == b""


def test_holes_are_zeros_and_told_as_such(look: Look) -> None:
    with open(look.rig.source / "sparse", "wb") as file:
        file.truncate(9 * MIB)
        file.seek(4 * MIB)
        file.write(b"island")
    look.sync()
    wanted = (look.rig.source / "sparse").read_bytes()
    pieces: list[tuple[int, bool]] = []
    got = bytearray()

    def write(piece: memoryview | bytes, hole: bool) -> None:
        pieces.append((len(piece), hole))
        got.extend(piece)
        assert not hole or not any(piece)

    with look.rig.open("cat") as home:
        cat.cat(
            home,
            look.dst,
            b"sparse",
            write,
            source=None,
            at="latest",
            target=TargetOptions(),
            watch=look.rig.watch,
            ask=Answers(),
        )
    assert got == wanted
    assert sum(length for length, hole in pieces if hole) >= 8 * MIB
    assert max(length for length, _ in pieces) <= 8 * MIB


def test_what_is_no_file_is_refused(look: Look) -> None:
    os.symlink("a", look.rig.source / "link")
    os.mkfifo(look.rig.source / "fifo")
    look.sync({"d/a": b""})
    for path, code in {b"d": "folder", b".": "folder", b"link": "link", b"fifo": "special", b"nope": "no-path"}.items():
        with pytest.raises(Failed) as refused:
            look.cat(path)
        assert refused.value.code == code
    with pytest.raises(Usage, match=r"no \.\."):
        look.cat(b"../a")


def test_at_a_damaged_pack_it_stops_and_nothing_unverified_is_written(look: Look) -> None:
    data = noise(20 * MIB)
    look.sync({"big": data, "small": b"whole"})
    sector, position, _ = pack_at(look, data, 11 * MIB)
    flip(sector, position)
    got, report = look.cat(b"big")
    assert report.written == len(got)
    assert 6 * MIB < len(got) <= 11 * MIB
    assert data.startswith(got)
    assert report.cause is not None
    assert report.cause.startswith(f"sector {sector.stem} is damaged")
    assert look.cat(b"small")[0] == b"whole"
    with look.rig.open() as home:
        [(found, reason)] = home.state.execute("SELECT sector, reason FROM findings").fetchall()
        assert (found.hex(), reason) == (sector.stem.replace("-", ""), "found by cat")


def test_a_sector_that_is_gone_is_named(look: Look) -> None:
    data = noise(20 * MIB)
    look.sync({"big": data})
    sector, _, begin = pack_at(look, data, len(data) - 1)
    sector.unlink()
    got, report = look.cat(b"big")
    assert data.startswith(got)
    assert 0 < len(got) <= begin
    assert report.cause == f"sector {sector.stem} is missing"


@pytest.mark.parametrize("at", [0.0, 0.5])
def test_a_rebuilt_catalog_lacks_the_lost_part_and_nothing_moves_up(look: Look, small_cuts: None, at: float) -> None:
    data = noise(700_000)
    look.sync({"big": data}, sector_size=SMALL_SECTOR)
    assert len(look.rig.sectors()) > 3
    sector, _, begin = pack_at(look, data, int(at * len(data)))
    sector.unlink()
    look.rig.new_home("elsewhere")
    got, report = look.cat(b"big")
    assert data.startswith(got)
    assert len(got) <= begin
    assert (len(got) > 0) == (at > 0)
    assert report.cause == f"sector {sector.stem} is missing"


def test_a_file_whose_name_is_lost_may_have_been_there(look: Look, small_cuts: None) -> None:
    """What went with the last sector is not known by name; of the large file the parts before it are."""
    data = noise(700_000)
    look.sync({"big": data, "small": b"small"}, sector_size=SMALL_SECTOR)
    look.sync(always=True)
    sector, _, begin = pack_at(look, data, len(data) - 1)
    sector.unlink()
    look.rig.new_home("elsewhere")
    with pytest.raises(Failed, match="no small in") as refused:
        look.cat(b"small")
    [(cause,)] = refused.value.details
    assert str(cause).startswith("the end of check point ")
    got, report = look.cat(b"big")
    assert data.startswith(got)
    assert 0 < len(got) <= begin
    assert report.cause == SOMEWHERE


def test_another_place_of_the_bytes_serves(look: Look) -> None:
    data = noise(5 * MIB)
    look.sync({"big": data, "small": b"whole"})
    sector, position, _ = pack_at(look, data, 2 * MIB)
    look.sync(standalone=True, always=True)
    flip(sector, position)
    got, report = look.cat(b"big")
    assert (got, report.cause) == (data, None)
    assert report.other_places == (f"sector {sector.stem}",)
    assert look.cat(b"big") == (data, report.__class__(report.checkpoint, b"big", len(data), len(data)))


def test_what_the_sink_raises_ends_it(look: Look) -> None:
    look.sync({"big": noise(9 * MIB)})

    def full(piece: memoryview | bytes, hole: bool) -> None:
        raise BrokenPipeError

    with look.rig.open("cat") as home, pytest.raises(BrokenPipeError):
        cat.cat(
            home,
            look.dst,
            b"big",
            full,
            source=None,
            at="latest",
            target=TargetOptions(),
            watch=look.rig.watch,
            ask=Answers(),
        )
