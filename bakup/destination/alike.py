"""Names that some systems take for one: they differ by case, by the form of an accent, by dots or blanks at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from unicodedata import normalize


class OtherName(str):
    """Why a path was not brought back: this name is there, and is the same to the system."""


def alike(paths: Callable[[], Iterable[bytes]]) -> dict[bytes, bytes]:
    """Of paths that may be one somewhere, each but the first, with the first: two names in one folder.

    What is below a folder that is another's is not compared: see `above`.

    Args:
        paths: gives all of them twice in key order; the folders that they are in need not be among them.
    """
    seen: set[int] = set()
    again: set[int] = set()
    for path in _with_folders(paths()):
        number = hash(_folded(path))
        (again if number in seen else seen).add(number)
    firsts: dict[bytes, bytes] = {}
    found: dict[bytes, bytes] = {}
    for path in _with_folders(paths()) if again else ():
        folded = _folded(path)
        if hash(folded) in again and (first := firsts.setdefault(folded, path)) != path:
            found[path] = first
    return found


def parted(first: bytes, second: bytes) -> tuple[bytes, bytes, bytes]:
    """The folder that two paths that are alike have in common, and their names in it."""
    folder, _, name = second.rpartition(b"/")
    return folder, first.rpartition(b"/")[2], name


def above(path: bytes) -> Iterator[bytes]:
    """The folders that a path is in, the nearest first."""
    while path := path.rpartition(b"/")[0]:
        yield path


def variants(name: bytes) -> set[bytes]:
    """Names that are this one where case, or the form of accents, does not count."""
    text = name.decode("utf-8", "surrogateescape")
    found = {text.swapcase(), normalize("NFD", text), normalize("NFC", text)}
    return {other.encode("utf-8", "surrogateescape") for other in found} - {name}


def _with_folders(paths: Iterable[bytes]) -> Iterator[bytes]:
    """Paths in key order, each after the folders that it is in."""
    before = b""
    for path in paths:
        folder = path.rpartition(b"/")[0]
        missing = []
        while folder and folder != before and not before.startswith(folder + b"/"):
            missing.append(folder)
            folder = folder.rpartition(b"/")[0]
        yield from reversed(missing)
        yield path
        before = path


def _folded(path: bytes) -> bytes:
    folder, separator, name = path.rpartition(b"/")
    return folder + separator + _folded_name(name)


def _folded_name(raw: bytes) -> bytes:
    kept = raw.rstrip(b". ") or raw
    if kept.isascii():
        return kept.lower()
    text = kept.decode("utf-8", "surrogateescape")
    return normalize("NFKC", normalize("NFKC", text).casefold()).encode("utf-8", "surrogateescape")
