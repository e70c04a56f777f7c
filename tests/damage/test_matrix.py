"""Every structure x every damage: what should be restored is, the rest is named, and the next sync makes up for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from anatomy import FIXED_PART
from computer import Computer
from estate import Copy, Estate
from injuries import DAMAGES, Case, World, lay_out
from likeness import assert_alike, files, portrait
from oracle import Expected, Given
from verdicts import HISTORY, LOST, OLDER, UNTRUSTED, WHOLE, assert_restored, check_code, forged

FIELDS = ("public key", "encrypted key", "key check", "signature")
DATA = ("first data segment", "middle data segment", "last data segment", "box header", "pack")
REST = ("meta region", "table", "padding", "object")
STRUCTURES = (*FIXED_PART, *FIELDS, *DATA, *REST)
PLAIN_STRUCTURES = ("signature", *DATA, "meta region", "table")
ELSEWHERE = ("signature", "public key", "middle data segment", "meta region", "padding", "object")
MADE_UP_ELSEWHERE = ("middle data segment", "meta region", "object")
A, B, C = 0, 1, 2
"""The sectors, by the check point that they hold."""

Estates = Callable[[bool], Estate]


def injured(estate: Estate, structure: str, damage: str, victim: int = A) -> World:
    """The target's objects after the damage; the next sector is the other one of a swap."""
    case = Case(structure, estate.sectors[victim], estate.sectors[(victim + 1) % 3], estate.foreign[victim])
    world = case.injure(damage, estate.world)
    lay_out(world, estate.target)
    return world


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_with_a_catalog_of_a_sealed_target(estates: Estates, tmp_path: Path, structure: str, damage: str) -> None:
    _judge_with_catalog(estates(True), tmp_path, structure, damage, A)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("structure", PLAIN_STRUCTURES)
def test_with_a_catalog_of_a_plain_target(estates: Estates, tmp_path: Path, structure: str, damage: str) -> None:
    _judge_with_catalog(estates(False), tmp_path, structure, damage, A)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("structure", ["meta region", "object"])
@pytest.mark.parametrize("victim", [B, C], ids=["B", "C"])
def test_with_a_catalog_in_later_sectors(
    estates: Estates, tmp_path: Path, structure: str, damage: str, victim: int
) -> None:
    _judge_with_catalog(estates(True), tmp_path, structure, damage, victim)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("structure", ["uuid", "signature", "middle data segment", "meta region", "padding", "object"])
@pytest.mark.parametrize("victim", [A, B, C], ids=["A", "B", "C"])
def test_without_a_catalog(estates: Estates, tmp_path: Path, structure: str, damage: str, victim: int) -> None:
    _judge_without_catalog(estates(True), tmp_path, structure, damage, victim)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("structure", ["box header", "pack", "table"])
def test_without_a_catalog_of_a_plain_target(estates: Estates, tmp_path: Path, structure: str, damage: str) -> None:
    _judge_without_catalog(estates(False), tmp_path, structure, damage, A)


def _judge_with_catalog(estate: Estate, folder: Path, structure: str, damage: str, victim: int) -> None:
    world = injured(estate, structure, damage, victim)
    copy, oracle = Copy(estate, folder), estate.oracle
    given = oracle.given(world, known=True)
    latest = oracle.state(oracle.checkpoints[-1], oracle.sectors)
    expected = oracle.expected(latest, oracle.chunks(given))
    _restores(copy, copy.computer, expected)
    seen, found = (check_code(oracle, world, given, read_data=read_data) for read_data in (False, True))
    said = copy.computer.call("check", estate.target, code=None)
    assert said.code in seen | found, "what the restore came upon is remembered, all else is not known yet"
    said = copy.computer.call("check", estate.target, "--read-data", code=None)
    assert said.code in found, said
    if structure not in FIXED_PART:
        _restores(copy, copy.computer, expected)
    _makes_up(copy, world)
    if structure in ELSEWHERE:
        _comes_back_elsewhere(copy, world)


def _restores(copy: Copy, computer: Computer, expected: Expected, *, code: int | None = None) -> None:
    out = copy.out()
    said = computer.call("restore", copy.target, out, "--json", *copy.estate.reading, code=None)
    assert_restored(out, said, expected)
    assert said.code == (code if code is not None else 3 if expected.lost else 0), said


def _makes_up(copy: Copy, world: World) -> None:
    """The next sync stores again what is lost; then all is whole."""
    estate, wanted = copy.estate, copy.estate.pictures[-1]
    copy.computer.call("sync", estate.source, estate.target)
    out = copy.out()
    copy.computer.call("restore", estate.target, out)
    assert_alike(out, wanted)
    said = copy.computer.call("check", estate.target, "--read-data", code=None)
    assert said.code in {WHOLE, OLDER} | ({UNTRUSTED} if forged(estate.oracle, world) else set()), said


def _comes_back_elsewhere(copy: Copy, world: World) -> None:
    """What was stored again serves another computer, and the independent reader."""
    estate, wanted = copy.estate, copy.estate.pictures[-1]
    refused = bool(estate.oracle.refused(world, estate.foreign))
    fresh, out = copy.fresh(), copy.out()
    said = fresh.call("restore", estate.target, out, *estate.reading, code=None)
    assert_alike(out, wanted)
    assert said.code == (3 if refused else 0), said
    out = copy.out()
    fresh.recover(estate.target, out, *estate.reading)
    assert_alike(out, wanted)


def _judge_without_catalog(estate: Estate, folder: Path, structure: str, damage: str, victim: int) -> None:
    world = injured(estate, structure, damage, victim)
    copy, oracle = Copy(estate, folder), estate.oracle
    given = oracle.given(world, known=False)
    sectors = [sector for sector in oracle.sectors if any(one.sector is sector for one in given)]
    state = oracle.state(oracle.complete(sectors)[-1], sectors)
    expected = oracle.expected(state, oracle.chunks(given))
    refused = oracle.refused(world, estate.foreign)
    partly = bool(expected.lost or state.blind or refused)
    fresh = copy.fresh()
    _restores(copy, fresh, expected, code=3 if partly else 0)
    said = fresh.call("check", estate.target, "--read-data", *estate.reading, code=None)
    visible = partly or any(one.content != one.sector.content for one in given if not _padded(one))
    codes = {HISTORY} if oracle.forgotten(sectors) else {OLDER, LOST, UNTRUSTED} if visible else {WHOLE}
    assert said.code in codes, said
    listed = {line.uuid for sector in sectors for end in sector.ends for line in end.sectors}
    for uuid in listed & set(state.blind):
        assert str(UUID(bytes=uuid)) in str(said), said
    _recovers(copy, fresh, expected, partly, whole_chain=not oracle.forgotten(sectors))
    if structure in MADE_UP_ELSEWHERE:
        # A catalog made from what is left finds what that lacks, and stores it again.
        fresh.call("sync", estate.source, estate.target)
        _comes_back_elsewhere(copy, world)


def _recovers(copy: Copy, fresh: Computer, expected: Expected, partly: bool, *, whole_chain: bool) -> None:
    """The independent reader brings back the same; where a check point is forgotten it may take less for granted."""
    out = copy.out()
    said = fresh.recover(copy.target, out, *copy.estate.reading)
    found = files(portrait(out))
    assert found == expected.files if whole_chain else found.items() <= expected.files.items(), said
    assert said.code == (3 if partly else 0), said


def _padded(given: Given) -> bool:
    """Whether only the number of zeros behind the sector may differ."""
    end = given.sector.header.sector_length
    return given.content[:end] == given.sector.content[:end]


def test_two_objects_of_one_size_exchange_their_names(estates: Estates, tmp_path: Path) -> None:
    """Sizes tell nothing then, and no name is to be trusted: all is there."""
    estate = estates(True)
    world = estate.world
    one, other = (estate.sectors[number].name for number in (A, B))
    world[other] = world[other].ljust(len(world[one]), b"\0")
    lay_out(world, estate.target)
    copy = Copy(estate, tmp_path)
    fresh = copy.fresh()
    fresh.call("restore", estate.target, copy.out())
    world[one], world[other] = world[other], world[one]
    lay_out(world, estate.target)
    for computer in (fresh, copy.fresh()):
        out = copy.out()
        computer.call("restore", estate.target, out)
        assert_alike(out, estate.pictures[-1])
    fresh.call("check", estate.target, "--read-data")


def test_what_the_matrix_holds() -> None:
    assert len(STRUCTURES) == 9 + 4 + 5 + 4
    assert DAMAGES == ("flip", "truncation", "removal", "duplication", "swap", "foreign")
