"""Store options as a user types them: `K=V`, `K=@FILE`, `K=env:NAME`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from bakup.errors import Usage
from bakup.store.faults import reason

_TEXT_ENDS = ("key", "secret", "token", "password", "passphrase", "username", "user", "credential")
"""Options whose values are text, though they may look like a number."""


def read_words(words: Iterable[str]) -> dict[str, object]:
    """Options by name. A dot in a name leads into another table: `client_kwargs.region_name=eu-west-1`.

    true, false, null, numbers, lists and tables are read as JSON, all else is text. What comes from a file (without
    its last line break) or a variable is text, and stands in no list of processes. Raises Usage.
    """
    options: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise Usage("--store-option: not NAME=VALUE", hints=("for example: --store-option profile=backup",))
        *tables, last = name.split(".")
        table = options
        for step in tables:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise Usage(f"--store-option: {step} is a value already, and {name} stands in it", code="usage")
        table[last] = _value(name, last, text)
    return options


def _value(name: str, last: str, text: str) -> object:
    if text.startswith("@"):
        return _from_file(name, text[1:])
    if text.startswith("env:"):
        return _from_variable(name, text[4:])
    if last.endswith(_TEXT_ENDS):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_file(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise Usage(f"--store-option {name}: cannot read {path}: {reason(error)}", code="usage") from None


def _from_variable(name: str, variable: str) -> str:
    found = os.environ.get(variable)
    if found is None:
        raise Usage(f"--store-option {name}: there is no variable {variable}", code="usage")
    return found
