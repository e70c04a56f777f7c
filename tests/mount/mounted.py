"""The target of a rig, mounted by `bakup mount` as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from rig import Rig


class Mounted:
    """One mount: `folder` is where it stands; `log` what its process told of what it could not read."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.folder = rig.folder / "mounted"
        self.folder.mkdir()
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of bakup in the rig's home."""
        call = [sys.executable, "-m", "bakup", *arguments]
        home = {**os.environ, "BAKUP_HOME": str(self.rig.home)}
        return subprocess.run(call, env=home, capture_output=True, text=True, timeout=60, check=False)

    def begin(self, *options: str) -> Path:
        """Mount in the foreground of a process of the test; gives the newest check point's folder."""
        call = [sys.executable, "-m", "bakup", "mount", "-f", str(self.rig.target), str(self.folder), *options]
        home = {**os.environ, "BAKUP_HOME": str(self.rig.home)}
        with (self.rig.folder / "log").open("w") as log:
            self._process = subprocess.Popen(call, env=home, stdout=log, stderr=log, text=True)
        deadline = time.monotonic() + 30
        while not os.path.ismount(self.folder):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self.folder / "latest"

    @property
    def log(self) -> str:
        """What the process said."""
        return (self.rig.folder / "log").read_text()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that serves it."""
        assert self._process is not None
        return self._process

    def forget(self) -> None:
        """Its process is dead, and that is right."""
        self._process = None

    def end(self) -> None:
        """Unmount, if it is mounted, and wait."""
        if os.path.ismount(self.folder):
            self.run("umount", str(self.folder))
        if self._process is not None:
            assert self._process.wait(20) == 0, self.log
