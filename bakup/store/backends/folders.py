"""A listing of stores that have folders: a folder a page, the ones that wait in the token of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from bakup.store.backend import Page
from bakup.store.remote.answers import meaning

_OF_ONE_FOLDER = ("target-missing", "target-denied")
"""What is said of a folder that vanished or denies access."""

Entries = Callable[[str], Iterable[tuple[str, int | None]]]
"""The (name, size in bytes) in a folder below the target; a folder's size is None."""


class Folders:
    """Walks folder by folder, depth first; memory is one folder and the folders that wait."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def page(self, after: str | None) -> Page:
        """The objects of the next folder. One that vanished or denies access is passed over, but not the top."""
        waiting: list[str] = [""] if after is None else json.loads(after)
        folder = waiting.pop()
        found = sorted(self._entries(folder), key=_name) if after is None else _readable(self._entries, folder)
        below = f"{folder}/" if folder else ""
        waiting.extend(below + name for name, size in reversed(found) if size is None)
        objects = [(below + name, size) for name, size in found if size is not None]
        return objects, json.dumps(waiting) if waiting else None


def _readable(entries: Entries, folder: str) -> Sequence[tuple[str, int | None]]:
    try:
        return sorted(entries(folder), key=_name)
    except Exception as error:
        if meaning(error, folder).code not in _OF_ONE_FOLDER:
            raise
        # Raises where it is not this folder that is refused, but we are.
        list(entries(""))
        return ()


def _name(entry: tuple[str, int | None]) -> str:
    return entry[0]
