"""OUT is kept apart from DST and from `/`: nothing is restored among sectors, whatever the two are spelled like."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from bakup.archive.select import inner_path
from bakup.catalog import history
from bakup.errors import Usage
from bakup.format.objects import is_object
from bakup.restorer.chosen import Chosen
from bakup.store.opening import is_url, local_path, spot_of
from bakup.store.url.inside import key_inside

_HINT = "give another folder: what is restored is not put among sectors"
_ANY = "any"
"""A name that OUT might have in it: its key below DST tells OUT that is DST, OUT inside DST, and all else."""


def refuse_out_at_target(
    dst: str, dst_options: Mapping[str, object], out: str, out_options: Mapping[str, object]
) -> None:
    """Raise Usage if OUT is DST, or inside it."""
    inner = _inside(f"{out.rstrip('/')}/{_ANY}", out_options, dst, dst_options)
    if inner:
        where = "is DST" if inner == _ANY else "is inside DST"
        raise Usage(f"OUT {where}: {out}", hints=(_HINT,), code="out-at-target")


def refuse_target_in_the_way(
    chosen: Chosen, dst: str, dst_options: Mapping[str, object], out: str, out_options: Mapping[str, object]
) -> None:
    """Raise Usage if DST is inside OUT, where what is to be restored would be written into it."""
    inner = os.fsencode(_inside(dst, dst_options, out, out_options))
    if not inner:
        return
    found = history.versions_at(chosen.connection, chosen.source.id, chosen.checkpoint.ordinal, inner)
    if any(map(chosen.wants, found)):
        shown = os.fsdecode(inner)
        raise Usage(
            f"{shown} of the check point would be written into DST: {dst} is inside {out}",
            hints=(_HINT,),
            code="out-at-target",
        )


def refuse_out_beside(file: str, out: str) -> None:
    """Raise Usage if OUT is the target that an object is in, or inside it."""
    if is_url(file):
        return
    path = PurePath(os.path.realpath(local_path(file)))
    parted = is_object("/".join(path.parts[-2:]))
    refuse_out_at_target(str(path.parents[1 if parted else 0]), {}, out, {})


def refuse_strewing(chosen: Chosen, dst: str, out: str, paths: Sequence[bytes]) -> None:
    """Raise Usage if all of a folder, or an absolute path, would be put into `/`, as if OUT/<absolute path> were meant.

    What was the root is brought back to it, and paths as they are in the source go where they are said to go.
    """
    absolute = not paths or any(path.startswith(b"/") for path in paths)
    if is_url(out) or not absolute or not _same(local_path(out), "/") or chosen.source.location.rstrip(b"/") == b"":
        return
    place = os.fsdecode(chosen.source.location)
    inner = [os.fsdecode(inner_path(chosen.source, path)) or "*" for path in paths]
    raise Usage(
        f"{'what is in ' if not paths else ''}{place if not paths else os.fsdecode(paths[0])} would be put into /:"
        " OUT is the folder that takes the place of the source",
        hints=(f"where it was: bakup restore {shlex.join([dst, place, *inner])}",),
        code="out-at-root",
    )


def _inside(inner: str, inner_options: Mapping[str, object], outer: str, outer_options: Mapping[str, object]) -> str:
    """The path of a place below another one, without a slash at its end; empty if it is not inside."""
    if is_url(inner) and is_url(outer):
        return key_inside(spot_of(inner, inner_options), spot_of(outer, outer_options))
    if is_url(inner) or is_url(outer):
        return ""
    at, names = os.path.realpath(local_path(inner)), list[str]()
    root = os.path.realpath(local_path(outer))
    while not _same(at, root):
        at, name = os.path.split(at)
        if not name:
            return ""
        names.append(name)
    return "/".join(reversed(names))


def _same(path: str, other: str) -> bool:
    """Whether two paths mean one folder; a bind mount of it too."""
    try:
        return path == other or os.path.samefile(path, other)
    except OSError:
        return False
