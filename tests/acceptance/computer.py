"""A computer: one BAKUP_HOME, and the `bakup` command on it, as a process of its own or inside this one."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from bakup.account import words
from bakup.cli import app

ROOT = Path(__file__).parents[2]
ENTROPY = bytes(range(32))
OTHER_ENTROPY = bytes(range(32, 64))


parser = cache(app.group)
"""The parser, built once: it takes as long to build as a small command to run."""


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The objects of `--json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """The last object of `--json`."""
        return self.facts[-1]

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}{self.err}"


class Computer:
    """A machine that has the account of `entropy` in its BAKUP_HOME: from the 24 words, unless the folder is there."""

    def __init__(self, home: Path, entropy: bytes = ENTROPY) -> None:
        self.home = home
        self.words = home.with_name(f"{home.name}.words")
        self.words.write_text(" ".join(words.to_words(entropy)))
        if not home.exists():
            self.call("account", "recover", "--words-file", self.words)

    def call(self, *arguments: str | Path, code: int | None = 0) -> Said:
        """The command inside this process; `code` is the exit code that it must give, None for any."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.dict(os.environ, BAKUP_HOME=str(self.home)),
            mock.patch.object(app, "group", parser),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            ended = app.run([str(argument) for argument in arguments])
        return _expected(Said(ended, *(stream.buffer.getvalue().decode() for stream in (out, err))), code)

    def run(self, *arguments: str | Path, code: int | None = 0, timeout_s: float = 300) -> Said:
        """The command as a process, to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=timeout_s)
        return _expected(Said(process.returncode, out.decode(), err.decode()), code)

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """The command as a process that runs."""
        return subprocess.Popen(
            [sys.executable, "-m", "bakup", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "BAKUP_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def recover(self, *arguments: str | Path) -> Said:
        """The independent reader with this computer's words, inside this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = _reader().main([*map(str, arguments), "--words-file", str(self.words)])
        return Said(code or 0, out.getvalue(), err.getvalue())


def _expected(said: Said, code: int | None) -> Said:
    assert code is None or said.code == code, f"wanted exit {code}, not {said}"
    return said


def _reader() -> ModuleType:
    name = "recover_by_words"
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, ROOT / "tools" / "recover.py")
        assert found is not None
        assert found.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed when the block is left, if it still runs."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
