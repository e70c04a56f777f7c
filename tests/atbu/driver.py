"""Backing up and bringing back with the room alone: every regular file of a tree as one object."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from bakup.atbak import backup_info, naming, reader, writer
from bakup.format.preamble import Facts, safe_path, told_path
from bakup.store.folder import FolderTarget


def store(source: Path, target: Path, *, key: bytes | None, level: int | None) -> int:
    """Store the tree `source` at `target`, with ATBU's backup information; how many files."""
    files = []
    for folder, _, names in os.walk(os.fsencode(source)):
        for name in names:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                facts = Facts(told_path(path.lstrip(b"/")), found.st_mtime_ns, found.st_atime_ns)
                files.append(_store_file(os.fsdecode(path), facts, target, key, level))
    now = time.time_ns()
    info = target / "info"
    root = told_path(os.fsencode(source).lstrip(b"/"))
    backup_info.write_info(files, str(info), name=backup_info.name_of(str(target)), root=root, time_ns=now)
    _store(str(info), Facts(b"info.atbuinf", now, now), target, key, level, backup_info.info_name(now))
    info.unlink()
    return len(files)


def bring(target: Path, out: Path, key: bytes | None) -> int:
    """Bring back what every object at `target` holds below `out`; how many files."""
    shelf, count = FolderTarget(str(target)), 0
    for locator, size in shelf.list():
        if not naming.is_object(locator):
            continue
        found = reader.open_object(shelf, locator, size, key)
        place = os.path.join(os.fsencode(out), safe_path(found.preamble.path))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "xb") as file:
            for piece in found.stream():
                file.write(piece)
        modified = found.preamble.facts.modified_ns or 0
        os.utime(place, ns=(modified, modified))
        count += 1
    return count


def _store_file(path: str, facts: Facts, target: Path, key: bytes | None, level: int | None) -> backup_info.StoredFile:
    name = naming.new_name(encrypted=key is not None)
    written = _store(path, facts, target, key, level, name)
    return backup_info.StoredFile(facts, written.size, written.sha256, name, written.iv, written.body_sha256)


def _store(path: str, facts: Facts, target: Path, key: bytes | None, level: int | None, name: str) -> writer.Written:
    place = target / naming.locator_of(name, folders=True)
    place.parent.mkdir(exist_ok=True)
    with open(path, "rb", buffering=0) as file:
        return writer.write_object(_pieces(file), facts, str(place), key=key, level=level)


def _pieces(file: FileIO) -> Iterator[bytes]:
    while piece := file.read(writer.PIECE):
        yield piece
