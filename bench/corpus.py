"""What is backed up: Debian's linux-source-6.1 unpacked, and one file over 2 GB made from it; made once."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

PACKAGE = "linux-source-6.1"
CHANGED, RENAMED, DELETED, OUT_OF = 0, 33, 66, 100
"""Of each hundred files in order of path: the one that is changed, renamed, deleted."""

INSERTED_BYTES = 64 * 1024
COPY_BYTES = 8 * 1024 * 1024
BIG_NAME = "disk.img"
TIMES = 10


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where things lie: `tree` unpacked, `big` a folder with one file, `after` what it becomes."""

    folder: str
    tree: str
    big: str
    after: str


def prepare(folder: str) -> Corpus:
    """Make what is missing in `folder` (about 5 GB), and put back what a killed run left changed."""
    os.makedirs(folder, exist_ok=True)
    corpus = Corpus(folder, f"{folder}/tree", f"{folder}/big", f"{folder}/{BIG_NAME}.after")
    _put_back_big(corpus)
    if not os.path.isdir(corpus.tree):
        _unpack(folder, _package(folder), corpus.tree)
    if not os.path.isdir(corpus.big):
        _make_big(corpus)
    _put_back(corpus)
    return corpus


def measure(folder: str) -> tuple[int, int]:
    """How many regular files lie below `folder`, and the sum of their sizes in bytes."""
    sizes = [os.lstat(path).st_size for path in _files(folder)]
    return len(sizes), sum(sizes)


@contextmanager
def changed(corpus: Corpus) -> Iterator[None]:
    """While entered: 1 % of the tree's files have a line inserted, 1 % another name, 1 % are gone."""
    steps = [(i % OUT_OF, path) for i, path in enumerate(_files(corpus.tree))]
    steps = [(what, path) for what, path in steps if what in {CHANGED, RENAMED, DELETED}]
    os.makedirs(_stash(corpus))
    with open(f"{_stash(corpus)}/journal", "w", encoding="utf-8") as journal:
        json.dump(steps, journal)
    for number, (what, path) in enumerate(steps):
        _change(what, path, f"{_stash(corpus)}/{number}")
    try:
        yield
    finally:
        _put_back(corpus)


@contextmanager
def inserted(corpus: Corpus) -> Iterator[None]:
    """While entered, the big file has 64 KiB more in its middle; made on first use."""
    if not os.path.exists(corpus.after):
        _make_after(corpus)
    path = f"{corpus.big}/{BIG_NAME}"
    os.rename(path, _before(corpus))
    os.rename(corpus.after, path)
    try:
        yield
    finally:
        _put_back_big(corpus)


def tenfold(corpus: Corpus) -> str:
    """A tree of ten times as many files and bytes, no two alike: each file begins with its copy's number."""
    folder = f"{corpus.folder}/ten"
    if not os.path.isdir(folder):
        shutil.rmtree(f"{folder}.new", ignore_errors=True)
        for number in range(TIMES):
            shutil.copytree(corpus.tree, f"{folder}.new/{number}", symlinks=True, copy_function=_numbered(number))
        os.rename(f"{folder}.new", folder)
    return folder


def _numbered(number: int) -> Callable[[str, str], str]:
    """A copy function for shutil that puts the number before the bytes."""

    def copy(source: str, destination: str) -> str:
        with open(source, "rb") as read, open(destination, "wb") as write:
            write.write(b"%d\n" % number + read.read())
        return destination

    return copy


def _files(folder: str) -> Iterator[str]:
    """Regular files below `folder`, in one order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                yield path


def _package(folder: str) -> str:
    """Path of the downloaded package."""
    found = glob.glob(f"{folder}/{PACKAGE}_*.deb")
    if not found:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        found = glob.glob(f"{folder}/{PACKAGE}_*.deb")
    return found[0]


def _unpack(folder: str, package: str, tree: str) -> None:
    """The source tree out of the tar in the package."""
    new = f"{folder}/unpack"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(f"{new}/tree")
    subprocess.run(["dpkg-deb", "-x", package, new], check=True)
    tar = f"{new}/usr/src/{PACKAGE}.tar.xz"
    subprocess.run(["tar", "-xf", tar, "-C", f"{new}/tree", "--strip-components=1", "--no-same-owner"], check=True)
    os.rename(f"{new}/tree", tree)
    shutil.rmtree(new)


def _make_big(corpus: Corpus) -> None:
    """The tree as a tar, twice: as it is, then each byte turned by one: it compresses, nothing repeats."""
    shutil.rmtree(corpus.big, ignore_errors=True)
    os.makedirs(f"{corpus.big}.new")
    tar = f"{corpus.folder}/tree.tar"
    subprocess.run(["tar", "-cf", tar, "--sort=name", "-C", corpus.tree, "."], check=True)
    with open(f"{corpus.big}.new/{BIG_NAME}", "wb") as write:
        for table in (None, bytes((value + 1) % 256 for value in range(256))):
            _copy(tar, write, 0, os.path.getsize(tar), table)
    os.unlink(tar)
    os.rename(f"{corpus.big}.new", corpus.big)
    with suppress(FileNotFoundError):
        os.unlink(corpus.after)


def _make_after(corpus: Corpus) -> None:
    """The big file with 64 KiB of the digits of a counter in its middle."""
    path = f"{corpus.big}/{BIG_NAME}"
    size = os.path.getsize(path)
    with open(f"{corpus.after}.new", "wb") as write:
        _copy(path, write, 0, size // 2, None)
        write.write(b"".join(b"%8d" % number for number in range(INSERTED_BYTES // 8)))
        _copy(path, write, size // 2, size, None)
    os.rename(f"{corpus.after}.new", corpus.after)


def _copy(path: str, write: BinaryIO, begin: int, end: int, table: bytes | None) -> None:
    """Bytes `begin` to `end` of a file, translated by `table` if there is one."""
    with open(path, "rb") as read:
        read.seek(begin)
        while begin < end and (piece := read.read(min(COPY_BYTES, end - begin))):
            write.write(piece if table is None else piece.translate(table))
            begin += len(piece)


def _before(corpus: Corpus) -> str:
    return f"{corpus.folder}/{BIG_NAME}.before"


def _put_back_big(corpus: Corpus) -> None:
    """Undo `inserted`, also when a killed run left it half way."""
    path = f"{corpus.big}/{BIG_NAME}"
    if os.path.exists(_before(corpus)):
        if os.path.exists(path):
            os.rename(path, corpus.after)
        os.rename(_before(corpus), path)


def _stash(corpus: Corpus) -> str:
    return f"{corpus.folder}/stash"


def _change(what: int, path: str, kept: str) -> None:
    """Change, rename or delete one file; the original goes to `kept` (a renamed one only moves)."""
    if what == RENAMED:
        os.rename(path, f"{path}.renamed")
        return
    os.rename(path, kept)
    if what == CHANGED:
        with open(kept, "rb") as read, open(path, "wb") as write:
            data = read.read()
            write.write(data[: len(data) // 2] + b"\n/* one line more */\n" + data[len(data) // 2 :])


def _put_back(corpus: Corpus) -> None:
    """Undo `changed` from its journal, also when it stopped half way."""
    stash = _stash(corpus)
    if os.path.exists(f"{stash}/journal"):
        with open(f"{stash}/journal", encoding="utf-8") as journal:
            steps = json.load(journal)
        for number, (what, path) in enumerate(steps):
            kept = f"{path}.renamed" if what == RENAMED else f"{stash}/{number}"
            if os.path.lexists(kept):
                os.replace(kept, path)
    shutil.rmtree(stash, ignore_errors=True)
