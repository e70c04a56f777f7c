"""Objects beside the sectors that are half or not to be trusted: named, and nothing stops."""

from __future__ import annotations

import itertools
import shutil
import uuid
from pathlib import Path

import pytest
from rig import Rig
from trees import snapshot, write

NAMES = (
    ".{}.a1b2c3",
    ".syncthing.{}.tmp",
    "{}.part",
    "{}.filepart",
    "{}.crdownload",
    "Unconfirmed 123456.crdownload",
    ".~tmp~/{}",
)
OTHER_NAME = f"{uuid.UUID(int=7)}.bakup"


@pytest.fixture
def whole(rig: Rig) -> Path:
    """The one sector of a target."""
    write(rig.source, {"a": b"content", "b": bytes(range(256)) * 200})
    rig.sync()
    [sector] = rig.sectors()
    return sector


def filled(content: bytes) -> bytes:
    """As tools that make room first leave it: the whole size, zeros behind the first half."""
    return content[: len(content) // 2].ljust(len(content), b"\0")


@pytest.mark.parametrize(
    ("name", "form"),
    [*itertools.product(NAMES, ["begun", "half", "filled"]), (OTHER_NAME, "begun"), (OTHER_NAME, "half")],
)
def test_an_unfinished_copy_of_what_is_there_does_no_harm(rig: Rig, whole: Path, name: str, form: str) -> None:
    content = whole.read_bytes()
    half = {"begun": content[:900], "half": content[: len(content) // 2], "filled": filled(content)}[form]
    copy = rig.target / name.format(whole.name)
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(half)
    for home in ("home", "elsewhere"):
        if home != "home":
            rig.new_home(home)
        report = rig.check()
        assert (report.exit_code, report.problems) == (0, ())
        assert [object_name for object_name, _ in report.copies] == [str(copy.relative_to(rig.target))]
        said = rig.run("check", str(rig.target))
        assert said.count(f"\n  {copy.relative_to(rig.target)}") == 1 or "\n  '" in said, said
        assert "hint: once no other tool copies to it: rm " in said
        rig.assert_restores(snapshot(rig.source))
        rig.rebuild()


@pytest.mark.parametrize("name", [".{}.a1b2c3", "{}.part", "{}"])
def test_an_unfinished_copy_of_what_is_new_is_named(rig: Rig, whole: Path, name: str) -> None:
    first = snapshot(rig.source)
    write(rig.source, {"a": b"newer"})
    rig.sync()
    [newer] = set(rig.sectors()) - {whole}
    content = newer.read_bytes()
    newer.unlink()
    (rig.target / name.format(newer.name)).write_bytes(content[: len(content) // 2])
    rig.new_home("elsewhere")
    report = rig.check()
    assert report.exit_code == 20
    assert [problem.name for problem in report.problems] == [name.format(newer.name)]
    rig.assert_restores(first, refusals=True)
    said = rig.run("restore", str(rig.target), str(rig.new_out()), code=3 if name == "{}" else 0)
    assert said.count(newer.name) == 1, said


def test_the_rest_of_a_sector_that_is_missing_is_named_with_it(rig: Rig, whole: Path) -> None:
    half = whole.read_bytes()[:1000]
    write(rig.source, {"a": b"newer"})
    rig.sync()
    whole.unlink()
    (rig.target / f".{whole.name}.part").write_bytes(half)
    [problem] = rig.check().problems
    assert problem.uuid == uuid.UUID(whole.stem).bytes
    assert problem.reason == f"is missing; an unfinished copy of it is there, .{whole.name}.part"


def test_a_sector_cut_short_is_one_problem(rig: Rig, whole: Path) -> None:
    write(rig.source, {"a": b"newer"})
    rig.sync()
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    for home in ("home", "elsewhere"):
        if home != "home":
            rig.new_home(home)
        [problem] = [one for one in rig.check().problems if one.of_sector]
        assert (problem.state, problem.name) == ("damaged", whole.name)
        assert problem.reason.startswith("is cut short")


def test_what_is_not_to_be_trusted_is_told_by_every_command(rig: Rig, whole: Path) -> None:
    forger = Rig(made(rig.folder / "forger"))
    write(forger.source, {"a": b"forged"})
    forger.sync(encrypt=False, sign=False)
    [forged] = forger.sectors()
    shutil.copy(forged, rig.target)
    place, source = str(rig.target), str(rig.source)
    for home in ("home", "elsewhere"):
        if home != "home":
            rig.new_home(home)
        for arguments in (
            ["ls", place],
            ["ls", place, "."],
            ["find", place, "a"],
            ["history", place, "a"],
            ["diff", place, "latest", "latest"],
            ["cat", place, "a"],
            ["stats", place],
            ["plan", source, place],
            ["sync", source, place],
            ["restore", place, str(rig.new_out())],
        ):
            said = rig.run(*arguments)
            assert said.count(f"{forged.name} is not signed, and not encrypted") == 1, said
            assert "warning: 1 object is left aside at" in said
        said = rig.run("check", place, code=22)
        assert f"error: {forged.name} is not signed" in said


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
