"""`--json`: one object a line (docs/json.md)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping

from bakup.cli.output import names, numbers

SCHEMA = 1


def line(facts: Mapping[str, object]) -> str:
    """An object as one line of JSON; letters that UTF-8 cannot hold are replaced, what cannot be shown is escaped."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() or _is_surrogate(letter) else _escape(letter) for letter in text)
    return text.encode("utf-8", "replace").decode() if _has_surrogates(text) else text


def path_fields(path: bytes, name: str = "path") -> dict[str, object]:
    """`path`, and `path_b64` where `path` is not exact."""
    fields: dict[str, object] = {name: path.decode("utf-8", "replace")}
    if not names.is_exact(path):
        fields[f"{name}_b64"] = base64.b64encode(path).decode()
    return fields


def uuid_text(raw: bytes | None) -> str | None:
    """A whole uuid, or None."""
    return None if raw is None else str(uuid.UUID(bytes=raw))


def time_text(time_ns: int | None) -> str | None:
    """A time as RFC 3339, or None."""
    return None if time_ns is None else numbers.utc_time(time_ns)


def seconds(value: float | None) -> float | None:
    """Seconds with three digits after the point, or None."""
    return None if value is None else round(value, 3)


def _escape(letter: str) -> str:
    return json.dumps(letter)[1:-1]


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any(map(_is_surrogate, text))


def _is_surrogate(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"


def as_logged(facts: Mapping[str, object]) -> dict[str, object]:
    """What JSON says of one path or sector, as a line of the log says it: exact paths, no value that is not known."""
    known = {name: value for name, value in facts.items() if value is not None and name not in ("code", "path_b64")}
    raw = facts.get("path_b64")
    return {**known, "path": base64.b64decode(raw)} if isinstance(raw, str) else known
