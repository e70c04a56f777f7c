"""Files that only their owner may read: written whole or not at all, mode 0600 from the first byte on."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create(path: str, data: bytes) -> None:
    """Make the file `path` with `data`, synced. Raises FileExistsError when there is one, or OSError."""
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def create_whole(path: str, data: bytes) -> None:
    """As `create`, and no reader or kill ever leaves part of it under the name `path`."""
    temporary = _temporary(path)
    create(temporary, data)
    try:
        _link(temporary, path, data)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _sync_folder(path)


def replace(path: str, data: bytes) -> None:
    """Replace the file `path`, or what it is a link to, by `data`, in one step. Raises OSError."""
    path = os.path.realpath(path)
    temporary = _temporary(path)
    create(temporary, data)
    try:
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(path)


def read(path: str, most: int) -> tuple[bytes, bool]:
    """At most `most` bytes of `path`, and whether others than its owner may touch it. Raises OSError."""
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        return file.read(most), os.name == "posix" and bool(mode & _OTHERS)


def sweep(path: str) -> None:
    """Remove what a killed `create_whole` or `replace` of `path` left: it may hold secrets in clear."""
    folder, name = os.path.split(os.path.realpath(path))
    ours = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{16}}\.tmp")
    for left in os.listdir(folder):
        if ours.fullmatch(left):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, left))


def _temporary(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")


def _link(temporary: str, path: str, data: bytes) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network file systems have no hard links
        create(path, data)


def _sync_folder(path: str) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
