"""Errors of file systems and stores as bakup's own, with what can be done."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bakup.errors import BakupError, Failed, NoTarget, StoreError, Withheld

OBJECT_MISSING = "object-missing"
OBJECT_DENIED = "object-denied"
OBJECT_ARCHIVED = "object-archived"
OBJECT_REFUSED = "object-refused"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MARKUP = re.compile(r"<[?!/]?[A-Za-z]")
_SENTENCE = re.compile(r"[A-Z][a-z]*([^A-Za-z0-9](?![A-Z])|$)")
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def of_all(error: BakupError) -> bool:
    """Whether an answer to one object tells of the target: that it is gone, denies access, or does not answer."""
    return isinstance(error, NoTarget) and not isinstance(error, Withheld) and error.code != OBJECT_MISSING


@contextmanager
def faults(
    place: str, *, folder: str | None = None, need: int | None = None, held: Callable[[], int] = lambda: 0
) -> Iterator[None]:
    """Raise what goes wrong inside as NoTarget, StoreError or Failed.

    Args:
        place: the target or folder as the user knows it.
        folder: a local folder, to tell the space left when it is full.
        need: size in bytes of what is being written.
        held: bytes of the folder that are given back when it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise _mapped(error, place, folder, need, held) from error


def missing(place: str) -> NoTarget:
    """The error for a target that is not there."""
    return NoTarget(f"there is no {place}", hints=(absent(place),), code="target-missing")


def absent(place: str) -> str:
    """What to ask oneself when a target is not there, or is empty."""
    return "is its name right? bakup makes no buckets" if "://" in place else "is the drive mounted?"


def missing_object(name: str) -> StoreError:
    """The error for an object that is not there."""
    return StoreError(f"there is no object {name}", code=OBJECT_MISSING)


def cut_off() -> StoreError:
    """The error for what was under way when the run was ended from another thread."""
    return StoreError("cut off with the run", code="cut")


def shown(size: int) -> str:
    """A size in bytes, for people: powers of 1024, three digits."""
    if size < 1024:
        return f"{size} B"
    value, unit = size / 1024, 0
    while round(value, 2) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


_CONNECT_FAILED = "Connect call failed"
"""How asyncio begins, for what the system says of a connection."""


def reason(error: BaseException) -> str:
    """What an exception says, as part of a message: its first line, in its own case, and never a page or markup."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.errno and text.startswith(_CONNECT_FAILED):
        text = os.strerror(error.errno)
    return in_words(text) or type(error).__name__


def in_words(text: str) -> str:
    """The first line that is no markup, as part of a message; empty where there is none."""
    line = next(filter(None, map(str.strip, _MARKUP.split(text)[0].splitlines())), "").rstrip(".")
    # A sentence begins small here; a name or an abbreviation is one.
    return line if not _SENTENCE.match(line) else line[0].lower() + line[1:]


def _mapped(error: OSError, place: str, folder: str | None, need: int | None, held: Callable[[], int]) -> BakupError:
    if error.errno in _FULL:
        return no_space(place, folder, need, held())
    if error.errno == errno.EFBIG:
        size = "" if need is None else f" of {shown(need)}"
        return Failed(f"a file{size} is too large for {place}", hints=("a smaller one fits: --sector-size SIZE",))
    if isinstance(error, FileNotFoundError):
        return missing(place)
    if isinstance(error, NotADirectoryError):
        return NoTarget(f"{place} is not a folder", code="target-no-folder")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        hints = () if "://" in place else (f"whose it is, and who may do what: ls -ld {shlex.quote(place)}",)
        return NoTarget(f"{place} denies access: {reason(error)}", hints=hints, code="target-denied")
    return StoreError(f"{place}: {reason(error)}", code="store")


def no_space(place: str, folder: str | None, need: int | None, held: int = 0) -> Failed:
    """The error for a full target; `need` in bytes, `folder` to tell the space left, with what is `held` of it."""
    message = f"no space left at {place}"
    if folder is not None and os.path.isdir(folder):
        message += f": {shown(shutil.disk_usage(folder).free + held)} free"
        message += "" if need is None else f", a sector needs {shown(need)}"
    hint = "make room and run the same command again: it goes on where it stopped"
    return Failed(message, hints=(hint,), code="no-space")
