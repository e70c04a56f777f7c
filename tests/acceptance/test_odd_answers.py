"""Answers that are not what they seem, of S3 as moto plays it, with something in between."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from computer import Computer, Said

from bakup.store.buckets.opening import open_bucket
from tests.servers import moto
from tests.servers.between import Answer, Asked, Between, between
from tests.servers.running import HOST, free_port
from tests.servers.served import Served

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

pytestmark = pytest.mark.peer

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
NOT_KNOWN = b"<Error><Code>NotImplemented</Code><Message>A header is not implemented</Message></Error>"
SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>"
SOON_S = 20


class Stage:
    """A computer, a source, and a bucket seen through what is between."""

    def __init__(self, folder: Path, served: Served, hooks: Between) -> None:
        self.here, self.hooks, self.plain = Computer(folder / "home"), hooks, served
        self.served = served.behind(hooks.port)
        self.place, self.source, self.folder = self.served.place(), folder / "source", folder
        self.source.mkdir()
        (self.source / "notes.txt").write_bytes(b"first")
        (self.source / "large").write_bytes(os.urandom(400_000))

    def run(self, command: str, *words: str | Path, code: int | None = 0) -> Said:
        """A command at the target; SRC stands before it, what else there is behind."""
        before: list[str | Path] = [self.source] if command == "sync" else []
        return self.here.call(command, *before, self.place, *words, *self.served.words(), code=code)

    def put(self, key: str, content: bytes) -> None:
        """An object of a source."""
        bucket = open_bucket(self.place, self.plain.options)
        bucket.put(key, content, len(content), ())
        bucket.close()

    def sync_from(self, code: int | None = 0) -> Said:
        """The place as a source, to a folder."""
        words = [word.replace("--store-option", "--source-option") for word in self.served.words()]
        return self.here.call("sync", self.place, self.folder / "target", *words, code=code)


@pytest.fixture
def stage(fleet: Fleet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    served = fleet[getattr(request, "param", "moto")]
    with between(served.port) as hooks:
        yield Stage(tmp_path, served, hooks)


EVERY = pytest.mark.parametrize("stage", ["moto", "gcs", "azure"], indirect=True)


@pytest.mark.parametrize("stage", ["moto", "gcs"], indirect=True)
def test_a_range_that_is_ignored(stage: Stage) -> None:
    def all_of_it(asked: Asked) -> None:
        for name in [name for name in asked.headers if name.lower() == "range"]:
            del asked.headers[name]

    stage.run("sync")
    stage.hooks.before = all_of_it
    stage.run("rebuild")
    stage.run("check", "--read-data")
    stage.run("restore", stage.folder / "out")
    assert (stage.folder / "out" / "large").read_bytes() == (stage.source / "large").read_bytes()


@pytest.mark.parametrize("stage", ["moto", "webdav"], indirect=True)
def test_a_part_with_the_status_of_the_whole(stage: Stage) -> None:
    """As `rclone serve s3` has it: what came is what Content-Range says."""
    parts = []

    def whole(asked: Asked, answer: Answer) -> None:
        if answer.status == 206:
            parts.append(answer.headers["Content-Range"])
            answer.status = 200

    stage.run("sync")
    stage.hooks.after = whole
    stage.run("check", "--read-data")
    stage.run("restore", stage.folder / "out")
    assert any(not part.startswith("bytes 0-") for part in parts)
    assert (stage.folder / "out" / "large").read_bytes() == (stage.source / "large").read_bytes()


def test_a_range_that_is_ignored_at_azure(fleet: Fleet, tmp_path: Path) -> None:
    """Its library wants ranges: it is said, and nothing is taken for damaged."""

    def whole(asked: Asked, answer: Answer) -> None:
        if answer.status == 206:
            answer.status = 200
            del answer.headers["Content-Range"]

    with between(fleet["azure"].port) as hooks:
        stage = Stage(tmp_path, fleet["azure"], hooks)
        stage.run("sync")
        hooks.after = whole
        said = stage.run("restore", tmp_path / "out", code=None)
        assert said.code in (3, 10), said
        assert "it sent all of an object in place of a part" in said.err


def test_another_range_than_the_one_asked_for(stage: Stage) -> None:
    def another(asked: Asked, answer: Answer) -> None:
        if answer.status == 206:
            answer.headers["Content-Range"] = "bytes 1-9/10"

    stage.run("sync")
    stage.hooks.after = another
    said = stage.run("restore", stage.folder / "out", code=None)
    assert said.code in (3, 10), said
    assert "in place of bytes" in said.err


def test_a_listing_that_is_cut(stage: Stage) -> None:
    def pages_of_two(asked: Asked) -> None:
        if "list-type=2" in asked.path and "max-keys" not in asked.path:
            asked.path += "&max-keys=2"

    def without_token(asked: Asked, answer: Answer) -> None:
        answer.body = re.sub(rb"<NextContinuationToken>.*?</NextContinuationToken>", b"", answer.body)

    for number in range(5):
        stage.put(f"data/{number}", b"%d" % number)
    stage.hooks.before, stage.hooks.after = pages_of_two, without_token
    assert "new                5 files" in stage.sync_from().out


@EVERY
def test_a_page_is_no_empty_bucket(stage: Stage) -> None:
    stage.put("one", b"1")
    stage.sync_from()
    stage.hooks.before = lambda _: Answer(200, {"Content-Type": "text/html"}, PAGE)
    for said in (stage.sync_from(code=10), stage.run("sync", code=10)):
        assert "is no such store: it sent" in said.err
        assert "hint: is the port that of a web console" in said.err
        assert "<html" not in said.err
    assert "1 check point," in stage.here.call("ls", stage.folder / "target").out


def test_a_listing_that_lags(stage: Stage) -> None:
    def without_the_last(asked: Asked, answer: Answer) -> None:
        found = re.findall(rb"<Contents>.*?</Contents>", answer.body, re.DOTALL) if "list-type=2" in asked.path else []
        if len(found) > 1:
            newest = max(found, key=lambda one: re.findall(rb"Modified>(.*?)<", one))
            answer.body = answer.body.replace(newest, b"")

    stage.run("sync")
    time.sleep(1.1)  # a listing's times have whole seconds here
    (stage.source / "more").write_bytes(b"more")
    stage.run("sync")
    stage.hooks.after = without_the_last
    assert "good          2 check points of 1 source" in stage.run("check").out
    assert "stands" in stage.run("sync").out


def test_a_server_that_knows_no_conditions(stage: Stage) -> None:
    def refusing(asked: Asked) -> Answer | None:
        known = not any(name.lower() == "if-none-match" for name in asked.headers)
        return None if known else Answer(501, {"Content-Type": "application/xml"}, NOT_KNOWN)

    stage.hooks.before = refusing
    stage.run("sync")
    assert "exclusive     no" in stage.here.call("target", "test", stage.plain.url, *stage.served.words()).out


def test_a_server_that_gives_no_interim_answer(stage: Stage) -> None:
    stage.hooks.interim = False
    began = time.monotonic()
    stage.run("sync", "--retry-for", "5s")
    assert time.monotonic() - began < SOON_S


def test_a_head_without_a_length(stage: Stage) -> None:
    def chunked(asked: Asked, answer: Answer) -> None:
        if asked.method == "HEAD":
            answer.headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
            answer.headers["Content-Length"] = ""

    stage.hooks.after = chunked
    stage.run("sync")
    (stage.source / "more").write_bytes(b"more")
    stage.run("sync")
    stage.put("one", b"1")
    stage.put("none", b"")


def test_an_archived_sector_is_not_damaged(stage: Stage) -> None:
    stage.run("sync")
    bucket = open_bucket(stage.place, stage.plain.options)
    [sector] = bucket.list()
    bucket.put(sector.key, bucket.fetch(sector).data, sector.size, (("storage-class", "GLACIER"),))
    bucket.close()
    said = stage.run("check", code=3)
    assert "archived      1 sector\nlost          nothing" in said.out
    assert "is archived: in an archive tier\nhint: let the store bring it back from its archive; " in said.err
    assert "stands" in stage.run("sync").out
    said = stage.run("restore", stage.folder / "out", code=3)
    assert "not restored       2 files" in said.out
    assert "in an archive tier; 2 files need it" in said.err
    assert "in an archive tier" in stage.run("cat", "notes.txt", code=3).err
    for left in stage.here.home.glob("catalog.db*"):
        left.unlink()
    assert "gives none of the 1 sectors that it lists" in stage.run("ls", code=10).err


@EVERY
def test_what_is_denied_of_a_source_stops_nothing(stage: Stage) -> None:
    """Nor one at which the server fails; when all is denied, the source is not there."""
    codes = {"closed": 403, "broken": 500}

    def refusing(asked: Asked) -> Answer | None:
        return next((Answer(code) for key, code in codes.items() if key in asked.path.rpartition("/")[2]), None)

    for key in ("closed", "broken", "good"):
        stage.put(key, key.encode())
    stage.hooks.before = refusing
    said = stage.sync_from(code=3)
    assert "unreadable         2 files" in said.out, said
    assert "new                1 file" in said.out
    stage.hooks.before = lambda _: Answer(403)
    stage.sync_from(code=10)


def test_all_denied_is_the_targets(stage: Stage) -> None:
    stage.run("sync")
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    stage.hooks.before = lambda _: Answer(403, {"Content-Type": "application/xml"}, denied)
    for command in ("ls", "check", "sync"):
        assert "denies access: Access Denied" in stage.run(command, code=10).err


def test_an_object_at_which_the_server_fails(stage: Stage) -> None:
    stage.run("sync")
    stage.put("broken.bakup", b"x")
    stage.hooks.before = lambda asked: Answer(500) if asked.method == "GET" and "broken" in asked.path else None
    began = time.monotonic()
    said = stage.run("restore", stage.folder / "out", code=3)
    assert time.monotonic() - began < SOON_S
    assert "broken.bakup" in said.err
    assert (stage.folder / "out" / "notes.txt").read_bytes() == b"first"


def test_two_servers_with_a_bucket_of_one_name(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their endpoints stand in profiles."""
    (tmp_path / "moto").mkdir()
    with moto.serve(tmp_path / "moto") as other:
        one, here = fleet["moto"], Computer(tmp_path / "home")
        config = "".join(
            f"[profile {name}]\nendpoint_url = http://{HOST}:{port}\naws_access_key_id = a\naws_secret_access_key = b\n"
            for name, port in (("one", one.port), ("two", other.port))
        )
        (tmp_path / "config").write_text(config)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        place = one.place()
        for options in (one.options, other.options):
            bucket = open_bucket(place, options)
            for key in ("keep", "sub/lost"):
                bucket.put(key, key.encode(), len(key), ())
            bucket.close()
        words = ["--source-option", "profile=one", "--store-option", "profile=two", "--new-target"]
        said = here.call("sync", place, f"{place}/sub", *words)
        assert "new                2 files" in said.out
        assert "is left out" not in said.err
        for name in ("one", "two"):
            here.call("sync", place, tmp_path / "target", "--source-option", f"profile={name}", "--exclude", "sub")
        listed = here.call("ls", tmp_path / "target").out
        assert all(f"{place} on {HOST}:{port}" in listed for port in (one.port, other.port))


@pytest.mark.parametrize("kind", ["refused", "silent", "clock", "host"])
def test_what_cannot_come_ends_soon(tmp_path: Path, kind: str, stage: Stage) -> None:
    with socket.create_server((HOST, 0)) as silent:
        if kind == "clock":
            stage.hooks.before = lambda _: Answer(403, {"Content-Type": "application/xml"}, SKEWED)
        port = {"refused": free_port(), "silent": silent.getsockname()[1]}.get(kind, stage.hooks.port)
        host = "no-such-host.invalid" if kind == "host" else HOST
        options = {**stage.plain.options, "endpoint_url": f"http://{host}:{port}"}
        words = Served(stage.plain.url, port, options).words()
        began = time.monotonic()
        said = stage.here.call("sync", stage.source, stage.place, *words, "--retry-for", "60s", code=1)
        assert time.monotonic() - began < SOON_S
    hints = {
        "refused": "is the port right, and a server running there?",
        "silent": "is the address right, and the network there?",
        "clock": "is this computer's clock right?",
        "host": "is the host's name right, and the network there?",
    }
    assert f"hint: {hints[kind]}" in said.err
