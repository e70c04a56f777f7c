"""Whatever happened to a tree: what looking around says of it is what was there, from any catalog."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from look import Look
from rig import Rig
from trees import Node, Tree, apply, histories, snapshot

CI = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)

History = list[list[tuple[Any, ...]]]
Kept = list[tuple[str, Tree]]


@given(histories((1, 4096, 65_536)))
@CI
def test_answers_are_what_was_there(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        look = Look(Rig(Path(folder)))
        kept = _keep(look, history)
        _judge(look, kept)
        living = look.everything()
        look.rig.new_home("elsewhere")
        assert look.everything() == living
        _judge_bytes(look, kept)


def _keep(look: Look, history: History) -> Kept:
    kept: Kept = []
    for changes in history:
        apply(look.rig.source, changes)
        wanted = snapshot(look.rig.source)
        source = look.rig.sync(allow_empty=True).sources[0]
        assert source.checkpoint is not None
        if source.made:
            kept.append((source.checkpoint.uuid.hex(), wanted))
    return kept


def _judge(look: Look, kept: Kept) -> None:
    order = {at: number for number, (at, _) in enumerate(kept)}
    seen: list[dict[bytes, tuple[int | None, int]]] = [{} for _ in kept]
    for _, one in look.find().all:
        first, last = order[one.first.uuid.hex()], order[one.last.uuid.hex()]
        assert one.current == (last == len(kept) - 1)
        for number in range(first, last + 1):
            assert one.path not in seen[number], "two versions at one check point"
            seen[number][one.path] = (one.bytes, one.modified_ns)
    for number, (at, tree) in enumerate(kept):
        wanted = {path: _facts(node) for path, node in tree.items() if path}
        assert seen[number] == wanted, at
        assert set(look.find(at=at).paths) == set(wanted)
    for (one, before), (two, after) in itertools.pairwise(kept):
        assert look.diff(one, two).marks == _marks(before, after)
        assert look.diff(two, one).marks == _marks(after, before)
    assert look.diff(kept[0][0], kept[-1][0]).marks == _marks(kept[0][1], kept[-1][1])


def _judge_bytes(look: Look, kept: Kept) -> None:
    for at, tree in kept:
        files = [(path, node) for path, node in sorted(tree.items()) if node.kind == "file"]
        for path, node in files[:4]:
            got, report = look.cat(path, at=at)
            assert (got, report.cause, report.written) == (node.data, None, len(node.data))


def _facts(node: Node) -> tuple[int | None, int]:
    return len(node.data) if node.kind == "file" else None, node.mtime_ns


def _marks(before: Tree, after: Tree) -> list[tuple[str, bytes]]:
    paths = sorted({*before, *after}, key=lambda path: path.replace(b"/", b"\0"))
    marks = [(_mark(before.get(path), after.get(path)), path) for path in paths]
    return [(mark, path) for mark, path in marks if mark]


def _mark(one: Node | None, two: Node | None) -> str:
    if one is None or two is None:
        return "+" if one is None else "-"
    if _kind(one) != _kind(two):
        return "T"
    if (one.kind, one.data, one.target, one.device) != (two.kind, two.data, two.target, two.device):
        return "M"
    return "U" if _metadata(one) != _metadata(two) else ""


def _kind(node: Node) -> str:
    return node.kind if node.kind in ("file", "dir", "symlink") else "special"


def _metadata(node: Node) -> tuple[object, ...]:
    time = 0 if node.kind == "dir" else node.mtime_ns
    return node.mode, node.uid, node.gid, time, node.xattrs, bool(node.links)
