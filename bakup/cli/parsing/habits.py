"""Typed by habit: other tools' commands and options, answered with bakup's own word or the reason."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from bakup.cli.output import names
from bakup.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMANDS = {
    "backup": "bakup sync",
    "create": "bakup sync",
    "snapshots": "bakup ls",
    "list": "bakup ls",
    "dump": "bakup cat",
    "extract": "bakup restore",
    "verify": "bakup check --read-data",
    "key": "bakup account",
    "rebuild-index": "bakup rebuild",
    "repair": "bakup rebuild",
    "version": "bakup --version",
}
_REASONS = {
    "init": "the first sync makes a target",
    "unlock": "the target has no locks",
    "copy": "any tool copies a target: its objects never change",
    "prune": "nothing is deleted at a target; to offer less of it: bakup forget",
}

_KEPT = "a check point has no file that the source lacks; earlier ones keep what was deleted"
_EVERY_VERSION = "not needed: check points keep every version"
_ALWAYS = "not needed: bakup always does"
_REFUSED = {
    "--delete": _KEPT,
    "--del": _KEPT,
    "--remove-source-files": "a source is never changed",
}
_ANSWERS = {
    "-i": "to see a line a path: -v",
    "--itemize-changes": "to see a line a path: -v",
    "-u": _EVERY_VERSION,
    "--update": _EVERY_VERSION,
    "--link-dest": _EVERY_VERSION,
    "--backup": _EVERY_VERSION,
    "--bwlimit": "--limit-upload RATE",
    "--limit": "--limit-upload RATE",
    "--max-size": "--exclude-larger-than SIZE",
    "--password-file": "--passphrase-command CMD",
    "--password-command": "--passphrase-command CMD",
    "--snapshot": "--at WHEN",
    "-p": "--passphrase-command CMD; modes are always kept",
    "-o": "--store-option K=V; owners are always kept",
    "-e": "--exclude P",
    **dict.fromkeys(("-l", "-g", "-D", "--links", "--perms", "--times", "--owner", "--group"), _ALWAYS),
}
_PLACES = {"bakup sync": "SRC... DST", "bakup plan": "SRC... DST", "bakup restore": "DST OUT"}
_TAKES_PLACE = frozenset({"-r", "-t", "--repo", "--target"})

_EVERYWHERE_FLAGS = frozenset({"--verbose", "--quiet", "--json", "--bytes"})
_EVERYWHERE_VALUES = frozenset({"--log-file", "--lock-wait", "--passphrase-command"})
_GROUPS = frozenset({"target", "account", "sector", "atbak", "atbak key"})
_STORES = frozenset({"s3", "gs", "sftp", "webdav", "ftp", "smb", "azure", "swift", "b2", "rest"})
_OTHER_MACHINE = re.compile(r"([^/\\:]{2,}):(?!//)")
_CHECK_POINT = re.compile(r"latest(~\d+)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def help_first(arguments: list[str]) -> list[str]:
    """`help sync` is `sync --help`."""
    return [*arguments[1:], "--help"] if arguments[:1] == ["help"] else arguments


def options_after_command(arguments: list[str]) -> list[str]:
    """Options of every command may stand before it; here they go behind it."""
    rest, words, moved = list(arguments), list[str](), list[str]()
    while rest and (not words or " ".join(words) in _GROUPS):
        if not rest[0].startswith("-"):
            words.append(rest.pop(0))
            continue
        length = _everywhere(rest[0])
        if not length:
            break
        moved, rest = moved + rest[:length], rest[length:]
    return [*words, *moved, *rest]


def signed_tags(arguments: list[str]) -> list[str]:
    """`bakup tag DST WHEN +new -old` in options; `-v` and `-q` stay what they are."""
    if arguments[:1] != ["tag"]:
        return arguments
    found, places = arguments[:1], 0
    for word in arguments[1:]:
        sign, name = word[:1], word[1:]
        if places < 2 or sign not in ("+", "-") or not name or word.startswith("--") or re.fullmatch(r"[vqh]+", name):
            places += sign != "-"
            found.append(word)
        else:
            found.append(f"--{'add' if sign == '+' else 'remove'}={name}")
    return found


def command_path(arguments: list[str], known: Iterable[str]) -> str:
    """The command that these arguments begin with, for a hint."""
    words = [word for word in arguments[:1] if word in known]
    for word in arguments[1:]:
        if word.startswith("-") or " ".join(words) not in _GROUPS:
            break
        words.append(word)
    return " ".join(["bakup", *words])


def no_such_command(group: str, name: str, known: Iterable[str]) -> Usage:
    """The answer to a command that `group` (`bakup`, `bakup account`) does not have."""
    said = {**_COMMANDS, **_REASONS} if group == "bakup" else {}
    close = get_close_matches(name, [*known, *said], 1, 0.7)
    hints = [said.get(match) or f"did you mean: {group} {match}" for match in ([name] if name in said else close)]
    hints = hints or [f"the commands: {group} --help"]
    return Usage(f"no such command: {names.shown_text(name)}", hints=tuple(hints), code="usage")


def no_such_option(name: str, command: str, known: Iterable[str]) -> Usage:
    """The answer to an option that `command` (`bakup sync`) does not have."""
    if name in _REFUSED or name.startswith("--delete-"):
        return Usage(f"{name}: {_REFUSED.get(name, _KEPT)}", code="usage")
    answer = _answer(name, command)
    hints = [answer] if answer else [f"did you mean: {close}" for close in _close(name, known)]
    hints = hints or [f"its options: {command} --help"]
    return Usage(f"no such option: {names.shown_text(name)}", hints=tuple(hints), code="usage")


def refuse_other_machine(place: str) -> None:
    """`host:path` is no folder. Raises Usage."""
    from bakup.store.opening import is_url  # a store is not loaded for help

    if _OTHER_MACHINE.match(place) and not is_url(place) and not os.path.lexists(place):
        raise Usage(
            f"{names.shown_text(place)} is no folder here; bakup takes no host:path",
            hints=(_as_url(place), f"a folder of that name: {names.quoted('./' + place)}"),
            code="usage",
        )


def _as_url(place: str) -> str:
    """What `host:path`, or `s3:host/bucket` as restic has it, is called here."""
    host, _, path = place.partition(":")
    if host not in _STORES:
        url = f"sftp://{host}/{path.lstrip('/')}"
        return f"over SSH: {names.quoted(url)}"
    server, slash, bucket = path.removeprefix("//").partition("/")
    if host == "s3" and slash and ("." in server or ":" in server):
        bucket, server = names.quoted(f"s3://{bucket}"), names.quoted(f"https://{server}")
        return f"a bucket at a server: {bucket} --store-option endpoint_url={server}"
    url = f"{host}://{path.lstrip('/')}"
    return f"at a store: {names.quoted(url)}"


def refuse_check_point_as_place(dst: str, out: str) -> None:
    """`bakup restore DST latest` means `--at latest`. Raises Usage."""
    from bakup.archive.select import restore_at

    if _CHECK_POINT.fullmatch(out) and not os.path.isdir(out):
        raise Usage(
            f"OUT is the place to restore to; {out} names a check point",
            hints=(restore_at(dst, out), f"a folder of that name: ./{out}"),
            code="usage",
        )


def _everywhere(option: str) -> int:
    """How many words an option of every command takes here, 0 for any other option."""
    if option in _EVERYWHERE_FLAGS or re.fullmatch(r"-[vq]+", option):
        return 1
    name, equals, _ = option.partition("=")
    return 0 if name not in _EVERYWHERE_VALUES else 1 if equals else 2


def _answer(name: str, command: str) -> str | None:
    if name not in _TAKES_PLACE:
        return _ANSWERS.get(name)
    places = _PLACES.get(command, "DST")
    return f"the target is an argument: {command} {places}"


def _close(name: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(name, list(known), 1) if name.startswith("--") else []
