"""What a source is changed to for a backup is journaled before, and undone on every way out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import Rig
from trees import write

from bakup.catalog import state_db
from bakup.errors import Failed
from bakup.source.interface import Journal, Prepared
from bakup.source.tree.tree import LocalTree


@pytest.fixture
def seen(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Modes of the source's root as its files are listed; a backup takes away who may write to it."""
    seen: list[int] = []
    batches = LocalTree.batches

    def prepare(tree: LocalTree, journal: Journal) -> Prepared:
        root = os.fsdecode(tree.location)
        before = Prepared("readonly", {"mode": str(os.stat(root).st_mode & 0o7777)})
        journal(before)
        with rig.open() as home:
            assert home.state.execute("SELECT source, strategy FROM journal").fetchall() == [
                (tree.location, "readonly")
            ]
        os.chmod(root, 0o555)
        return before

    def restore_state(tree: LocalTree, prepared: Prepared) -> None:
        os.chmod(os.fsdecode(tree.location), int(prepared.facts["mode"]))

    def listed(tree: LocalTree) -> object:
        seen.append(mode(Path(os.fsdecode(tree.location))))
        return batches(tree)

    for name, method in (("prepare", prepare), ("restore_state", restore_state), ("batches", listed)):
        monkeypatch.setattr(LocalTree, name, method)
    rig.source.chmod(0o750)
    write(rig.source, {"a": b"a"})
    return seen


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def left(rig: Rig) -> int:
    with rig.open() as home:
        return int(home.state.execute("SELECT count(*) FROM journal").fetchone()[0])


def test_a_source_holds_still_while_it_is_read(rig: Rig, seen: list[int]) -> None:
    rig.sync()
    assert (seen, mode(rig.source), left(rig)) == ([0o555], 0o750, 0)


def fails(*_: object) -> None:
    raise Failed("no", code="no")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("end", [fails, interrupted])
def test_it_is_given_back_however_the_run_ends(
    rig: Rig, seen: list[int], end: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakup.flows.sync.expect_something", end)
    with pytest.raises((Failed, KeyboardInterrupt)):
        rig.sync()
    assert (seen, mode(rig.source), left(rig)) == ([0o555], 0o750, 0)


def test_what_was_changed_before_it_failed_to_hold_still_is_given_back(
    rig: Rig, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = LocalTree.prepare

    def prepare(tree: LocalTree, journal: Journal) -> Prepared:
        half(tree, journal)
        raise Failed("not now", code="busy")

    monkeypatch.setattr(LocalTree, "prepare", prepare)
    with pytest.raises(Failed, match="not now"):
        rig.sync()
    assert (seen, mode(rig.source), left(rig)) == ([], 0o750, 0)


def test_a_journal_is_kept_by_source(rig: Rig) -> None:
    with rig.open() as home:
        for source in (b"/one", b"/two"):
            state_db.add_journal(home.state, source, "readonly", {"mode": "488"})
        state_db.clear_journal(home.state, b"/one")
        assert home.state.execute("SELECT source, facts FROM journal").fetchall() == [(b"/two", '{"mode":"488"}')]
