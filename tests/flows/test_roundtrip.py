"""Any tree and any history of changes comes back: from the living catalog, from a rebuilt one, and without bakup."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rig import SECTOR, SMALL_CUT, SMALL_PACK, SMALL_SECTOR, Rig, cut_small, ids
from trees import Tree, apply, assert_equal, histories, snapshot

from bakup.api.reports import Compression, TargetOptions

REAL_CUTS = (1, 4096, 65_536)
SMALL_CUTS = (1, SMALL_CUT, SMALL_PACK, 4 * SMALL_CUT, 9 * SMALL_CUT)
OPTIONS = st.fixed_dictionaries(
    {
        "standalone": st.booleans(),
        "always": st.booleans(),
        "pad": st.booleans(),
        "compression": st.sampled_from([Compression("zstd", 3), Compression("zstd", 1), Compression("none")]),
        "checksum": st.booleans(),
    }
)
CI = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
SOAK = settings(CI, max_examples=1000)

History = list[list[tuple[Any, ...]]]


def run_history(
    rig: Rig, history: History, each: list[dict[str, Any]] | None = None, **options: object
) -> list[tuple[str, Tree]]:
    """Sync after each run of changes; what stood then, by the check point that holds it."""
    kept: list[tuple[str, Tree]] = []
    for number, changes in enumerate(history):
        apply(rig.source, changes)
        wanted = snapshot(rig.source)
        more = each[number % len(each)] if each else {}
        report = rig.sync(**{"allow_empty": True, **options, **more}).sources[0]
        assert report.checkpoint is not None
        assert (report.unreadable, report.changing, report.vanished.files) == ((), (), 0)
        line = report.checkpoint
        if not report.made:
            assert_equal(wanted, kept[-1][1], where="a sync saw no change")
            assert line.uuid.hex() == kept[-1][0]
            continue
        files = [node for node in wanted.values() if node.kind == "file"]
        assert (line.files, line.bytes) == (len(files), sum(len(node.data) for node in files))
        kept.append((line.uuid.hex(), wanted))
    return kept


def judge(rig: Rig, kept: list[tuple[str, Tree]], *accept: str) -> None:
    """Each check point comes back, three ways; all is well by `check`, also after a rebuild."""
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)
    report = rig.check(read_data=True)
    assert (report.exit_code, report.problems, report.history) == (0, (), ())
    rig.new_home("elsewhere")
    target = TargetOptions("--accept-plain" in accept, "--accept-unsigned" in accept)
    assert rig.rebuild(target).rejected == ()
    assert ids(rig.list(target)) == [at for at, _ in kept]
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at, target=target)
        rig.assert_recovers(wanted, *accept, at=at)
    assert rig.check(read_data=True, target=target).exit_code == 0


@given(histories(REAL_CUTS))
@CI
def test_any_history_comes_back(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        judge(rig, run_history(rig, history))


@given(histories(SMALL_CUTS))
@CI
def test_any_history_over_many_sectors_comes_back(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        rig = Rig(Path(folder))
        judge(rig, run_history(rig, history, sector_size=SMALL_SECTOR))


@given(histories(SMALL_CUTS), st.lists(OPTIONS, min_size=1, max_size=4))
@CI
def test_any_options_in_turn_come_back(history: History, each: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        rig = Rig(Path(folder))
        judge(rig, run_history(rig, history, each, sector_size=SMALL_SECTOR))


@given(histories(REAL_CUTS), st.sampled_from([(False, True), (True, False), (False, False)]))
@settings(CI, max_examples=8)
def test_without_encryption_or_signature_it_comes_back_where_it_is_accepted(
    history: History, protection: tuple[bool, bool]
) -> None:
    encrypt, sign = protection
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        kept = run_history(rig, history, encrypt=encrypt, sign=sign)
        accept = ("--accept-plain",) * (not encrypt) + ("--accept-unsigned",) * (not sign)
        judge(rig, kept, *accept)


@given(histories(REAL_CUTS), histories(REAL_CUTS))
@settings(CI, max_examples=8)
def test_two_sources_in_one_call_come_back(one: History, other: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        second = Path(folder) / "second"
        second.mkdir()
        kept: dict[str, list[tuple[str, Tree]]] = {"source": [], "second": []}
        for number in range(max(len(one), len(other))):
            apply(rig.source, one[number % len(one)])
            apply(second, other[number % len(other)])
            wanted = {"source": snapshot(rig.source), "second": snapshot(second)}
            reports = rig.sync(rig.source, second, allow_empty=True).sources
            for name, report in zip(("source", "second"), reports, strict=True):
                assert report.checkpoint is not None
                if report.made:
                    kept[name].append((report.checkpoint.uuid.hex(), wanted[name]))
                else:
                    assert_equal(wanted[name], kept[name][-1][1], where="a sync saw no change")
        for fresh in (False, True):
            if fresh:
                rig.new_home("elsewhere")
            for name, states in kept.items():
                for at, wanted_tree in states:
                    rig.assert_restores(wanted_tree, at=at, source=name)
        for name, states in kept.items():
            for at, wanted_tree in states:
                rig.assert_recovers(wanted_tree, "--source", str(Path(folder) / name), at=at)
        assert rig.check(read_data=True).exit_code == 0


@pytest.mark.soak
@given(histories(SMALL_CUTS), st.lists(OPTIONS, min_size=1, max_size=4))
@SOAK
def test_any_history_comes_back_long(history: History, each: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        rig = Rig(Path(folder))
        judge(rig, run_history(rig, history, each, sector_size=SMALL_SECTOR))


@pytest.mark.soak
@given(histories((*REAL_CUTS, 1 << 20, 4 << 20, 9 << 20)))
@settings(SOAK, max_examples=150)
def test_any_history_of_real_sizes_comes_back_long(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        judge(rig, run_history(rig, history, sector_size=SECTOR))
