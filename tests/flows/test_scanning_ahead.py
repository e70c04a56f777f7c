"""sync with a scan in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from rig import Rig
from trees import assert_equal, snapshot, write

from bakup.errors import Failed
from bakup.flows import sync
from bakup.source.tree import ahead
from bakup.source.tree.filters import Rules

FILES = {f"{folder}/{number}": b"%d" % number for folder in "abc" for number in range(1000)}


@pytest.fixture
def forking(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig with FILES stored, whose syncs fork from now on."""
    # Threads that earlier tests left, asleep, would keep it from forking.
    monkeypatch.setattr(sync, "worth_forking", lambda: True)
    write(rig.source, FILES)
    rig.sync()
    return rig


def test_what_changed_is_found(forking: Rig) -> None:
    write(forking.source, {"a/7": b"other", "d/new": b"new"})
    (forking.source / "b" / "500").unlink()
    (source,) = forking.sync().sources
    assert (source.new.files, source.changed.files, source.deleted.files) == (1, 1, 1)
    assert source.unchanged.files == len(FILES) - 2
    out, _ = forking.restore()
    assert_equal(snapshot(out), snapshot(forking.source))


def test_a_scan_that_dies_deletes_nothing(forking: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ahead._messages

    def dying(base: bytes, rules: Rules) -> Iterator[bytes]:
        yield next(real(base, rules))
        os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr(ahead, "_messages", dying)
        with pytest.raises(Failed, match="ended before its time"):
            forking.sync()
    (source,) = forking.sync().sources
    assert (source.deleted.files, source.unchanged.files) == (0, len(FILES))
    assert not source.made
