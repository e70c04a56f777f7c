"""Opening paths of any length. Systems refuse a path past `PATH_MAX` bytes, but not a deeper tree: such are
opened in pieces, each relative to the descriptor of the one before; at most two are open at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
"""Opens a folder and nothing else, not through a symbolic link at its end."""

FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Opens a file for reading, not through a symbolic link, without waiting if it turns out to be a FIFO."""

DESCRIPTORS = os.stat in os.supports_dir_fd
"""Whether the system can look at a path relative to the descriptor of a folder."""


def _longest() -> int:
    try:
        return os.pathconf("/", "PC_PATH_MAX")
    except (AttributeError, OSError, ValueError):
        return 4096


LONGEST = _longest() - 1
"""Longest path in bytes that a call takes."""

LONGEST_FOLDER = LONGEST - 256
"""Longest path in bytes of a folder whose every member has a path that a call takes."""


def reason(error: OSError) -> str:
    """The system's words for an error, in lower case."""
    return (error.strerror or type(error).__name__).lower()


def pieces(path: bytes) -> Iterator[bytes]:
    """The path, cut at slashes into pieces of at most `LONGEST` bytes."""
    while len(path) > LONGEST:
        cut = path.rfind(b"/", 0, LONGEST)
        yield path[: cut or 1]
        path = path[cut:].lstrip(b"/")
    yield path


def open_path(path: bytes, flags: int) -> int:
    """Open an absolute path of any length and return the descriptor; raises OSError."""
    if len(path) <= LONGEST:
        return os.open(path, flags)
    *folders, last = pieces(path)
    at = os.open(folders[0], FOLDER_FLAGS)
    try:
        for piece in folders[1:]:
            at = _step(at, piece)
        return os.open(last, flags, dir_fd=at)
    finally:
        os.close(at)


def _step(at: int, piece: bytes) -> int:
    following = os.open(piece, FOLDER_FLAGS, dir_fd=at)
    os.close(at)
    return following


def open_folder(path: bytes) -> int:
    """Open the folder at an absolute path of any length; raises OSError."""
    return open_path(path, FOLDER_FLAGS)


def list_folder(path: bytes) -> list[bytes]:
    """The names in a folder at an absolute path of any length, unsorted; raises OSError."""
    if len(path) <= LONGEST:
        return os.listdir(path)
    at = open_folder(path)
    try:
        return [os.fsencode(name) for name in os.listdir(at)]
    finally:
        os.close(at)


@contextmanager
def scan_folder(path: bytes) -> Iterator[Iterator[bytes]]:
    """The names in a folder at an absolute path of any length, one by one; raises OSError."""
    at = open_folder(path) if len(path) > LONGEST else None
    try:
        with os.scandir(path if at is None else at) as listing:
            yield (os.fsencode(entry.name) for entry in listing)
    finally:
        if at is not None:
            os.close(at)


def read_link(path: bytes) -> bytes:
    """Target of the symbolic link at an absolute path of any length; raises OSError."""
    if len(path) <= LONGEST:
        return os.readlink(path)
    folder, _, name = path.rpartition(b"/")
    at = open_folder(folder)
    try:
        return os.readlink(name, dir_fd=at)
    finally:
        os.close(at)
