"""What a killed run leaves half at stores that show it: the next run removes that, and nothing of anybody else's."""

from __future__ import annotations

import random
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "acceptance")]

from computer import Computer, ended  # noqa: E402

from bakup.store.backend import half_name, marked  # noqa: E402
from bakup.store.kinds import backend  # noqa: E402
from bakup.store.remote.line import Line  # noqa: E402
from bakup.store.target import TERMS  # noqa: E402
from bakup.store.url.secrets import Place  # noqa: E402
from bakup.store.wire import Body, Wire  # noqa: E402

if TYPE_CHECKING:
    from tests.servers.served import Served

pytestmark = pytest.mark.peer

MIB = 1 << 20
LONG_S = 60


class Shelf:
    """A place at a store, seen as it is there: with what bakup's listings pass over."""

    def __init__(self, served: Served) -> None:
        typed = served.place()
        self.words = [typed, *served.words()]
        place = Place(typed)
        options = {**place.credentials, **served.options}
        self._backend = backend(place, options, Line(place, options, TERMS))

    def close(self) -> None:
        """Hang up."""
        self._backend.close()

    def halves(self) -> set[str]:
        """All halves at its top."""
        return {key for key, _ in self._backend.page(None)[0] if marked(key) is not None}

    def plant(self, key: str, file: Path) -> None:
        """Put an object as it is."""
        file.write_bytes(b"half of another's")
        with Body(str(file), 0, file.stat().st_size, Wire()) as body:
            self._backend.put(key, body)

    def wait_for_half(self) -> None:
        """Until there is one more than was planted."""
        before, end = self.halves(), time.monotonic() + LONG_S
        while self.halves() <= before:
            assert time.monotonic() < end, "nothing half is seen"
            time.sleep(0.05)


@pytest.mark.parametrize("name", ["sftp", "smb", "webdav", "ftp"])
def test_the_next_run_removes_the_halves_of_a_killed_one_and_no_others(
    fleet: object, name: str, tmp_path: Path
) -> None:
    shelf, source = Shelf(fleet[name]), tmp_path / "source"  # type: ignore[index]
    source.mkdir()
    (source / "small").write_bytes(b"small")
    killed, other = Computer(tmp_path / "home"), Computer(tmp_path / "other")
    killed.run("sync", source, *shelf.words)
    foreign = half_name(uuid.uuid4().hex)
    shelf.plant(foreign, tmp_path / "planted")
    for count in range(2):
        (source / f"large{count}").write_bytes(random.Random(count).randbytes(20 * MIB))
        with ended(killed.start("sync", source, *shelf.words, "--limit-upload", "2MiB")) as run:
            shelf.wait_for_half()
            run.kill()
            run.wait()
        [left] = shelf.halves() - {foreign}
        other.run("sync", source, *shelf.words, "--name", f"other{count}")
        assert shelf.halves() == {foreign, left}, "it may be alive, for all that another computer knows"
        killed.run("sync", source, *shelf.words)
        assert shelf.halves() == {foreign}
    killed.run("check", *shelf.words, "--read-data")
    shelf.close()
