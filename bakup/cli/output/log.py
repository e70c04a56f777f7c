"""`--log-file`: one line an event, with exact numbers and whole ids; never a secret."""

from __future__ import annotations

import errno
import os
import secrets
import time
import uuid
from collections.abc import Mapping
from io import FileIO

from bakup.cli.output import names, numbers
from bakup.errors import Failed

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UUIDS = frozenset({"sector", "check_point", "source", "box", "uuid", "id"})


class Log:
    """Appends to a file, a line at once; with no file it does nothing."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self._run = secrets.token_hex(2)
        self.fault: str | None = None
        self._stream = self._opened(file) if file else None

    def write(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        """One line: local time with offset, level, run, event, `key=value`."""
        if self._stream:
            now = numbers.log_time(time.time_ns())
            self._append(f"{now} {level} {self._run} {names.safe(event_text(event, facts))}\n")

    def text(self, text: str) -> None:
        """Further lines of what was written last, indented."""
        self._append("".join(f"  {names.safe(line)}\n" for line in text.split("\n")))

    def close(self) -> None:
        """Close the file."""
        if self._stream:
            self._stream.close()

    def _opened(self, file: str) -> FileIO | None:
        try:
            return FileIO(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a")
        except OSError as error:
            fault = f"cannot write the log file {names.shown_text(file)}: {os_reason(error)}"
            if error.errno not in _FULL:
                raise Failed(fault, code="log-file") from error
            self.fault = fault
            return None

    def _append(self, lines: str) -> None:
        # A log that cannot be written stops no backup; what stopped it is told at the end.
        if self._stream:
            try:
                self._stream.write(lines.encode("utf-8", "backslashreplace"))
            except OSError as error:
                self.fault = f"cannot write the log file {names.shown_text(self.file or '')}: {os_reason(error)}"
                self._stream.close()
                self._stream = None


def event_text(event: str, facts: Mapping[str, object]) -> str:
    """An event's name and its facts as `key=value`."""
    return " ".join([event, *(f"{key}={_value(key, value)}" for key, value in facts.items())])


def _value(key: str, value: object) -> str:
    if isinstance(value, bytes):
        is_id = key in _UUIDS and len(value) == 16
        return str(uuid.UUID(bytes=value)) if is_id else _word(names.shown(value))
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return _word(str(value))


def _word(text: str) -> str:
    if text.startswith("$'"):
        return text
    return names.quoted(text) if not text or set(text) & set(" \t\n\"'=") else names.shown_text(text)


def os_reason(error: OSError) -> str:
    """The system's reason in lower case, as problems say it."""
    reason = error.strerror or type(error).__name__
    return reason[:1].lower() + reason[1:]
