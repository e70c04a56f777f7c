"""What every store must do: run against each kind of target."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from bakup.errors import NoTarget, StoreError
from bakup.store.conformance.contract import Finding, examine
from bakup.store.counting import CountingTarget
from bakup.store.faults import OBJECT_MISSING
from bakup.store.opening import open_object, open_target
from bakup.store.target import Target, Terms

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet


@pytest.fixture(params=["folder", "memory", "counting"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}"
    return str(tmp_path / "target")


@pytest.fixture
def target(place: str, request: pytest.FixtureRequest) -> Iterator[Target]:
    made: Target = open_target(place, create=True)
    if "counting" in request.node.name:
        made = CountingTarget(made)
    yield made
    made.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def put(target: Target, spool: Path, name: str, content: bytes) -> str:
    file = spool / f"{name}.spool"
    file.write_bytes(content)
    locator = target.put_new(name, str(file))
    assert not file.exists()
    return locator


def test_put_list_read(target: Target, spool: Path) -> None:
    assert list(target.list()) == []
    contents = {f"{number}.bakup": os.urandom(1000 + number) for number in range(3)}
    locators = {put(target, spool, name, content): content for name, content in contents.items()}
    assert dict(target.list()) == {locator: len(content) for locator, content in locators.items()}
    for locator, content in locators.items():
        assert target.read(locator, 0, len(content)) == content
        assert target.read(locator, 10, 20) == content[10:30]
        assert target.read(locator, 990, 5000) == content[990:]
        assert target.read(locator, 5000, 10) == b""
        assert list(target.read_ranges(locator, [(5, 5), (0, 2), (900, 3)])) == [
            content[5:10],
            content[:2],
            content[900:903],
        ]
        assert list(target.read_ranges(locator, [])) == []


@pytest.mark.parametrize("number", [1, 3, 20])
def test_many_small_objects(target: Target, spool: Path, number: int) -> None:
    """Put together, also into folders that are not there yet; some may be there already."""
    target.create()
    contents = {f"{count % 3:02}/{count}.atbak": os.urandom(100 + count) for count in range(number)}
    for _ in range(2):
        files = []
        for count, content in enumerate(contents.values()):
            files.append(str(spool / f"{count}"))
            Path(files[-1]).write_bytes(content)
        locators = target.put_all(list(zip(contents, files, strict=True)))
        assert {locator: target.read(locator, 0, 999) for locator in locators} == contents
        assert not any(os.path.exists(file) for file in files)
    assert len(list(target.list())) == number


def test_of_many_objects_none_is_replaced(target: Target, spool: Path) -> None:
    put(target, spool, "b", b"there before")
    for name in "abc":
        (spool / name).write_bytes(b"new")
    with pytest.raises(StoreError, match="another object b"):
        target.put_all([(name, str(spool / name)) for name in "abc"])
    assert target.read("b", 0, 99) == b"there before"


def test_a_put_again_is_success(target: Target, spool: Path) -> None:
    content = os.urandom(70_000)
    assert put(target, spool, "a.bakup", content) == put(target, spool, "a.bakup", content)
    assert [size for _, size in target.list()] == [70_000]


@pytest.mark.parametrize("other", [b"other content, same length", b"of another length"])
def test_another_object_is_never_replaced(target: Target, spool: Path, other: bytes) -> None:
    first = b"first content, same length"
    locator = put(target, spool, "a.bakup", first)
    file = spool / "other"
    file.write_bytes(other)
    with pytest.raises(StoreError, match=r"another object a\.bakup") as caught:
        target.put_new("a.bakup", str(file))
    assert caught.value.code == "object-exists"
    assert file.read_bytes() == other
    assert target.read(locator, 0, 100) == first


def test_a_missing_object(target: Target, spool: Path) -> None:
    put(target, spool, "a.bakup", b"x")
    with pytest.raises(StoreError) as caught:
        target.read("b.bakup", 0, 10)
    assert caught.value.code == OBJECT_MISSING


@pytest.mark.parametrize("locator", ["../a", "a/../../b", "", "a//b", "./a"])
def test_a_locator_never_leaves_the_target(target: Target, locator: str) -> None:
    with pytest.raises(StoreError):
        target.read(locator, 0, 1)


def test_a_target_that_is_not_there(place: str) -> None:
    missing = open_target(place)
    assert not missing.exists()
    with pytest.raises(NoTarget, match="there is no ") as caught:
        list(missing.list())
    assert caught.value.code == "target-missing"
    assert caught.value.hints


def test_create_twice(target: Target) -> None:
    target.create()
    assert target.exists()
    assert list(target.list()) == []


def test_limits(target: Target) -> None:
    assert target.limits.smallest <= target.limits.largest
    assert target.limits.alignment >= 1
    free = target.free_bytes()
    assert free is None or free > 0


def test_a_spool_folder_is_no_object(target: Target, spool: Path) -> None:
    folder = target.spool_folder()
    if folder is None:
        return
    Path(folder, "part").write_bytes(b"half")
    assert list(target.list()) == []
    assert target.put_new("part.bakup", os.path.join(folder, "part")) == "part.bakup"
    assert list(target.list()) == [("part.bakup", 4)]


def test_one_object(target: Target, place: str, spool: Path) -> None:
    put(target, spool, "a.bakup", b"content")
    alone, locator, size = open_object(f"{place}/a.bakup")
    assert alone.read(locator, 0, size) == b"content"
    with pytest.raises(NoTarget, match="there is no "):
        open_object(f"{place}/b.bakup")


def test_counts(tmp_path: Path, spool: Path) -> None:
    target = CountingTarget(open_target(str(tmp_path / "t"), create=True), keep_ranges=True)
    locator = put(target, spool, "a.bakup", b"content")
    list(target.list())
    target.read(locator, 0, 100)
    target.read_ranges(locator, [(0, 2), (3, 2)])
    counts = target.counts
    assert (counts.puts, counts.put_bytes, counts.lists, counts.reads, counts.read_bytes) == (1, 7, 1, 3, 11)
    assert counts.ranges == {locator: [(0, 100), (0, 2), (3, 2)]}


def findings(place: str, folder: Path, options: Mapping[str, object] | None = None) -> dict[str, Finding]:
    target = open_target(place, create=True, options=options)
    try:
        return {finding.code: finding for finding in examine(target, str(folder), pages=True)}
    finally:
        target.close()


def expect_conformance(found: dict[str, Finding], undeclared: set[str]) -> None:
    """What bakup needs holds, what is declared holds, and just these weaknesses are declared."""
    assert [finding for finding in found.values() if finding.needed and not finding.holds] == []
    assert [finding for finding in found.values() if not finding.is_kept] == []
    assert {code for code in ("exclusive", "whole") if not found[code].declared} == undeclared


def test_a_folder_keeps_the_contract(tmp_path: Path, spool: Path) -> None:
    expect_conformance(findings(str(tmp_path / "target"), spool), set())


def test_memory_keeps_the_contract(spool: Path) -> None:
    expect_conformance(findings(f"memory://{uuid.uuid4().hex}", spool), {"exclusive", "whole"})


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "undeclared"),
    [
        ("ceph", {"exclusive"}),  # it knows the condition; that it does cannot be told from outside
        ("moto", {"exclusive"}),
        ("rclone", {"exclusive"}),
        ("azure", set()),
        ("gcs", {"exclusive"}),
        ("sftp", set()),
        ("webdav", {"exclusive"}),
        ("apache", {"exclusive"}),
        ("ftp", {"exclusive"}),
        ("vsftpd", {"exclusive"}),
        ("smb", set()),
    ],
)
def test_a_server_keeps_the_contract(fleet: Fleet, spool: Path, name: str, undeclared: set[str]) -> None:
    expect_conformance(findings(fleet[name].place(), spool, fleet[name].options), undeclared)


@pytest.mark.peer
@pytest.mark.parametrize("name", ["ceph", "azure", "gcs", "sftp", "webdav", "ftp", "smb"])
def test_what_is_held_to_a_rate_is_whole(fleet: Fleet, spool: Path, name: str) -> None:
    """It is read in small pieces then, and no client may take the first of them for all."""
    place, options = fleet[name].place(), fleet[name].options
    with closing(open_target(place, create=True, options=options, terms=Terms(upload=1 << 20))) as target:
        for size in (100_000, 300_000, 1_000_000):
            content = os.urandom(size)
            locator = put(target, spool, f"{size}.bakup", content)
            assert target.read(locator, 0, size + 1) == content


@pytest.mark.peer
@pytest.mark.parametrize("name", ["sftp", "webdav", "ftp", "smb"])  # elsewhere a prefix need not be made
def test_several_runs_may_make_a_target_at_once(fleet: Fleet, name: str) -> None:
    places = [fleet[name].place() for _ in range(5)]
    together = Barrier(3)

    def run() -> None:
        for place in places:
            with closing(open_target(place, options=fleet[name].options)) as target:
                assert not target.exists()
                together.wait(60)
                target.create()
                assert target.exists()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run) for _ in range(3)]:
            future.result()
