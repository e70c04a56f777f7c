"""What of a check point is restored, and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from bakup.api.reports import RestoreOptions
from bakup.api.watch import Mark
from bakup.catalog.rows import Version
from bakup.destination.folder.unfinished import RestoreRun
from bakup.destination.interface import Out, object_facts
from bakup.destination.opening import OutPlace
from bakup.errors import Failed
from bakup.model import Kind
from bakup.restorer.chosen import Chosen
from bakup.restorer.compare import HASHES, Hash, Verifier

OTHER_CONTENT = "of other content"
"""Of a file that only looks equal."""

OTHER_LINKS = "of other links"
"""Of what is equal, and not the same file as the other names of it."""


_MARKS: dict[str, Mark] = {"other kind": "T", OTHER_LINKS: "U"}
"""What `-v` shows of a path that is replaced; it is changed otherwise."""


class Survey(Struct):
    """What stands at the destination beside what is wanted there.

    `fresh`: nothing does. `filled`: folders in which something is to be made; `amended`: what stands there and takes
    other attributes; `marks`: of what gives way to something else.
    """

    fresh: bool = False

    equal: list[int] = field(default_factory=lambda: [0, 0])
    kept: list[int] = field(default_factory=lambda: [0, 0])
    todo: list[int] = field(default_factory=lambda: [0, 0])
    conflicts: list[tuple[bytes, str]] = field(default_factory=list)
    equal_paths: set[bytes] = field(default_factory=set)
    kept_paths: set[bytes] = field(default_factory=set)
    filled: set[bytes] = field(default_factory=set)
    marks: dict[bytes, Mark] = field(default_factory=dict)
    amended: list[bytes] = field(default_factory=list)

    def spares(self, path: bytes) -> bool:
        """Whether what stands at a path is to stay."""
        return path in self.equal_paths or path in self.kept_paths


def surveyed(chosen: Chosen, place: OutPlace, run: RestoreRun, options: RestoreOptions, layout: str) -> Survey:
    """What stands at `place`; the ids of chunks are those of a `layout`."""
    survey = Survey()
    if place.is_empty() and not (options.overwrite == "always" and place.exists()):
        survey.fresh = True
        for version in chosen.versions() if options.dry_run else ():
            _note(survey, version, "absent", options)
        return survey
    with place.open(run) as destination:
        destination.expect(lambda: (version.path for version in chosen.versions()))
        _Surveying(survey, chosen, destination, options, HASHES[layout]).look()
    return survey


class _Surveying:
    """Size and mtime tell whether a file is equal. Its content is read where that is not enough: where all is to be
    as it was, where versions of a path look alike, and where missing hard links will become names of it."""

    def __init__(
        self, survey: Survey, chosen: Chosen, destination: Out, options: RestoreOptions, new_hash: Callable[[], Hash]
    ) -> None:
        self._survey = survey
        self._chosen = chosen
        self._destination = destination
        self._options = options
        self._verifier = Verifier(chosen.connection, destination, new_hash)
        self._look_alikes = chosen.look_alikes()
        self._verified: set[bytes] = set()
        self._linked: dict[int, list[Version]] = {}
        self._missing: set[int] = set()
        self._inodes = _Inodes(destination)

    def look(self) -> None:
        always = self._options.overwrite == "always"
        for version in self._chosen.versions():
            state = self._compare(version)
            doubtful = always or version.key in self._look_alikes
            if version.kind == Kind.FILE and state == "equal" and doubtful:
                state = self._verify(version)
            if always and state == "equal" and version.kind != Kind.DIR and not self._inodes.fits(version):
                state = OTHER_LINKS
            if state == "equal" and self._is_amended(version, always):
                self._survey.amended.append(version.path)
            todo = _note(self._survey, version, state, self._options)
            if version.kind == Kind.FILE and (group := version.attributes.link_group) is not None:
                if state == "equal":
                    self._linked.setdefault(group, []).append(version)
                elif todo:
                    self._missing.add(group)
        for group in self._missing & self._linked.keys():
            self._find_first(self._linked[group])

    def _is_amended(self, version: Version, always: bool) -> bool:
        """Whether what stands there takes other attributes."""
        path = version.path
        if version.kind == Kind.DIR:
            takes = self._chosen.amends(path, self._options) or self._destination.made(path)
        else:
            takes = always
        return takes and self._destination.differs(path, version.attributes)

    def _compare(self, version: Version) -> str:
        return self._destination.compare(
            version.path,
            version.kind,
            version.size or 0,
            version.attributes.mtime_ns,
            target=(version.extra or b"") if version.kind == Kind.SYMLINK else b"",
            special=version.special if version.kind == Kind.SPECIAL else (0, 0),
            facts=object_facts(version.attributes),
        )

    def _verify(self, version: Version) -> str:
        if version.path not in self._verified and not self._verifier.holds(version):
            return OTHER_CONTENT
        self._verified.add(version.path)
        return "equal"

    def _find_first(self, linked: list[Version]) -> None:
        """The first of equal files that holds what is wanted stays equal, those before it do not."""
        for version in linked:
            state = self._verify(version)
            if state == "equal":
                return
            self._survey.equal_paths.remove(version.path)
            _add(self._survey.equal, (-1, -(version.size or 0)))
            _note(self._survey, version, state, self._options)


class _Inodes:
    """Which paths that stand are names of one inode."""

    def __init__(self, destination: Out) -> None:
        self._destination = destination
        self._first: dict[int, tuple[int, int]] = {}
        self._owners: dict[tuple[int, int], object] = {}

    def fits(self, version: Version) -> bool:
        """Whether what stands at a path is linked to the other names of its inode that stood so far, and to no
        other path."""
        inode = self._destination.inode(version.path)
        if inode is None:
            return True
        group = version.attributes.link_group
        wanted = inode if group is None else self._first.setdefault(group, inode)
        return inode == wanted and self._owners.setdefault(inode, group or version.path) == (group or version.path)


def _note(survey: Survey, version: Version, state: str, options: RestoreOptions) -> bool:
    """Whether the path is to be written."""
    counted = (1, version.size or 0) if version.kind == Kind.FILE else (0, 0)
    if state == "equal":
        if version.kind != Kind.DIR:
            survey.equal_paths.add(version.path)
            _add(survey.equal, counted)
    elif state == "absent" or options.overwrite == "always" or (options.overwrite, state) == ("if-newer", "older"):
        _add(survey.todo, counted)
        survey.filled.add(version.path.rpartition(b"/")[0])
        if state != "absent":
            survey.marks[version.path] = _MARKS.get(state, "M")
        return True
    elif options.overwrite is not None:
        survey.kept_paths.add(version.path)
        _add(survey.kept, counted)
    else:
        survey.conflicts.append((version.path, f"here it is {'of another kind' if state == 'other kind' else state}"))
    return False


def _add(count: list[int], more: Sequence[int]) -> None:
    count[0] += more[0]
    count[1] += more[1]


def in_the_way(out: str, chosen: Chosen, survey: Survey) -> Failed:
    number = len(survey.conflicts)
    files = "1 file" if number == 1 else f"{number:,} files"
    differ = "differs" if number == 1 else "differ"
    return Failed(
        f"{files} in {out} {differ} from {chosen.checkpoint.uuid.hex()[:8]}; nothing was written",
        details=tuple(survey.conflicts),
        hints=("--overwrite always, never, or if-newer (replaces what is older here)",),
        code="in-the-way",
    )
