"""The target of a rig, served by `bakup serve` as a user calls it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from rig import Rig


class Serving:
    """One server; `url` ends with a slash."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def home(self) -> dict[str, str]:
        """The environment of commands."""
        return {**os.environ, "BAKUP_HOME": str(self.rig.home)}

    def begin(self, kind: str, *options: str) -> str:
        """Serve at a free port; gives the address."""
        call = [sys.executable, "-m", "bakup", "serve", kind, str(self.rig.target), "--listen", "127.0.0.1:0"]
        with (self.rig.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [*call, *options], env=self.home, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("serving "), self.log
        self.url = said.split()[-1]
        return self.url

    @property
    def log(self) -> str:
        """What it said on standard error."""
        return (self.rig.folder / "log").read_text()

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request; raises IncompleteRead where the answer breaks off."""
        with closing(http.client.HTTPConnection(self.url.split("/")[2], timeout=20)) as connection:
            connection.request(method, path, headers=headers)
            with connection.getresponse() as answer:
                told = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, told, answer.read()

    def end(self) -> None:
        """Stop it as systemd would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(20) == 0, self.log
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


def programs() -> Path:
    """Where rclone is."""
    return Path(__file__).parents[2] / ".venv-servers" / "bin"
