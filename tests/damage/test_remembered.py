"""Damage that was found is remembered in state.db, so that the next sync stores it again; and what is left of files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from estate import Copy, Estate
from injuries import Case, lay_out
from likeness import assert_alike, digest
from verdicts import LOST, OLDER, WHOLE, named

Estates = Callable[[bool], Estate]


def findings(copy: Copy) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(copy.computer.home / "state.db")) as state:
        return state.execute("SELECT hex(sector), position FROM findings ORDER BY position").fetchall()


def damaged(estate: Estate, folder: Path, structure: str, victim: int = 0) -> Copy:
    case = Case(structure, estate.sectors[victim], estate.sectors[1], estate.foreign[victim])
    lay_out(case.injure("flip", estate.world), estate.target)
    return Copy(estate, folder)


@pytest.mark.parametrize("structure", ["middle data segment", "meta region", "signature"])
@pytest.mark.parametrize("found_by", ["check", "restore"])
def test_a_catalog_made_anew_does_not_forget_it(
    estates: Estates, tmp_path: Path, structure: str, found_by: str
) -> None:
    estate = estates(True)
    copy = damaged(estate, tmp_path, structure)
    computer = copy.computer
    if found_by == "check":
        computer.call("check", estate.target, "--read-data", code=None)
    else:
        computer.call("restore", estate.target, copy.out(), code=None)
    if structure == "middle data segment" or found_by == "check":
        (sector,) = {row[0] for row in findings(copy)}
        assert sector == estate.sectors[0].header.uuid.hex().upper()
    for path in computer.home.glob("catalog.db*"):
        path.unlink()
    said = computer.call("sync", estate.source, estate.target, "--json")
    assert said.summary["stored_bytes"] > 10_000, said
    out = copy.out()
    # To a new catalog a sector that is refused may have held anything (docs/format/sector.md section 6.5).
    computer.call("restore", estate.target, out, code=0 if structure == "middle data segment" else 3)
    assert_alike(out, estate.pictures[-1])


def test_positions_that_were_found(estates: Estates, tmp_path: Path) -> None:
    estate = estates(True)
    copy = damaged(estate, tmp_path, "middle data segment")
    copy.computer.call("check", estate.target, "--read-data", code=LOST)
    victim = estate.sectors[0]
    begin, end = victim.spans["middle data segment"]
    hit = {row.position for row in victim.rows if _overlaps(victim.stored(row.position, 32 + row.length), (begin, end))}
    assert {position for _, position in findings(copy)} == hit
    copy.computer.call("check", estate.target, code=LOST)
    copy.computer.call("sync", estate.source, estate.target)
    copy.computer.call("check", estate.target, code=OLDER)
    copy.computer.call("check", estate.target, "--read-data", code=OLDER)


def test_damage_that_was_mended_is_forgotten(estates: Estates, tmp_path: Path) -> None:
    estate = estates(True)
    for structure in ("middle data segment", "meta region", "signature"):
        folder = tmp_path / structure.replace(" ", "-")
        folder.mkdir()
        copy = damaged(estate, folder, structure)
        copy.computer.call("check", estate.target, "--read-data", code=None)
        assert findings(copy)
        lay_out(estate.world, estate.target)
        copy.computer.call("check", estate.target, "--read-data", code=WHOLE)
        assert findings(copy) == []
        out = copy.out()
        copy.computer.call("restore", estate.target, out)
        assert_alike(out, estate.pictures[-1])
        said = copy.computer.call("sync", estate.source, estate.target, "--json")
        assert not said.summary["check_point_new"], said


@pytest.mark.parametrize("sealed", [True, False])
def test_what_is_left_of_a_file(estates: Estates, tmp_path: Path, sealed: bool) -> None:
    estate = estates(sealed)
    copy = damaged(estate, tmp_path, "pack")
    oracle = estate.oracle
    chunks = oracle.chunks(
        oracle.given({path.name: path.read_bytes() for path in estate.target.glob("*.bakup")}, known=True)
    )
    state = oracle.state(oracle.checkpoints[-1], oracle.sectors)
    lost = oracle.expected(state, chunks).lost
    out = copy.out()
    said = copy.computer.call("restore", estate.target, out, "--partial", "--json", code=3 if lost else 0)
    assert named(said) == lost
    for path in lost:
        extents = state.entries[path].extents
        good, at = [], 0
        for extent in extents:
            if extent.chunk in chunks:
                good.append((at, extent.length))
            at += extent.length
        part = out / f"{path.decode()}.part"
        assert part.exists() == bool(good), path
        assert not (out / path.decode()).exists()
        if good:
            _assert_ranges(part, estate.source / path.decode(), good)


def _assert_ranges(part: Path, whole: Path, good: list[tuple[int, int]]) -> None:
    ranges = [tuple(map(int, line.split())) for line in Path(f"{part}.ranges").read_text().splitlines()]
    assert sum(length for _, length in ranges) == sum(length for _, length in good)
    assert all(first[0] + first[1] < second[0] for first, second in pairwise(ranges))
    left, wanted = part.read_bytes(), whole.read_bytes()
    assert len(left) == len(wanted)
    for offset, length in good:
        assert left[offset : offset + length] == wanted[offset : offset + length]
    assert digest(part) != digest(whole)


def _overlaps(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
