"""Holds what a command did against what the oracle expects."""

from __future__ import annotations

from pathlib import Path

from computer import Said
from injuries import World
from likeness import files, portrait
from oracle import Expected, Given, Oracle, is_sound

WHOLE, OLDER, LOST, UNTRUSTED, HISTORY = 0, 20, 21, 22, 23


def assert_restored(out: Path, said: Said, expected: Expected) -> None:
    """Exactly the expected files stand there, with the expected bytes; exactly the others are named."""
    found = portrait(out) if out.exists() else {}
    assert files(found) == expected.files, said
    assert {path for path, look in found.items() if look.kind != "file"} - {b""} <= expected.others | _above(expected)
    assert expected.others - {b""} <= set(found), said
    assert named(said) == expected.lost, said


def named(said: Said) -> set[bytes]:
    """Paths that `--json` calls not restored."""
    return {fact["path"].encode() for fact in said.facts if fact.get("code") == "not-restored"}


def _above(expected: Expected) -> set[bytes]:
    """Folders that are only implied."""
    paths = {*expected.files, *expected.others}
    return {path[:at] for path in paths for at in range(len(path)) if path[at : at + 1] == b"/"}


def check_code(oracle: Oracle, world: World, given: list[Given], *, read_data: bool) -> set[int]:
    """Exit codes that fit: damage, and whether the latest check point suffers from it."""
    damaged = any(not _whole(oracle, sector_name, content, read_data) for sector_name, content in _own(oracle, world))
    if not damaged:
        return {WHOLE}
    sound = [one for one in given if one.sound]
    held = [one.sector for one in sound]
    latest = oracle.checkpoints[-1]
    state = oracle.state(latest, [sector for sector in oracle.sectors if sector in held])
    chunks = oracle.chunks(sound) if read_data else {chunk.id for one in sound for chunk in one.sector.chunks}
    whole = not state.blind and not oracle.expected(state, chunks).lost
    return {OLDER if whole else LOST} | ({UNTRUSTED} if forged(oracle, world) else set())


def _own(oracle: Oracle, world: World) -> list[tuple[str, bytes | None]]:
    """Each sector by name, with the best object that claims to be it."""
    found: list[tuple[str, bytes | None]] = []
    for sector in oracle.sectors:
        head = sector.content[: sector.header.length]
        claims = [one for one in world.values() if one.startswith(head)]
        claims.sort(key=lambda one, sector=sector: is_sound(sector, one))  # type: ignore[misc]
        found.append((sector.name, claims[-1] if claims else None))
    return found


def _whole(oracle: Oracle, name: str, content: bytes | None, read_data: bool) -> bool:
    sector = next(one for one in oracle.sectors if one.name == name)
    if content is None or not is_sound(sector, content):
        return False
    end = sector.header.sector_length
    return not read_data or content[:end] == sector.content[:end]


def forged(oracle: Oracle, world: World) -> bool:
    """Whether an object at a sector's name has no sector's header: its signature does not fit."""
    heads = [sector.content[: sector.header.length] for sector in oracle.sectors]
    named_so = [world[sector.name] for sector in oracle.sectors if sector.name in world]
    return any(not content.startswith(tuple(heads)) for content in named_so)
