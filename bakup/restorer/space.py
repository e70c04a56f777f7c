"""Whether what is to be restored finds room: told before the first byte is written, since what fills a disk harms more
than the restore."""

from __future__ import annotations

from bakup.api.watch import Watch
from bakup.catalog import history
from bakup.destination.opening import OutPlace
from bakup.model import Kind
from bakup.restorer.chosen import Chosen
from bakup.restorer.plan import Survey

_FOLDERS = 2
"""Folders and links are seldom more than files: so many names a file."""


def tell_little_space(chosen: Chosen, survey: Survey, place: OutPlace, watch: Watch) -> None:
    """Tell what is missing of space, or of files that may be made, at `place`. What stands there already, holes and
    further names of a file take none."""
    room = place.room()
    if room is None:
        return
    files, size = _at_most(chosen, survey)
    if size <= room.free and (room.files is None or files <= room.files):
        return
    files, size = _needed(chosen, survey)
    if size > room.free:
        watch.event("space", needed_bytes=size, free_bytes=room.free, target=place.shown, to="restore")
    if room.files is not None and files > room.files:
        watch.event("space", needed_files=files, free_files=room.files, target=place.shown, to="restore")


def _at_most(chosen: Chosen, survey: Survey) -> tuple[int, int]:
    """Files and folders to make, and bytes, no less than there are: known without a look at each."""
    files, size = survey.todo
    if survey.fresh and not files:
        files, size = chosen.checkpoint.files or 0, chosen.checkpoint.size or 0
    return _FOLDERS * files, size


def _needed(chosen: Chosen, survey: Survey) -> tuple[int, int]:
    """Files and folders to make, and the bytes in them."""
    number = size = 0
    groups: set[int] = set()
    for version in chosen.versions():
        if survey.spares(version.path) or (version.kind == Kind.DIR and not survey.fresh):
            continue
        group = version.attributes.link_group
        if group is not None and group in groups:
            continue
        groups.update(() if group is None else (group,))
        number += 1
        if version.kind == Kind.FILE:
            extents = history.extents_of(chosen.connection, version)
            size += sum(extent.length for extent in extents if extent.chunk is not None)
    return number, size
