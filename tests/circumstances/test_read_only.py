"""Places where nothing can be written: said plainly, and what only reads goes on."""

from __future__ import annotations

from disks import Mounts
from likeness import assert_alike, portrait
from place import Place


def test_read_only_target(place: Place, mounts: Mounts) -> None:
    disk = mounts(32 << 10)
    target = disk.path / "target"
    place.write("file", 100_000)
    place.sync(target=target)
    disk.lock(read_only=True)
    for computer in (place.computer, place.elsewhere()):
        place.assert_restores(computer, target)
        computer.call("ls", target)
        computer.call("check", target, "--read-data")
    place.write("more", 100_000)
    said = place.computer.call("sync", place.source, target, code=10)
    assert "read-only" in said.err, said
    disk.lock(read_only=False)
    place.sync(target=target)
    place.assert_restores(target=target)


def test_read_only_destination(place: Place, mounts: Mounts) -> None:
    place.write("file", 100_000)
    place.sync()
    disk = mounts(1 << 10)
    disk.lock(read_only=True)
    for out in (disk.path, disk.path / "out"):
        said = place.computer.call("restore", place.target, out, code=1)
        assert "read-only" in said.err, said
    disk.lock(read_only=False)
    place.computer.call("restore", place.target, disk.path / "out")
    assert_alike(disk.path / "out", portrait(place.source))


def test_read_only_home(place: Place, mounts: Mounts) -> None:
    place.write("file", 100_000)
    place.sync()
    disk = mounts(32 << 10)
    place.computer.home = disk.path / "home"
    disk.lock(read_only=True)
    for arguments in (("sync", place.source, place.target), ("ls", place.target), ("account", "show")):
        said = place.computer.call(*arguments, code=None)
        assert said.code in (1, 2, 12), said
        assert "unexpected" not in said.err, said
    disk.lock(read_only=False)
    place.computer.call("account", "recover", "--words-file", place.computer.words)
    place.assert_restores()
    disk.lock(read_only=True)
    place.assert_restores()
    for arguments in (
        ("ls", place.target),
        ("ls", place.target, "."),
        ("find", place.target, "file"),
        ("history", place.target, "file"),
        ("diff", place.target, "latest", "latest"),
        ("cat", place.target, "file", "--json"),
        ("stats", place.target),
        ("query", place.target, "largest"),
        ("plan", place.source, place.target),
        ("account", "show"),
    ):
        said = place.computer.call(*arguments)
        assert "note:" not in said.err, said
    said = place.computer.call("check", place.target, "--read-data")
    assert "what this check finds is not remembered" in said.err, said
    said = place.computer.call("sync", place.source, place.target, code=1)
    assert "unexpected" not in said.err, said
    assert "read-only" in said.err or "readonly" in said.err, said
