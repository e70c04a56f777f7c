"""The real ATBU, without a terminal; installed by install.sh."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bakup.atbak import keys

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "atbu" / "bin" / "atbu"
LAST = ("backup:last", "files:*")


@dataclass(frozen=True)
class Atbu:
    """ATBU with a HOME of its own."""

    home: Path

    def run(self, *arguments: str | Path) -> str:
        """Run it to success; what it said."""
        self.home.mkdir(exist_ok=True)
        done = self.raw(*arguments)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def raw(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        self.home.mkdir(exist_ok=True)
        settings = {"HOME": str(self.home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return subprocess.run(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **settings},
            timeout=300,
            check=False,
        )

    def configure(self, target: Path, key: bytes | None) -> None:
        """Make a folder a target that ATBU knows, with this key."""
        (target / ".atbu").mkdir(parents=True, exist_ok=True)
        config = keys.atbu_config(target.name, str(target), key)
        (target / ".atbu" / "atbu-config.json").write_text(config)

    def backup(self, source: Path, target: Path, *, gzip: bool) -> str:
        """Back up; a source must be absolute, or no files are found and all is well."""
        return self.run("backup", "--full", source, target, "-z", "normal" if gzip else "none")

    def recover(self, target: Path) -> str:
        """Take the backup information from the target."""
        return self.run("recover", "--no-prompt", target)

    def verify(self, target: Path) -> str:
        """Verify the last backup."""
        return self.run("verify", target, *LAST)

    def restore(self, target: Path, out: Path) -> str:
        """Restore the last backup."""
        return self.run("restore", target, *LAST, out)
