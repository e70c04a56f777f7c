"""The programs that are measured, each with its commands for the same work, and the limits beside them."""

from __future__ import annotations

import abc
import compileall
import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import ClassVar

from bench.measure import Command, CommandFailed

PASSWORD = "correct horse battery staple"
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where bakup's own code lies."""


class Contender(abc.ABC):
    """A program with a fresh store in `place`; None stands for a command that it does not have.

    Order of calls: `prepare` once (not measured), then commands, each run to its end before the next.
    """

    name: ClassVar[str]
    version_argv: ClassVar[tuple[str, ...]]

    def __init__(self, place: str) -> None:
        self.place = place
        self.store_path = f"{place}/store"

    @classmethod
    def version(cls) -> str:
        """First line of what the program says of its version."""
        said = subprocess.run(cls.version_argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return said.stdout.splitlines()[0]

    def env(self) -> Mapping[str, str]:
        """Variables for each of its commands."""
        return {}

    def command(self, *argv: str, cwd: str | None = None) -> Command:
        """A command of this program."""
        return Command(argv, self.env(), cwd)

    def prepare(self) -> None:
        """Make account, repository, folders: what is done once in the life of a store."""
        os.makedirs(self.place)

    @abc.abstractmethod
    def store(self, source: str) -> Command:
        """Back up the folder `source`: the first time, and each time again."""

    def restore(self, source: str, out: str) -> Command | None:
        """Bring the latest state back below the empty folder `out`."""
        return None

    def restored(self, source: str, out: str) -> str:
        """Where below `out` the files of `source` land."""
        return out + source

    def rebuild(self) -> Command | None:
        """Make the index again from the store alone; what is kept locally is removed by this call."""
        return None

    def stored_bytes(self) -> int:
        """Bytes of all files of the store."""
        names = (os.path.join(parent, name) for parent, _, names in os.walk(self.store_path) for name in names)
        return sum(os.lstat(name).st_size for name in names)

    def _run(self, command: Command) -> None:
        """Run a command that is not measured."""
        env = {**os.environ, **command.env}
        done = subprocess.run(command.argv, env=env, cwd=command.cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandFailed(f"{' '.join(command.argv)}: exit {done.returncode}\n{done.stderr}")


class Bakup(Contender):
    """This project, from its checkout: encryption and signature on, all options as they come."""

    name = "bakup"
    program = (sys.executable, "-m", "bakup")
    version_argv = (*program, "--version")

    def env(self) -> Mapping[str, str]:
        return {"BAKUP_HOME": f"{self.place}/home"}

    def bakup(self, *arguments: str) -> Command:
        """A bakup command."""
        return self.command(*self.program, *arguments, cwd=REPOSITORY)

    def prepare(self) -> None:
        super().prepare()
        compile_modules()
        self._run(self.bakup("account", "new", "--words-file", f"{self.place}/words"))

    def store(self, source: str) -> Command:
        return self.bakup("sync", source, self.store_path)

    def restore(self, source: str, out: str) -> Command | None:
        return self.bakup("restore", self.store_path, out)

    def restored(self, source: str, out: str) -> str:
        return out

    def rebuild(self) -> Command | None:
        for path in glob.glob(f"{self.place}/home/**/catalog*", recursive=True):
            os.unlink(path)
        return self.bakup("rebuild", self.store_path)


def compile_modules() -> None:
    """As an installation does; a checkout may lack it, and then every command compiles its own modules again."""
    for package in ("bakup", "migrations"):
        compileall.compile_dir(f"{REPOSITORY}/{package}", quiet=1)


class Restic(Contender):
    """restic with its defaults (repository version 2: zstd), its cache in the scratch folder."""

    name = "restic"
    version_argv = ("restic", "version")

    def env(self) -> Mapping[str, str]:
        cache = f"{self.place}/cache"
        return {"RESTIC_REPOSITORY": self.store_path, "RESTIC_PASSWORD": PASSWORD, "RESTIC_CACHE_DIR": cache}

    def prepare(self) -> None:
        super().prepare()
        self._run(self.command("restic", "init", "--quiet"))

    def store(self, source: str) -> Command:
        return self.command("restic", "backup", "--quiet", source)

    def restore(self, source: str, out: str) -> Command | None:
        return self.command("restic", "restore", "latest", "--quiet", "--target", out)

    def rebuild(self) -> Command | None:
        shutil.rmtree(f"{self.place}/cache")
        return self.command("restic", "rebuild-index", "--quiet", "--read-all-packs")


class Borg(Contender):
    """Borg with repokey-blake2 and zstd,3, its caches in the scratch folder."""

    name = "Borg"
    version_argv = ("borg", "--version")

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.archives = 0

    def env(self) -> Mapping[str, str]:
        return {
            "BORG_REPO": self.store_path,
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_BASE_DIR": f"{self.place}/base",
        }

    def prepare(self) -> None:
        super().prepare()
        self._run(self.command("borg", "init", "--encryption", "repokey-blake2"))

    def store(self, source: str) -> Command:
        self.archives += 1
        return self.command("borg", "create", "--compression", "zstd,3", f"::{self.archives}", source)

    def restore(self, source: str, out: str) -> Command | None:
        return self.command("borg", "extract", f"::{self.archives}", cwd=out)


class Rsync(Contender):
    """rsync -a: a plain copy, one state, no history, no encryption."""

    name = "rsync"
    version_argv = ("rsync", "--version")

    def store(self, source: str) -> Command:
        return self.command("rsync", "-a", "--delete", f"{source}/", f"{self.store_path}/")

    def restore(self, source: str, out: str) -> Command | None:
        return self.command("rsync", "-a", f"{self.store_path}/", f"{out}/")

    def restored(self, source: str, out: str) -> str:
        return out


ALL: tuple[type[Contender], ...] = (Bakup, Restic, Borg, Rsync)


class TarZstd(Contender):
    """The limit of a first backup: one stream, no index, no encryption."""

    name = "tar c | zstd -T2 -3"

    def store(self, source: str) -> Command:
        pipe = 'tar -C "$1" -c . | zstd -q -f -T2 -3 -o "$2"'
        return self.command("bash", "-o", "pipefail", "-c", pipe, "bash", source, self.store_path)

    def stored_bytes(self) -> int:
        return os.path.getsize(self.store_path)


class Zstd(TarZstd):
    """The limit of one large file."""

    name = "zstd -T2 -3"

    def store(self, source: str) -> Command:
        (name,) = os.listdir(source)
        return self.command("zstd", "-q", "-f", "-T2", "-3", f"{source}/{name}", "-o", self.store_path)


class Find(Contender):
    """The limit of looking for changes: every name and stat, once."""

    name = "find -printf"

    def store(self, source: str) -> Command:
        return self.command("find", source, "-printf", "%P %s %T@ %C@ %i\\n")


class Copy(Contender):
    """The limit of a restore: a copy of the tree by the same system calls, nothing to open or unpack."""

    name = "cp -a"

    def restored(self, source: str, out: str) -> str:
        return out

    def store(self, source: str) -> Command:
        return self.command("true")

    def restore(self, source: str, out: str) -> Command | None:
        return self.command("cp", "-a", f"{source}/.", out)
