"""The two readers of sectors as one interface: bakup's command line, and tools/recover.py; both in this process."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from bakup.account import keyfile
from bakup.cli.app import run
from tests.vectors.forge import Account

RECOVER = Path(__file__).parents[2] / "tools" / "recover.py"
ACCOUNT = Account()


@dataclass(frozen=True)
class Given:
    """What a restore gave back.

    Attributes:
        released: path -> content of all files that have their own name.
        whole: it was called a full success.
        said: what the reader said, for people.
    """

    released: dict[str, bytes]
    whole: bool
    said: str


class Place(Protocol):
    """A folder of objects, as one reader sees it."""

    def restore(self, source: str | None = None, at: str = "latest") -> Given: ...

    def classes(self) -> dict[str, set[str]]: ...


class Reader:
    """One of the two."""

    def __init__(self, name: str, place: type) -> None:
        self.name, self._place = name, place

    def __str__(self) -> str:
        return self.name

    def place(self, folder: Path, objects: Mapping[str, bytes], accepts: Sequence[str]) -> Place:
        """A target with these objects, on a computer that has nothing but the words."""
        target = folder / "target"
        target.mkdir()
        for name, data in objects.items():
            (target / name).write_bytes(data)
        place: Place = self._place(folder, [f"--accept-{what}" for what in accepts])
        return place


class _Bakup:
    def __init__(self, folder: Path, options: list[str]) -> None:
        self._folder, self._options = folder, options
        self._home = folder / "home"
        keyfile.save(str(self._home), ACCOUNT.entropy)

    def restore(self, source: str | None = None, at: str = "latest") -> Given:
        out = self._folder / "bakup-out"
        code, said, _ = self._run("restore", self._target, str(out), *_chosen(source, at), *self._options)
        return Given(_files(out), code == 0, said)

    def classes(self) -> dict[str, set[str]]:
        _, said, lines = self._run("check", self._target, "--json", *self._options)
        told: dict[str, set[str]] = {}
        for line in lines:
            if line["message_type"] == "problem" and line["code"] in ("sector-damaged", "sector-untrusted"):
                told.setdefault(line["name"], set()).add(line["code"].removeprefix("sector-"))
            if line["message_type"] == "summary" and line["foreign_sectors"]:
                told.setdefault("", set()).add("foreign")
        assert lines, said
        return told

    @property
    def _target(self) -> str:
        return str(self._folder / "target")

    def _run(self, *arguments: str) -> tuple[int, str, list[dict[str, Any]]]:
        before = os.environ.get("BAKUP_HOME")
        os.environ["BAKUP_HOME"] = str(self._home)
        try:
            code, out, err = _said(lambda: run(list(arguments)))
        finally:
            os.environ.pop("BAKUP_HOME")
            if before is not None:
                os.environ["BAKUP_HOME"] = before
        assert "Traceback" not in err, err
        assert "unexpected" not in err, err
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return code, f"exit {code}\n{out}{err}", lines


class _Recover:
    def __init__(self, folder: Path, options: list[str]) -> None:
        self._folder, self._options = folder, options
        self._words = folder / "words"
        self._words.write_text(ACCOUNT.words)

    def restore(self, source: str | None = None, at: str = "latest") -> Given:
        out = self._folder / "recover-out"
        code, said, _ = self._run(str(out), *_chosen(source, at))
        return Given(_files(out), code == 0, f"exit {code}\n{said}")

    def classes(self) -> dict[str, set[str]]:
        _, _, out = self._run("--verdicts")
        verdicts = json.loads(out)
        told = {name: {one["class"]} - {"good", "other"} for name, one in verdicts["sectors"].items()}
        for one in verdicts["refused"]:
            told.setdefault(one["sector"] or "", set()).add(one["class"])
        return {name: classes for name, classes in told.items() if classes}

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        words = ["--words-file", str(self._words), *self._options]
        code, out, err = _said(lambda: recover().main([*words, str(self._folder / "target"), *arguments]))
        assert "Traceback" not in err, err
        return code, out + err, out


READERS = (Reader("bakup", _Bakup), Reader("recover", _Recover))


def _said(call: Any) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of a program that runs in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = call()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    return code or 0, out.getvalue(), err.getvalue()


def _chosen(source: str | None, at: str) -> list[str]:
    return [*(["--source", source] if source else []), *(["--at", at] if at != "latest" else [])]


def _files(out: Path) -> dict[str, bytes]:
    found = {}
    for file in sorted(out.rglob("*")) if out.is_dir() else ():
        if file.is_file() and not file.is_symlink() and not file.name.endswith((".part", ".part.ranges")):
            found[str(file.relative_to(out))] = file.read_bytes()
    shutil.rmtree(out, ignore_errors=True)
    return found


@cache
def recover() -> ModuleType:
    """tools/recover.py as a module."""
    spec = importlib.util.spec_from_file_location("recover", RECOVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recover"] = module
    spec.loader.exec_module(module)
    return module
