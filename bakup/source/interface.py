"""What a source is: the one interface through which trees, snapshots and buckets are read.

Order of calls: `prepare`, then `entries` (once, to its end), with `attributes`, `entry`, `read_small` and
`open_large` for what it yields, at any later time and from any thread; at last, always, `restore_state`.
A source is never written to, but for what `prepare` does and `restore_state` undoes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from bakup.errors import Failed
from bakup.model import Attributes, Dir, Special, Symlink
from bakup.store.counting import Counts


class Stat(Struct, array_like=True, gc=False):
    """What is kept of a path's stat (stat(2)). `st_object`, of an object: key, token, version, storage class."""

    st_mode: int
    st_ino: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_dev: int = 0
    st_nlink: int = 1
    st_uid: int = 0
    st_gid: int = 0
    st_rdev: int = 0
    st_object: tuple[str, ...] = ()


class Found(NamedTuple):
    """One path of a scan, in key order.

    Args:
        path: raw bytes below the source's root, which is `b""`.
        kind: a `model.Kind`: FILE, DIR, SYMLINK, SPECIAL or UNREAD.
        size: bytes of a FILE, else 0.
        mtime_ns: as everything from here on, of the path itself, links not followed; 0 for UNREAD.
        ctime_ns: last change of anything.
        inode: 0 where there is none.
        stat: what the system said of it.
        reason: of UNREAD, in lower case, like `permission denied`; else empty.
    """

    path: bytes
    kind: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    stat: Stat
    reason: str = ""


class Left(Struct):
    """How much a rule left out; what is in an excluded folder is not looked at, and counts not."""

    files: int = 0  # all that are no folders
    bytes: int = 0
    folders: int = 0


class Prepared(Struct, frozen=True):
    """How a source was made still: the strategy's name, and the facts that undo it."""

    strategy: str
    facts: Mapping[str, str]


class Vanished(Failed):
    """The path was there when it was scanned and is gone, or is of another kind now."""

    def __init__(self, path: bytes) -> None:
        super().__init__("vanished while it was read", code="vanished")
        self.path = path


class Unreadable(Failed):
    """The path is there and cannot be read; `reason` is the system's, in lower case."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(reason, code="unreadable")
        self.path = path
        self.reason = reason


class Grown(Failed):
    """The file has more bytes by now than are read whole; open it as a large one."""

    def __init__(self, path: bytes, size: int) -> None:
        super().__init__(f"grew to {size:,} bytes while it was read", code="grown")
        self.path = path
        self.size = size


class Small(NamedTuple):
    """A file read whole. `changing`: it changed each time it was read; `data` is what was read last, and its
    attributes have no ctime, so that the next scan finds it changed."""

    data: bytes
    attributes: Attributes
    changing: bool


class Run(NamedTuple):
    """A part of a file, in bytes; a hole reads as zeros and need not be read."""

    offset: int
    length: int
    hole: bool


class Large(Protocol):
    """A file that is open for one sequential read, in one thread at a time; a context manager closes it."""

    size: int
    """Bytes, as the system told when it was opened; what is added meanwhile is not read."""

    def __enter__(self) -> Large:
        """Itself."""

    def __exit__(self, *error: object) -> None:
        """Close the file."""

    def runs(self) -> Iterator[Run]:
        """The runs that tile the file, in order; holes where the system tells of them. The last may be cut short."""

    def seek(self, offset: int) -> None:
        """Go to an offset in bytes; needed only after a hole."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill as much of the buffer as there is, and return how many bytes; 0 at the end.

        Raises:
            Unreadable: the system could not read.
        """

    def consistent(self) -> bool:
        """Whether size, mtime, ctime and inode are what they were when it was opened.

        To be asked after the last byte. If not: open and read again; after three times store the last read.
        """

    def attributes(self) -> Attributes:
        """The facts as they were when it was opened; to be asked last.

        Without ctime if it is not consistent, so that the next scan finds it changed.

        Raises:
            Unreadable: it did not come to its end.
        """


Journal: TypeAlias = Callable[[Prepared], None]
"""Keeps a record for `restore_state`, durably, before it returns."""


Below: TypeAlias = Callable[[bytes], Iterator[bytes]]
"""Files that stood below a folder, by its path."""


Stood: TypeAlias = tuple[bytes, int]
"""A path and its kind."""


class Source(Protocol):
    """A tree that is backed up."""

    @property
    def location(self) -> bytes:
        """Absolute path, or URL without user info: with host and account, what a source is known by."""

    @property
    def host(self) -> str:
        """The computer's name; of a store the server, and nothing where the URL says it."""

    @property
    def leaves_out(self) -> bool:
        """Whether the target lies inside a store, and is left out."""

    def prepare(self, journal: Journal) -> Prepared:
        """Make the source hold still (read-only, a snapshot, or not at all: strategy `none`).

        Each change is given to `journal` before it is made, so that a killed run can be undone by another.

        Raises:
            Failed: the source is not there, or does not hold still.
        """

    def restore_state(self, prepared: Prepared) -> None:
        """Undo what `prepare` did. Idempotent; needs only its argument, so another process can call it."""

    @property
    def counts(self) -> Counts | None:
        """What was asked of a store so far; None where there is none."""

    def begin(self) -> None:
        """Begin the next pass in a process of its own, where that brings something. For a process with one thread."""

    def close(self) -> None:
        """Let go of connections and what is under way; nothing is read after that."""

    def entries(self) -> Iterator[Found]:
        """All paths that are backed up, in key order (`model.path_key`), the root first.

        A path that cannot be looked at is yielded as UNREAD. A folder that cannot be listed is yielded as DIR
        and then, with the same path, as UNREAD; nothing below it is. What vanishes meanwhile is left out and
        counted. Memory does not grow with the number of paths.

        Raises:
            Failed: the root cannot be listed.
        """

    def batches(self) -> Iterator[list[Found]]:
        """The same in lists of about a thousand. Each call is a new pass, with new counts."""

    def look(self, asked: list[Stood], below: Below) -> list[Found | None]:
        """What is at paths that the last pass did not yield, by their names and the same rules; None: nothing.

        Paths come in key order, a few hundred at a time. One that cannot be looked at is UNREAD.

        Args:
            asked: what stood at the last check point.
            below: of a folder that is there only for what is in it: the files that stood below.
        """

    @property
    def excluded(self) -> Mapping[str, Left]:
        """What the last pass over `entries` left out, by rule (a pattern, or an option's name)."""

    @property
    def vanished(self) -> int:
        """Paths that went away during that pass."""

    @property
    def missing(self) -> tuple[bytes, ...]:
        """Paths that were asked for by name and were not there."""

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Patterns that matched nothing in the last pass."""

    @property
    def has_inodes(self) -> bool:
        """Whether `Found.inode` is a number that a file system gave, not what tells versions apart."""

    @property
    def forks(self) -> bool:
        """Whether forked processes may read it too."""

    @property
    def lookahead(self) -> int:
        """How many FILEs are worth announcing before they are read; 0 where that brings nothing."""

    def announce(self, found: Found) -> None:
        """A FILE will be read soon, in the order of announcements; only hints."""

    def sample(self, found: Found, length: int) -> bytes:
        """The first `length` bytes of a FILE, or fewer; for an estimate, so none where it cannot be read."""

    def attributes(self, found: Found) -> Attributes:
        """All that is recorded of the path besides its content.

        Raises:
            Vanished: it is gone.
            Unreadable: it cannot be looked at.
        """

    def entry(self, found: Found) -> Dir | Symlink | Special:
        """The whole entry of a DIR, SYMLINK or SPECIAL; raises as `attributes`."""

    def read_small(self, found: Found, limit: int = ...) -> Small:
        """A FILE as one consistent read: size, mtime, ctime, inode equal before and after; three tries.

        Args:
            found: what the scan found; the whole file is in memory, so of at most some MiB.
            limit: bytes that it may have grown to meanwhile.

        Raises:
            Grown: it has more than `limit` bytes now.
            Vanished: it is gone, or no file any more.
            Unreadable: it cannot be opened or read.
        """

    def open_large(self, found: Found) -> Large:
        """A FILE for sequential reading; raises as `read_small`."""
