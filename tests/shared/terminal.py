"""A program on a real terminal, whose screen can be looked at."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping

import pyte


class Terminal:
    """`environment` is all the program sees; `prepare` runs in its process; `shown` names what is on the screen."""

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        prepare: Callable[[], None] = lambda: None,
        shown: Callable[[str], str] = str,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._shown = shown
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def begin() -> None:
            os.login_tty(slave)
            prepare()

        self.process = subprocess.Popen(arguments, env=environment, preexec_fn=begin, pass_fds=(slave,))  # noqa: PLW1509
        os.close(slave)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without the empty lines below."""
        rows = "\n".join(row.rstrip() for row in self.screen.display).rstrip("\n")
        return self._shown(rows).split("\n")

    def until(self, text: str, timeout: float = 20.0) -> list[str]:
        """Reads until the screen holds a text; gives its lines."""
        end = time.monotonic() + timeout
        while text not in "\n".join(self.lines):
            if time.monotonic() > end or not self._read(0.05):
                raise AssertionError(f"no {text!r} on the screen:\n" + "\n".join(self.lines))
        return self.lines

    def type(self, text: str) -> None:
        """Types on the keyboard."""
        os.write(self._master, text.encode())

    def finish(self, timeout: float = 60.0) -> int:
        """Reads to the end; gives the exit code."""
        end = time.monotonic() + timeout
        while self._read(0.1):
            assert time.monotonic() < end, "\n".join(self.lines)
        return self.process.wait(timeout)

    def close(self) -> None:
        """Ends the program."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self, wait: float) -> bool:
        if not select.select([self._master], [], [], wait)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)
