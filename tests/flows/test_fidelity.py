"""All that a tree may be: stored, the computer lost, and brought back as it was from the words and the target."""

from __future__ import annotations

import fcntl
import os
import pwd
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import astuple
from nobody import NOBODY, as_nobody
from oddities import ROOT, facts_of, plant_odd_things
from rig import Answers, Rig

from bakup.api.reports import ListedEntry, Selection, TargetOptions
from bakup.flows import ls
from bakup.model import Attributes, Dir, File, Special, SpecialType

GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
NO_DUMP, IMMUTABLE, NO_ATIME = 0x40, 0x10, 0x80
GIB = 1 << 30
NAME = b"n" * 250
DEPTH = 20


def entries(rig: Rig) -> dict[bytes, ListedEntry]:
    """What the last check point says of each path."""
    more = {"source": None, "at": "latest", "recursive": True, "target": TargetOptions()}
    with rig.open("ls") as home:
        found = ls.entries(home, str(rig.target), b"", **more, watch=rig.watch, ask=Answers())  # type: ignore[arg-type]
        return {one.path: one for one in found.entries}


def attributes(one: ListedEntry) -> Attributes:
    assert isinstance(one.entry, File | Dir | Special)
    return one.entry.attributes


def there_and_back(rig: Rig) -> Path:
    """The source as another computer gets it back; nothing is named as left out."""
    report = rig.sync().sources[0]
    assert (report.unreadable, report.changing) == ((), ())
    rig.new_home("another")
    out, restored = rig.restore()
    assert (restored.causes, restored.skipped, restored.older) == ((), (), ())
    return out


def test_odd_things_by_way_of_the_target(rig: Rig) -> None:
    root = os.fsencode(rig.source)
    plant_odd_things(root)
    wanted = facts_of(root)
    assert facts_of(os.fsencode(there_and_back(rig))) == wanted
    assert len(wanted) > 40


def test_who_owns_it_and_when_it_was_born_are_recorded(rig: Rig) -> None:
    (rig.source / "file").write_text("x")
    rig.sync()
    found = attributes(entries(rig)[b"file"])
    facts = (rig.source / "file").stat()
    assert (found.uid, found.user) == (facts.st_uid, pwd.getpwuid(facts.st_uid).pw_name)
    assert (found.gid, found.mtime_ns) == (facts.st_gid, facts.st_mtime_ns)
    assert found.birth_ns is not None
    assert abs(found.birth_ns - facts.st_ctime_ns) < 60 * 10**9


def flags_of(path: Path) -> int:
    with path.open("rb") as file:
        return int(struct.unpack("i", fcntl.ioctl(file, GET_FLAGS, struct.pack("i", 0)))[0])


def set_flags(path: Path, flags: int) -> None:
    with path.open("rb") as file:
        fcntl.ioctl(file, SET_FLAGS, struct.pack("i", flags))


@pytest.fixture
def flagged(rig: Rig) -> Iterator[list[str]]:
    """Names with inode flags in the source; what nobody can remove is taken off in the end."""
    flags = {"nodump": NO_DUMP, "noatime": NO_ATIME} | ({"immutable": IMMUTABLE} if ROOT else {})
    for name, flag in flags.items():
        (rig.source / name).write_text(name)
        set_flags(rig.source / name, flags_of(rig.source / name) | flag)
    yield list(flags)
    for path in rig.folder.rglob("immutable"):
        set_flags(path, 0)


def test_inode_flags(rig: Rig, flagged: list[str]) -> None:
    out = there_and_back(rig)
    for name in flagged:
        assert flags_of(out / name) == flags_of(rig.source / name), name
        assert (out / name).read_text() == name


def test_paths_longer_than_a_call_takes(rig: Rig) -> None:
    descriptors = [os.open(rig.source, os.O_RDONLY)]
    for _ in range(DEPTH):
        os.mkdir(NAME, dir_fd=descriptors[-1])
        descriptors.append(os.open(NAME, os.O_RDONLY, dir_fd=descriptors[-1]))
    with open(os.open(b"deep", os.O_WRONLY | os.O_CREAT, dir_fd=descriptors[-1]), "wb") as file:
        file.write(b"content")
    os.symlink(b"deep", b"link", dir_fd=descriptors[-1])
    out = there_and_back(rig)
    at = os.open(out, os.O_RDONLY)
    for _ in range(DEPTH):
        at, above = os.open(NAME, os.O_RDONLY, dir_fd=at), at
        os.close(above)
    with open(os.open(b"deep", os.O_RDONLY, dir_fd=at), "rb") as file:
        assert file.read() == b"content"
    assert os.readlink(b"link", dir_fd=at) == b"deep"
    assert len(NAME) * DEPTH > 4096
    for descriptor in (at, *descriptors):
        os.close(descriptor)


def test_five_gibibytes_with_holes(rig: Rig) -> None:
    """Past 32 bits; what is no hole comes back in its place, the holes take no room."""
    islands = {0: b"first", 2 * GIB - 1: b"over the sign", 4 * GIB - 3: b"over 32 bits", 5 * GIB - 4: b"last"}
    with (rig.source / "large").open("wb") as file:
        for offset, data in islands.items():
            file.seek(offset)
            file.write(data)
    (rig.source / "none").touch()
    out = there_and_back(rig)
    facts = (out / "large").stat()
    assert facts.st_size == 5 * GIB
    assert facts.st_blocks * 512 < 32 << 20
    with (out / "large").open("rb") as file:
        for offset, data in islands.items():
            file.seek(offset)
            assert file.read(len(data)) == data
        file.seek(GIB)
        assert not any(file.read(1 << 20))
    assert (out / "none").stat().st_size == 0


def test_devices_are_recorded_and_named_where_they_cannot_be_made(rig: Rig) -> None:
    rig.sync(Path("/dev"), selection=Selection(files_from=(b"null",)))
    recorded = entries(rig)[b"null"].entry
    assert isinstance(recorded, Special)
    assert (recorded.special, recorded.device) == (SpecialType.CHARACTER, 1 << 32 | 3)
    for path in (rig.folder, *rig.folder.rglob("*")) if ROOT else ():
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for folder in (rig.folder, *rig.folder.parents[:-2]) if ROOT else ():
        folder.chmod(0o755)
    with as_nobody():
        out, report = rig.restore()
    assert not (out / "null").exists()
    named = [path for cause in report.causes for path, *_ in map(astuple, cause.lost)] + [
        path for path, _ in report.skipped
    ]
    assert b"null" in named, report
