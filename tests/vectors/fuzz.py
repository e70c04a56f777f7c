"""Differential fuzzing: random histories, random wrongs, re-sealed and re-signed, through both readers.

    python -m tests.vectors.fuzz FIRST NUMBER        seeds FIRST to FIRST + NUMBER - 1; one line a disagreement
    python -m tests.vectors.fuzz --keep DIR SEED     the objects of one seed, to look at

Each seed makes a history of one source (docs/format/sector.md; tests/vectors/forge), changes up to three things in it,
and asks both readers for every check point by its id, complete or not, and for the latest. They must give back the same
files with the same bytes, and agree whether that was all.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.vectors.forge import Account, Action, Box, CheckPoint, Raw, Sector, Writer
from tests.vectors.forge import entries as e
from tests.vectors.forge.sectors import CHECKPOINT, CHUNKS, END, GROUP, PACK
from tests.vectors.readers import READERS

MEMORY = "/dev/shm"
"""What the readers say does not depend on a disk, which only slows them down."""
ACCOUNT = Account()
WRITER = Writer(ACCOUNT, [b"example source.."])
SOURCE = b"example source.."
FOLDERS = [b"b", b"b/d"]
LEAVES = [b"a", b"b-c", b"b/c", b"b/d/e", b"c", b"\xff", b"z z"]
NAMES = [*FOLDERS, *LEAVES]
CONTENTS = [b"", b"1\n", b"22\n", b"333\n", b"x" * 1000, bytes(5000)]
NUMBERS = [
    0,
    1,
    2,
    7,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2**31,
    2**32,
    2**40,
    2**47,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
    -1,
    -(2**63),
]
NOT_SO = (b"\xc1", b"\x80", b"\xcb" + bytes(8), b"\xcc\x01", b"\xa1\xff")
"""No MessagePack, a map, a float, a number in a longer form, text that is no UTF-8."""
BYTES = (b"", b"a", b"/", b"..", b"a/../b", bytes(16), bytes(32), bytes(31))
NOT_WRITTEN = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError, struct.error)
"""What comes of a value that no bytes can say."""
VALUES: list[Any] = [None, True, False, *BYTES, "", "text", [], [[]], [None], *map(Raw, NOT_SO)]


@dataclass
class Scene:
    """A history: its check points, its sectors by name."""

    points: list[CheckPoint]
    sectors: dict[str, Any]
    accepts: list[str]


class Maker:
    """Makes one scene from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        sealed = self.rng.random() < 0.15
        signed = sealed or self.rng.random() < 0.15
        self.signer = (WRITER if self.rng.random() < 0.3 else ACCOUNT) if signed else None
        self.encrypted = sealed
        self.sectors: dict[str, Sector] = {}
        self.known: list[bytes] = []
        self.file_id = 0
        self.accepts = ([] if signed else ["unsigned"]) + ([] if sealed else ["plain"])

    def scene(self) -> Scene:
        points: list[CheckPoint] = []
        for _ in range(self.rng.choice([1, 1, 2, 2, 3])):
            points.append(self._point(points))
        return Scene(points, dict(self.sectors), self.accepts)

    def _sector(self, new: float) -> Sector:
        if not self.sectors or self.rng.random() < new:
            sector = Sector(ACCOUNT, self.signer, encrypted=self.encrypted)
            self.sectors[f"s{len(self.sectors)}.bakup"] = sector
        return list(self.sectors.values())[-1]  # END names only sectors before its own, previous only END before it

    def _point(self, before: list[CheckPoint]) -> CheckPoint:
        rng = self.rng
        incremental = bool(before) and rng.random() < 0.7
        cp = CheckPoint(self.signer, SOURCE, previous=before[-1] if before else None, incremental=incremental)
        lane = 0
        entries = self._entries(cp, incremental)
        while entries or not cp.lanes:
            number = rng.randint(1, 4)
            take, entries = entries[:number], entries[number:]
            sector = self._sector(0.3)
            listed = [entry(sector) if callable(entry) else entry for entry in take] or [e.directory(b"")]
            actions = [Action(GROUP, listed, rng.random() < 0.3)]
            if rng.random() < 0.05:
                actions.append(Action(0x0006, b"later"))
            cp.box(sector, actions, lane)
            if rng.random() < 0.2:
                lane += rng.choice([1, 1, 5])
            if rng.random() < 0.05 and len(cp.lanes) > 1:
                self._part(cp)
        if rng.random() < 0.95:
            cp.end(self._sector(0.1))
        else:
            cp.ends.append(Action(END, lambda: cp._end(self._last(cp))))
        return cp

    def _part(self, cp: CheckPoint) -> None:
        if lanes := [lane for lane in sorted(cp.lanes) if all(lane not in part["lanes"] for part in cp.parts)][:-1]:
            cp.end(self._sector(0.1), last=False, lanes=lanes)

    @staticmethod
    def _last(cp: CheckPoint) -> dict[str, Any]:
        return {"number": 0, "last": True, "sectors": [], "lanes": [*sorted(cp.lanes)], "sector": None, "given": {}}

    def _entries(self, cp: CheckPoint, incremental: bool) -> list[Any]:
        rng = self.rng
        made: list[Any] = [] if incremental else [e.directory(b"")]
        if rng.random() < 0.05:
            made.append(e.record(3, b"later"))
        for path in sorted(rng.sample(NAMES, rng.randint(1, 6)), key=e.key):
            kind = rng.random()
            if incremental and kind < 0.3:
                made.append(e.delete(path))
                if kind < 0.15:
                    continue
            if path in FOLDERS:
                made.append(e.directory(path))
            elif kind < 0.75:
                made.append(self._file(cp, path))
            elif kind < 0.8:
                self.file_id += 1
                made += self._parts(cp, path, self.file_id)
            elif kind < 0.93:
                made.append(e.symlink(path, b"a"))
            elif kind < 0.95:
                made.append(e.special(path))
            elif kind < 0.97:
                made.append(e.unread(path))
            elif kind < 0.99:
                made += [self._file(cp, path), e.unread(path)]
            else:
                made.append([64, path, 1])
        return made

    def _extents(self, cp: CheckPoint, sector: Sector) -> list[Any]:
        rng, extents = self.rng, []
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            data = rng.choice(CONTENTS[1:])
            if data in self.known and rng.random() < 0.6:
                extents.append(e.known(data))
            elif rng.random() < 0.1:
                extents.append(e.hole(rng.randint(1, 9000)))
            else:
                extents += cp.pack(sector, [data], zstd=rng.random() < 0.3)
                self.known.append(data)
        return extents

    def _file(self, cp: CheckPoint, path: bytes) -> Any:
        if self.rng.random() < 0.1:
            return e.file(path)
        return lambda sector: e.file(path, self._extents(cp, sector))

    def _parts(self, cp: CheckPoint, path: bytes, file_id: int) -> list[Any]:
        """A run of parts, each made where its chunks go; closed when its last is."""
        number = self.rng.randint(1, 3)
        pieces: list[list[Any]] = []

        def part(sector: Sector, last: bool) -> list[Any]:
            pieces.append(self._extents(cp, sector))
            return e.parts(path, file_id, pieces, closed=last)[-1]

        return [lambda sector, last=n == number - 1: part(sector, last) for n in range(number)]


# what goes wrong


def wrong(scene: Scene, rng: Random) -> None:
    """Changes one thing."""
    rng.choices(
        [structure, encoded, action, box, row, header, field, bytes_, sectors, boxes],
        [10, 3, 2, 3, 2, 1, 1, 2, 2, 3],
    )[0](scene, rng)


def _all(scene: Scene) -> list[Sector]:
    return [sector for sector in scene.sectors.values() if isinstance(sector, Sector)]


def _actions(scene: Scene, *kinds: int) -> list[Action]:
    boxes_ = [one for sector in _all(scene) for one in (*sector.meta, *sector.data)]
    return [one for box_ in boxes_ for one in box_.actions if not kinds or one.kind in kinds]


def _pick(rng: Random, things: list[Any]) -> Any:
    return rng.choice(things) if things else None


def structure(scene: Scene, rng: Random) -> None:
    kind = rng.choice([GROUP, GROUP, GROUP, CHECKPOINT, END, CHUNKS])
    if (found := _pick(rng, _actions(scene, kind))) is None:
        return
    before, seed = found.edit, rng.random()

    def edit(value: Any) -> None:
        if before:
            before(value)
        _mutate(value, Random(seed))

    found.edit = edit


def _mutate(value: list[Any], rng: Random) -> None:
    at = value
    while True:
        inner = [one for one in at if isinstance(one, list) and one]
        if not inner or rng.random() < 0.25:
            break
        at = rng.choice(inner)
    if not at:
        at.append(rng.choice(VALUES))
        return
    place, how = rng.randrange(len(at)), rng.random()
    old = at[place]
    if how < 0.1:
        del at[place]
    elif how < 0.2:
        at.insert(place, old)
    elif how < 0.3:
        other = rng.randrange(len(at))
        at[place], at[other] = at[other], old
    elif isinstance(old, int) and not isinstance(old, bool) and how < 0.9:
        at[place] = rng.choice([old + 1, old - 1, rng.choice(NUMBERS), old ^ 1 << rng.randrange(64)])
    elif isinstance(old, bytes) and old and how < 0.6:
        at[place] = _flipped(old, rng)
    elif isinstance(old, bytes) and how < 0.9:
        at[place] = rng.choice([old[:-1], old + b"x", rng.choice(NAMES), b"x" * rng.choice([0, 15, 16, 31, 32, 257])])
    else:
        at[place] = rng.choice([*VALUES, rng.choice(NUMBERS)])
        if isinstance(at[place], list):
            at[place] = []


def _flipped(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _broken(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return rng.choice([
        lambda: _flipped(data, rng) if data else b"x",
        lambda: data[:at],
        lambda: data[:at] + data[at + 1 :],
        lambda: data[:at] + bytes([rng.randrange(256)]) + data[at:],
        lambda: data + b"\0",
    ])()  # fmt: skip


def encoded(scene: Scene, rng: Random) -> None:
    if found := _pick(rng, _actions(scene)):
        seed = rng.random()
        if found.kind in (PACK, GROUP) and found.zstd and rng.random() < 0.7:
            found.frame = lambda data: _broken(data, Random(seed))
        else:
            found.encode = lambda data: _broken(data, Random(seed))


def action(scene: Scene, rng: Random) -> None:
    if found := _pick(rng, _actions(scene)):
        name = rng.choice(["flags", "kind", "path", "path_length", "length", "raw"])
        kinds = [PACK, GROUP, CHECKPOINT, END, CHUNKS, 5, 6, 0x8006, 0]
        value = {"kind": rng.choice(kinds), "path": b"p", "flags": rng.choice([0, 1, 2, 255, 256, 2**31])}
        setattr(found, name, value.get(name, rng.choice([n for n in NUMBERS if 0 <= n < 2**32])))


def box(scene: Scene, rng: Random) -> None:
    sector = rng.choice(_all(scene))
    found = _pick(rng, [*sector.meta, *sector.data])
    if found is None:
        return
    how = rng.randrange(4)
    if how == 0:
        found.uuid = rng.choice([bytes(16), b"u" * 16, *(point.uuid for point in scene.points)])
    elif how == 1:
        found.length = rng.choice([n for n in NUMBERS if n >= 0])
    elif how == 2:
        place, change = found.offset, rng.choice([1, -1, 1 << 40, rng.choice(NUMBERS)])
        found.offset = lambda: ((place() if callable(place) else place) + change) % 2**64
    else:
        seed, content = rng.random(), found.content
        found.content = _broken(content, Random(seed))


def row(scene: Scene, rng: Random) -> None:
    seed = rng.random()

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        inner = Random(seed)
        if rows:
            chosen, column = inner.choice(rows), inner.randrange(1, 5)
            chosen[column] = inner.choice([chosen[column] + 1, abs(chosen[column] - 1), inner.choice(NUMBERS)]) % 2**64
        return rows

    rng.choice(_all(scene)).hook("rows", change)


def header(scene: Scene, rng: Random) -> None:
    name = rng.choice(["version", "flags", "header length", "uuid", "data length", "meta length", "data digest"])
    number = rng.choice([0, 1, 2, 3, 109, 110, 111, 2**15])
    value = {"uuid": bytes(16), "data digest": bytes(32)}.get(name, number)
    rng.choice(_all(scene)).hook("values", lambda old: old | {name: value})


def field(scene: Scene, rng: Random) -> None:
    seed = rng.random()

    def change(fields: list[Any]) -> list[Any]:
        inner = Random(seed)
        if not fields:
            return [[inner.choice([1, 3, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x7FFE]), b"v"]]
        place = inner.randrange(len(fields))
        tag, value = fields[place]
        return inner.choice([
            fields[:place] + fields[place + 1 :],
            [*fields, fields[place]],
            [*fields[:place], [tag, _broken(value, inner)], *fields[place + 1 :]],
            sorted([*fields, [inner.choice([1, 3, 0x7FFE, 0x8005]), b"v"]]),
        ])  # fmt: skip

    rng.choice(_all(scene)).hook("fields", change)


def bytes_(scene: Scene, rng: Random) -> None:
    seed = rng.random()
    rng.choice(_all(scene)).hook("object", lambda data: _broken(data, Random(seed)))


def sectors(scene: Scene, rng: Random) -> None:
    """One is gone, one is there twice, one is copied box by box."""
    name = rng.choice(list(scene.sectors))
    how, sector = rng.randrange(4), scene.sectors[name]
    if how == 0 and len(scene.sectors) > 1:
        scene.sectors[name] = None
    elif how == 1 and isinstance(sector, Sector):
        scene.sectors["again-" + name] = sector
    elif isinstance(sector, Sector):
        copy = Sector(ACCOUNT, sector.signer, encrypted=sector.encrypted)
        copy.data, copy.meta, copy.points = sector.data, sector.meta, sector.points
        scene.sectors["copy-" + name] = copy
        if how == 2:
            scene.sectors[name] = None


def boxes(scene: Scene, rng: Random) -> None:
    """One is gone, twice there, in another place or in another sector."""
    sector = rng.choice(_all(scene))
    if not sector.meta:
        return
    place = rng.randrange(len(sector.meta))
    found, how = sector.meta[place], rng.randrange(5)
    if how == 0:
        del sector.meta[place]
    elif how == 1:
        sector.meta.insert(rng.randrange(len(sector.meta) + 1), found)
    elif how == 2:
        sector.meta.insert(rng.randrange(len(sector.meta)), sector.meta.pop(place))
    elif how == 3:
        rng.choice(_all(scene)).meta.append(found)
    else:
        for point in scene.points:
            if point.uuid == found.uuid and found is not point.header:
                other = rng.choice(_all(scene))
                other.open(point)
                twin = Box(found.uuid, found.offset, found.actions)
                if rng.random() < 0.5:
                    seed, plain = rng.random(), found
                    twin.content = _flipped(plain.content, Random(seed)) if plain.content else b"x"
                other.meta.append(twin)


# both readers


def made(seed: int) -> tuple[Scene, dict[str, bytes]]:
    """The scene of a seed, and its objects."""
    rng = Random(~seed)
    scene = Maker(seed).scene()
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        wrong(scene, rng)
    done = {}
    for name, sector in scene.sectors.items():
        if sector is not None:
            with contextlib.suppress(*NOT_WRITTEN):
                done[name] = sector.bytes()
    return scene, done


def disagreements(seed: int, folder: Path) -> list[str]:
    """What the readers do not agree on."""
    scene, objects = made(seed)
    places = []
    for reader in READERS:
        place = folder / str(reader)
        place.mkdir()
        places.append(reader.place(place, objects, scene.accepts))
    found = []
    for at in ["latest", *(_text(point.uuid) for point in scene.points)]:
        one, other = (place.restore(at=at) for place in places)
        if other.said.count(" bytes of check point ") > 1:
            continue  # two sources of one name: bakup restores the newer, as one that was begun anew
        files = _apart(one.released, other.released), _apart(other.released, one.released)
        if files[0] != files[1] or (one.whole != other.whole and (one.released or other.released)):
            told = (
                f"--- {reader}\n{given.said}{sorted(given.released)}"
                for reader, given in zip(READERS, (one, other), strict=True)
            )
            found.append("\n".join((f"seed {seed} at {at}:", *told)))
    return found


def _apart(released: dict[str, bytes], other: dict[str, bytes]) -> dict[str, bytes]:
    """Without paths of which one stands below the other: a reader may restore either (section 6.4)."""
    paths = {*released, *other}
    below = {path for path in paths for above in paths if path.startswith(above + "/")}
    above = {path for path in paths for one in below if one.startswith(path + "/")}
    return {path: content for path, content in released.items() if path not in below | above}


def _text(uuid: bytes) -> str:
    digits = uuid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def main(arguments: list[str]) -> int:
    """Prints every disagreement and, last, how many seeds and the peak of memory."""
    if arguments[0] == "--keep":
        folder = Path(arguments[1])
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in made(int(arguments[2]))[1].items():
            (folder / name).write_bytes(data)
        return 0
    first, number = map(int, arguments)
    bad = 0
    for seed in range(first, first + number):
        folder = Path(tempfile.mkdtemp(prefix="bakup-fuzz-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        try:
            for line in disagreements(seed, folder):
                bad += 1
                print(line, flush=True)
        except Exception as problem:
            bad += 1
            print(f"seed {seed}: {problem!r}", flush=True)
        finally:
            shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{number} seeds, {bad} disagreements, peak {peak} MiB")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
