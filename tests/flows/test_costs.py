"""What a run costs: reads of a rebuild, space at the target and in memory while it runs, and nothing in clear."""

from __future__ import annotations

import os
import threading
import uuid
from pathlib import Path

import fsspec
import pytest
from peaks import peak_bytes
from rig import MIB, SMALL_SECTOR, Rig
from trees import noise, snapshot, write

from bakup.api.reports import Compression
from bakup.archive import opening
from bakup.format.constants import FIRST_READ, SEGMENT
from bakup.format.header import SectorHeader
from bakup.store.counting import CountingTarget
from bakup.store.target import Target

META_READ = 8 * MIB


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[CountingTarget]:
    """The targets that flows open from now on, with each range that they read."""
    opened: list[CountingTarget] = []

    def counting(target: Target) -> CountingTarget:
        opened.append(CountingTarget(target, keep_ranges=True))
        return opened[-1]

    monkeypatch.setattr(opening, "CountingTarget", counting)
    return opened


def expect_two_ranges(rig: Rig, counted: list[CountingTarget]) -> tuple[int, int]:
    """Rebuild elsewhere; each sector is read by its first 16 KiB and its meta region. (reads, bytes)."""
    rig.new_home("elsewhere")
    counted.clear()
    report = rig.rebuild()
    (target,) = counted
    sectors = rig.sectors()
    assert report.sectors == len(sectors)
    assert target.counts.lists == 1
    assert set(target.counts.ranges) == {sector.name for sector in sectors}
    for sector in sectors:
        header = SectorHeader.from_bytes(sector.read_bytes()[:65_536])
        meta_begin = header.length + header.data_length
        meta_end = meta_begin + header.meta_length
        ranges = target.counts.ranges[sector.name]
        assert ranges[0] == (0, min(FIRST_READ, sector.stat().st_size))
        wanted = 1 + -(-header.meta_length // META_READ)
        assert len(ranges) == wanted, f"{len(ranges)} reads of {sector.name}, {wanted} wanted"
        for offset, length in ranges[1:]:
            assert meta_begin <= offset < meta_end, "a range of the data region"
            assert offset + length <= sector.stat().st_size
    assert report.reads == target.counts.reads
    assert report.read_bytes == target.counts.read_bytes
    return target.counts.reads, target.counts.read_bytes


def test_a_rebuild_reads_two_ranges_a_sector(
    rig: Rig, counted: list[CountingTarget], capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"folder{number % 40}/file{number}": noise(2000 + number, number) for number in range(3000)}
    write(rig.source, {**files, "big": noise(40 * MIB, 1)})
    rig.sync()
    write(rig.source, {"more": noise(1000, 2)})
    rig.sync()
    wanted = snapshot(rig.source)
    reads, read_bytes = expect_two_ranges(rig, counted)
    total = sum(sector.stat().st_size for sector in rig.sectors())
    with capsys.disabled():
        print(f"\nrebuild: {len(rig.sectors())} sectors of {total:,} bytes: {reads} reads, {read_bytes:,} bytes")
    assert reads == 2 * len(rig.sectors())
    rig.assert_restores(wanted)


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_restore_of_everything_reads_what_was_told(rig: Rig, counted: list[CountingTarget], encrypt: bool) -> None:
    """Each sector's header, and each pack with all segments that it touches."""
    rig.target = f"memory://{uuid.uuid4().hex}"  # type: ignore[assignment]
    write(rig.source, {"big": noise(38 * MIB, 1), **{f"{number}": noise(9000, number) for number in range(600)}})
    back = rig.sync(encrypt=encrypt, sector_size=64 * MIB).to_get_back
    again = rig.sync(encrypt=encrypt, sector_size=64 * MIB).to_get_back
    assert again == back

    counted.clear()
    rig.restore()
    found = counted[0].counts
    assert back.restore_gets <= found.reads <= back.restore_gets + 1  # whose target it is
    assert back.restore_bytes - SEGMENT <= found.read_bytes <= back.restore_bytes + FIRST_READ


def test_a_rebuild_of_much_metadata(
    rig: Rig, counted: list[CountingTarget], capsys: pytest.CaptureFixture[str]
) -> None:
    """More than 8 MiB of it in one sector: each further 8 MiB costs one more read."""
    for number in range(700):
        path = rig.source / f"{number}"
        path.write_bytes(b"")
        os.setxattr(path, "user.noise", noise(3000, number))
    for folder in range(7):
        (rig.source / f"links{folder}").mkdir()
        for number in range(500):
            os.symlink(noise(1900, number + 1000 * folder).hex(), rig.source / f"links{folder}" / f"{number}")
    rig.sync(sector_size=64 * MIB)
    wanted = snapshot(rig.source)
    reads, read_bytes = expect_two_ranges(rig, counted)
    with capsys.disabled():
        print(f"\nrebuild: {len(rig.sectors())} sectors, much metadata: {reads} reads, {read_bytes:,} bytes")
    assert reads > 2 * len(rig.sectors())
    rig.assert_restores(wanted)


@pytest.mark.usefixtures("small_cuts")
def test_a_known_target_is_listed_and_not_read(rig: Rig, counted: list[CountingTarget]) -> None:
    write(rig.source, {f"file{number}": noise(9000, number) for number in range(60)})
    rig.sync(sector_size=SMALL_SECTOR)
    counted.clear()
    rig.sync(sector_size=SMALL_SECTOR)
    rig.list()
    assert [(target.counts.lists, target.counts.reads, target.counts.puts) for target in counted] == [(1, 0, 0)] * 2


def test_of_a_shared_bucket_the_first_16_kib_of_each_object_below_the_prefix_are_read_once(
    rig: Rig, counted: list[CountingTarget]
) -> None:
    place = uuid.uuid4().hex
    store = fsspec.filesystem("memory")
    theirs = {f"{number}.jpg": noise(10_000 * number, number) for number in range(40)}
    for name, data in theirs.items():
        store.pipe_file(f"/{place}/ours/{name}", data)
        store.pipe_file(f"/{place}/not-ours/{name}", data)
    rig.target = f"memory://{place}/ours"  # type: ignore[assignment]
    write(rig.source, {"file": b"content"})
    rig.sync()
    assert rig.watch.notes.count(f"reading the first 16 KiB of 40 objects under memory://{place}/ours") == 1
    read = {name: ranges for name, ranges in counted[0].counts.ranges.items() if name in theirs}
    assert read == {name: [(0, min(FIRST_READ, len(data)))] for name, data in theirs.items()}
    counted.clear()
    rig.sync()
    assert counted[0].counts.reads == 0
    assert len(rig.watch.notes) == 1


MARKER = b"known plaintext 7f3a91c2 known plaintext 7f3a91c2 "
SECRET_NAME = "a-file-name-that-nobody-may-see"


class Watcher(threading.Thread):
    """Looks at a folder again and again: how much it holds, and whether some bytes stand there."""

    def __init__(self, folder: Path, needles: tuple[bytes, ...]) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.needles = needles
        self.most = 0
        self.most_spool = 0
        self.samples = 0
        self.seen: set[bytes] = set()
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            self.look()
            self._end.wait(0.005)

    def stop(self) -> None:
        self._end.set()
        self.join()

    def look(self) -> None:
        total = spool = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    size = os.stat(path)
                except OSError:
                    continue
                total += size.st_blocks * 512 // size.st_nlink
                spool += size.st_blocks * 512 // size.st_nlink if ".bakup-spool" in folder else 0
                self._search(path, size.st_size)
        total += self._deleted()
        self.most = max(self.most, total)
        self.most_spool = max(self.most_spool, spool)
        self.samples += 1

    def _deleted(self) -> int:
        """Bytes of open files without a name: a spool may be one."""
        total = 0
        for number in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{number}")
                if target.startswith(str(self.folder)) and target.endswith("(deleted)"):
                    total += os.stat(f"/proc/self/fd/{number}").st_blocks * 512
                    with open(f"/proc/self/fd/{number}", "rb") as file:
                        self._find(os.pread(file.fileno(), 4 * MIB, 0))
            except OSError:
                continue
        return total

    def _search(self, path: str, size: int) -> None:
        # The ends of what is there: where something new stands. All of it is searched at the end.
        try:
            with open(path, "rb") as file:
                self._find(file.read(65_536))
                file.seek(max(0, size - 2 * MIB))
                self._find(file.read())
        except OSError:
            return

    def _find(self, data: bytes) -> None:
        self.seen.update(needle for needle in self.needles if needle in data)


def search(folder: Path, needles: tuple[bytes, ...]) -> set[bytes]:
    """Which needles stand in any file, or file name, below a folder."""
    found = set()
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        found |= {needle for needle in needles if needle in data or needle in os.fsencode(path.name)}
    return found


@pytest.mark.parametrize(
    "compression", [Compression("zstd", 3), Compression("none")], ids=["compressed", "not-compressed"]
)
def test_space_at_the_target_and_nothing_in_clear(
    rig: Rig, compression: Compression, capsys: pytest.CaptureFixture[str]
) -> None:
    sector = 32 * MIB
    needles = (MARKER[:24], SECRET_NAME.encode())
    for number in range(20):
        write(rig.source, {f"{number}/{SECRET_NAME}{number}": MARKER * 500 + noise(10 * MIB, number)})
    rig.target.mkdir()
    watcher = Watcher(rig.folder / "target", needles)
    watcher.start()
    report = rig.sync(sector_size=sector, compression=compression)
    watcher.stop()
    stored = sum(path.stat().st_size for path in rig.sectors())
    assert report.stored_bytes == stored > 200 * MIB
    assert watcher.samples > 10
    with capsys.disabled():
        print(
            f"\nstored {stored / MIB:.0f} MiB: at most {watcher.most / MIB:.0f} MiB at the target,"
            f" {watcher.most_spool / MIB:.0f} MiB in the spool; {watcher.samples} looks"
        )
    assert watcher.most_spool <= 2 * sector + 2 * MIB
    assert watcher.most <= stored + 2 * sector + 2 * MIB
    assert watcher.seen == set()
    assert search(rig.target, needles) == set()
    assert not (rig.target / ".bakup-spool").exists()


def test_the_search_for_clear_text_finds_it(rig: Rig) -> None:
    """The same search where there is something to find: a target that is neither encrypted nor compressed."""
    needles = (MARKER[:24], SECRET_NAME.encode())
    write(rig.source, {SECRET_NAME: MARKER * 50})
    rig.sync(encrypt=False, compression=Compression("none"))
    assert search(rig.target, needles) == set(needles)
    watcher = Watcher(rig.target, needles)
    watcher.look()
    assert watcher.seen == set(needles)


def peak(rig: Rig, *arguments: str) -> float:
    """MiB of memory that a `bakup` command took at most."""
    return peak_bytes(rig.home, *arguments) / MIB


def memory(rig: Rig, files: int) -> dict[str, float]:
    """Peaks of each command for a tree of small files and one big file, which fills all buffers."""
    names = [f"folder{number % 97}/file with a name {number}" for number in range(files)]
    write(rig.source, {name: b"content %d\n" % number * 20 for number, name in enumerate(names)})
    write(rig.source, {"big": noise(80 * MIB, 3)})
    source, target = str(rig.source), str(rig.target)
    found = {"sync": peak(rig, "sync", source, target, "--sector-size", "32MiB")}
    found["unchanged"] = peak(rig, "sync", source, target)
    found["standalone"] = peak(rig, "sync", source, target, "--standalone")
    found["restore"] = peak(rig, "restore", target, str(rig.new_out()))
    found["check"] = peak(rig, "check", target, "--read-data")
    found["rebuild"] = peak(rig, "rebuild", target)
    return found


def test_memory_does_not_grow_with_the_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for files in (2_000, 20_000):
        (tmp_path / f"{files}").mkdir()
        found[files] = memory(Rig(tmp_path / f"{files}"), files)
    with capsys.disabled():
        for command, small in found[2_000].items():
            large = found[20_000][command]
            print(f"\npeak memory of {command}: {small:.0f} MiB for 2,000 files, {large:.0f} MiB for 20,000", end="")
        print()
    for command, small in found[2_000].items():
        large = found[20_000][command]
        assert large < 250, command
        assert large <= small * 1.2 + 24, f"{command}: {small:.0f} MiB for 2,000 files, {large:.0f} MiB for 20,000"
