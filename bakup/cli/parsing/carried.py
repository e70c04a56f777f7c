"""Commands in hints, ready to paste: the one that was typed; others with what reaching the same target takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from bakup.cli.output import names
from bakup.store.url.secrets import shown_option, without_user

_COMMAND = re.compile(r"(?:^|: |\n)(bakup [a-z].*)$")
_STORE_OPTIONS = frozenset({"--store-option", "--source-option", "--out-option"})
_FLAGS = frozenset({"--accept-plain", "--accept-unsigned"})
_VALUES = frozenset({"--store-option", "--key-file", "--source"})
WITHOUT_TARGET = frozenset({"account", "completion", "source", "serve", "task", "umount"})
"""Commands that have no DST."""
WITH_SOURCE = frozenset({"ls", "find", "history", "diff", "cat", "stats", "restore", "check"})
"""Commands that take `--source`."""


def again(arguments: Sequence[str], option: str) -> str:
    """The command that was typed, with one option more; a secret in it is left for the user to fill in, as `***`."""
    return " ".join(["bakup", *map(names.quoted_home, _without_secrets(arguments)), option])


def completed(hint: str, arguments: Sequence[str]) -> str:
    """The hint of a call with these arguments; a secret among them is left for the user to fill in, as `***`."""
    found = _COMMAND.search(hint)
    if found is None:
        return hint
    command = _words(found[1])
    if len(command) < 2 or command[1] in WITHOUT_TARGET or "--help" in command:
        return hint
    there = {word.partition("=")[0] for word in command}
    carried = [given for given in _given(arguments) if given[0] not in there and _takes(command[1], given[0])]
    return " ".join([hint, *(names.quoted_home(word) for given in carried for word in given)])


def _without_secrets(arguments: Sequence[str]) -> Iterator[str]:
    before = ""
    for word in arguments:
        name, is_whole, value = word.partition("=")
        if before in _STORE_OPTIONS:
            yield shown_option(word)
        elif is_whole and name in _STORE_OPTIONS:
            yield f"{name}={shown_option(value)}"
        else:
            yield without_user(word) if "://" in word else word
        before = word


def _takes(command: str, option: str) -> bool:
    return option != "--source" or command in WITH_SOURCE


def _given(arguments: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The options among the arguments that another command on the same target needs too, each with its value."""
    words = iter(arguments)
    for word in words:
        if word == "--":
            return
        name, is_whole, value = word.partition("=")
        if word in _FLAGS:
            yield (word,)
        elif name in _VALUES:
            value = value if is_whole else next(words, "")
            yield name, shown_option(value) if name == "--store-option" else value


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a name in bash's own quotes
        return command.split()
