"""What flows take and give back: options and reports, as plain frozen values. The command line renders them.

Sizes are in bytes, times in nanoseconds since 1970 UTC, durations in seconds, uuids 16 raw bytes, paths raw bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field

from bakup.api.costs import ToGetBack
from bakup.api.watch import Mark, Watch
from bakup.model import Entry
from bakup.store.target import PATIENCE_S, Terms

Uuid: TypeAlias = bytes
Path: TypeAlias = bytes


class Count(Struct, frozen=True):
    """A row of a report: so many files, so many bytes."""

    files: int = 0
    bytes: int = 0

    def plus(self, files: int, size: int) -> Count:
        """More of them."""
        return Count(self.files + files, self.bytes + size)


@dataclasses.dataclass(frozen=True, slots=True)
class TargetOptions:
    """Options of every command with a DST."""

    accept_plain: bool = False
    accept_unsigned: bool = False
    parallel: int | None = None
    key_file: str | None = None  # a key for objects of the plain layout instead of the account's
    store: Mapping[str, object] = dataclasses.field(default_factory=dict, repr=False)  # the store's own; may be secret
    upload: int | None = None  # bytes a second
    download: int | None = None
    retry_for: float = PATIENCE_S  # seconds
    cache: int | None = None  # bytes of disk here that keep what was read, for commands that stay

    def terms(self, watch: Watch) -> Terms:
        """How the store is spoken to."""
        return Terms(self.parallel, self.upload, self.download, self.retry_for, watch.event)


class Selection(Struct, frozen=True):
    """What of a source is backed up. Patterns are gitignore's; later ones win; `!` makes exceptions."""

    patterns: tuple[str, ...] = ()
    files_from: tuple[bytes, ...] | None = None
    larger_than: int | None = None
    caches: bool = False
    one_file_system: bool = False
    if_present: tuple[bytes, ...] = ()
    folded: tuple[str, ...] = ()  # patterns before all others, that know no difference of case


class Compression(Struct, frozen=True):
    """What was asked for: zstd for sectors, gzip for the plain layout."""

    kind: Literal["zstd", "gzip", "none"]
    level: int = 0


class SyncOptions(Struct, frozen=True):
    """Options of `sync` and `plan`; sizes in bytes."""

    selection: Selection = Selection()
    checksum: bool = False
    strict: bool = False
    name: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False
    new_target: bool = False
    allow_empty: bool = False
    ignore_inode: bool = False
    use_folder: bool = False  # the user answered yes to "DST holds 12 other files ..."
    always: bool = False
    standalone: bool = False
    layout: Literal["sectors", "atbak"] | None = None  # None: as the target has it; a new one gets sectors
    compression: Compression | None = None  # None: as the layout does it
    sector_size: int | None = None
    pad: bool = False
    spool: str | None = None
    encrypt: bool = True
    sign: bool = True
    workers: int | None = None  # processes that read and store; None: as many as there are processors
    list_paths: bool = False  # plan -v: keep a line a path
    source_options: Mapping[str, object] = field(default_factory=dict)  # of the store that SRC is in
    target: TargetOptions = TargetOptions()


class CheckpointLine(Struct, frozen=True):
    """A check point as `ls` shows it. `stored`: its part of the sectors it added; `whole`: nothing of it is missing.

    `incomplete`: its END is not there; the numbers are of what is. `unread`: so many paths could not be read.
    """

    uuid: Uuid
    source: str  # "laptop:/home/ana/Photos" or its name
    time_ns: int
    files: int
    bytes: int
    stored: int
    tags: tuple[str, ...] = ()
    whole: bool = True
    incomplete: bool = False
    unread: int = 0


class UnreadPath(Struct, frozen=True):
    """A path that could not be read; `last` is the newest check point that has a version of it."""

    path: Path
    reason: str
    last: Uuid | None
    bytes: int = 0


class PathLine(Struct, frozen=True):
    """A path of `plan -v` or `diff`."""

    mark: Mark
    path: Path
    bytes: int | None


class Gone(Struct, frozen=True):
    """Of a large source so many percent of the files that were at a check point are gone."""

    checkpoint: Uuid
    percent: int


class SourceReport(Struct, frozen=True):
    """What `sync` or `plan` found in one source. Rows of zero are left out when shown."""

    source: str
    location: Path
    checkpoint: CheckpointLine | None  # None: plan, or a first run that stored nothing
    made: bool  # False: nothing changed, the check point stands
    new: Count = Count()
    changed: Count = Count()
    deleted: Count = Count()
    stored_again: Count = Count()
    unchanged: Count = Count()
    others: int = 0  # paths that are no files and changed
    noted: int = 0  # paths of which only an inode, a change time or a folder's time did
    vanished: Count = Count()
    unreadable: tuple[UnreadPath, ...] = ()
    changing: tuple[PathLine, ...] = ()
    excluded: Count = Count()
    excluded_folders: int = 0  # what is in them is not counted
    excluded_by: tuple[tuple[str, int], ...] = ()  # pattern or rule -> files and folders
    folders: tuple[tuple[Path, Count], ...] = ()  # plan: where the changes are, largest first, at most 5
    paths: tuple[PathLine, ...] = ()
    gone: Gone | None = None


class SyncReport(Struct, frozen=True):
    """`sync`: what was stored; `plan`: what would be."""

    target: str
    sources: tuple[SourceReport, ...]
    dry_run: bool
    estimated_bytes: int = 0
    estimated_sectors: int = 0
    estimated_seconds: float | None = None
    estimated_puts: int = 0  # requests, where the target is remote
    estimated_gets: int = 0  # beside those of the plan itself
    to_get_back: ToGetBack = field(default_factory=ToGetBack)
    stored_bytes: int = 0
    stored_sectors: int = 0
    checkpoint_objects: int = 0  # of those, objects that hold nothing but a check point
    unit: str = "sector"  # what one object of the layout is called
    free_bytes: int | None = None
    missing_sectors: tuple[Uuid, ...] = ()  # sectors found missing whose content was stored again
    gone: tuple[Lost, ...] = ()  # of those, files that the source no longer has
    strict: bool = False
    elapsed: float = 0.0


class Lost(Struct, frozen=True):
    """A file that cannot be had whole; `available` of `bytes` are left. `other`: the name that is there instead."""

    path: Path
    bytes: int
    available: int
    other: Path = b""


class Listing(Struct, frozen=True):
    """`ls` with a path: the entries of one check point, as an iterator of (entry, size or None, stale).

    `rolled_back`: newer check points that were seen and are gone.
    """

    checkpoint: CheckpointLine
    base: Path
    entries: Iterator[ListedEntry]
    rolled_back: tuple[str, ...] = ()


class ListedEntry(Struct, frozen=True):
    """One entry; `path` is relative to the listing's base.

    `unread`: it could not be read at the check point, for that `reason`; `entry` is of one before, or an Unread.
    """

    path: Path
    entry: Entry
    bytes: int | None
    unread: bool = False
    reason: str = ""
    objects: tuple[str, ...] = ()  # where its bytes stand at the target, if that was asked for


class TargetListing(Struct, frozen=True):
    """`ls` without a path: check points by source, oldest first.

    `rolled_back`: newer ones that were seen and are gone. `lacking`: incomplete ones of sources that have no other.
    """

    checkpoints: tuple[CheckpointLine, ...]
    sectors: int
    bytes: int
    rebuilt: RebuildReport | None = None
    unit: str = "sector"
    rolled_back: tuple[str, ...] = ()
    lacking: tuple[Uuid, ...] = ()


class RestoreOptions(Struct, frozen=True):
    """Options of `restore`."""

    source: str | None = None
    at: str = "latest"
    dry_run: bool = False
    overwrite: Literal["always", "if-newer", "never"] | None = None
    partial: bool = False
    out_options: Mapping[str, object] = field(default_factory=dict)  # of the store that OUT is in
    target: TargetOptions = TargetOptions()


class Cause(Struct, frozen=True):
    """Why files could not be restored; `message` like `sector ... is missing`."""

    message: str
    lost: tuple[Lost, ...]


class RestoreReport(Struct, frozen=True):
    """`restore`. `older`: files restored from an earlier version because they could not be read at this check point;
    `never_read`: (path, reason) where there was none; `missing`: paths and globs that were asked for, where nothing is.
    """

    checkpoint: CheckpointLine
    out: str
    restored: Count
    already_there: Count = Count()
    not_restored: Count = Count()
    kept: Count = Count()  # left as they are by --overwrite never or if-newer
    causes: tuple[Cause, ...] = ()
    lost_entries: int = 0  # whose names are gone with sectors
    older: tuple[bytes, ...] = ()
    never_read: tuple[tuple[bytes, str], ...] = ()
    missing: tuple[bytes, ...] = ()
    skipped: tuple[tuple[bytes, str], ...] = ()  # attributes or special files that could not be made, with the reason
    partial: bool = False
    dry_run: bool = False
    rebuilt: RebuildReport | None = None
    elapsed: float = 0.0


class RebuildReport(Struct, frozen=True):
    """`rebuild`, or what a reading command rebuilt by itself."""

    sectors: int
    checkpoints: int
    reads: int
    read_bytes: int
    rejected: tuple[tuple[str, str], ...] = ()  # object's name, reason: damaged, unsigned, another account's
    exit_code: int = 0
    elapsed: float = 0.0
    unit: str = "sector"


class SectorProblem(Struct, frozen=True):
    """A sector that is missing, damaged, not to be trusted or not given by its store, with the files that suffer; or a
    check point.

    `what` names it exactly, for who accepts it; empty for what cannot be accepted. `covers`: what else is accepted with
    it, since a catalog made anew tells it so.
    """

    uuid: Uuid | None
    name: str
    state: Literal["missing", "damaged", "untrusted", "archived", "unreadable"]
    reason: str  # "is missing", "is damaged at 41,943,040", "is not signed"
    lost: tuple[Lost, ...] = ()
    range: tuple[int, bytes, bytes] | None = None  # entries, first and last path, when names are gone
    unchanged_in: tuple[tuple[str, int], ...] = ()  # source folder here, so many of the lost are unchanged in it
    bytes: int = 0  # of a missing sector
    checkpoint: Uuid | None = None  # whose chain is not whole, where it is no sector that is missing
    incomplete: bool = False  # that check point has no END
    what: frozenset[str] = frozenset()
    covers: frozenset[str] = frozenset()

    @property
    def of_sector(self) -> bool:
        """Whether it is about one sector."""
        return self.uuid is not None or bool(self.name)


class Fork(Struct, frozen=True):
    """Check points of one source that stand side by side; `message` says so."""

    source: str
    message: str
    rivals: tuple[Uuid, ...]
    what: frozenset[str] = frozenset()


class Turns(Struct, frozen=True):
    """Whose bytes a check reads: `share` (0 to 1) of all, of those that were not read for `older_than_s` seconds."""

    share: float = 1.0
    older_than_s: float = 0.0


class DataRead(Struct, frozen=True):
    """What a check read of the data, in objects and bytes; `never`: objects whose bytes this computer never read;
    `oldest_ns`: when that of the others which was not read for longest was read."""

    objects: int
    bytes: int
    never: int
    oldest_ns: int | None


class CheckReport(Struct, frozen=True):
    """`check`. `exit_code` follows docs/exit-codes.md."""

    target: str
    sectors: int
    expected_sectors: int
    bytes: int
    read_data: bool
    checkpoints: int
    sources: int
    chunks: int = 0
    damaged_chunks: int = 0
    problems: tuple[SectorProblem, ...] = ()
    lost: Count = Count()
    lost_from: Uuid | None = None  # first and last check point that miss something
    lost_to: Uuid | None = None
    only_older: bool = False  # the latest check point of every source is whole
    history: tuple[str, ...] = ()
    forks: tuple[Fork, ...] = ()
    lost_entries: int = 0  # whose very names are lost
    accepted: tuple[SectorProblem, ...] = ()  # losses that were accepted: nothing else is reported of them
    accepted_forks: tuple[Fork, ...] = ()
    newly_accepted: bool = False
    copies: tuple[tuple[str, str], ...] = ()  # (object, why it is not whole): of sectors that are there and whole
    foreign: int = 0
    rebuilt: RebuildReport | None = None
    exit_code: int = 0
    elapsed: float = 0.0
    unit: str = "sector"
    removed: tuple[PathLine, ...] = ()  # objects that a user took away
    caveat: str = ""  # what the layout cannot promise
    incomplete: tuple[str, ...] = ()  # check points without their END that are no damage
    every: bool = True  # all check points; else only what `--source` and `--at` asked for
    data: DataRead | None = None  # None: no data were to be read


@dataclasses.dataclass(frozen=True, slots=True)
class AccountCard:
    """What the card shows; `words` are the secret: shown on the terminal or written to a 0600 file, nowhere else."""

    account: str
    words: tuple[str, ...] = dataclasses.field(repr=False)
    target: str | None = None
    also_needed: str | None = None  # to bring back what is at `target`
