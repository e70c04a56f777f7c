"""restore into places where something stands already, of chosen paths, and of a source that could not all be read."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from nobody import NOBODY, as_nobody
from oddities import ACL
from rig import Heard, Rig, raising
from trees import assert_equal, noise, snapshot, write

from bakup.api.reports import RestoreReport
from bakup.cli.commands.restore import exit_code, problems
from bakup.destination.folder.folder import Destination
from bakup.destination.folder.unfinished import RestoreRun
from bakup.errors import Failed, Usage
from bakup.flows.restore import RECORDS

FILES = {"a.txt": b"a", "docs/b.txt": b"bb", "docs/deep/c.txt": b"ccc", "img/d.jpg": noise(3000), "img/[e]*.jpg": b"e"}

ALIKE = (1_500_000_000_000_000_000,) * 2


@pytest.fixture
def stored(rig: Rig) -> Rig:
    """A rig whose source is backed up once."""
    write(rig.source, FILES)
    os.symlink("a.txt", rig.source / "link")
    rig.sync()
    return rig


def conflict(rig: Rig, out: Path, **options: object) -> Failed:
    error = raising(lambda: rig.restore(out, **options), Failed)
    assert isinstance(error, Failed)
    assert (error.code, error.exit_code) == ("in-the-way", 1)
    return error


def test_different_files_in_the_way_are_refused(stored: Rig) -> None:
    out = stored.new_out()
    write(out, {"a.txt": b"A", "docs/other.txt": b"other"})
    os.utime(out / "a.txt", ns=(1, 1))
    write(out, {"img/d.jpg": noise(3000)})  # the same bytes, newer: still not the same file
    before = snapshot(out)
    error = conflict(stored, out)
    assert error.details == ((b"a.txt", "here it is older"), (b"img/d.jpg", "here it is newer"))
    assert snapshot(out) == before
    assert any("--overwrite" in hint for hint in error.hints)


@pytest.mark.parametrize("kind", ["dir", "symlink", "fifo"])
def test_another_kind_in_the_way_is_refused(stored: Rig, kind: str) -> None:
    out = stored.new_out()
    out.mkdir()
    make = {"dir": Path.mkdir, "symlink": lambda path: os.symlink("x", path), "fifo": os.mkfifo}[kind]
    make(out / "a.txt")  # type: ignore[operator]
    before = snapshot(out)
    assert conflict(stored, out).details == ((b"a.txt", "here it is of another kind"),)
    assert snapshot(out) == before


def three(rig: Rig) -> Path:
    """A destination with an older, a newer and an equal file, and one that is not in the check point."""
    out = rig.new_out()
    write(out, {"a.txt": b"older", "docs/b.txt": b"newer", "mine": b"mine"})
    os.utime(out / "a.txt", ns=(1, 1))
    later = time.time_ns() + 10**12
    os.utime(out / "docs" / "b.txt", ns=(later, later))
    (out / "img").mkdir()
    shutil.copy2(rig.source / "img" / "d.jpg", out / "img" / "d.jpg")
    return out


def counts(report: RestoreReport) -> tuple[int, int, int, int]:
    return (report.restored.files, report.kept.files, report.already_there.files, report.not_restored.files)


def test_overwrite_always(stored: Rig) -> None:
    out = three(stored)
    _, report = stored.restore(out, overwrite="always")
    assert counts(report) == (4, 0, 1, 0)
    (out / "mine").unlink()
    shutil.copystat(stored.source, out)
    assert_equal(snapshot(out), snapshot(stored.source))


def test_overwrite_if_newer(stored: Rig) -> None:
    out = three(stored)
    _, report = stored.restore(out, overwrite="if-newer")
    assert counts(report) == (3, 1, 1, 0)
    assert (out / "a.txt").read_bytes() == b"a"
    assert (out / "docs" / "b.txt").read_bytes() == b"newer"
    assert (out / "mine").read_bytes() == b"mine"


def test_overwrite_never(stored: Rig) -> None:
    out = three(stored)
    _, report = stored.restore(out, overwrite="never")
    assert counts(report) == (2, 2, 1, 0)
    assert (out / "a.txt").read_bytes() == b"older"
    assert (out / "docs" / "b.txt").read_bytes() == b"newer"


@pytest.mark.parametrize("kind", ["dir", "symlink", "fifo", "file"])
def test_overwrite_always_of_another_kind(stored: Rig, kind: str) -> None:
    """A file where a folder was wanted, and the other way round; a folder with files in it is never removed."""
    out = stored.new_out()
    out.mkdir()
    outside = stored.folder / "outside"
    outside.mkdir()
    where = out / ("docs" if kind != "dir" else "a.txt")
    {
        "dir": Path.mkdir,
        "symlink": lambda path: os.symlink(outside, path),
        "fifo": os.mkfifo,
        "file": lambda path: path.write_bytes(b"in the way"),
    }[kind](where)  # type: ignore[operator]
    _, report = stored.restore(out, overwrite="always")
    assert list(outside.iterdir()) == [], "nothing leaves the destination"
    if kind == "dir":
        assert {lost.path for cause in report.causes for lost in cause.lost} <= {b"a.txt"}
        assert report.not_restored.files + (out / "a.txt").is_file() == 1
    else:
        assert_equal(snapshot(out), snapshot(stored.source))


def test_a_second_restore_has_nothing_to_do(stored: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    os.link(stored.source / "a.txt", stored.source / "again")
    (stored.source / "docs" / "b.txt").chmod(0o600)
    stored.sync()
    out, _ = stored.restore()
    monkeypatch.setattr(Destination, "read", lambda *_: pytest.fail("no file need be read"))
    before = {path: path.lstat().st_ctime_ns for path in out.rglob("*") if path.is_file()}
    _, report = stored.restore(out)
    assert counts(report) == (0, 0, 6, 0)
    assert before == {path: path.lstat().st_ctime_ns for path in out.rglob("*") if path.is_file()}
    assert_equal(snapshot(out), snapshot(stored.source))


def test_names_like_those_of_an_unfinished_restore(rig: Rig) -> None:
    """What a name looks like says nothing of who gave it."""
    ours = ".bakup-fffff0-%012x.part"
    write(rig.source, {ours % 1: b"1", "in/" + ours % 2: b"2", "in/more": b"more"})
    rig.sync()
    out, _ = rig.restore()
    write(out, {"in/" + ours % 3: b"somebody's"})
    (out / "in" / "more").unlink()
    _, report = rig.restore(out, b"in/more")
    assert counts(report) == (1, 0, 0, 0)
    assert (out / "in" / (ours % 3)).read_bytes() == b"somebody's"
    (out / "in" / (ours % 3)).unlink()
    shutil.copystat(rig.source / "in", out / "in")
    assert_equal(snapshot(out), snapshot(rig.source))


def like(path: Path) -> tuple[object, ...]:
    """What a folder is like, besides what is in it."""
    found = path.stat()
    extended = [(name, os.getxattr(path, name)) for name in sorted(os.listxattr(path))]
    return found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, extended


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
@pytest.mark.parametrize("overwrite", [None, "always"])
def test_a_chosen_path_changes_no_folder_that_stood(rig: Rig, layout: str, overwrite: str | None) -> None:
    write(rig.source, {"a": b"a", "docs/b": b"bb", "docs/new/c": b"ccc"})
    for folder, mode in ((".", 0o700), ("docs", 0o750), ("docs/new", 0o711)):
        (rig.source / folder).chmod(mode)
        os.setxattr(rig.source / folder, "user.stored", b"1")
    rig.sync(layout=layout, sector_size=None)
    out = rig.new_out()
    (out / "docs").mkdir(parents=True)
    for folder in (out, out / "docs"):
        os.setxattr(folder, "system.posix_acl_default", ACL)
        folder.chmod(0o1777)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
    before = [like(out), like(out / "docs")]
    for path in (b"a", b"docs/b", b"docs/new", b"docs/n*/c"):
        rig.restore(out, path, overwrite=overwrite)
        assert [like(out), like(out / "docs")] == before
    assert like(out / "docs" / "new") == like(rig.source / "docs" / "new"), "bakup made it"
    rig.restore(out, b"docs", overwrite=overwrite)
    assert (like(out), like(out / "docs") == before[1]) == (before[0], overwrite is None)
    rig.restore(out, overwrite=overwrite)
    assert like(out / "docs") == like(rig.source / "docs")
    assert like(out) == (before[0] if overwrite is None else like(rig.source))


def test_what_a_restore_made_of_a_path_that_was_killed_goes_on(stored: Rig) -> None:
    (stored.source / "docs").chmod(0o750)
    stored.sync()
    out = stored.new_out()
    out.mkdir()
    records = stored.home / RECORDS
    child = os.fork()
    if not child:
        run = RestoreRun(os.fsencode(out), str(records), b"docs")
        Destination(out, run=run).make_dir(b"docs")
        os._exit(0)
    os.waitpid(child, 0)
    stored.restore(out, b"docs")
    assert (out / "docs").stat().st_mode & 0o777 == 0o750
    assert not list(records.iterdir())


def test_an_ordinary_user_restores_into_a_folder_of_somebody_else(unprivileged: Rig) -> None:
    rig = unprivileged
    write(rig.source, {"notes.txt": b"notes", "own/x": b"x", "theirs/y": b"y"})
    for path in rig.source.rglob("*"):
        os.chown(path, *(NOBODY, NOBODY) if os.geteuid() == 0 else (-1, -1))
    (rig.source / "theirs").chmod(0o700)
    with as_nobody():
        rig.sync()
    out = rig.new_out()
    (out / "theirs").mkdir(parents=True)
    for folder in (out, out / "theirs"):
        folder.chmod(0o1777)
    before = like(out)[:3], like(out / "theirs")[:3]
    with as_nobody():
        _, report = rig.restore(out, b"notes.txt", b"theirs/y")
        assert exit_code(report) == 0
        _, report = rig.restore(out)
    assert (like(out)[:3], like(out / "theirs")[:3]) == before
    assert {path for path, _ in report.skipped} <= {b"theirs"}, "it is another's: named, and no more"
    assert (report.not_restored.files, (out / "own" / "x").read_bytes()) == (0, b"x")


def test_what_stands_and_takes_other_attributes_is_told(stored: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = stored.restore()
    for path in (out, out / "docs", out / "a.txt"):
        path.chmod(0o700)
    shown: list[tuple[str, bytes]] = []
    monkeypatch.setattr(Heard, "path", lambda _, mark, path, size: shown.append((mark, path)))
    for options, told in (
        ({"paths": [b"docs"]}, []),
        ({}, [b"docs"]),
        ({"paths": [b"docs"], "overwrite": "always"}, [b"docs"]),
        ({"overwrite": "always"}, [b".", b"a.txt", b"docs"]),
    ):
        for dry_run in (True, False):
            for path in (out, out / "docs", out / "a.txt"):
                path.chmod(0o700)
            shown.clear()
            stored.restore(out, *options.get("paths", ()), overwrite=options.get("overwrite"), dry_run=dry_run)
            assert shown == [("U", path) for path in told]
    assert {path.stat().st_mode & 0o777 for path in (out, out / "docs")} == {0o755}


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_hard_links_that_came_apart_or_together_are_as_they_were(rig: Rig, layout: str) -> None:
    write(rig.source, {"a": b"same", "other": b"same", "z": noise(200_000)})
    for name, to in (("b", "a"), ("c", "a"), ("y", "z")):
        os.link(rig.source / to, rig.source / name)
    os.mkfifo(rig.source / "p")
    os.link(rig.source / "p", rig.source / "q")
    for name in ("a", "other"):
        os.utime(rig.source / name, ns=ALIKE)
    rig.sync(layout=layout, sector_size=None)
    out, _ = rig.restore()
    for name in "byq":
        (out / name).unlink()
        if name == "q":
            os.mkfifo(out / name, 0o644)
        else:
            shutil.copy2(out / {"b": "a", "y": "z"}[name], out / name)
    (out / "other").unlink()
    os.link(out / "a", out / "other")
    assert counts(rig.restore(out)[1])[:3] == (0, 0, 6)
    assert counts(rig.restore(out, overwrite="always", dry_run=True)[1])[:3] == (3, 0, 3)
    assert counts(rig.restore(out, overwrite="always")[1])[:3] == (3, 0, 3)
    assert_equal(snapshot(out), snapshot(rig.source))
    assert counts(rig.restore(out, overwrite="always")[1])[:3] == (0, 0, 6)


def test_a_restore_that_was_killed_goes_on(rig: Rig) -> None:
    write(rig.source, {f"{number % 5}/file{number}": noise(400_000, number) for number in range(100)})
    rig.sync()
    wanted = snapshot(rig.source)
    out = rig.new_out()
    process = rig.command("restore", str(rig.target), str(out))
    end = time.monotonic() + 60
    while sum(1 for path in out.rglob("file*")) < 10:
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < end
        time.sleep(0.001)
    process.kill()
    process.communicate()
    half = snapshot(out)
    for path, node in half.items():
        if path in wanted and node.kind == "file":
            assert node == wanted[path], f"{path!r} has its name and is not whole"
    _, report = rig.restore(out)
    assert report.restored.files + report.already_there.files == 100
    assert report.already_there.files >= 10 - 1
    assert_equal(snapshot(out), wanted)


def test_dry_run_writes_nothing(stored: Rig) -> None:
    out = stored.new_out()
    _, report = stored.restore(out, dry_run=True)
    assert report.restored.files == 5
    assert not out.exists()
    write(out, {"a.txt": b"other"})
    conflict(stored, out, dry_run=True)
    before = snapshot(out)
    _, report = stored.restore(out, dry_run=True, overwrite="always")
    assert report.restored.files == 5
    assert snapshot(out) == before


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        ([b"docs"], {"docs/b.txt", "docs/deep/c.txt"}),
        ([b"docs/"], {"docs/b.txt", "docs/deep/c.txt"}),
        ([b"./docs/deep"], {"docs/deep/c.txt"}),
        ([b"docs/b.txt", b"a.txt"], {"docs/b.txt", "a.txt"}),
        ([b"."], set(FILES)),
        ([b"*.txt"], {"a.txt", "docs/b.txt", "docs/deep/c.txt"}),
        ([b"img/*"], {"img/d.jpg", "img/[e]*.jpg"}),
        ([b"img/[e]*.jpg"], {"img/[e]*.jpg"}),
        ([b"doc?/deep"], {"docs/deep/c.txt"}),
        ([b"docs/b.txt", b"img/d*"], {"docs/b.txt", "img/d.jpg"}),
    ],
)
def test_chosen_paths(stored: Rig, paths: list[bytes], files: set[str]) -> None:
    out, report = stored.restore(None, *paths)
    found = snapshot(out)
    wanted = snapshot(stored.source)
    assert {path for path, node in found.items() if node.kind == "file"} == set(map(os.fsencode, files))
    assert report.restored.files == len(files)
    assert all(node == wanted[path] for path, node in found.items() if node.kind == "file")


def test_absolute_paths_below_the_source(stored: Rig) -> None:
    out, _ = stored.restore(None, os.fsencode(stored.source / "docs"))
    assert {path for path in snapshot(out) if path} == {b"docs", b"docs/b.txt", b"docs/deep", b"docs/deep/c.txt"}
    out, _ = stored.restore(None, os.fsencode(stored.source))
    assert_equal(snapshot(out), snapshot(stored.source))


@pytest.mark.parametrize("path", [b"nothing", b"docs/none", b"*.none", b"a.txt/inner"])
def test_no_such_path(stored: Rig, path: bytes) -> None:
    out = stored.new_out()
    error = raising(lambda: stored.restore(out, path), Failed)
    assert error.code == "no-path"  # type: ignore[attr-defined]
    assert not out.exists()


def test_folders_on_the_way_to_what_a_glob_means_are_as_stored(stored: Rig) -> None:
    (stored.source / "docs").chmod(0o750)
    stored.sync()
    out, _ = stored.restore(None, b"*/[bc].txt", b"d*/deep/*")
    found, wanted = snapshot(out), snapshot(stored.source)
    assert set(found) == {b"", b"docs", b"docs/b.txt", b"docs/deep", b"docs/deep/c.txt"}
    assert all(node == wanted[path] for path, node in found.items())


def test_out_is_never_the_target_nor_inside_it(stored: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    os.symlink(stored.target, stored.folder / "way")
    monkeypatch.chdir(stored.folder)
    before = snapshot(stored.target)
    places = [stored.target, stored.folder / "way", stored.source / ".." / "target", Path("target"), Path("way")]
    for place in places:
        for out in (str(place), f"{place}/", f"{place}/new/deep", f"file://{place.absolute()}/new"):
            refused = raising(lambda out=out: stored.restore(out), Usage)  # type: ignore[misc]
            assert (refused.exit_code, refused.code) == (2, "out-at-target")  # type: ignore[attr-defined]
    assert_equal(snapshot(stored.target), before)
    stored.restore(stored.folder / "target2")


@pytest.mark.parametrize("out", ["{dst}", "{dst}/", "{dst}/out/x", "{dst}//"])
def test_out_at_a_url_is_never_the_target_nor_inside_it(rig: Rig, out: str) -> None:
    rig.target = f"memory://{rig.folder.name}/dst"  # type: ignore[assignment]
    write(rig.source, {"a": b"a"})
    rig.sync()
    refused = raising(lambda: rig.restore(out.format(dst=rig.target)), Usage)  # type: ignore[arg-type]
    assert refused.code == "out-at-target"  # type: ignore[attr-defined]
    rig.restore(f"{rig.target}2")  # type: ignore[arg-type]


def test_nothing_is_restored_into_a_target_below_out(stored: Rig) -> None:
    out = stored.folder / "around"
    write(stored.source, {"backup/mine": b"mine"})
    stored.sync()
    out.mkdir()
    os.rename(stored.target, out / "backup")
    stored.target = out / "backup"
    before = snapshot(stored.target)
    for paths in ((), (b"backup",), (b"backup/mine",), (b"back*",)):
        refused = raising(lambda paths=paths: stored.restore(out, *paths), Usage)  # type: ignore[misc]
        assert refused.code == "out-at-target"  # type: ignore[attr-defined]
    assert_equal(snapshot(stored.target), before)
    stored.restore(out, b"docs")
    assert (out / "docs" / "b.txt").read_bytes() == b"bb"


def test_each_path_that_is_not_there_is_named(stored: Rig) -> None:
    out, report = stored.restore(None, b"a.txt", b"nothing", b"*.none", b"d*/b.txt", b"docs/none")
    assert report.missing == (b"nothing", b"*.none", b"docs/none")
    assert report.restored.files == 2
    assert (exit_code(report), [problem.code for problem in problems(report)]) == (3, ["no-path"])
    assert (out / "docs" / "b.txt").exists()


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../x", b"docs/../../x"])
def test_paths_outside(stored: Rig, path: bytes) -> None:
    assert raising(lambda: stored.restore(None, path), Usage).exit_code == 2  # type: ignore[attr-defined]


def test_which_of_several_sources(stored: Rig) -> None:
    second = stored.folder / "Second"
    write(second, {"s": b"s"})
    stored.sync(second)
    error = raising(stored.restore, Usage)
    assert error.code == "which-source"  # type: ignore[attr-defined]
    for name in ("Second", str(second)):
        stored.assert_restores(snapshot(second), source=name)
    stored.assert_restores(snapshot(stored.source), source="source")
    assert raising(lambda: stored.restore(source="third"), Failed).code == "no-source"  # type: ignore[attr-defined]


def test_a_source_with_a_name(stored: Rig) -> None:
    stored.sync(name="papers")
    write(stored.source, {"new": b"new"})
    moved = stored.folder / "moved"
    os.rename(stored.source, moved)
    report = stored.sync(moved, name="papers").sources[0]
    assert (report.new.files, report.unchanged.files) == (1, 5)
    stored.assert_restores(snapshot(moved), source="papers")


def test_at_a_time_and_by_number(rig: Rig) -> None:
    kept = []
    for number in range(3):
        write(rig.source, {"n": b"%d" % number})
        rig.sync()
        kept.append(snapshot(rig.source))
    lines = rig.list()
    for back in range(3):
        rig.assert_restores(kept[2 - back], at=f"latest~{back}" if back else "latest")
    rig.assert_restores(kept[1], at=lines[1].uuid.hex()[:8])
    rig.assert_restores(kept[2], at=time.strftime("%Y-%m-%d", time.localtime(lines[2].time_ns / 1e9)))
    for wrong in ("latest~3", "2001-01-01", "0000000000000000"):
        assert isinstance(raising(lambda at=wrong: rig.restore(at=at), Failed), Failed)  # type: ignore[misc]


def test_out_that_names_a_check_point_is_refused(stored: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = stored.list()
    for digits in (4, 8, 32):
        out = Path(line.uuid.hex()[:digits])
        assert "names a check point" in str(raising(lambda out=out: stored.restore(out), Usage))  # type: ignore[misc]
    monkeypatch.chdir(stored.folder)
    other = "decade" if not line.uuid.hex().startswith("decade") else "facade"
    stored.restore(Path(other))
    assert_equal(snapshot(other), snapshot(stored.source))


def test_hard_links_of_what_is_there_already(rig: Rig) -> None:
    write(rig.source, {"a": b"same", "other": b"other"})
    os.link(rig.source / "a", rig.source / "b")
    os.symlink("a", rig.source / "c")
    os.link(rig.source / "c", rig.source / "d", follow_symlinks=False)
    rig.sync()
    out, _ = rig.restore()
    for missing in ("bd", "ac"):
        for name in missing:
            (out / name).unlink()
        rig.restore(out)
        assert_equal(snapshot(out), snapshot(rig.source), root=False)
    assert (out / "a").samefile(out / "b")
    for name in ("a", "b"):
        (out / name).unlink()
    (out / "a").write_bytes(b"mine, and newer")
    rig.restore(out, overwrite="never")
    assert ((out / "a").read_bytes(), (out / "b").read_bytes()) == (b"mine, and newer", b"same")


def test_a_name_is_written_where_the_first_one_could_not_be(rig: Rig) -> None:
    """A folder stands at the first name of two inodes: a file's and a link's."""
    write(rig.source, {"a": b"same", "only": b"here"})
    os.symlink("a", rig.source / "j")
    for first, others in (("a", "bc"), ("j", "kl")):
        for name in others:
            os.link(rig.source / first, rig.source / name, follow_symlinks=False)
    rig.sync()
    out = rig.new_out()
    write(out, {"a/mine": b"1", "j/mine": b"1", "b": b"an older one"})
    _, report = rig.restore(out, overwrite="always")
    assert {lost.path for cause in report.causes for lost in cause.lost} == {b"a", b"j"}
    assert (report.restored.files, report.restored.bytes) == (3, 12)
    assert (out / "b").read_bytes() == b"same"
    assert (out / "b").samefile(out / "c")
    assert os.readlink(out / "k") == os.readlink(out / "l") == "a"


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_a_file_of_an_earlier_version_that_looks_alike_is_not_equal(rig: Rig, layout: str) -> None:
    sync = partial(rig.sync, layout=layout, sector_size=None)
    write(rig.source, {"f": b"a", "other": b"other"})
    os.utime(rig.source / "f", ns=ALIKE)
    sync()
    out, _ = rig.restore()
    (rig.source / "f").write_bytes(b"X")
    os.utime(rig.source / "f", ns=ALIKE)
    sync()
    assert conflict(rig, out).details == ((b"f", "here it is of other content"),)
    assert counts(rig.restore(out, overwrite="never")[1]) == (0, 1, 1, 0)
    assert counts(rig.restore(out, overwrite="always")[1]) == (1, 0, 1, 0)
    assert_equal(snapshot(out), snapshot(rig.source))
    assert counts(rig.restore(out)[1]) == (0, 0, 2, 0)


def test_missing_hard_links_become_names_of_what_holds_their_content_only(rig: Rig) -> None:
    write(rig.source, {"a": b"good"})
    os.utime(rig.source / "a", ns=ALIKE)
    for name in "bcd":
        os.link(rig.source / "a", rig.source / name)
    rig.sync()
    out = rig.new_out()
    write(out, {"a": b"evil", "b": b"good", "c": b"evil"})
    for name in "abc":
        os.utime(out / name, ns=ALIKE)
    assert conflict(rig, out).details == ((b"a", "here it is of other content"),)
    rig.restore(out, overwrite="if-newer")
    assert [(out / name).read_bytes() for name in "abcd"] == [b"evil", b"good", b"evil", b"good"]
    rig.restore(out, overwrite="always")
    assert_equal(snapshot(out), snapshot(rig.source))


def test_overwrite_always_trusts_no_time(stored: Rig, small_cuts: None) -> None:
    write(stored.source, {"big": noise(100_000)})
    with open(stored.source / "sparse", "wb") as file:
        file.truncate(1 << 20)
        file.seek(300_000)
        file.write(b"x")
    stored.sync()
    out, _ = stored.restore()
    assert counts(stored.restore(out, overwrite="always")[1]) == (0, 0, 7, 0)
    for name in ("a.txt", "big", "sparse"):
        before = (out / name).stat().st_mtime_ns
        with open(out / name, "r+b") as file:
            file.write(b"?")
        os.utime(out / name, ns=(before, before))
    assert counts(stored.restore(out)[1]) == (0, 0, 7, 0)
    assert counts(stored.restore(out, overwrite="always")[1]) == (3, 0, 4, 0)
    assert_equal(snapshot(out), snapshot(stored.source))


def test_overwrite_always_sets_what_else_differs(stored: Rig) -> None:
    out, _ = stored.restore()
    (out / "a.txt").chmod(0o600)
    with suppress(OSError):
        os.setxattr(out / "docs" / "b.txt", "user.more", b"x")
    if os.geteuid() == 0:
        os.chown(out / "img" / "d.jpg", NOBODY, NOBODY)
    assert counts(stored.restore(out)[1]) == (0, 0, 5, 0)
    assert (out / "a.txt").stat().st_mode & 0o777 == 0o600
    _, report = stored.restore(out, overwrite="always")
    assert (counts(report), exit_code(report)) == ((0, 0, 5, 0), 0)
    with suppress(OSError):
        os.removexattr(out / "docs" / "b.txt", "user.more")
    assert_equal(snapshot(out), snapshot(stored.source))


# --- what could not be read ------------------------------------------------------------------------------


@pytest.fixture
def unprivileged() -> Iterator[Rig]:
    """A rig, warmed up, all of which belongs to nobody, in a folder that nobody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        rig = Rig(Path(folder))
        write(rig.source, {"warm": b"up"})
        rig.sync()  # loads what is imported late: nobody may not even read our Python
        for path in (rig.folder, *rig.folder.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        yield rig
        for path in rig.source.rglob("*"):
            path.chmod(0o755)


def test_what_could_not_be_read_is_named_and_its_last_version_kept(unprivileged: Rig) -> None:
    rig = unprivileged
    write(rig.source, {"open": b"1", "locked": b"first version", "folder/in": b"in", "folder/deep/x": b"x"})
    with as_nobody():
        assert rig.sync().sources[0].unreadable == ()
    first = snapshot(rig.source)
    before = rig.list()[-1].uuid

    (rig.source / "locked").write_bytes(b"second version")
    (rig.source / "locked").chmod(0)
    (rig.source / "folder").chmod(0)
    write(rig.source, {"open": b"2", "never": b"never read"})
    (rig.source / "never").chmod(0)
    (rig.source / "open").chmod(0o644)
    with as_nobody():
        report = rig.sync().sources[0]
    told = {problem.path: problem for problem in report.unreadable}
    assert set(told) == {b"locked", b"folder", b"never"}
    assert {problem.reason for problem in told.values()} == {"permission denied"}
    assert {path: problem.last for path, problem in told.items()} == {
        b"locked": before,
        b"folder": before,
        b"never": None,
    }
    with as_nobody():
        again = rig.sync().sources[0]
    assert (again.made, {problem.path for problem in again.unreadable}) == (False, set(told))

    for fresh in (False, True):
        if fresh:
            rig.new_home("elsewhere")
        out, restored = rig.restore()
        assert set(restored.older) == {b"locked", b"folder/in", b"folder/deep/x"}
        assert (out / "open").read_bytes() == b"2"
        assert (out / "locked").read_bytes() == b"first version"
        assert (out / "folder" / "deep" / "x").read_bytes() == b"x"
        assert not (out / "never").exists()
        shutil.rmtree(out)
        out, restored = rig.restore(at=before.hex())
        assert (restored.older, restored.causes) == ((), ())
        found = snapshot(out)
        assert {path: found[path].data for path in found} == {path: node.data for path, node in first.items()}
        shutil.rmtree(out)
    out = rig.new_out()
    code, said = rig.recover(str(rig.target), str(out))
    assert code in (0, 3), said
    assert (out / "locked").read_bytes() == b"first version"
    assert (out / "folder" / "deep" / "x").read_bytes() == b"x"

    rig.home = rig.folder / "home"
    for path in ("locked", "folder", "never"):
        (rig.source / path).chmod(0o755)
    with as_nobody():
        assert rig.sync().sources[0].unreadable == ()
    out, restored = rig.restore()
    assert restored.older == ()
    assert (out / "locked").read_bytes() == b"second version"
    assert (out / "never").read_bytes() == b"never read"
    assert (out / "folder" / "in").read_bytes() == b"in"


def test_a_check_point_that_lists_everything_carries_what_could_not_be_read(unprivileged: Rig) -> None:
    rig = unprivileged
    files = {"locked": b"first version", "folder/large": noise(3 << 20), "folder/in": b"in"}
    write(rig.source, {"open": b"1", **files})
    with as_nobody():
        rig.sync()
    for path in ("locked", "folder"):
        (rig.source / path).chmod(0)
    for _ in range(2):
        with as_nobody():
            assert len(rig.sync(standalone=True).sources[0].unreadable) == 2
    for fresh in (False, True):
        if fresh:
            rig.new_home("elsewhere")
        out, restored = rig.restore()
        assert set(restored.older) == {path.encode() for path in files}
        assert {path: (out / path).read_bytes() for path in files} == files
        assert restored.causes == ()


def test_vanished_files_are_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes away between scan and reading is counted and left out, and nothing else suffers."""
    write(rig.source, {"goes": b"goes", "stays": b"stays", "zz": b"zz"})
    os.utime(rig.source / "goes", ns=(1, 1))
    from bakup.flows import sync as flow

    plan = flow.plan

    def planned(*arguments: object) -> object:
        job = plan(*arguments)  # type: ignore[arg-type]
        (rig.source / "goes").unlink()
        return job

    monkeypatch.setattr(flow, "plan", planned)
    report = rig.sync().sources[0]
    assert (report.vanished.files, report.new.files) == (1, 2)
    monkeypatch.undo()
    out, _ = rig.restore()
    assert {path for path in snapshot(out) if path} == {b"stays", b"zz"}


def test_what_could_never_be_read_is_named(unprivileged: Rig) -> None:
    rig = unprivileged
    write(rig.source, {"open": b"1", "never": b"2", "shut/in": b"3", "was/in": b"4"})
    (rig.source / "never").chmod(0)
    (rig.source / "shut").chmod(0)
    with as_nobody():
        rig.sync()
    shutil.rmtree(rig.source / "was")
    write(rig.source, {"was": b"a file in place of a folder"})
    (rig.source / "was").chmod(0)
    with as_nobody():
        rig.sync()

    def never_read(*paths: bytes) -> set[bytes]:
        _, report = rig.restore(None, *paths)
        assert report.older == ()
        assert exit_code(report) == (3 if report.never_read else 0)
        return {path for path, _ in report.never_read}

    assert never_read() == {b"never", b"shut", b"was"}
    assert never_read(b"was") == {b"was"}
    assert never_read(b"ne*") == {b"never"}
    assert never_read(b"open") == set()


@pytest.mark.parametrize("out", ["/", "/.", "//", "file:///"])
@pytest.mark.parametrize("named", [False, True])
def test_the_root_is_not_strewn_with_a_folder(stored: Rig, out: str, named: bool) -> None:
    paths = (os.fsencode(stored.source / "a.txt"),) if named else ()
    refused = raising(lambda: stored.restore(out, *paths, dry_run=True), Usage)  # type: ignore[arg-type]
    assert (refused.exit_code, refused.code) == (2, "out-at-root")  # type: ignore[attr-defined]
    behind = " a.txt" if named else ""
    assert refused.hints == (f"where it was: bakup restore {stored.target} {stored.source}{behind}",)  # type: ignore[attr-defined]
    _, report = stored.restore("/", b"a.txt", dry_run=True)  # type: ignore[arg-type]
    assert report.restored.files == 1


def test_a_check_point_of_nothing_is_told_with_the_last_one_of_something(stored: Rig) -> None:
    last = stored.run("ls", str(stored.target)).split("tags\n")[1][:8]
    shutil.rmtree(stored.source)
    stored.source.mkdir()
    stored.run("sync", str(stored.source), str(stored.target), "--allow-empty")
    said = stored.run("restore", str(stored.target), str(stored.new_out()), "-q")
    assert "is of an empty folder" in said
    assert f"--at {last}" in said


def test_what_gives_way_is_marked_as_changed(stored: Rig) -> None:
    out, _ = stored.restore()
    write(out, {"a.txt": b"other"})
    (out / "docs/b.txt").unlink()
    (out / "img/d.jpg").unlink()
    os.symlink("a.txt", out / "img/d.jpg")
    said = stored.run("restore", str(stored.target), str(out), "-v", "--overwrite", "always").splitlines()
    marks = {line.split()[-1]: line[0] for line in said if line.endswith((".txt", ".jpg"))}
    assert marks == {"a.txt": "M", "docs/b.txt": "+", "img/d.jpg": "T"}


def test_a_sector_is_not_restored_among_sectors(stored: Rig) -> None:
    [sector] = stored.sectors()
    before = snapshot(stored.target)
    said = stored.run("sector", "restore", str(sector), str(stored.target / "out"), code=2)
    assert "is inside DST" in said
    assert_equal(snapshot(stored.target), before)
