"""The real ATBU, without a terminal, installed by install.sh; and bakup, as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bakup.atbak import keys

ATBU = Path(__file__).resolve().parents[2] / "build" / "atbu" / "bin" / "atbu"
LAST = ("backup:last", "files:*")
_TIMEOUT = 300


@dataclass(frozen=True)
class Programs:
    """Both programs, with a home of their own below `folder`, and the key of a test."""

    folder: Path
    key: bytes | None = None

    def bakup(self, *arguments: str | Path) -> str:
        """Run bakup to success, without an account; its standard output."""
        protection = ["--no-encrypt"] if arguments[0] == "sync" and self.key is None else []
        settings = {**os.environ, "BAKUP_HOME": str(self.folder / "bakup-home")}
        command = [sys.executable, "-m", "bakup", *arguments, *self._key_file(), *protection]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=settings,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def atbu(self, *arguments: str | Path) -> str:
        """Run ATBU to success; what it said."""
        done = self.raw_atbu(*arguments)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def raw_atbu(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ATBU, whatever comes of it."""
        home = self.folder / "atbu-home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [ATBU, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8",
                "HOME": str(home),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            },
            timeout=_TIMEOUT,
            check=False,
        )

    def sync(self, source: Path, target: Path, *, gzip: bool) -> str:
        """Back up with bakup, to the plain layout."""
        return self.bakup("sync", source, target, "--layout", "atbak", "--compression", "gzip:6" if gzip else "none")

    def configure(self, target: Path) -> Path:
        """Make ATBU know the target; the configuration."""
        (target / ".atbu").mkdir(parents=True, exist_ok=True)
        config = target / ".atbu" / "atbu-config.json"
        config.write_text(keys.atbu_config(target.name, str(target), self.key))
        return config

    def backup(self, source: Path, target: Path, *, gzip: bool) -> str:
        """Back up with ATBU; a source must be absolute, or it finds no files and all is well."""
        self.configure(target)
        return self.atbu("backup", "--full", source, target, "-z", "normal" if gzip else "none")

    def recover(self, target: Path) -> None:
        """Have ATBU take the backup information from the target."""
        self.configure(target)
        self.atbu("recover", "--no-prompt", target)

    def verify(self, target: Path) -> int:
        """Have ATBU verify the last backup; how many files."""
        return _success(self.atbu("verify", target, *LAST))

    def restore(self, target: Path, out: Path) -> int:
        """Have ATBU restore the last backup; how many files."""
        return _success(self.atbu("restore", target, *LAST, out))

    def _key_file(self) -> list[str]:
        if self.key is None:
            return []
        (self.folder / "key").write_text(self.key.hex())
        return ["--key-file", str(self.folder / "key")]


def _success(said: str) -> int:
    return next(int(line.split()[-1]) for line in said.splitlines() if line.startswith("Total success"))
