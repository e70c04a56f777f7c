"""Errors of a sector say which: the rooms below speak of headers and boxes, users of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from bakup.errors import Damaged, Truncated, Untrusted, Withheld


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put `name` before the message of what is raised inside; `reason` takes it off again."""
    try:
        yield
    except Damaged as error:
        raise type(error)(f"{name} {_said(error)}", hints=error.hints, code=error.code) from error
    except Untrusted as error:
        raise type(error)(f"{name} {error.message}", hints=error.hints, code=error.code) from error
    except Withheld as error:
        raise Withheld(name, error.why, code=error.code) from error


def reason(error: Damaged | Untrusted, name: str) -> str:
    """The message without the sector's name, like `is not signed` or `is damaged at 41,943,040: ...`."""
    return error.message.removeprefix(f"{name} ")


def sector_name(uuid: bytes) -> str:
    """How a sector is called in messages."""
    return f"sector {UUID(bytes=uuid)}"


def object_name(uuid: bytes) -> str:
    """How a sector's object is called at a target."""
    return f"{UUID(bytes=uuid)}.bakup"


def _said(error: Damaged) -> str:
    if error.message.startswith("at "):
        return f"is damaged {error.message}"
    return f"{'is cut short' if isinstance(error, Truncated) else 'is damaged'}: {error.message}"
