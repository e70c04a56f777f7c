"""What paths and globs mean, whatever their number and the depth of the tree."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from fnmatch import translate

import pytest
from msgspec.structs import replace
from rig import Rig
from trees import write

from bakup.catalog import history
from bakup.model import Kind, path_key
from bakup.restorer.chosen import MANY, Chosen, outermost

PATHS = ["a", "a/b", "a/b/c", "a/b.x", "a b/c", "b/a/b/c", "b/d/e", "b/d!", "c", "d/e/f/g/h"]


@pytest.fixture
def every(rig: Rig) -> Iterator[Chosen]:
    """All of a check point with these files and their folders."""
    files = {path: b"1" for path in PATHS if not any(other.startswith(path + "/") for other in PATHS)}
    write(rig.source, files)
    os.symlink("x", rig.source / "b" / "link")
    rig.sync()
    with rig.open("restore") as home:
        (source,) = history.sources(home.catalog, 1)
        checkpoint = history.head(home.catalog, source.id)
        assert checkpoint is not None
        yield Chosen(home.catalog, source, checkpoint)


def fits(path: bytes, paths: list[bytes], globs: list[re.Pattern[bytes]]) -> bool:
    parts = path.split(b"/")
    above = [b"/".join(parts[:number]) for number in range(1, len(parts) + 1)]
    return any(part in paths for part in above) or any(glob.match(part) for glob in globs for part in above if part)


@pytest.mark.parametrize("many", [MANY, 0])
@pytest.mark.parametrize(
    ("paths", "globs"),
    [
        ([b"c"], []),
        ([b"b/d/e", b"a/b/c", b"b/a/b/c", b"b/d!"], []),
        ([b"b/d", b"b/d/e", b"a", b"d/e/f"], []),
        ([], ["*/c"]),
        ([], ["b*", "*/e"]),
        ([b"d/e/f/g/h"], ["a/b*", "*!"]),
        ([b"b/link"], ["nothing*"]),
        ([], ["d*f", "d/e/f/*"]),
    ],
)
def test_all_that_is_meant_and_the_folders_on_the_way(
    every: Chosen, paths: list[bytes], globs: list[str], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakup.restorer.chosen.MANY", many)
    patterns = [re.compile(os.fsencode(translate(glob))) for glob in globs]
    found, chosen = every.matching(patterns)
    stored = list(every.versions())
    assert found == {glob for glob in patterns if any(fits(one.path, [], [glob]) for one in stored)}
    chosen = replace(chosen, roots=outermost([*map(path_key, paths), *chosen.roots]))
    meant = {one.path for one in stored if fits(one.path, paths, patterns)}
    assert {one.path for one in stored if chosen.means(one.path)} == meant
    way = {b"/".join(path.split(b"/")[:number]) for path in meant for number in range(path.count(b"/") + 1)}
    wanted = [one.path for one in stored if one.path in meant | way]
    assert [one.path for one in chosen.versions()] == wanted
    assert [one.path for one in chosen.versions(descending=True)] == wanted[::-1]
    folder_paths = [one.path for one in stored if one.kind == Kind.DIR and one.path in meant | way]
    assert [one.path for one in chosen.versions(Kind.DIR)] == folder_paths
    assert [one.path for one in chosen.versions(Kind.DIR, descending=True)] == folder_paths[::-1]


def test_a_path_of_thousands_of_folders(rig: Rig) -> None:
    """Looking at each folder's folders each time takes many times as long."""
    path = b"/".join([b"folder"] * 2000)
    at = os.open(rig.source, os.O_RDONLY)
    for name in path.split(b"/"):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open(b"leaf", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    rig.sync()
    with rig.open("restore") as home:
        (source,) = history.sources(home.catalog, 1)
        checkpoint = history.head(home.catalog, source.id)
        assert checkpoint is not None
        every = Chosen(home.catalog, source, checkpoint)
        begun = time.process_time()
        glob = re.compile(os.fsencode(translate("*/leaf")))
        found, chosen = every.matching([glob])
        assert (found, chosen.roots) == ({glob}, (path_key(path + b"/leaf"),))
        chosen = Chosen(home.catalog, source, checkpoint, roots=(path_key(path),))
        assert sum(1 for _ in chosen.versions()) == sum(1 for _ in chosen.versions(descending=True)) == 2002
        assert time.process_time() - begun < 3
    subprocess.run(["rm", "-rf", rig.source], check=True)  # deeper than shutil can go
