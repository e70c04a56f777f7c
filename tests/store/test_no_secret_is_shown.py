"""No secret of a store stands in a report, log, error, catalog or sector, nor in a list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bakup.account import words
from bakup.store.opening import open_target
from bakup.store.url.secrets import Place
from tests.servers.running import free_port
from tests.servers.served import Served

pytestmark = pytest.mark.peer

SECRET = {
    **dict.fromkeys(("ceph", "moto", "rclone"), "secret"),
    "azure": "connection_string",
    "gcs": "token",
    **dict.fromkeys(("sftp", "webdav", "ftp", "smb"), "password"),
}
"""The option that is one, a server."""
VARIABLE = "WHAT_OPENS_IT"


class Teller:
    """Runs commands with a secret in a variable, and looks for it wherever they write."""

    def __init__(self, folder: Path, name: str, served: Served) -> None:
        self.home, self.log, self.source = folder / "home", folder / "log", folder / "source"
        self.source.mkdir()
        (self.source / "file").write_bytes(b"content")
        self.cards = folder / "words"
        self.cards.write_text(" ".join(words.to_words(bytes(range(32)))))
        # A password that nobody asks for is sent, or kept, all the same.
        place = Place(served.place())
        self.options = {"password": "unasked-4711", **place.credentials, **served.options}
        if SECRET[name] != "password":
            del self.options["password"]
        self.name, self.place = SECRET[name], str(place)
        self.secret = str(self.options[self.name])
        self.said = ""

    def run(self, *arguments: str | Path, code: int | None = 0, **environment: str) -> None:
        """A command to its end; while it runs, its words are what they were."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bakup", *map(str, arguments), "-vv", "--log-file", str(self.log)],
            env={**os.environ, "BAKUP_HOME": str(self.home), VARIABLE: self.secret, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        listed = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        out = process.communicate(timeout=120)[0].decode()
        assert code is None or process.returncode == code, out
        self.said += listed + out

    def words(self, kind: str = "store", **other: str) -> list[str]:
        """The options as a user types them, the secret by its variable."""
        given: Mapping[str, Any] = {**self.options, self.name: f"env:{VARIABLE}", **other}
        return [f"--{kind}-option" if word == "--store-option" else word for word in Served("", 0, given).words()]

    def stored(self) -> bytes:
        """All that is at the target."""
        target = open_target(self.place, options=self.options)
        try:
            return b"".join(target.read(name, 0, size) for name, size in target.list())
        finally:
            target.close()

    def assert_untold(self, *more: bytes) -> None:
        """Nowhere, in no spelling; libraries' messages are told in lower case."""
        files = [file.read_bytes() for file in (self.log, *self.home.rglob("*")) if file.is_file()]
        written = b"\0".join((self.said.encode(), *files, *more)).lower()
        assert len(files) > 1
        pieces = [self.secret, *self.secret.partition("AccountKey=")[2].split(";")[:1]]
        for text in {spelling for piece in pieces if piece for spelling in (piece, quote(piece, safe=""))}:
            assert text.lower().encode() not in written


@pytest.fixture(name="teller", params=sorted(SECRET.keys() - {"gcs"}))
def someone_with_a_secret(request: pytest.FixtureRequest, fleet: Any, tmp_path: Path) -> Iterator[Teller]:
    teller = Teller(tmp_path, request.param, fleet[request.param])
    teller.run("account", "recover", "--words-file", teller.cards)
    return teller


def test_what_opens_a_store_is_kept_to_itself(teller: Teller, tmp_path: Path) -> None:
    place, again = teller.place, f"{teller.place}-out"
    teller.run("sync", teller.source, place, *teller.words(), "--json")
    teller.run("check", place, *teller.words(), "--read-data")
    teller.run("restore", place, again, *teller.words(), *teller.words("out"))
    teller.run("sync", again, tmp_path / "local", *teller.words("source"))
    teller.run("ls", place, *teller.words())
    nobody = str(free_port())
    far = place.replace(port, nobody) if (port := place.rpartition(":")[2].partition("/")[0]).isdigit() else place
    moved = {key: f"http://127.0.0.1:{nobody}" for key in teller.options if key == "endpoint_url"}
    if far != place or moved:
        teller.run("ls", far, *teller.words(**moved), "--retry-for", "1s", code=1)
    wrong = teller.secret[:-6] + "AAAA=="
    teller.run("ls", place, *teller.words(), "--retry-for", "1s", code=None, **{VARIABLE: wrong})
    assert wrong not in teller.said
    teller.assert_untold(teller.stored())


def test_a_token_of_google_is_kept_to_itself_where_nobody_answers(tmp_path: Path) -> None:
    served = Served("gs://backups", 0, {"token": "ya29.raw-token/4711"})
    teller = Teller(tmp_path, "gcs", served)
    teller.run("account", "recover", "--words-file", teller.cards)
    away = f"http://127.0.0.1:{free_port()}"  # gcsfs asks Google about a token, in the query of a URL
    teller.run("ls", "gs://backups/x", *teller.words(), "--retry-for", "1s", code=None, HTTPS_PROXY=away)
    assert "error:" in teller.said
    teller.assert_untold()
