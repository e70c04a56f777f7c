"""A known source of which nothing is left makes no check point of deletions unasked; that most is gone is told."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig import Rig
from trees import write

sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))

from terminal import Terminal

from bakup.errors import NoSource

MANY = {f"{number:03}": b"%d" % number for number in range(200)}


@pytest.fixture
def start(rig: Rig) -> Iterator[Callable[..., Terminal]]:
    """Starts bakup on a terminal, with the BAKUP_HOME in use."""
    started: list[Terminal] = []

    def begin(*arguments: str) -> Terminal:
        settings = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", "BAKUP_HOME": str(rig.home)}
        started.append(Terminal([sys.executable, "-m", "bakup", *arguments], settings, columns=80, rows=24))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
@pytest.mark.parametrize("command", ["sync", "plan"])
def test_a_source_that_is_suddenly_empty_is_asked_about(rig: Rig, layout: str, command: str) -> None:
    write(rig.source, {"a": b"a", "b/c": b"c"})
    rig.sync(layout=layout, sector_size=None)
    shutil.rmtree(rig.source)
    (rig.source / "b").mkdir(parents=True)
    said = rig.run(command, str(rig.source), str(rig.target), "--tag", "a b", code=10)
    assert re.search(rf"error: {rig.source} is empty; 2 files were there on \d{{4}}-", said)
    assert "hint: is it mounted?\n" in said
    assert f"  bakup {command} {rig.source} {rig.target} --tag 'a b' --allow-empty\n" in said
    assert len(rig.list()) == 1
    said = rig.run("sync", str(rig.source), str(rig.target), "--allow-empty")
    assert "deleted            2 files" in said
    assert len(rig.list()) == 2
    assert "unchanged" not in rig.run("sync", str(rig.source), str(rig.target), "--always")


def test_one_emptied_source_of_several_stops_the_run_before_anything_is_stored(rig: Rig) -> None:
    other = rig.folder / "other"
    write(rig.source, {"a": b"a"})
    write(other, {"b": b"b"})
    rig.sync(rig.source, other)
    os.unlink(rig.source / "a")
    write(other, {"new": b"new"})
    said = rig.run("sync", str(other), str(rig.source), str(rig.target), "--json", code=10)
    assert '"code":"source-empty"' in said
    assert len(rig.list()) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--files-from", "/dev/null"], "nothing that --files-from lists is in "),
        (["--exclude", "*"], "all that is in "),
    ],
)
def test_nothing_is_left_by_the_choice_of_what_is_backed_up(rig: Rig, options: list[str], said: str) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    assert said in rig.run("sync", str(rig.source), str(rig.target), *options, code=10)
    assert len(rig.list()) == 1


def test_links_alone_are_something_too(rig: Rig) -> None:
    os.symlink("nowhere", rig.source / "link")
    rig.sync()
    os.unlink(rig.source / "link")
    with pytest.raises(NoSource, match="is empty; links or the like were there"):
        rig.sync()


def test_what_was_always_empty_is_no_alarm(rig: Rig) -> None:
    (rig.source / "folder").mkdir()
    rig.sync()
    (rig.source / "folder").rmdir()
    assert rig.sync().sources[0].made


def test_an_unreadable_source_is_not_an_empty_one(rig: Rig) -> None:
    write(rig.source, {"a/b": b"b"})
    rig.sync()
    shutil.rmtree(rig.source / "a")
    os.symlink("nowhere", rig.source / "left")
    assert rig.sync().sources[0].deleted.files == 1


@pytest.mark.parametrize(("answer", "code", "checkpoints"), [("y", 0, 2), ("n", 10, 1)])
def test_on_a_terminal_it_is_a_question(
    rig: Rig, start: Callable[..., Terminal], answer: str, code: int, checkpoints: int
) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    os.unlink(rig.source / "a")
    terminal = start("sync", str(rig.source), str(rig.target))
    terminal.until("was all of it deleted on purpose? [y/N]")
    terminal.type(f"{answer}\n")
    assert terminal.finish() == code
    assert len(rig.list()) == checkpoints


def test_most_of_a_large_source_gone_is_told(rig: Rig) -> None:
    write(rig.source, MANY)
    rig.sync()
    first = rig.list()[0].uuid.hex()[:8]
    for name in list(MANY)[:145]:
        os.unlink(rig.source / name)
    told = "72% of the files that were in"
    assert told in rig.run("plan", str(rig.source), str(rig.target))
    said = rig.run("sync", "-q", str(rig.source), str(rig.target))
    hint = f"hint: to bring them back: bakup restore {rig.target} OUT --at {first}\n"
    assert f"warning: {told} {first} are gone\n{hint}" in said


def test_half_of_a_source_or_most_of_a_small_one_is_everyday(rig: Rig) -> None:
    write(rig.source, MANY)
    write(small := rig.folder / "small", {f"{number}": b"" for number in range(99)})
    rig.sync(rig.source, small)
    for name in list(MANY)[:100]:
        os.unlink(rig.source / name)
    for number in range(98):
        os.unlink(small / f"{number}")
    assert " are gone" not in rig.run("sync", str(rig.source), str(small), str(rig.target))
