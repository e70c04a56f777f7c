"""The files that `--exclude-from` and `--files-from` name, read."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TYPE_CHECKING

from bakup.cli.output import names
from bakup.cli.output.log import os_reason
from bakup.errors import Usage

if TYPE_CHECKING:
    from bakup.api.reports import Selection
    from bakup.cli.parsing.options import What


def selection(what: What) -> Selection:
    """Patterns of files, then of the command line, then the exceptions: so `--include` always wins.

    Raises Usage when a file cannot be read.
    """
    from bakup.api.reports import Selection

    return Selection(
        patterns=tuple(_patterns(what)),
        files_from=_files(what),
        larger_than=what.exclude_larger_than,
        caches=what.exclude_caches,
        one_file_system=what.one_file_system,
        if_present=tuple(_marker(name) for name in what.exclude_if_present or ()),
        folded=tuple(what.iexclude or ()),
    )


def _patterns(what: What) -> list[str]:
    read = [os.fsdecode(line) for file in what.exclude_from or () for line in _lines(file, what.from0)]
    return [*read, *(what.exclude or ()), *(f"!{pattern}" for pattern in what.include or ())]


def _marker(name: str) -> bytes:
    if "/" in name or name in ("", ".", ".."):
        raise Usage(f"--exclude-if-present takes the name of a file: {name}", code="usage")
    return os.fsencode(name)


def _files(what: What) -> tuple[bytes, ...] | None:
    if not what.files_from:
        return None
    return tuple(line for file in what.files_from for line in _lines(file, what.from0) if line)


def _lines(file: str, zero: bool) -> list[bytes]:
    data = _plain(_read(file))
    if zero:
        return data.split(b"\0")
    return [line.removesuffix(b"\r") for line in data.split(b"\n")]


def _plain(data: bytes) -> bytes:
    """Without the mark that some editors put before a text; one in UTF-16, as Windows writes it, is read as such."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Usage(f"cannot read {names.shown_text(file)}: {os_reason(error)}", code="usage") from None
