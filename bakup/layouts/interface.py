"""What a layout is: how check points become objects at a target, and objects become rows of the catalog.

The catalog is the common ground. An object is a row of `sectors`, what it holds of files are chunks in its packs, and
entries are versions: what only reads the catalog (`ls`, `find`, `history`, `diff`, `stats`) knows no layout. What
writes, reads or verifies objects asks the layout of the target, and nothing else does: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from bakup.store.faults import OBJECT_ARCHIVED

if TYPE_CHECKING:
    import sqlite3

    from bakup.api.costs import ToGetBack
    from bakup.api.reports import SyncOptions
    from bakup.api.watch import Mark, Watch
    from bakup.catalog.history import SourceRow
    from bakup.catalog.listing import Comparison, NewObjects, SectorRow
    from bakup.catalog.readers import Readers
    from bakup.catalog.rows import Version
    from bakup.catalog.state_db import Remembered
    from bakup.destination.interface import Out
    from bakup.errors import BakupError, Withheld
    from bakup.layouts.checkpoint_writer import Outcome
    from bakup.layouts.ingested import Ingested
    from bakup.layouts.restored import Brought
    from bakup.model import Attributes, Checkpoint, Entry, Extent, LaneLine
    from bakup.plan.marks import Facts
    from bakup.processes import Line
    from bakup.source.interface import Found, Source


class Protection(Struct, frozen=True):
    """Whether objects are encrypted and signed, and by which public key: its chunks alone serve dedup."""

    encrypt: bool
    sign: bool
    signer: bytes


class Estimated(Struct, frozen=True):
    """What a run is about to store: raw bytes of so many files, entries, check points, and a sample of the bytes."""

    size: int
    files: int
    entries: int
    checkpoints: int
    sample: Callable[[], bytes]


class Estimate(Struct, frozen=True):
    """About what a run will put: bytes, objects, requests that put, requests that look at what is put; and what
    getting that back would cost."""

    size: int
    objects: int
    puts: int
    gets: int
    to_get_back: ToGetBack


class Begun(Struct):
    """A check point in the making: its header, encoded, and its rows in the catalog."""

    checkpoint: Checkpoint
    header: bytes
    row: int
    source: int
    ordinal: int


class Making(Struct, frozen=True):
    """How the objects of a run are made.

    Args:
        spool: this run's folder for objects in the making.
        spool_place: what the user knows it by.
        estimated: about how many bytes it will put.
    """

    options: SyncOptions
    protection: Protection
    spool: str
    spool_place: str
    watch: Watch
    estimated: int


class Task(Making, frozen=True):
    """A run that stores, as its layout needs to know it.

    Args:
        on_visible: told of each check point that became visible.
        on_put: told of the bytes and objects stored so far.
        on_growing: told of each object that may go up in parts from now on, by its name.
        on_grown: told of it when it is stored.
        on_progress: told now and then while files are read.
    """

    connection: sqlite3.Connection
    target_row: int
    on_visible: Callable[[Begun], None]
    on_put: Callable[[int, int], object]
    on_growing: Callable[[str], object]
    on_grown: Callable[[str], object]
    on_progress: Callable[[], None]


class Sink(Protocol):
    """Takes the changes of one source in key order; what became of them stands in `outcome`."""

    outcome: Outcome
    done_bytes: int
    path: bytes
    facts: Facts  # of what was read and stored last

    def entry(self, entry: Entry) -> None:
        """An entry without content of its own: a deletion, or one whose chunks are all stored."""

    def deleted(self, path: bytes) -> None:
        """The path and all below it are gone."""

    def unread(self, path: bytes, reason: str, size: int = 0) -> None:
        """The path could not be read."""

    def other(self, found: Found) -> bool:
        """A directory, link or special file. Whether it got an entry. Raises Unreadable."""

    def file(self, found: Found) -> bool:
        """A file, stored as far as it is new. Whether it came to its end. Raises Unreadable."""

    def known_file(self, path: bytes, attributes: Attributes, extents: Iterable[Extent]) -> None:
        """A file whose chunks are all stored already, without a look at it."""

    def finish(self) -> None:
        """All changes were given."""

    def end(self, files: int, size: int) -> None:
        """Complete the check point; `files` and `size` (bytes) count the whole source."""


class Bench(Protocol):
    """What a worker stores with: lanes of check points, in whole objects of its own. Call from one thread."""

    @property
    def rows(self) -> sqlite3.Connection:
        """Takes rows of the lane that is open."""

    def begin(self, begun: Begun, source: Source, lane: int, on_progress: Callable[[], None]) -> Sink:
        """The next lane, of this check point or another; all before are ended."""

    def end(self) -> tuple[LaneLine | None, frozenset[bytes]]:
        """All changes of the lane were given. What END says of it, None if it is empty; uuids of its objects."""

    def flush(self) -> None:
        """Wait until everything is stored."""


class Host(Protocol):
    """The main process's side of the benches: catalog, claims, END."""

    def serve(self, worker: int, message: tuple[Any, ...]) -> object:
        """What a worker's bench told or asked, and what it is answered; None for what it told."""

    stored: set[bytes]
    """Uuids of the objects of workers that are at the target."""

    def lost(self, worker: int) -> None:
        """A worker is dead: nothing of its objects that are not at the target is known any more."""

    def orphans(self, begun: Begun) -> set[bytes]:
        """Keys of a check point whose chunks have no place: a worker that died was about to store them."""

    def list_lanes(self, begun: Begun, lanes: Iterable[LaneLine]) -> None:
        """Lanes that workers filled, ascending: END names them, and no others."""


class Storing(Protocol):
    """One run that stores; a context manager that leaves nothing half done behind. Call from one thread."""

    @property
    def stored_bytes(self) -> int:
        """Bytes of the objects that are stored."""

    @property
    def stored_objects(self) -> int:
        """How many those are."""

    @property
    def checkpoint_objects(self) -> int:
        """How many of those hold nothing but a check point."""

    def __enter__(self) -> Storing:
        """Itself."""

    def __exit__(self, *error: object) -> None:
        """Let go of what is not finished; nothing of it is visible."""

    @property
    def host(self) -> Host | None:
        """Serves workers, of all sources of the run; None where the layout has none."""

    def begin(self, begun: Begun, source: Source) -> Sink:
        """A check point joins the run. It becomes visible only when all of it is stored."""

    def flush(self) -> None:
        """Wait until everything is stored."""


MakeBench: TypeAlias = "Callable[[Making, Line, sqlite3.Connection], Bench]"
"""In a worker: begin to store. The catalog is only read; the line leads to the process that has a `Host`."""


class Bringer(Protocol):
    """Brings files back below a destination. What is not verified never gets its own name."""

    brought: Brought

    def take_plain(self, source: int, ordinal: int) -> bool:
        """Whether the plain files of a check point need not be given to `bring`: it takes them from the catalog."""

    def bring(
        self, files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]], meanwhile: Iterator[object]
    ) -> Brought:
        """Read and write files, given as (path, size in bytes, encoded attributes, extents).

        `meanwhile`, step by step, is done beside that, or before.

        Raises Failed when the destination takes nothing more.
        """


class Reader(Protocol):
    """Reads bytes of files, each verified before it is given, in bounded memory. For any thread.

    `findings`: uuid of a damaged object -> positions of its packs. What nothing gives raises Damaged or Untrusted.
    """

    findings: dict[bytes, set[int]]

    def read(self, extent: Extent, start: int, stop: int) -> memoryview | bytes:
        """The bytes from `start` to `stop` of an extent that is no hole."""

    def expect(self, extents: Iterable[Extent]) -> None:
        """These will be read soon: what can be read meanwhile is."""

    def pieces(self, extents: Iterable[Extent]) -> Iterator[tuple[memoryview | bytes, bool]]:
        """(bytes, whether they are a hole's zeros) of extents in order."""

    def close(self) -> None:
        """Let go of what is kept."""


Held = dict[int, list[tuple[int, int, bytes]]]
"""What an object should hold: position of a pack -> (offset in it, length, chunk id)."""


State = Literal["damaged", "untrusted", "archived", "unreadable"]
"""Of an object that is unusable; the last two may be good, and are not given now."""
WITHHELD = ("archived", "unreadable")


class Seen(Struct):
    """What reading one object told: `reason` if it is unusable, and in which `state` then; else what is damaged.

    `positions`: packs without a good chunk; `doubtful`: packs that are not as written but give some; `bad_chunks`:
    (position of the pack, offset); `damage`: where in the object, in bytes.
    """

    row: SectorRow
    reason: str | None = None
    state: State = "damaged"
    positions: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    bad_chunks: list[tuple[int, int]] = field(default_factory=list)
    damage: list[int] = field(default_factory=list)
    chunks: int = 0
    damaged_chunks: int = 0

    def withhold(self, error: Withheld) -> None:
        """The store does not give it."""
        self.state = "archived" if error.code == OBJECT_ARCHIVED else "unreadable"
        self.reason = f"is {self.state}: {error.why}"

    @property
    def packs(self) -> set[int]:
        """Positions of all packs that are not as they were."""
        return {*self.positions, *self.doubtful, *(position for position, _ in self.bad_chunks)}


class Layout(Protocol):
    """How a target's objects are written, read in, read and verified. Of one target, for one command."""

    @property
    def name(self) -> str:
        """As `--layout` and state.db say it."""

    @property
    def unit(self) -> str:
        """What one object is called."""

    @property
    def inspector(self) -> str:
        """The command that looks at one object by itself."""

    def protection(self, options: SyncOptions, known: Remembered | None) -> Protection:
        """How a sync protects what it stores: a target keeps the protection that it was made with."""

    def needs_account(self, protection: Protection) -> bool:
        """Whether a sync that protects so must have an account."""

    def caveat(self, *, encrypted: bool) -> str:
        """What a user must not expect of the layout; empty when there is nothing to say."""

    def expect_trusted(self, connection: sqlite3.Connection, target_row: int, place: str) -> None:
        """Whether objects that the catalog knows are still believed, or open, with what was given now.

        Raises Untrusted or WrongAccount.
        """

    def not_ours(self, place: str, accounts: Sequence[tuple[str, int]], *, writing: bool) -> BakupError:
        """The error when all objects are of other accounts, given as (id, objects)."""

    def estimate(self, options: SyncOptions, work: Estimated) -> Estimate:
        """About what a run will put."""

    def to_get_back(self, connection: sqlite3.Connection, target_row: int) -> ToGetBack:
        """What getting all back would ask of the target, from the catalog alone."""

    def ingest(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        objects: NewObjects,
        watch: Watch,
        *,
        announce: str = "",
    ) -> Ingested:
        """Look at objects (locator, size in bytes), record those of ours and apply the check points they complete.

        The catalog made from objects alone equals the one that the writing runs left, but for what is damaged.
        Runs in the caller's transaction. `announce` is noted when the first object of ours is met.
        """

    def settle(self, connection: sqlite3.Connection, target_row: int, comparison: Comparison) -> None:
        """Write down what a listing of the target showed."""

    def removed(self, connection: sqlite3.Connection, target_row: int) -> list[tuple[str, bytes, int]]:
        """(locator, path, bytes) of objects that a user took away: they are not lost, and not stored again."""

    def locators(
        self, connection: sqlite3.Connection, target_row: int, source: SourceRow, version: Version
    ) -> list[str]:
        """Objects at the target that hold the bytes of a file."""

    def storing(self, task: Task) -> Storing:
        """Begin to store."""

    @property
    def bench(self) -> MakeBench | None:
        """What makes a forked process store beside this one; None where one process stores alone."""

    def bringing(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        destination: Out,
        watch: Watch,
        *,
        partial: bool,
        marks: Mapping[bytes, Mark],
    ) -> Bringer:
        """Begin a restore; with `partial` what there is of files that are not whole is kept.

        `marks`: those that `-v` shows of what stands there and is replaced.
        """

    def reading(self, readers: Readers, target_row: int) -> Reader:
        """Begin to read single files."""

    def verify(self, row: SectorRow, rows: Sequence[SectorRow], held: Held | None) -> Seen:
        """Read one of the objects `rows`: what it says of itself, and the chunks it should hold unless None."""
