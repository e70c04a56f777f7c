"""What is left out: as git would, with exceptions that reach into excluded folders; sizes, caches, lists."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bakup.errors import Usage
from bakup.model import Kind
from bakup.source.interface import Left
from bakup.source.tree.filters import CACHE_SIGNATURE, Rules, split_list
from bakup.source.tree.patterns import Patterns
from bakup.source.tree.tree import LocalTree

NAMES = (b"a", b"b", b"ab", b"a.c", b".b")


def plant(root: bytes, depth: int) -> None:
    for name in NAMES:
        with open(os.path.join(root, name + b"-f"), "xb") as file:
            file.write(name)
        if depth:
            os.mkdir(os.path.join(root, name))
            plant(os.path.join(root, name), depth - 1)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", "--separate-git-dir", folder / "git", folder / "tree"], check=True)
    os.unlink(folder / "tree" / ".git")
    plant(os.fsencode(folder / "tree"), 2)
    return folder


def everything(root: Path) -> set[bytes]:
    return {found.path for found in LocalTree(os.fsencode(root)).entries()} - {b""}


def kept(root: Path, patterns: list[str]) -> set[bytes]:
    return {found.path for found in LocalTree(os.fsencode(root), Rules(tuple(patterns))).entries()} - {b""}


def ignored(repository: Path, patterns: list[str], among: set[bytes]) -> set[bytes]:
    (repository / "patterns").write_text("".join(line + "\n" for line in patterns))
    command = ["git", f"--git-dir={repository / 'git'}", f"--work-tree={repository / 'tree'}"]
    command += [
        "-c",
        f"core.excludesFile={repository / 'patterns'}",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    ran = subprocess.run(
        command, input=b"\0".join(sorted(among)), capture_output=True, cwd=repository / "tree", check=False
    )
    assert ran.returncode in {0, 1}, ran.stderr
    return set(ran.stdout.split(b"\0")) - {b""}


parts = st.sampled_from(["a", "b", "ab", "a.c", ".b", "a-f", "*", "a*", "*-f", "?", "[ab]", "[!a]", "**", "*.c", "\\a"])
bodies = st.tuples(st.sampled_from(["", "/"]), st.lists(parts, min_size=1, max_size=3), st.sampled_from(["", "/"]))
plain = bodies.map(lambda body: body[0] + "/".join(body[1]) + body[2])
loose_exceptions = parts.flatmap(lambda part: st.sampled_from([f"!{part}", f"!{part}/", f"!**/{part}"]))


@settings(deadline=None, max_examples=150)
@given(patterns=st.lists(st.one_of(plain, loose_exceptions), min_size=1, max_size=5))
@example(patterns=["**/"])
@example(patterns=["*", "!*/", "!*.c"])
@example(patterns=["a/**", "!a/b"])
@example(patterns=["# comment", "", "/", "\\!a", "a/**/", "**/*/**"])
def test_patterns_are_gits(repository: Path, patterns: list[str]) -> None:
    among = everything(repository / "tree")
    assert kept(repository / "tree", patterns) == among - ignored(repository, patterns, among)


@settings(deadline=None, max_examples=100)
@given(patterns=st.lists(st.one_of(plain, loose_exceptions, plain.map("!{}".format)), min_size=1, max_size=5))
def test_exceptions_only_add_to_what_git_keeps_and_only_in_excluded_folders(
    repository: Path, patterns: list[str]
) -> None:
    among = everything(repository / "tree")
    excluded = ignored(repository, patterns, among)
    more = kept(repository / "tree", patterns) - (among - excluded)
    assert among - excluded <= kept(repository / "tree", patterns)
    for path in more:
        above = {path[:cut] for cut, byte in enumerate(path) if byte == ord("/")} | {path}
        assert above & excluded
        assert any(line.startswith("!") for line in patterns)


def test_an_exception_that_names_a_path_reaches_into_excluded_folders(repository: Path) -> None:
    found = kept(repository / "tree", ["a", "/b/", "!/a/b/ab-f", "!/b/*/a-f"])
    below_a = {path for path in found if path == b"a" or path.startswith(b"a/")}
    assert below_a == {b"a", b"a/b", b"a/b/ab-f"}
    inner = {b"b/" + name for name in NAMES if name != b"a"}
    assert {path for path in found if path.startswith(b"b/")} == inner | {path + b"/a-f" for path in inner} | {
        b"b/a",
        b"b/a/a-f",
    }


def test_folders_are_not_entered_where_no_exception_reaches() -> None:
    patterns = Patterns(["/a", "!/a/b/keep", "/c", "!keep"])
    assert patterns.reaches(b"a", 0)
    assert patterns.reaches(b"a/b", 0)
    assert not patterns.reaches(b"a/x", 0)
    assert not patterns.reaches(b"a/b/keep", 0)
    assert not patterns.reaches(b"c", 2)
    assert not patterns.reaches(b"a", 1), "an exception before the pattern has no say"


def test_names_are_bytes(base: bytes) -> None:
    for name in (b"caf\xe9.tmp", b"new\nline.tmp", "ä.tmp".encode(), b"caf\xe9"):
        with open(base + b"/" + name, "xb"):
            pass
    tree = LocalTree(base, Rules(("*.tmp",)))
    assert [found.path for found in tree.entries()] == [b"", b"caf\xe9"]
    assert kept(Path(os.fsdecode(base)), [os.fsdecode(b"caf\xe9*")]) == {b"new\nline.tmp", "ä.tmp".encode()}


def test_what_is_left_out_is_counted_by_rule(base: bytes) -> None:
    for name, size in ((b"a.tmp", 3), (b"b.tmp", 4), (b"big", 101), (b"fits", 100)):
        with open(base + b"/" + name, "xb") as file:
            file.truncate(size)
    os.makedirs(base + b"/cache/deep")
    tree = LocalTree(base, Rules(("*.tmp", "cache/"), larger_than=100))
    assert [found.path for found in tree.entries()] == [b"", b"fits"]
    assert tree.excluded == {"*.tmp": Left(2, 7), "cache/": Left(0, 0, 1), "--exclude-larger-than": Left(1, 101)}


def test_a_tagged_cache_keeps_its_tag_alone(base: bytes) -> None:
    for folder, content in (
        (b"cache", CACHE_SIGNATURE + b"\n# by us"),
        (b"fake", b"Signature: none"),
        (b"none", b""),
    ):
        os.makedirs(base + b"/" + folder + b"/deep")
        with open(base + b"/" + folder + b"/CACHEDIR.TAG", "xb") as file:
            file.write(content)
        with open(base + b"/" + folder + b"/A", "xb") as file:
            file.write(b"12345")
    tree = LocalTree(base, Rules(caches=True))
    scanned = [found.path for found in tree.entries()]
    assert scanned[1:3] == [b"cache", b"cache/CACHEDIR.TAG"]
    assert scanned[3:] == [f + n for f in (b"fake", b"none") for n in (b"", b"/A", b"/CACHEDIR.TAG", b"/deep")]
    assert tree.excluded == {"CACHEDIR.TAG": Left(1, 5, 1)}


def test_a_list_of_paths_brings_parents_and_all_below(base: bytes) -> None:
    for path in (b"a/b/c", b"a/b/d", b"a/x/y", b"e", b"f\n/g"):
        os.makedirs(base + b"/" + path)
    listed = split_list(b"a/b\n./a/b/c\n\ne/\nno/such\n")
    tree = LocalTree(base, Rules(files_from=listed))
    assert [found.path for found in tree.entries()] == [b"", b"a", b"a/b", b"a/b/c", b"a/b/d", b"e"]
    assert tree.missing == (b"no",)
    assert tree.vanished == 0
    tree = LocalTree(base, Rules(files_from=split_list(b"f\n/g\0", nul=True)))
    assert [found.path for found in tree.entries()] == [b"", b"f\n", b"f\n/g"]
    tree = LocalTree(base, Rules(files_from=(b".",)))
    assert len(list(tree.entries())) == 10
    assert len(list(LocalTree(base, Rules(files_from=())).entries())) == 1


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../up", b"a/../b", b"a\0b"])
def test_a_list_does_not_leave_the_source(base: bytes, path: bytes) -> None:
    with pytest.raises(Usage, match="not a path below the source"):
        LocalTree(base, Rules(files_from=(path,)))


@pytest.mark.parametrize("pattern", ["a\\", "[z-a]", "!"])
def test_what_is_no_pattern_is_refused(base: bytes, pattern: str) -> None:
    with pytest.raises(Usage, match="not a pattern"):
        LocalTree(base, Rules((pattern,)))


def test_an_excluded_path_that_cannot_be_looked_at_is_no_problem(base: bytes) -> None:
    os.mkdir(base + b"/closed")
    with open(base + b"/closed/x.tmp", "xb"):
        pass
    tree = LocalTree(base, Rules(("*.tmp",)))
    os.chmod(base + b"/closed", 0o744)
    assert not [found for found in tree.entries() if found.kind == Kind.UNREAD]


CLASSES = [
    "[[:digit:]]",
    "[![:alpha:]]x",
    "[[:punct:]]*",
    "x[[:space:][:upper:]]",
    "[[:xdigit:]-]",
    "[:alpha:]",
    "\\[[:digit:]]",
]
ODD = ["7", "ax", "9x", "-a", "x ", "xA", "xa", "f", "g", "-", "[1]", "a", "[7]", "]", "1]"]


@pytest.mark.parametrize("pattern", CLASSES)
def test_posix_classes_are_gits(tmp_path: Path, pattern: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "git")], check=True)
    for name in ODD:
        (tree / name).touch()
    among = everything(tree)
    assert kept(tree, [pattern]) == among - ignored(tmp_path, [pattern], among)


def test_a_pattern_may_begin_with_the_source_or_a_dot(tmp_path: Path) -> None:
    for path in ("a/x", "b/a/x", "c"):
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).touch()
    os.symlink("tree", tmp_path / "link")
    tree, link = str(tmp_path / "tree"), str(tmp_path / "link")
    inner = {b"b", b"b/a", b"b/a/x", b"c"}
    for pattern in (f"{tree}/a", f"{tree}/a/", "./a", "/a"):
        assert kept(tmp_path / "tree", [pattern]) == inner
    for pattern in (f"{tree}/a", f"{link}/a"):
        assert kept(tmp_path / "link", [pattern]) == inner
    assert kept(tmp_path / "tree", ["*", f"!{tree}/c"]) == {b"c"}
    assert len(kept(tmp_path / "tree", [f"{tree}/"])) == len(kept(tmp_path / "tree", ["/"])) == 6
    assert len(kept(tmp_path / "tree", [f"{tmp_path}/tre/a", f"{link}/a"])) == 6


def test_a_listed_path_may_begin_with_the_source(base: bytes) -> None:
    for path in (b"a/b", b"c"):
        os.makedirs(base + b"/" + path)
    for listed in (base + b"/a/b", base + b"/a/b/", b"./a//b", b"a/b"):
        tree = LocalTree(base, Rules(files_from=(listed, listed)))
        assert [found.path for found in tree.entries()] == [b"", b"a", b"a/b"]
    assert len(list(LocalTree(base, Rules(files_from=(base,))).entries())) == 4
    with pytest.raises(Usage, match="not a path below the source: /no"):
        LocalTree(base, Rules(files_from=(b"/no",)))
    assert len(list(LocalTree(base, Rules(files_from=(b"/no/x",), elsewhere=(b"/no",))).entries())) == 1


def test_patterns_without_case(base: bytes) -> None:
    for name in ("a.TMP", "b.tmp", "ÄRGER", "c", "Keep.TMP"):
        with open(base + b"/" + name.encode(), "xb"):
            pass
    rules = Rules(folded=("*.tmp", "ärger"), patterns=("!Keep.*",))
    assert [found.path for found in LocalTree(base, rules).entries()] == [b"", b"Keep.TMP", b"c"]


def test_of_a_marked_folder_the_marker_is_kept(base: bytes) -> None:
    for path in (b"a/data", b"a/.nobackup", b"a/deep/x", b"b/data"):
        os.makedirs(os.path.dirname(base + b"/" + path), exist_ok=True)
        with open(base + b"/" + path, "xb") as file:
            file.write(b"12")
    tree = LocalTree(base, Rules(if_present=(b".nobackup",)))
    assert [found.path for found in tree.entries()] == [b"", b"a", b"a/.nobackup", b"b", b"b/data"]
    assert tree.excluded == {"--exclude-if-present .nobackup": Left(1, 2, 1)}


def test_patterns_without_effect_are_known(base: bytes) -> None:
    os.makedirs(base + b"/keep/in")
    for begin in (False, True):
        tree = LocalTree(base, Rules(("/keep", "*.none", "!doc", "# comment", "!/keep/in")))
        if begin:
            tree.begin()
        assert [found.path for found in tree.entries()] == [b"", b"keep", b"keep/in"]
        assert tree.unmatched == ("*.none", "!doc")
        tree.close()
