"""Trees: what stands in a folder as a plain value, generators of trees, and changes to them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

Tree = dict[bytes, "Node"]


@dataclass(frozen=True)
class Node:
    """What a backup must bring back of one path. `data`: a file's bytes; `links`: the paths that are the same inode."""

    kind: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    data: bytes = b""
    target: bytes = b""
    device: int = 0
    links: tuple[bytes, ...] = ()
    xattrs: tuple[tuple[str, bytes], ...] = ()


KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}


def snapshot(root: str | os.PathLike[str]) -> Tree:
    """All that stands in a folder, itself as `b""`: a naive copy, made by reading everything."""
    top = os.fsencode(os.fspath(root))
    found: Tree = {}
    inodes: dict[tuple[int, int], list[bytes]] = {}
    for path in _walk(top, b""):
        full = os.path.join(top, path) if path else top
        facts = os.lstat(full)
        node = _node(full, facts)
        if facts.st_nlink > 1 and node.kind != "dir":
            inodes.setdefault((facts.st_dev, facts.st_ino), []).append(path)
        found[path] = node
    for paths in inodes.values():
        for path in paths if len(paths) > 1 else ():
            found[path] = replace(found[path], links=tuple(sorted(paths)))
    return found


def _walk(top: bytes, path: bytes) -> Iterator[bytes]:
    yield path
    with os.scandir(os.path.join(top, path) if path else top) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, folder in names:
        inner = path + b"/" + name if path else name
        if folder:
            yield from _walk(top, inner)
        else:
            yield inner


def _node(full: bytes, facts: os.stat_result) -> Node:
    kind = KINDS[stat.S_IFMT(facts.st_mode)]
    data = target = b""
    if kind == "file":
        with open(full, "rb") as file:
            data = file.read()
    elif kind == "symlink":
        target = os.readlink(full)
    mode = 0o777 if kind == "symlink" else stat.S_IMODE(facts.st_mode)
    device = facts.st_rdev if kind in ("character", "block") else 0
    names = sorted(os.listxattr(full, follow_symlinks=False))
    xattrs = tuple((name, os.getxattr(full, name, follow_symlinks=False)) for name in names)
    return Node(kind, mode, facts.st_uid, facts.st_gid, facts.st_mtime_ns, data, target, device, xattrs=xattrs)


def assert_equal(found: Tree, wanted: Tree, *, root: bool = True, where: str = "") -> None:
    """Fail and name each path that is missing, too much, or not as wanted."""
    paths = sorted({*found, *wanted} - (set() if root else {b""}))
    wrong = [_difference(path, found.get(path), wanted.get(path)) for path in paths]
    wrong = [line for line in wrong if line]
    assert not wrong, f"{where}: {len(wrong)} of {len(paths)} paths differ\n" + "\n".join(wrong[:20])


def _difference(path: bytes, found: Node | None, wanted: Node | None) -> str:
    if found == wanted:
        return ""
    if found is None or wanted is None:
        return f"{path!r}: {'is missing' if found is None else 'should not be there'}"
    facts = [
        f"{name} {_short(getattr(found, name))}, wanted {_short(getattr(wanted, name))}"
        for name in Node.__dataclass_fields__
        if getattr(found, name) != getattr(wanted, name)
    ]
    return f"{path!r}: " + "; ".join(facts)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}... ({len(value)})"  # type: ignore[arg-type]


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression makes smaller, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def write(root: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write files below a folder, folders on the way made."""
    for path, data in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)


# --- generated trees and histories -----------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        [
            b"a",
            b"b",
            b"c",
            b"a.b",
            b"a b",
            b"a-",
            b"a\x01",
            b"a\xff",
            b"A",
            b"-n",
            b"--",
            b".x",
            b"..x",
            b"new\nline",
            b"tab\t",
            b" ",
            b"caf\xe9",
            "café".encode(),
            "cafe\u0301".encode(),
            b"*",
            b"[a]",
            b"\\",
            b"$'",
            b"~",
            b"a.part",
            b"a.part.ranges",
            b"x.bakup",
            b"\xf0\x9f\x92\xbe",
            b"\xed\xa0\x80",
            b"n" * 255,
        ]
    ),
    st.binary(min_size=1, max_size=12)
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in (b".", b"..")),
)
TARGETS = st.one_of(
    st.sampled_from([b"a", b"/", b"../../etc/passwd", b"nowhere", b".", b"t" * 4000]),
    st.binary(min_size=1, max_size=20).map(lambda target: target.replace(b"\0", b"_")),
)
TIMES = st.one_of(
    st.sampled_from([0, 1, -1, 10**9, 2**31 * 10**9, 1_600_000_000_123_456_789]),
    st.integers(-(2**31) * 10**9, 2**33 * 10**9),
)
MODES = st.sampled_from([0o644, 0o600, 0o755, 0o000, 0o444, 0o4755, 0o2755, 0o1777])
SELECT = st.integers(0, 40)


Content = bytes | tuple[int, int, int]
"""Bytes as they are, or (size, seed, form) of bytes that would be long to print."""


def contents(cuts: tuple[int, ...]) -> st.SearchStrategy[Content]:
    """Bytes of files: mostly tiny, some around the sizes at which the code takes another way."""
    sizes = [max(0, cut + more) for cut in cuts for more in (-1, 0, 1)]
    around = st.tuples(st.sampled_from(sizes), st.integers(0, 3), st.sampled_from([0, 1, 2]))
    tiny = st.one_of(st.just(b""), st.just(b"x"), st.binary(max_size=40), st.sampled_from([b"same", b"\0" * 9]))
    return st.one_of(tiny, tiny, tiny, around)


def _filled(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    size, seed, form = content
    if form == 0:
        return noise(size, seed)
    return bytes(size) if form == 1 else (b"text %d\n" % seed * (size // 7 + 1))[:size]


def operations(cuts: tuple[int, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One change to a tree; paths are chosen by number among those that are there then."""
    content = contents(cuts)
    return st.one_of(
        st.tuples(st.just("write"), SELECT, NAMES, content),
        st.tuples(st.just("write"), SELECT, NAMES, content),
        st.tuples(st.just("mkdir"), SELECT, NAMES),
        st.tuples(st.just("symlink"), SELECT, NAMES, TARGETS),
        st.tuples(st.just("fifo"), SELECT, NAMES),
        st.tuples(st.just("link"), SELECT, SELECT, NAMES),
        st.tuples(st.just("delete"), SELECT),
        st.tuples(st.just("touch"), SELECT, TIMES),
        st.tuples(st.just("chmod"), SELECT, MODES),
        st.tuples(st.just("chown"), SELECT, st.sampled_from([0, 1, 12345])),
        st.tuples(st.just("rename"), SELECT, SELECT, NAMES),
        st.tuples(st.just("retype"), SELECT, st.sampled_from(["file", "dir", "symlink", "fifo"]), content),
        st.tuples(st.just("edit"), SELECT, content),
        st.tuples(st.just("append"), SELECT, st.binary(min_size=1, max_size=30)),
        st.tuples(st.just("xattr"), SELECT, st.binary(max_size=300)),
        st.tuples(st.just("sparse"), SELECT, NAMES, st.integers(0, 40_000)),
    )


def histories(cuts: tuple[int, ...]) -> st.SearchStrategy[list[list[tuple[Any, ...]]]]:
    """Changes before each of 2 to 5 syncs."""
    one = operations(cuts)
    first = st.lists(one, min_size=1, max_size=14)
    return st.tuples(first, st.lists(st.lists(one, max_size=6), min_size=1, max_size=4)).map(
        lambda draw: [draw[0], *draw[1]]
    )


def apply(root: str | os.PathLike[str], changes: list[tuple[Any, ...]]) -> None:
    """Carry out changes, those that are possible: a system refuses some names and some moves."""
    top = os.fsencode(os.fspath(root))
    for name, *arguments in changes:
        with contextlib.suppress(OSError, shutil.Error):
            _DO[name](top, *arguments)


def _paths(top: bytes, *, folders: bool = False) -> list[bytes]:
    return sorted(
        os.path.join(top, path) if path else top
        for path in _walk(top, b"")
        if not folders or stat.S_ISDIR(os.lstat(os.path.join(top, path) if path else top).st_mode)
    )


def _pick(top: bytes, number: int, *, folders: bool = False) -> bytes:
    paths = _paths(top, folders=folders)
    return paths[number % len(paths)]


def _free(top: bytes, number: int, name: bytes) -> bytes:
    return os.path.join(_pick(top, number, folders=True), name)


def _write(top: bytes, folder: int, name: bytes, data: Content) -> None:
    with open(_free(top, folder, name), "xb") as file:
        file.write(_filled(data))


def _sparse(top: bytes, folder: int, name: bytes, size: int) -> None:
    with open(_free(top, folder, name), "xb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"island" if size > 12 else b"")


def _link(top: bytes, old: int, folder: int, name: bytes) -> None:
    os.link(_pick(top, old), _free(top, folder, name), follow_symlinks=False)


def _delete(top: bytes, number: int) -> None:
    path = _pick(top, number)
    if path == top:
        return
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _touch(top: bytes, number: int, when: int) -> None:
    os.utime(_pick(top, number), ns=(when, when), follow_symlinks=False)


def _chmod(top: bytes, number: int, mode: int) -> None:
    path = _pick(top, number)
    if not os.path.islink(path):
        os.chmod(path, mode | (0o700 if os.path.isdir(path) else 0))


def _chown(top: bytes, number: int, owner: int) -> None:
    os.lchown(_pick(top, number), owner, owner)


def _rename(top: bytes, number: int, folder: int, name: bytes) -> None:
    path = _pick(top, number)
    if path != top:
        os.rename(path, _free(top, folder, name))


def _retype(top: bytes, number: int, kind: str, data: Content) -> None:
    path = _pick(top, number)
    if path == top:
        return
    _delete(top, number)
    if kind == "file":
        with open(path, "xb") as file:
            file.write(_filled(data))
    elif kind == "dir":
        os.mkdir(path)
        with open(os.path.join(path, b"inner"), "xb") as file:
            file.write(_filled(data))
    elif kind == "symlink":
        os.symlink(b"elsewhere", path)
    else:
        os.mkfifo(path)


def _edit(top: bytes, number: int, data: Content) -> None:
    path = _pick(top, number)
    if stat.S_ISREG(os.lstat(path).st_mode):
        with open(path, "wb") as file:
            file.write(_filled(data))


def _append(top: bytes, number: int, data: Content) -> None:
    path = _pick(top, number)
    if stat.S_ISREG(os.lstat(path).st_mode):
        with open(path, "ab") as file:
            file.write(_filled(data))


def _xattr(top: bytes, number: int, value: bytes) -> None:
    os.setxattr(_pick(top, number), b"user.test", value, follow_symlinks=False)


_DO: dict[str, Callable[..., None]] = {
    "write": _write,
    "mkdir": lambda top, folder, name: os.mkdir(_free(top, folder, name)),
    "symlink": lambda top, folder, name, target: os.symlink(target, _free(top, folder, name)),
    "fifo": lambda top, folder, name: os.mkfifo(_free(top, folder, name)),
    "link": _link,
    "delete": _delete,
    "touch": _touch,
    "chmod": _chmod,
    "chown": _chown,
    "rename": _rename,
    "retype": _retype,
    "edit": _edit,
    "append": _append,
    "xattr": _xattr,
    "sparse": _sparse,
}
