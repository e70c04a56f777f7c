"""The computer and the drive of the experience page: real folders, whose names are as long as on the page."""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
LAPTOP = str(Path(__file__).with_name("laptop.py"))
ANA, DRIVE = "/home/ana", "/mnt/usb/backup"
_ONE_DISK = re.compile(
    rf"^warning: {DRIVE} is on the same file system as .*\n  one dead disk takes both\n?", re.MULTILINE
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ROOM = 1 << 30
_DROP_CAPABILITY, _OVERRIDE_RIGHTS = 24, (1, 2)


@dataclass(frozen=True)
class Done:
    """A run whose streams were pipes."""

    code: int
    out: str
    err: str


class Stage:
    """Ana's home folder and her drive, on two file systems where there are two."""

    def __init__(self) -> None:
        self.home = _new_folder("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), len(ANA))
        self.drive = _free_name(_other_disk() or os.path.dirname(self.home), len(DRIVE))
        self.photos = f"{self.home}/Photos"
        self.state = f"{self.home}/.local/share/bakup"
        self.full_after: str | None = None
        self.strict_rights = False
        self._terminals: list[Terminal] = []

    def pipe(self, *arguments: str, stdin: str = "", **settings: str) -> Done:
        """Runs bakup without a terminal."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin.encode(),
            capture_output=True,
            env=self.environment(settings),
            preexec_fn=self._prepare,
            timeout=120,
            check=False,
        )
        out, err = (self.page(os.fsdecode(text)) for text in (done.stdout, done.stderr))
        return Done(done.returncode, out, err)

    def terminal(self, *arguments: str, rows: int = 50, **settings: str) -> Terminal:
        """Runs bakup on a terminal."""
        command, environment = self.command(*arguments), self.environment(settings)
        self._terminals.append(Terminal(command, environment, rows=rows, prepare=self._prepare, shown=self.page))
        return self._terminals[-1]

    def shown(self, *arguments: str, code: int = 0, **settings: str) -> list[str]:
        """What a terminal shows when bakup has ended with this exit code."""
        at = self.terminal(*arguments, **settings)
        assert at.finish() == code, "\n".join(at.lines)
        return at.lines

    def command(self, *arguments: str) -> list[str]:
        """What is run; `~` and the drive's name of the page stand for the places here."""
        command = [sys.executable, LAPTOP, *map(self.here, arguments)]
        return command if self.full_after is None else [*self._small_drive(self.full_after), *command]

    def here(self, text: str) -> str:
        """A text of the page with the places here."""
        text = text.replace(DRIVE, self.drive).replace(ANA, self.home)
        return self.home + text[1:] if text.startswith("~/") else text

    def page(self, text: str) -> str:
        """A text with the places as on the page, where the drive is a disk of its own."""
        return _ONE_DISK.sub("", text.replace(self.drive, DRIVE).replace(self.home, ANA))

    def sectors(self) -> list[str]:
        """The sectors on the drive, in the order in which they were put."""
        found = [f"{self.drive}/{name}" for name in os.listdir(self.drive) if name.endswith(".bakup")]
        return sorted(found, key=_put_at)

    def close(self) -> None:
        """Ends what runs and removes everything."""
        for one in self._terminals:
            one.close()
        for folder in (self.home, self.drive):
            shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self) -> None:
        if self.strict_rights:
            _give_up_rights()

    def _small_drive(self, size: str) -> list[str]:
        """Runs a command where the drive is a file system of this size, seen by that command alone."""
        os.makedirs(self.drive, exist_ok=True)
        alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        mount = f'mount -t tmpfs -o size={size} drive {self.drive} && exec "$@"'
        return [*alone, "sh", "-c", mount, "sh"]

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """What bakup sees of the world: Ana's folder, Berlin, no setting of its own but these."""
        left_out = ("BAKUP_", "XDG_", "LC_", "PYTHON", "TMPDIR", "NO_COLOR", "COLUMNS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        mine = {"HOME": self.home, "TZ": "Europe/Berlin", "LANG": "C.UTF-8", "TERM": "xterm", "PYTHONPATH": str(ROOT)}
        return {**kept, **mine, **{name: self.here(value) for name, value in settings.items()}}


def write(path: str, size: int = 3000, *, seed: str = "", mtime: float | None = None) -> None:
    """A file of bytes that no compression makes smaller, the same at each run; its folders are made."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(random.Random(os.fsencode(path.split("/", 3)[-1] + seed)).randbytes(size))
    if mtime is not None:
        os.utime(path, (mtime, mtime))


def write_all(folder: str, names: Iterable[str], size: int = 3000) -> None:
    """Files of random bytes below a folder."""
    for name in names:
        write(f"{folder}/{name}", size)


def remove(path: str) -> None:
    """A file, or a folder with all in it."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _other_disk() -> str | None:
    """A folder on a file system in memory, with room enough."""
    memory = "/dev/shm"
    there = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    return memory if there else None


def _new_folder(parent: str, length: int) -> str:
    """A new folder whose path is so long."""
    name = _free_name(parent, length)
    os.mkdir(name, 0o755)
    return name


def _free_name(parent: str, length: int) -> str:
    letters = max(4, length - len(parent) - 1)
    while True:
        name = f"{parent}/" + "".join(random.choices(_LETTERS, k=letters))
        if not os.path.lexists(name):
            return name


def _give_up_rights() -> None:
    """Even root is denied what a file's mode denies."""
    if os.geteuid() == 0:
        for capability in _OVERRIDE_RIGHTS:
            ctypes.CDLL(None).prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


def _put_at(path: str) -> tuple[int, int]:
    """When a sector got its name, as far as the clock of the file system tells; then when it was written."""
    facts = os.stat(path)
    return facts.st_ctime_ns, facts.st_mtime_ns
