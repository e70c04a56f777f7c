"""A mounted check point is the tree that was backed up, in all that programs can see of it."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mounted import Mounted
from oddities import facts_of, plant_odd_things
from rig import Rig
from trees import noise

pytestmark = pytest.mark.peer

MIB = 1 << 20
FIND = r"%P\0%y\0%m\0%U\0%G\0%T@\0%C@\0%l\0%n\0%i\0"
"""All but inode numbers, which become the first path that has each."""


def found(folder: Path) -> list[tuple[str, ...]]:
    """What find(1) prints of a tree; sizes of what is no folder."""
    command = ["find", f"{folder}/", "-printf", FIND, "-type", "d", "-printf", r"\0", "-o", "-printf", r"%s\0"]
    said = subprocess.run(command, capture_output=True, check=True, text=True, errors="surrogateescape").stdout
    cells = said.split("\0")[:-1]
    rows = sorted(tuple(cells[at : at + 11]) for at in range(0, len(cells), 11))
    firsts: dict[str, str] = {}
    return [(*row[:9], firsts.setdefault(row[9], row[0]), row[10]) for row in rows]


def attributes(folder: Path) -> list[str]:
    """What getfattr(1) prints of a tree, path by path."""
    command = ["getfattr", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "."]
    said = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True, errors="surrogateescape")
    return sorted(said.stdout.split("\n\n"))


def block(descriptor: int, at: int) -> bytes | None:
    """4 KiB of a file; None for what is damaged."""
    try:
        return os.pread(descriptor, 4096, at)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None


def test_the_tree_is_as_it_was(rig: Rig, mounted: Mounted) -> None:
    plant_odd_things(os.fsencode(rig.source))
    with open(rig.source / "sparse", "wb") as file:
        file.truncate(64 * MIB)
        file.seek(20 * MIB)
        file.write(b"in the middle")
    rig.sync()
    latest = mounted.begin()
    assert found(latest) == found(rig.source)
    assert attributes(latest) == attributes(rig.source)
    assert facts_of(os.fsencode(latest)) == facts_of(os.fsencode(rig.source))
    assert (latest / "sparse").stat().st_blocks * 512 < MIB
    same = subprocess.run(["diff", "-r", "--no-dereference", rig.source / "group", latest / "group"], check=False)
    assert same.returncode == 0


def test_bytes_from_and_to_any_place(rig: Rig, mounted: Mounted) -> None:
    data = noise(9 * MIB) + bytes(3 * MIB) + noise(2 * MIB, 1) + b"end"
    (rig.source / "big").write_bytes(data)
    (rig.source / "empty").write_bytes(b"")
    rig.sync()
    big = mounted.begin() / "big"
    edges = sorted({at + by for at in (0, MIB, 9 * MIB, 12 * MIB, len(data)) for by in (-4097, -1, 0, 1, 4096)})
    with open(big, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for at in (max(0, edge) for edge in edges):
            for length in (1, 4096, 131_073):
                assert os.pread(file.fileno(), length, at) == data[at : at + length]
                assert mapped[at : at + length] == data[at : at + length]
        assert mapped[:] == data
    assert (big.parent / "empty").read_bytes() == b""


def test_thirty_two_read_at_once(rig: Rig, mounted: Mounted) -> None:
    files = {f"{number}": noise(3 * MIB, number) for number in range(16)}
    for name, data in files.items():
        (rig.source / name).write_bytes(data)
    rig.sync()
    latest = mounted.begin()

    def read(seed: int) -> bool:
        chosen = random.Random(seed)
        for _ in range(20):
            name = str(chosen.randrange(16))
            at, length = chosen.randrange(3 * MIB), chosen.choice((1, 4096, 200_000))
            with open(latest / name, "rb") as file:
                if os.pread(file.fileno(), length, at) != files[name][at : at + length]:
                    return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(read, range(32)))
    with open(f"/proc/{mounted.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 250 * 1024


def test_damage_spoils_what_it_touches_and_no_more(rig: Rig, mounted: Mounted) -> None:
    data = noise(12 * MIB)
    (rig.source / "big").write_bytes(data)
    (rig.source / "small").write_bytes(b"well")
    rig.sync()
    [sector] = rig.target.glob("*.bakup")
    raw = bytearray(sector.read_bytes())
    raw[6 * MIB] ^= 1
    sector.write_bytes(raw)
    latest = mounted.begin()
    with open(latest / "big", "rb") as file:
        read = {at: block(file.fileno(), at) for at in range(0, len(data), 4096)}
    bad = [at for at, found in read.items() if found is None]
    assert all(found == data[at : at + 4096] for at, found in read.items() if found is not None)
    assert 0 < len(bad) * 4096 <= 4 * MIB  # a chunk, or what of it a pack lost
    assert bad == list(range(bad[0], bad[-1] + 1, 4096))
    assert (latest / "small").read_bytes() == b"well"
    assert f"by-id/{os.readlink(latest).rpartition('/')[2]}/big cannot be read" in mounted.log
    assert f"sector {sector.stem}" in mounted.log
    mounted.end()
    assert rig.sync().sources[0].stored_again.files == 1


def test_new_check_points_appear(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync(tags=("trip",))
    latest = mounted.begin()
    first = latest.resolve()
    assert (latest / "a").read_text() == "first"
    (rig.source / "a").write_text("other")
    rig.sync()
    assert (latest / "a").read_text() == "other"
    here = rig.home
    rig.new_home("elsewhere")
    (rig.source / "a").write_text("third")
    rig.sync()
    rig.home = here
    deadline = time.monotonic() + 20
    while (latest / "a").read_text() != "third":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (first / "a").read_text() == "first"
    top = mounted.folder
    assert sorted(os.listdir(top)) == ["by-id", "by-source", "by-tag", "by-time", "latest"]
    assert len(os.listdir(top / "by-id")) == len(os.listdir(top / "by-time")) == 3
    assert len(os.listdir(top / "by-source" / "source")) == 4
    [tagged] = (top / "by-tag" / "trip").iterdir()
    assert (tagged / "a").read_text() == "first"


def test_nothing_can_be_written(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    before = {path: path.read_bytes() for path in rig.target.iterdir()}
    latest = mounted.begin()
    for change in (lambda: (latest / "b").write_text(""), (latest / "a").unlink, lambda: (latest / "a").chmod(0o777)):
        with pytest.raises(OSError, match="Read-only"):
            change()
    mounted.end()
    assert {path: path.read_bytes() for path in rig.target.iterdir()} == before


def test_from_a_target_alone(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    rig.new_home("elsewhere")
    assert (mounted.begin() / "a").read_text() == "first"


def test_what_was_read_is_kept_on_disk(rig: Rig, mounted: Mounted) -> None:
    data = noise(5 * MIB)
    (rig.source / "a").write_bytes(data)
    rig.sync()
    latest = mounted.begin("--cache", "64MiB")
    assert (latest / "a").read_bytes() == data
    with open(f"/proc/{mounted.process.pid}/maps") as maps:
        assert "(deleted)" not in maps.read()
    kept = [os.stat(one) for one in Path(f"/proc/{mounted.process.pid}/fd").iterdir() if not one.is_socket()]
    assert any(one.st_nlink == 0 and one.st_size > len(data) for one in kept)


def test_sigterm_unmounts(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    mounted.begin()
    mounted.process.send_signal(signal.SIGTERM)
    assert mounted.process.wait(20) == 0
    assert not os.path.ismount(mounted.folder)


def test_sigterm_ends_a_mount_in_use(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    descriptor = os.open(mounted.begin() / "a", os.O_RDONLY)
    mounted.process.send_signal(signal.SIGTERM)
    assert mounted.process.wait(10) == 0
    assert not os.path.ismount(mounted.folder)
    with contextlib.suppress(OSError):  # nobody answers any more
        os.close(descriptor)


def test_in_the_background(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    begun = mounted.run("mount", str(rig.target), str(mounted.folder))
    assert begun.returncode == 0
    assert begun.stdout == f"mounted       {rig.target} at {mounted.folder}: latest, by-id, by-source, by-time\n"
    assert begun.stderr == f"hint: to unmount: bakup umount {mounted.folder}\n"
    assert (mounted.folder / "latest" / "a").read_text() == "first"
    again = mounted.run("mount", str(rig.target), str(mounted.folder))
    assert (again.returncode, "is mounted already" in again.stderr) == (2, True)
    ended = mounted.run("umount", str(mounted.folder))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert list(mounted.folder.iterdir()) == []


def test_where_a_mount_may_stand(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    (rig.target / "inside").mkdir()
    refused = {
        rig.target: "is in the target",
        rig.target / "inside": "is in the target",
        rig.folder: "is above the target",
        rig.source: "is not empty",
        rig.folder / "none": "there is no folder",
    }
    for folder, said in refused.items():
        done = mounted.run("mount", str(rig.target), str(folder))
        assert done.returncode == 2
        assert said in done.stderr
    assert mounted.run("umount", str(rig.source)).returncode == 1


def test_a_mount_that_was_killed(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    mounted.begin()
    mounted.process.kill()
    mounted.process.wait(20)
    mounted.forget()
    again = mounted.run("mount", str(rig.target), str(mounted.folder))
    assert again.returncode == 2
    hint = f"hint: a mount that was killed is still there: bakup umount {mounted.folder}"
    assert hint in again.stderr
    assert mounted.run("umount", str(mounted.folder)).returncode == 0
    assert mounted.begin().exists()


def test_a_mount_in_use_stays(rig: Rig, mounted: Mounted) -> None:
    (rig.source / "a").write_text("first")
    rig.sync()
    with open(mounted.begin() / "a") as file:
        refused = mounted.run("umount", str(mounted.folder))
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {mounted.folder} is in use\nhint: see which programs: fuser -vm")
        assert file.read() == "first"


def test_without_the_programs_of_fuse(rig: Rig, mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused = mounted.run("umount", str(mounted.folder))
    assert (refused.returncode, "apt install fuse3" in refused.stderr) == (1, True)
