"""Names that some systems take for one: they differ by case, by the form of an accent, by dots or blanks at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from unicodedata import normalize


class OtherName(str):
    """Why a path was not brought back: this name is there, and is the same to the system."""


def alike(paths: Callable[[], Iterable[bytes]]) -> dict[bytes, bytes]:
    """Of paths that may be one somewhere, each but the first, with the first.

    Args:
        paths: gives all of them, twice in the same order.
    """
    seen: set[int] = set()
    again: set[int] = set()
    for path in paths():
        number = hash(_folded(path))
        (again if number in seen else seen).add(number)
    firsts: dict[str, bytes] = {}
    found: dict[bytes, bytes] = {}
    for path in paths() if again else ():
        folded = _folded(path)
        if hash(folded) in again and (first := firsts.setdefault(folded, path)) != path:
            found[path] = first
    return found


def parted(first: bytes, second: bytes) -> tuple[bytes, bytes, bytes]:
    """The folder that two paths have in common, and the names in it by which they part."""
    names, others = first.split(b"/"), second.split(b"/")
    at = next(number for number, (name, other) in enumerate(zip(names, others, strict=True)) if name != other)
    return b"/".join(names[:at]), names[at], others[at]


def above(path: bytes) -> Iterator[bytes]:
    """The folders that a path is in, the nearest first."""
    while path := path.rpartition(b"/")[0]:
        yield path


def variants(name: bytes) -> set[bytes]:
    """Names that are this one where case, or the form of accents, does not count."""
    text = name.decode("utf-8", "surrogateescape")
    found = {text.swapcase(), normalize("NFD", text), normalize("NFC", text)}
    return {other.encode("utf-8", "surrogateescape") for other in found} - {name}


def _folded(path: bytes) -> str:
    return "/".join(map(_folded_name, path.decode("utf-8", "surrogateescape").split("/")))


def _folded_name(name: str) -> str:
    kept = name.rstrip(". ") or name
    return kept.lower() if kept.isascii() else normalize("NFKC", normalize("NFKC", kept).casefold())
