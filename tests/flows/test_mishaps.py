"""Any history with mishaps between the syncs: the latest state always comes back, the rest is whole or named."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rig import SMALL_CUT, SMALL_PACK, SMALL_SECTOR, Rig, cut_small, ids
from trees import Tree, apply, operations, snapshot

from bakup.api.reports import RestoreReport, SourceReport
from bakup.errors import Failed, History, NoTarget, Untrusted

CUTS = (1, SMALL_CUT, SMALL_PACK, 9 * SMALL_CUT, 40 * SMALL_CUT)
NUMBER = st.integers(0, 30)
MISHAPS = st.one_of(
    st.just(("nothing",)),
    st.tuples(st.sampled_from(["delete", "cut", "flip", "move", "copy"]), NUMBER),
    st.tuples(st.sampled_from(["no catalog", "no state", "other home", "older catalog", "check", "standalone"])),
)
STEPS = st.lists(
    st.tuples(st.lists(operations(CUTS), max_size=6), st.lists(MISHAPS, max_size=2)), min_size=2, max_size=6
)
CI = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)

Steps = list[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]


class Unlucky:
    """A rig to which mishaps happen."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.standalone = False
        self.flipped = False
        self.copies = 0
        self._seen: list[Path] = []

    def sectors(self) -> list[Path]:
        """What stands at the target, oldest first: names are random, and the same history is to be the same again."""
        there = set(self.rig.target.rglob("*.bakup"))
        old = [path for path in self._seen if path in there]
        self._seen = old + sorted(there.difference(old), key=lambda path: (path.stat().st_mtime_ns, path))
        return self._seen

    def suffer(self, mishap: str, *number: int) -> None:
        """One mishap; a sector is chosen by its number."""
        rig, sectors = self.rig, self.sectors()
        if number and sectors:
            sector = sectors[number[0] % len(sectors)]
            self._happen(mishap, sector)
        elif mishap == "no catalog":
            rig.forget("catalog.db")
        elif mishap == "no state":
            rig.forget("state.db")
        elif mishap == "other home":
            names = ["home", "second", "third"]
            name = names[(names.index(rig.home.name) + 1) % len(names)]
            rig.home = rig.folder / name
            if not rig.home.exists():
                rig.new_home(name)
        elif mishap == "older catalog" and (rig.home / "catalog.db").exists():
            older = rig.home / "older"
            if older.exists():
                shutil.copy2(older, rig.home / "catalog.db")
            else:
                shutil.copy2(rig.home / "catalog.db", older)
        elif mishap == "check" and sectors:
            rig.check(read_data=True)
        self.standalone = mishap == "standalone"

    def _happen(self, mishap: str, sector: Path) -> None:
        self.copies += 1
        if mishap == "delete":
            sector.unlink()
        elif mishap == "cut":
            os.truncate(sector, sector.stat().st_size // 2)
        elif mishap == "flip":
            data = bytearray(sector.read_bytes())
            data[len(data) * 2 // 3] ^= 1 if data else 0
            sector.write_bytes(data)
            self.flipped = True
        elif mishap == "move":
            (self.rig.target / "deep").mkdir(exist_ok=True)
            sector.rename(self.rig.target / "deep" / f"{self.copies}.bakup")
        elif mishap == "copy":
            shutil.copy(sector, self.rig.target / f"copy{self.copies}.bakup")

    def sync(self) -> SourceReport:
        """Sync, as a user does who is told what is wrong."""
        options: dict[str, Any] = {"sector_size": SMALL_SECTOR, "standalone": self.standalone, "allow_empty": True}
        if self.flipped:
            # Bytes that rot are not seen by a listing: a check that reads them tells the next sync.
            with suppress(Failed, NoTarget, Untrusted):
                self.rig.check(read_data=True)
        try:
            return self.rig.sync(**options).sources[0]
        except (History, NoTarget):
            return self.rig.sync(**options, new_target=True).sources[0]
        except (Failed, Untrusted) as refused:
            # Where nothing that is there can be read, a sync does not begin unasked.
            if refused.code not in {"all-damaged", "untrusted"}:
                raise
            return self.rig.sync(**options, new_target=True).sources[0]


def whole_or_named(out: Path, report: RestoreReport, wanted: Tree) -> bool:
    """Whether all is there; what is not, is named."""
    found = snapshot(out)
    wrong = {path for path, node in wanted.items() if found.get(path) != node}
    named = {lost.path for cause in report.causes for lost in cause.lost}
    blind = any(not cause.lost for cause in report.causes)
    assert not wrong or report.causes, f"silently wrong: {sorted(wrong)[:5]}"
    assert blind or {path for path in wrong if wanted[path].kind == "file"} <= named
    assert not {path for path in named if path in found and found[path] != wanted.get(path)}
    return not wrong


def run(folder: Path, steps: Steps) -> None:
    unlucky = Unlucky(folder)
    rig = unlucky.rig
    kept: dict[str, Tree] = {}
    for changes, mishaps in steps:
        apply(rig.source, changes)
        wanted = snapshot(rig.source)
        report = unlucky.sync()
        assert report.checkpoint is not None
        kept[report.checkpoint.uuid.hex()] = wanted
        rig.assert_restores(wanted, refusals=True)
        for mishap in mishaps:
            unlucky.suffer(*mishap)
    wanted = snapshot(rig.source)
    report = unlucky.sync()
    assert report.checkpoint is not None
    kept[report.checkpoint.uuid.hex()] = wanted
    for fresh in (False, True):
        if fresh:
            rig.new_home("elsewhere")
        rig.assert_restores(wanted, refusals=True)
        whole = True
        for at in ids(rig.list()):
            out, restored = rig.restore(at=at)
            whole = whole_or_named(out, restored, kept[at]) and whole
            shutil.rmtree(out)
        code = rig.check(read_data=True).exit_code
        assert whole or code != 0, "something is lost, and check does not say so"
    rig.assert_recovers(wanted, refusals=True)


@given(STEPS)
@example([([], []), ([], [("no state",), ("cut", 0)])])
@CI
def test_any_history_with_mishaps(steps: Steps) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        run(Path(folder), steps)


@pytest.mark.soak
@given(STEPS)
@settings(CI, max_examples=1500)
def test_any_history_with_mishaps_long(steps: Steps) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        run(Path(folder), steps)
