"""The checks of the contract see what they are for: each kind of bad target is found out, and by the right one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakup.errors import NoTarget, StoreError
from bakup.store.conformance import contract
from bakup.store.conformance.contract import Finding, examine
from bakup.store.conformance.trial import PREFIX, trial
from bakup.store.local.folder import FolderTarget
from bakup.store.target import Capabilities, Limits, Locator


class Forgetful(FolderTarget):
    """Lists nothing that is new."""

    def list(self) -> Iterator[tuple[Locator, int]]:
        return iter(())


class OffByOne(FolderTarget):
    """Ranges end a byte late."""

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        return super().read(locator, offset, length + 1)


class Careless(FolderTarget):
    """The last writer wins."""

    capabilities = Capabilities(exclusive_create=True, atomic=True)

    def put_new(self, name: str, spool: str) -> Locator:
        os.replace(spool, self._path(name))
        return name


class Racy(FolderTarget):
    """Looks first, then replaces: two writers may pass the look together."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._gates = {f"exclusive-{number}": threading.Barrier(4) for number in range(9)}

    def put_new(self, name: str, spool: str) -> Locator:
        if os.path.exists(self._path(name)):
            return super().put_new(name, spool)
        if name in self._gates:
            self._gates[name].wait()
        os.replace(spool, self._path(name))
        return name


class Slow(FolderTarget):
    """Objects grow under their final names."""

    def put_new(self, name: str, spool: str) -> Locator:
        content = Path(spool).read_bytes()
        try:
            file = open(self._path(name), "xb", buffering=0)  # noqa: SIM115 - closed below
        except FileExistsError:
            return super().put_new(name, spool)
        with file:
            for offset in range(0, len(content), 1 << 20):
                file.write(content[offset : offset + (1 << 20)])
        os.unlink(spool)
        return name


class Small(FolderTarget):
    """Cuts large objects off."""

    def put_new(self, name: str, spool: str) -> Locator:
        if os.path.getsize(spool) > 1 << 20:
            os.truncate(spool, 1 << 20)
        return super().put_new(name, spool)


class Vague(FolderTarget):
    """A missing object is an empty one."""

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        try:
            return super().read(locator, offset, length)
        except StoreError:
            return b""


class Choosy(FolderTarget):
    """Takes whole blocks only."""

    limits = Limits(smallest=8192, alignment=4096)

    def put_new(self, name: str, spool: str) -> Locator:
        size = os.path.getsize(spool)
        assert size >= 8192
        assert size % 4096 == 0
        return super().put_new(name, spool)


def broken(kind: type[FolderTarget], folder: Path) -> set[str]:
    return {finding.code for finding in examined(kind, folder) if not finding.is_kept}


def examined(kind: type[FolderTarget], folder: Path) -> list[Finding]:
    (folder / "spool").mkdir()
    target = kind(str(folder / "target"))
    target.create()
    return list(examine(target, str(folder / "spool")))


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (FolderTarget, set()),
        (Choosy, set()),
        (Forgetful, {"listed", "again", "large", "writers"}),
        (Careless, {"refused", "exclusive"}),
        (Racy, {"exclusive"}),
        (Slow, {"whole"}),
        (Small, {"large", "whole"}),
        (Vague, {"missing"}),
    ],
)
def test_a_bad_target_is_found_out(kind: type[FolderTarget], codes: set[str], tmp_path: Path) -> None:
    assert broken(kind, tmp_path) == codes
    assert os.listdir(tmp_path / "spool") == []


def test_wrong_ranges_are_found_out(tmp_path: Path) -> None:
    assert "ranges" in broken(OffByOne, tmp_path)


def test_every_promise_is_checked_once(tmp_path: Path) -> None:
    codes = [finding.code for finding in examined(FolderTarget, tmp_path)]
    assert codes == [promise.code for promise in contract.promises()]
    assert len(codes) == len(set(codes))


def test_a_target_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoTarget):
        list(examine(FolderTarget(str(tmp_path / "missing")), str(tmp_path)))


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"not ours")
    with trial(str(tmp_path)) as tried:
        Path(tried.target.url, "object").write_bytes(b"x")
        assert os.path.basename(tried.target.url).startswith(PREFIX)
    assert tried.left == (0, 0)
    assert os.listdir(tmp_path) == ["own"]


def test_a_trial_says_what_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.rmtree", denied)
    with trial(str(tmp_path)) as tried:
        Path(tried.target.url, "object").write_bytes(b"four")
    assert tried.left == (1, 4)


def test_no_trial_without_a_target(tmp_path: Path) -> None:
    with pytest.raises(NoTarget, match="there is no"), trial(str(tmp_path / "missing")):
        pass
    assert os.listdir(tmp_path) == []
