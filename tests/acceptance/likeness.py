"""What stands in a folder, path by path, so that two folders can be held against each other."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from blake3 import blake3

READ_BYTES = 8 << 20


@dataclass(frozen=True)
class Look:
    """What is seen of one path. `content`: a file's digest, a link's target; `links`: paths of the same inode."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    size: int = 0
    content: bytes = b""
    device: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()
    links: tuple[bytes, ...] = field(default=())


Portrait = dict[bytes, Look]


def portrait(folder: Path) -> Portrait:
    """All paths of a folder, the folder itself as `b""`, every byte read."""
    top = os.fsencode(folder)
    found: Portrait = {}
    inodes: dict[tuple[int, int], list[bytes]] = {}
    for path in _paths(top):
        full = os.path.join(top, path) if path else top
        facts = os.lstat(full)
        found[path] = _look(full, facts)
        if facts.st_nlink > 1 and not stat.S_ISDIR(facts.st_mode):
            inodes.setdefault((facts.st_dev, facts.st_ino), []).append(path)
    for names in inodes.values():
        for path in names if len(names) > 1 else ():
            found[path] = replace(found[path], links=tuple(sorted(names)))
    return found


def differences(found: Portrait, wanted: Portrait, *, root: bool = True) -> list[str]:
    """A line for each path that is missing, too much, or not as wanted; `root`: the folder itself counts."""
    lines = (_difference(path, found.get(path), wanted.get(path)) for path in sorted({*found, *wanted}))
    return [line for line, path in zip(lines, sorted({*found, *wanted}), strict=True) if line and (path or root)]


def assert_alike(found: Path, wanted: Portrait, *, root: bool = True) -> None:
    """Fail, naming the first paths that differ."""
    wrong = differences(portrait(found), wanted, root=root)
    assert not wrong, f"{len(wrong)} paths differ in {found}\n" + "\n".join(wrong[:20])


def files(found: Portrait) -> dict[bytes, bytes]:
    """Digest of each regular file."""
    return {path: look.content for path, look in found.items() if look.kind == "file"}


def digest(path: bytes | Path) -> bytes:
    """BLAKE3 of a file."""
    hasher = blake3()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(READ_BYTES):
            hasher.update(piece)
    return hasher.digest()


def _paths(top: bytes) -> Iterator[bytes]:
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        yield folder
        with os.scandir(os.path.join(top, folder) if folder else top) as entries:
            for entry in entries:
                path = folder + b"/" + entry.name if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    yield path


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


def _look(full: bytes, facts: os.stat_result) -> Look:
    kind = _KINDS[stat.S_IFMT(facts.st_mode)]
    content = digest(full) if kind == "file" else os.readlink(full) if kind == "link" else b""
    names = sorted(os.listxattr(full, follow_symlinks=False))
    return Look(
        kind,
        0 if kind == "link" else stat.S_IMODE(facts.st_mode),
        (facts.st_uid, facts.st_gid),
        facts.st_mtime_ns,
        facts.st_size if kind == "file" else 0,
        content,
        facts.st_rdev if kind.endswith("device") else 0,
        tuple((name, os.getxattr(full, name, follow_symlinks=False)) for name in names),
    )


def _difference(path: bytes, found: Look | None, wanted: Look | None) -> str:
    if found == wanted:
        return ""
    if found is None or wanted is None:
        return f"{path!r} {'is missing' if found is None else 'should not be there'}"
    facts = [
        f"{one.name} is {getattr(found, one.name)!r}, not {getattr(wanted, one.name)!r}"
        for one in fields(Look)
        if getattr(found, one.name) != getattr(wanted, one.name)
    ]
    return f"{path!r}: " + "; ".join(facts)
