"""Sectors that go up while they grow: what a run leaves that did not come to its end, and who throws it away."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "acceptance")]

from computer import Computer, ended  # noqa: E402

from tests.servers.s3 import client_at  # noqa: E402

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet
    from tests.servers.served import Served

pytestmark = pytest.mark.peer

MIB = 1 << 20
LONG_S = 60
SLOW = ("--limit-upload", "4MiB")


class Bucket:
    """A place in a bucket, as the store shows it: objects, and uploads that are not finished."""

    def __init__(self, served: Served) -> None:
        self.words = [served.place(), *served.words()]
        name, _, prefix = self.words[0].removeprefix("s3://").partition("/")
        self._where = {"Bucket": name, "Prefix": f"{prefix}/"}
        self._client = client_at(*(served.options[word] for word in ("endpoint_url", "key", "secret")))

    def close(self) -> None:
        self._client.close()

    def objects(self) -> set[str]:
        return {one["Key"] for one in self._client.list_objects_v2(**self._where).get("Contents", ())}

    def uploads(self) -> set[str]:
        try:
            found = self._client.list_multipart_uploads(**self._where).get("Uploads") or ()
        except self._client.exceptions.NoSuchUpload:  # rclone's word for a bucket that has never seen one
            return set()
        return {one["UploadId"] for one in found if one["Key"].startswith(self._where["Prefix"])}

    def begin(self, name: str) -> str:
        """An upload of another machine."""
        where = {"Bucket": self._where["Bucket"], "Key": self._where["Prefix"] + name}
        return str(self._client.create_multipart_upload(**where)["UploadId"])

    def wait_for_another(self, known: set[str]) -> set[str]:
        """Until there is an upload that is not `known`."""
        end = time.monotonic() + LONG_S
        while not (found := self.uploads() - known):
            assert time.monotonic() < end, "nothing goes up"
            time.sleep(0.05)
        return found


@pytest.fixture(params=["ceph", "moto", "rclone"])
def bucket(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    made = Bucket(fleet[request.param])
    yield made
    made.close()


def test_a_killed_run_leaves_no_object_and_the_next_one_of_its_computer_cleans_up(
    bucket: Bucket, tmp_path: Path
) -> None:
    killed, other = Computer(tmp_path / "home"), Computer(tmp_path / "other")
    source = write(tmp_path / "source", 40)
    foreign = {bucket.begin("3f0a7b52-3d5e-4c59-8a7e-0d7f5f3c9a11.bakup")}
    with ended(killed.start("sync", source, *bucket.words, *SLOW)) as run:
        left = bucket.wait_for_another(foreign)
        run.kill()
        run.wait()
    assert bucket.objects() == set()
    assert spooled(killed)
    other.run("sync", write(tmp_path / "small", 1), *bucket.words, "--name", "small")
    assert bucket.uploads() == foreign | left, "for all that another computer knows, it may be alive"
    killed.run("sync", source, *bucket.words)
    assert bucket.uploads() == foreign
    assert len(bucket.objects()) == 2
    assert not spooled(killed)
    other.run("check", *bucket.words, "--read-data")


def test_a_run_that_is_interrupted_throws_away_what_it_has_sent(bucket: Bucket, tmp_path: Path) -> None:
    computer, source = Computer(tmp_path / "home"), write(tmp_path / "source", 40)
    with ended(computer.start("sync", source, *bucket.words, *SLOW)) as run:
        bucket.wait_for_another(set())
        run.send_signal(signal.SIGINT)
        assert run.wait(LONG_S) == 130
    assert bucket.objects() == set()
    assert bucket.uploads() == set()
    assert not spooled(computer)


def spooled(computer: Computer) -> list[Path]:
    """What lies in the spool of its home."""
    return list(computer.home.glob(".bakup-spool/*/*"))


def write(folder: Path, mib: int) -> Path:
    folder.mkdir()
    (folder / "file").write_bytes(random.Random(mib).randbytes(mib * MIB))
    return folder
