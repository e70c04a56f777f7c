"""Targets that say much: what a reader's memory must not follow.

    python -m tests.vectors.heavy NAME DIR        writes the objects of a scene, plain and unsigned

Each scene has one source, `example`, with a file `small` that every reader gives back, and something of great size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from msgspec.msgpack import encode

from tests.vectors.forge import Account, Action, Box, CheckPoint, Sector
from tests.vectors.forge import entries as e
from tests.vectors.forge.sectors import END, GROUP

ACCOUNT, SOURCE, MIB = Account(), b"example source..", 1 << 20
END_LANE = 0xFFFFFE


def _begun() -> tuple[CheckPoint, Sector]:
    cp, sector = CheckPoint(None, SOURCE), Sector(ACCOUNT, None, encrypted=False)
    cp.group(sector, [e.directory(b""), e.file(b"0", cp.pack(sector, [b"small\n"]))])
    return cp, sector


def ends(write: Callable[[str, bytes], object], number: int = 44) -> None:
    """END parts of nearly 4 MiB, that no check point needs: `number` different ones of part 1."""
    cp, sector = _begun()
    cp.end(sector)
    write("0.bakup", sector.bytes())
    for one in range(0, number, 4):
        other = Sector(ACCOUNT, None, encrypted=False)
        other.open(cp)
        for at in range(one, min(one + 4, number)):
            facts = [["fact", bytes([at]) + bytes(4 * MIB - 200)]]
            end = [cp.uuid, 0, True, [], 0, 0, [[0, cp._length(0), cp.lane_digest(0)]], facts]
            other.meta.append(Box(cp.uuid, END_LANE << 40, [Action(END, end)]))
        write(f"e{one}.bakup", other.bytes())


def crowd(write: Callable[[str, bytes], object], groups: int = 184) -> None:
    """A box with millions of the smallest entries, in few bytes: each GROUP as many as one may have."""
    cp, sector = _begun()
    entries = [e.delete(b"%06x" % at) for at in range(65_536)]
    packed = encode(entries)
    for _ in range(groups):
        cp.box(sector, [Action(GROUP, packed, zstd=True)])
    cp.end(sector)
    write("0.bakup", sector.bytes())


SCENES = {"ends": ends, "crowd": crowd}

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    SCENES[sys.argv[1]](lambda name, data: (folder / name).write_bytes(data))
