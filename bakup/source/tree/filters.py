"""What of a tree is backed up: gitignore patterns, sizes, caches, lists of paths, one file system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from bakup.errors import Usage
from bakup.model import Kind
from bakup.source.interface import Left
from bakup.source.tree import paths
from bakup.source.tree.patterns import Patterns

CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""First bytes of the file `CACHEDIR.TAG` (Cache Directory Tagging Specification 0.6)."""

BY_SIZE = "--exclude-larger-than"
BY_TAG = "CACHEDIR.TAG"
BY_PRESENT = "--exclude-if-present"

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
        if_present: of a folder in which one of these files is, only that file is kept.
        folded: patterns too, before all others, that know no difference of case.
        roots: absolute names of the source's root: patterns and listed paths may begin with one.
        elsewhere: those of other sources of the run, to which listed paths may belong.
        leave_out: absolute paths of folders that are left out whole, by whichever name they are met.
    """

    patterns: tuple[str, ...] = ()
    files_from: tuple[bytes, ...] | None = None
    larger_than: int | None = None
    caches: bool = False
    one_file_system: bool = False
    if_present: tuple[bytes, ...] = ()
    folded: tuple[str, ...] = ()
    roots: tuple[bytes, ...] = ()
    elsewhere: tuple[bytes, ...] = ()
    leave_out: tuple[bytes, ...] = ()


class Filter:
    """Judges paths by patterns and size, and counts what was left out, by rule.

    Raises:
        Usage: a pattern or a path of the list that is none.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.patterns = Patterns((*rules.folded, *rules.patterns), rules.roots, len(rules.folded))
        self.judges = bool(self.patterns) or rules.larger_than is not None
        self.wanted = None if rules.files_from is None else wanted(listed_in(rules))
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

    def count(self, rule: str, files: int, size: int, *, folders: int = 0) -> None:
        """Count what a rule left out; size in bytes."""
        left = self.excluded.setdefault(rule, Left())
        left.files += files
        left.bytes += size
        left.folders += folders


def kept_alone(folder: bytes, rules: Rules) -> tuple[str, bytes] | None:
    """The rule by which of the folder at an absolute path one file alone is kept, and that file's name."""
    if rules.caches and is_cache(folder):
        return BY_TAG, CACHE_TAG
    for name in rules.if_present:
        if os.path.lexists(os.path.join(folder, name)):
            return f"{BY_PRESENT} {os.fsdecode(name)}", name
    return None


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


def listed_in(rules: Rules) -> tuple[bytes, ...]:
    """The paths of `files_from` as below the root; those of other sources are left out.

    Raises:
        Usage: an absolute path that is below none.
    """
    inside = ((path, _below(path, rules.roots)) for path in rules.files_from or ())
    found = (path if below is None else below for path, below in inside if below is not None or not _of(path, rules))
    return tuple(found)


def _of(path: bytes, rules: Rules) -> bool:
    """Whether an absolute path is below another source."""
    return _below(path, rules.elsewhere) is not None


def _below(path: bytes, roots: Iterable[bytes]) -> bytes | None:
    """A path as below the first of `roots` that it is in or at; None if there is none."""
    for root in roots:
        above = root.rstrip(b"/")
        if path.rstrip(b"/") == above or path.startswith(above + b"/"):
            return path[len(above) :].lstrip(b"/")
    return None


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
        raise Usage(
            f"not a path below the source: {os.fsdecode(path)}",
            hints=("listed paths are relative to SRC, or begin with it",),
            code="bad-path",
        )
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
