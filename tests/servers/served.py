"""A store that is being served, as a user would name it to bakup."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Served:
    """A running store: the URL of a bucket or folder in it that exists, and what `--store-option` must say.

    `port` is the one that bakup talks to, so that a proxy can stand before it. `settings` are variables that the
    client library needs.
    """

    url: str
    port: int
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def place(self) -> str:
        """A new place of its own below the URL; not made yet."""
        return f"{self.url}/{uuid.uuid4().hex}"

    def words(self) -> list[str]:
        """The options as a command line has them."""
        return [word for key, value in _flat(self.options) for word in ("--store-option", f"{key}={value}")]

    def behind(self, port: int) -> Served:
        """The same store as seen through a proxy at another port."""
        return Served(_moved(self.url, self, port), port, _moved(dict(self.options), self, port), self.settings)


def _moved(value: Any, served: Served, port: int) -> Any:
    if isinstance(value, dict):
        return {key: _moved(inner, served, port) for key, inner in value.items()}
    return value.replace(f":{served.port}", f":{port}") if isinstance(value, str) else value


def _flat(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value).lower() if isinstance(value, bool) else str(value)
