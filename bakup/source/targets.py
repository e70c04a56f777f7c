"""A source that is itself a target is refused: what stands there would be backed up once more."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial

from bakup.errors import Usage
from bakup.format.constants import MAGIC
from bakup.format.objects import SECTOR_SUFFIX, START, is_atbak, is_object

_FOLDER = re.compile("[0-9a-f]{2}")


def refuse_target(place: str, locator: str, read: Callable[[int], bytes]) -> None:
    """Raise Usage if what is called `locator` below `place` is an object of ours; `read` gives so many first bytes."""
    if locator.endswith(SECTOR_SUFFIX) and "/" not in locator and read(START).startswith(MAGIC):
        _refuse(place, locator, "a sector", "sectors")
    if is_object(locator) and is_atbak(read(START)):
        _refuse(place, locator, "an object of the layout atbak", "objects")


def refuse_target_folder(folder: str) -> None:
    """The same for a folder: sectors stand at its top, objects of files in folders of two characters.

    One by itself at the top does not count: such objects may be taken away and kept anywhere.
    """
    for locator in _candidates(folder):
        refuse_target(folder, locator, partial(_start, os.path.join(folder, locator)))


def _candidates(folder: str) -> Iterator[str]:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(SECTOR_SUFFIX) and os.path.isfile(path):
            yield name
        elif _FOLDER.fullmatch(name) and os.path.isdir(path):
            yield from (f"{name}/{inside}" for inside in _names(path))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _start(path: str, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _refuse(place: str, locator: str, what: str, them: str) -> None:
    raise Usage(
        f"{place} is itself a target of bakup: {locator} is {what}",
        hints=(f"any tool copies it: {them} never change",),
        code="source-is-target",
    )
