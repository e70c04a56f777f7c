"""What of a tree is backed up: gitignore patterns, sizes, caches, lists of paths, one file system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from bakup.errors import Usage
from bakup.model import Kind
from bakup.source import paths
from bakup.source.interface import Left
from bakup.source.patterns import Patterns

CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""First bytes of the file `CACHEDIR.TAG` (Cache Directory Tagging Specification 0.6)."""

BY_SIZE = "--exclude-larger-than"
BY_TAG = "CACHEDIR.TAG"

TOO_LARGE = -1
"""Stands for the size limit where others are the index of a pattern."""

Wanted: TypeAlias = "dict[bytes, Wanted | None]"
"""A tree of names; None = all that is there."""


class Rules(Struct, frozen=True):
    """What is left out.

    Args:
        patterns: gitignore's, relative to the root; later ones win, `!` makes exceptions.
        files_from: only these paths below the root, with all that is in them and their parents; None = all.
        larger_than: files of more bytes are left out.
        caches: of a folder with a valid `CACHEDIR.TAG` only that file is kept.
        one_file_system: folders on which another file system is mounted are kept, what is in them is not.
        leave_out: absolute paths of folders that are left out whole, by whichever name they are met.
    """

    patterns: tuple[str, ...] = ()
    files_from: tuple[bytes, ...] | None = None
    larger_than: int | None = None
    caches: bool = False
    one_file_system: bool = False
    leave_out: tuple[bytes, ...] = ()


class Filter:
    """Judges paths by patterns and size, and counts what was left out, by rule.

    Raises:
        Usage: a pattern or a path of the list that is none.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.patterns = Patterns(rules.patterns)
        self.judges = bool(self.patterns) or rules.larger_than is not None
        self.wanted = None if rules.files_from is None else wanted(rules.files_from)
        self.excluded: dict[str, Left] = {}

    def judge(self, path: bytes, name: bytes, kind: int, size: int, outer: int | None) -> int | None:
        """Which pattern leaves the path out: its index, `TOO_LARGE`, or None if it is kept.

        Args:
            path: below the root.
            name: its last part.
            kind: a `model.Kind`.
            size: of a FILE, in bytes.
            outer: index of the pattern that excludes the folder that it is in, None if none does.
        """
        folder = kind == Kind.DIR
        if outer is not None:
            by = self.patterns.excluder_inside(path, name, folder, outer)
        else:
            by = self.patterns.excluder(path, name, folder)
        if by is None and kind == Kind.FILE and self._too_large(size):
            return TOO_LARGE
        return by

    def _too_large(self, size: int) -> bool:
        return self.rules.larger_than is not None and size > self.rules.larger_than

    def label(self, by: int) -> str:
        """The rule as the user knows it."""
        return BY_SIZE if by == TOO_LARGE else self.patterns.lines[by]

    def count(self, rule: str, files: int, size: int) -> None:
        """Count what a rule left out; size in bytes."""
        left = self.excluded.setdefault(rule, Left())
        left.files += files
        left.bytes += size


def is_cache(folder: bytes) -> bool:
    """Whether the folder at an absolute path has a valid `CACHEDIR.TAG`; not if that cannot be read."""
    try:
        tag = paths.open_path(os.path.join(folder, CACHE_TAG), paths.FILE_FLAGS)
    except OSError:
        return False
    try:
        return os.read(tag, len(CACHE_SIGNATURE)) == CACHE_SIGNATURE
    except OSError:
        return False
    finally:
        os.close(tag)


def split_list(data: bytes, nul: bool = False) -> tuple[bytes, ...]:
    """The paths of a `--files-from` file: separated by newlines, or by NUL; empty ones are skipped."""
    return tuple(path for path in data.split(b"\0" if nul else b"\n") if path)


def wanted(listed: Iterable[bytes]) -> Wanted | None:
    """The tree of names that a list of paths below the root stands for; None if it lists the root.

    Raises:
        Usage: a path that leaves the root.
    """
    root: Wanted = {}
    whole = [_add(root, _names(path)) for path in listed]
    return None if any(whole) else root


def _names(path: bytes) -> list[bytes]:
    names = [name for name in path.split(b"/") if name not in {b"", b"."}]
    if path.startswith(b"/") or b".." in names or b"\0" in path:
        shown = path.decode("utf-8", "backslashreplace")
        raise Usage(f"not a path below the source: {shown}", code="bad-path")
    return names


def _add(root: Wanted, names: list[bytes]) -> bool:
    """Add one path to the tree; True if it is the root itself."""
    if not names:
        return True
    at = root
    for name in names[:-1]:
        below = at.setdefault(name, {})
        if below is None:
            return False
        at = below
    at[names[-1]] = None
    return False
