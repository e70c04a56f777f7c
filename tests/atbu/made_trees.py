"""Trees for ATBU: real files, and the odd names that it takes; and what makes it stop."""

from __future__ import annotations

import os
from pathlib import Path

from bench.atbu import real_files

ODD = (
    b"a,b=c,path=x",
    b"new\nline",
    "caf\u00e9".encode(),
    "e\u0301".encode(),
    "\u65e5\u672c".encode(),
    "\U0001f600".encode(),
    "\u202eback".encode(),
    b" lead",
    b"trail ",
    b"tab\t",
    b"\x01control",
    b"'quotes\"",
    b"%41",
    b"[x]*?",
    b"-dash",
    b".hidden",
    b"v=1,z=gzip",
    b"$HOME;`x`",
    b"x" * 255,
    b"fol,der=\n/deep/er/file",
)
"""All but the backslash, which ATBU restores as a folder, also its own."""

Tree = dict[bytes, tuple[bytes, float]]


def many(root: Path, count: int) -> None:
    """`count` real files, with odd names beside them."""
    real_files(root, count)
    odd_names(root / "odd")


def odd_names(root: Path) -> None:
    """A file of each odd name, of other sizes, one of them empty and two of many megabytes."""
    for number, name in enumerate(ODD):
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"%d " % number * number * 97)
    (root / "noise").write_bytes(os.urandom(5_000_001))
    (root / "zeros").write_bytes(bytes(12_000_001))
    (root / "empty").write_bytes(b"")


def snapshot(root: Path) -> Tree:
    """Content and mtime (as ATBU has it, a float) of every regular file by its path."""
    found = {}
    top = os.fsencode(root)
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = (file.read(), os.stat(path).st_mtime)
    return found
