"""Whoever may add one object to a target stops neither backing up nor recovery."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from computer import OTHER_ENTROPY, Computer, Said

from bakup.store.buckets.opening import open_bucket
from tests.shared.nobody import NOBODY, as_nobody

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

Put = Callable[[str, bytes, str], None]
"""Puts an object of a name and content, in a storage class where that is not empty."""

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
HUGE = 1 << 40
ARCHIVES = {"moto": "GLACIER", "azure": "Archive"}
"""The storage class from which nothing is read at once."""

GOES_ON = {0, 3, 20, 21}
"""Exit codes of a command that did its work; the last two are of `check` alone, where a part of a sector lies there."""


class Estate:
    """A target with two check points, and what stands beside them."""

    def __init__(self, folder: Path, place: str, options: list[str]) -> None:
        self.folder, self.place, self.options = folder, place, options
        self.here, self.there = Computer(folder / "home"), Computer(folder / "other", OTHER_ENTROPY)
        self.source = folder / "source"
        self.source.mkdir()
        (self.source / "kept.txt").write_bytes(b"kept")
        (self.source / "notes.txt").write_bytes(b"first")
        self.here.call("sync", self.source, place, *options)
        (self.source / "notes.txt").write_bytes(b"second")
        self.here.call("sync", self.source, place, *options)

    def sector(self) -> bytes:
        """One of another account, as its bytes."""
        elsewhere = self.folder / "elsewhere"
        self.there.call("sync", self.source, elsewhere)
        return next(elsewhere.glob("*.bakup")).read_bytes()

    def spoil(self, put: Put) -> None:
        """What every kind of store can hold."""
        foreign = self.sector()
        put("empty.bakup", b"", "")
        put("page.bakup", PAGE, "")
        put("index.html", PAGE, "")
        put("half.bakup", foreign[: len(foreign) // 2], "")
        put("foreign.bakup", foreign, "")
        put("folder.bakup/inner", b"x", "")

    def run(self, *words: str | Path) -> Said:
        """A command at the target."""
        return self.here.call(words[0], self.place, *words[1:], *self.options, code=None)

    def commands(self) -> Iterator[Said]:
        """Every command that reads or writes a target; each must do its work, with a catalog and without."""
        for made_anew in (False, True):
            if made_anew:
                for left in self.here.home.glob("catalog.db*"):
                    left.unlink()
            (self.source / "notes.txt").write_bytes(b"third" + bytes([made_anew]))
            said = self.here.call("sync", self.source, self.place, *self.options, code=None)
            assert "changed            1 file" in said.out, said
            yield said
            yield self.saying("check points", "ls")
            yield self.saying("notes.txt", "ls", "-R", ".")
            yield self.saying("notes.txt", "find", "notes*")
            yield self.saying("latest", "history", "notes.txt")
            yield self.saying("notes.txt", "diff", "latest~1", "latest")
            yield self.saying("kept", "cat", "kept.txt")
            yield self.saying("sectors", "stats")
            yield self.saying("good", "check")
            yield self.saying("good", "check", "--read-data")
            out = self.folder / f"out{made_anew}"
            yield self.saying("restored", "restore", out)
            assert (out / "kept.txt").read_bytes() == b"kept"
            yield self.saying("rebuilt", "rebuild")

    def saying(self, text: str, *words: str | Path) -> Said:
        """A command that went on."""
        said = self.run(*words)
        assert text in said.out, said
        allowed = GOES_ON if words[0] in ("check", "rebuild") else {0, 3}
        assert said.code in allowed, said
        assert "unexpected" not in said.err, said
        return said


def test_of_a_folder(tmp_path: Path) -> None:
    estate = Estate(tmp_path, str(tmp_path / "target"), [])

    def put(name: str, content: bytes, tier: str) -> None:
        path = tmp_path / "target" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    estate.spoil(put)
    with (tmp_path / "target" / "huge.bakup").open("wb") as huge:
        huge.truncate(HUGE)
    (tmp_path / "target" / os.fsdecode(b"\xff.bakup")).write_bytes(b"x")
    (tmp_path / "target" / "link.bakup").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "target" / "pipe.bakup")
    for said in estate.commands():
        assert said.code in GOES_ON


def test_of_a_folder_by_a_user_who_may_not_read_all(tmp_path: Path) -> None:
    """An object that denies access is named, and costs a 3: as nobody, where the tests run as root."""
    estate = Estate(tmp_path, str(tmp_path / "target"), [])
    for _ in estate.commands():  # so that all is loaded that nobody may not read
        pass
    closed = tmp_path / "target" / "closed.bakup"
    closed.write_bytes(b"x")
    closed.chmod(0)
    _give_away(estate)
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    with as_nobody():
        for words in (
            ("sync", estate.source, estate.place),
            ("ls", estate.place),
            ("ls", "-R", estate.place, "."),
            ("find", estate.place, "notes*"),
            ("history", estate.place, "notes.txt"),
            ("diff", estate.place, "latest~1", "latest"),
            ("cat", estate.place, "kept.txt"),
            ("stats", estate.place),
            ("check", estate.place, "--read-data"),
            ("restore", estate.place, tmp_path / "out" / "back"),
            ("rebuild", estate.place),
        ):
            said = estate.here.call(*words, code=3)
            assert "closed.bakup               permission denied" in said.err
            assert said.out
    assert (tmp_path / "out" / "back" / "kept.txt").read_bytes() == b"kept"


def _give_away(estate: Estate) -> None:
    """To nobody: the home and the target with all that is his to read."""
    if os.geteuid() != 0:
        return
    for above in (estate.folder, *estate.folder.parents[:-2]):
        above.chmod(above.stat().st_mode | 0o005)
    home, target = estate.here.home, Path(estate.place)
    for path in (home, *home.rglob("*"), target, *target.glob("*-*.bakup")):
        os.chown(path, NOBODY, NOBODY)


@pytest.mark.peer
@pytest.mark.parametrize("name", ["moto", "rclone", "azure", "gcs", "sftp", "webdav", "ftp", "smb"])
def test_of_a_store(fleet: Fleet, name: str, tmp_path: Path) -> None:
    served = fleet[name]
    place = served.place()
    estate = Estate(tmp_path, place, served.words())
    bucket = open_bucket(place, served.options)

    def put(key: str, content: bytes, tier: str) -> None:
        bucket.put(key, content, len(content), (("storage-class", tier),) if tier else ())

    estate.spoil(put)
    if archive := ARCHIVES.get(name):
        put("log", b"x", archive)
        put("old.bakup", b"x", archive)
    bucket.close()
    for said in estate.commands():
        assert said.code in GOES_ON
        if archive and "sync" in said.out:
            assert said.code == 3
        if archive:
            assert "old.bakup" in said.err
            assert "in an archive tier" in said.err


def test_an_object_that_nobody_gives_before_the_first_backup(tmp_path: Path) -> None:
    """Not a target yet: it is asked about as other files are."""
    computer = Computer(tmp_path / "home")
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "file").write_bytes(b"x")
    (target / "dead.bakup").write_bytes(PAGE)
    computer.call("sync", source, target, "--new-target")
    assert "1 check point" in computer.call("ls", target).out
