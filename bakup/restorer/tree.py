"""Bringing a tree back in the order that keeps it whole: what is in a folder before the folder's own times."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Set
from typing import Protocol

from bakup.catalog.rows import Version
from bakup.destination.interface import Out, object_facts
from bakup.layouts.interface import Bringer
from bakup.layouts.restored import Brought
from bakup.model import Extent, Kind

STEP = 64
"""Folders that are made between two looks at what else is to be done."""


class Tree(Protocol):
    """Versions to bring back, given as often as they are asked for, in key order or backwards."""

    @property
    def whole(self) -> tuple[int, int] | None:
        """(source, ordinal) of the check point of which these are all versions; None if they are something else."""

    def versions(self, *kinds: Kind, plain: bool = True, descending: bool = False) -> Iterator[Version]:
        """All, or those of `kinds`; without `plain` those files only that are not (see `versions` in the catalog)."""


def bring_tree(
    bringer: Callable[[], Bringer],
    destination: Out,
    tree: Tree,
    extents: Callable[[Version], Iterable[Extent]],
    *,
    equal: Set[bytes] = frozenset(),
    kept: Set[bytes] = frozenset(),
    filled: Container[bytes] | None = None,
    amended: Callable[[bytes], bool] = bool,
    replaced: bool,
) -> Brought:
    """Folders, files, links, special files, hard links, then the folders' attributes, deepest first.

    What stands at the paths in `equal` is what is wanted there already, what stands at those in `kept` is another.
    Something is to be made in the folders that are `filled`; in any of them, if that is not known. One that stood there
    takes the attributes that are stored only if it is `amended`: by itself all do but for the destination.
    A name that cannot be linked to the first of its inode is written by itself.
    """
    flags: list[tuple[bytes, int]] = []

    def folders() -> Iterator[None]:
        for number, version in enumerate(tree.versions(Kind.DIR)):
            path, facts = version.path, object_facts(version.attributes)
            destination.make_dir(path, replaced, facts, filled=filled is None or path in filled)
            if number % STEP == 0:
                yield

    making = folders()
    next(making, None)  # the destination itself, before anything is in it
    destination.expect(lambda: (version.path for version in tree.versions()))
    if not destination.fresh:
        for _ in making:
            pass
    bringing = bringer()
    whole = None if equal or kept else tree.whole
    plain = whole is None or not bringing.take_plain(*whole)
    groups = _there(tree.versions(Kind.FILE), equal, lambda version: version.digest)
    links: list[Link] = []

    def files() -> Iterator[tuple[bytes, int, bytes, Iterable[Extent]]]:
        for version in tree.versions(Kind.FILE, plain=plain):
            attributes = version.attributes
            path, size, group = version.path, version.size or 0, attributes.link_group
            first = None if group is None else _first(groups, version, group, version.digest, kept)
            if path in equal or path in kept:
                continue
            if attributes.inode_flags:
                flags.append((path, attributes.inode_flags))
            if first is not None:
                links.append((path, first, size))
                continue
            yield path, size, version.encoded, extents(version)

    brought = _bring(bringing, destination, files(), making)

    def write(paths: Set[bytes]) -> None:
        if paths:
            another = bringer()
            versions = (version for version in tree.versions(Kind.FILE, plain=False) if version.path in paths)
            wanted = ((version.path, version.size or 0, version.encoded, extents(version)) for version in versions)
            brought.add(_bring(another, destination, wanted, iter(())))

    _make_links(destination, tree, equal, kept)
    left = _link(destination, brought, links)
    firsts = {first: path for path, first, _ in reversed(left)}
    write(set(firsts.values()))
    others = [(path, firsts[first], size) for path, first, size in left if path != firsts[first]]
    write({path for path, _, _ in _link(destination, brought, others)})
    refused = {path for path, _ in destination.problems}
    for version in tree.versions(Kind.DIR, descending=True):
        if version.path in refused:
            continue
        if destination.made(version.path) or amended(version.path):
            destination.finish_dir(version.path, version.attributes)
            if version.attributes.inode_flags:
                flags.append((version.path, version.attributes.inode_flags))
    for path, wanted in flags:
        destination.set_flags(path, wanted)
    return brought


Link = tuple[bytes, bytes, int]
"""A path, the one that it becomes another name of, and the size of the file."""


def _bring(
    bringing: Bringer,
    destination: Out,
    files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]],
    meanwhile: Iterator[None],
) -> Brought:
    brought = bringing.bring(files, meanwhile)
    for _, size in destination.settle():
        brought.files -= 1
        brought.size -= size
    return brought


def _link(destination: Out, brought: Brought, links: Iterable[Link]) -> list[Link]:
    """Make names of files that are there; those of `links` that have to be written by themselves."""
    lost = {file.path: (cause, file.available) for cause, files in brought.lost.items() for file in files}
    refused = {path for path, _ in destination.problems}
    left = []
    for path, first, size in links:
        if first in lost:
            cause, available = lost[first]
            brought.lose(cause, path, size, available)
        elif first not in refused and destination.hard_link(path, first):
            brought.files += 1
            brought.size += size
        else:
            left.append((path, first, size))
    return left


Groups = dict[int, tuple[bytes, bytes | None]]
"""Of each link group the path that the others become names of, and its content."""


def _there(versions: Iterator[Version], equal: Set[bytes], content: Callable[[Version], bytes | None]) -> Groups:
    """Link groups of which a path is there already: the missing ones become names of it."""
    groups: Groups = {}
    for version in versions if equal else ():
        if version.attributes.link_group is not None and version.path in equal:
            groups.setdefault(version.attributes.link_group, (version.path, content(version)))
    return groups


def _first(
    groups: Groups, version: Version, group: int | None, content: bytes | None, kept: Set[bytes]
) -> bytes | None:
    """The path of the same inode that is there already or comes before this one, if there is one."""
    if group is None or version.path in kept:
        return None
    path, same = groups.setdefault(group, (version.path, content))
    return path if path != version.path and same == content else None


def _make_links(destination: Out, tree: Tree, equal: Set[bytes], kept: Set[bytes]) -> None:
    """Symbolic links and special files; those of one link group are one inode."""
    groups = _there(tree.versions(Kind.SYMLINK, Kind.SPECIAL), equal, lambda version: version.extra)
    for version in tree.versions(Kind.SYMLINK, Kind.SPECIAL):
        group = version.attributes.link_group
        first = _first(groups, version, group, version.extra, kept)
        if version.path in equal or version.path in kept:
            continue
        linked = first is not None and destination.hard_link(version.path, first)
        if not linked and not _make(destination, version) and group is not None:
            del groups[group]  # the next one is the first


def _make(destination: Out, version: Version) -> bool:
    if version.kind == Kind.SYMLINK:
        return destination.symlink(version.path, version.extra or b"", version.attributes)
    return destination.special(version.path, *version.special, version.attributes)
