"""Folders that change while they are listed: nothing that stayed counts as deleted, nothing is there twice."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import Rig
from trees import snapshot, write

from bakup.api.reports import Selection
from bakup.source.tree import paths


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan is made in this process, where its listings can be disturbed."""
    monkeypatch.setattr("bakup.flows.sync.worth_forking", lambda: False)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, alone: None) -> Callable[[Callable[[list[bytes]], list[bytes]]], None]:
    """What readdir gave is made another: as it may be while names come and go."""
    real = paths.list_folder

    def disturb(how: Callable[[list[bytes]], list[bytes]]) -> None:
        monkeypatch.setattr(paths, "list_folder", lambda folder: how(real(folder)))

    return disturb


def without(*names: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda found: [name for name in found if name not in names]


@pytest.mark.parametrize("everything", [False, True])
def test_names_that_a_listing_misses_are_not_deleted(rig: Rig, listed: Callable[..., None], everything: bool) -> None:
    write(rig.source, {"a": b"1", "gone": b"2", "sub/b": b"3", "sub/deep/c": b"4", "z": b"5"})
    rig.sync()
    (rig.source / "gone").unlink()
    shutil.rmtree(rig.source / "sub" / "deep")
    write(rig.source, {"a": b"changed"})
    listed(without(b"a", b"sub"))
    report = rig.sync(checksum=everything, always=True).sources[0]
    assert (report.deleted.files, report.changed.files) == (2, 1)
    listed(lambda found: found)
    rig.assert_restores(snapshot(rig.source))
    assert not rig.sync().sources[0].made


def test_what_the_rules_leave_out_is_not_found_by_name(rig: Rig, listed: Callable[..., None]) -> None:
    write(
        rig.source, {"a.tmp": b"1", "keep/in": b"2", "keep/out": b"3", "cache/data": b"4", "b": b"", "c": bytes(5000)}
    )
    write(rig.source, {"cache/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n"})
    rig.sync()
    listed(without(b"keep", b"b"))
    report = rig.sync(**_rules("*.tmp", "/keep", "!/keep/in"), always=True).sources[0]
    assert report.deleted.files == 4
    listed(lambda found: found)
    assert not rig.sync(**_rules("*.tmp", "/keep", "!/keep/in")).sources[0].made


def _rules(*patterns: str) -> dict[str, object]:
    return {"selection": Selection(patterns=patterns, larger_than=4000, caches=True)}


def test_a_name_that_is_listed_twice_is_there_once(rig: Rig, listed: Callable[..., None]) -> None:
    write(rig.source, {"a": b"1", "sub/b": b"2"})
    listed(lambda found: found + found)
    assert rig.sync().sources[0].new.files == 2
    rig.assert_restores(snapshot(rig.source))


def test_a_missing_folder_settles_all_below_it(rig: Rig, monkeypatch: pytest.MonkeyPatch, alone: None) -> None:
    write(rig.source, {f"gone/{number}": b"" for number in range(2000)} | {"left": b""})
    rig.sync()
    shutil.rmtree(rig.source / "gone")
    looks = 0
    real = os.stat

    def counting(*arguments: object, **named: object) -> os.stat_result:
        nonlocal looks
        looks += 1
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counting)
    assert rig.sync().sources[0].deleted.files == 2000
    assert looks < 100


def test_a_folder_in_which_files_are_replaced_all_the_time(rig: Rig) -> None:
    """On tmpfs such a pass misses names, and is told others twice."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        names = [f"{folder}/f{number:05}" for number in range(8000)]
        for name in names:
            Path(name).write_bytes(b"x")
        rig.sync(Path(folder))
        with _replacing(names):
            for _ in range(3):
                report = rig.sync(Path(folder)).sources[0]
                assert (report.deleted.files, report.new.files) == (0, 0), "of 8,000 that were always there"


@contextmanager
def _replacing(names: list[str]) -> Iterator[None]:
    """Each file is replaced by rename, one after the other, again and again."""
    ended = threading.Event()

    def work() -> None:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            number = 0
            while not ended.is_set():
                Path(f"{folder}/t").write_bytes(b"y")
                os.rename(f"{folder}/t", names[number * 7919 % len(names)])
                number += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()
