"""What bakup needs of a place to keep sectors: accept an object once, list what is there, read any range."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

Locator: TypeAlias = str
"""Where a target keeps an object: its own words, good for `read` at the same target for ever."""

SECTOR_MAX = 34_359_738_368
"""No object is larger, in bytes (section 2.1 of the format)."""


class Limits(Struct, frozen=True):
    """Sizes of objects that a target takes, in bytes: `smallest` to `largest`, multiples of `alignment`."""

    smallest: int = 0
    largest: int = SECTOR_MAX
    alignment: int = 1


class Capabilities(Struct, frozen=True):
    """What a target promises of a put: that it replaces nothing, and that no half object is ever seen."""

    exclusive_create: bool
    atomic: bool


def is_text(name: str) -> bool:
    """Whether a name is Unicode, as any is that bakup gives; the catalog holds no other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class AtOnce(Struct, frozen=True):
    """How much a target is asked for at once.

    Args:
        puts: objects on their way up.
        packs: larger ranges on their way down.
        heads: smaller ranges on their way down: headers, metadata.
        processes: whether forked processes may read it too.
    """

    puts: int = 1
    packs: int = 2
    heads: int = 8
    processes: bool = False


PATIENCE_S = 600.0
"""How long a remote store may be silent before a run gives up."""


def _tell_nobody(event: str, **facts: object) -> None:
    return None


class Terms(Struct, frozen=True):
    """How a store is spoken to.

    Args:
        parallel: requests at once, None for the default.
        upload, download: most bytes a second, None for no limit.
        patience: seconds that a remote store may be silent before a run gives up.
        tell: is told of retries, as an event's name and its facts, from any thread.
    """

    parallel: int | None = None
    upload: int | None = None
    download: int | None = None
    patience: float = PATIENCE_S
    tell: Callable[..., None] = _tell_nobody


TERMS = Terms()
"""As if the user said nothing."""


class Growing(Protocol):
    """A new object whose spool file still grows: parts that are final go up meanwhile, and nobody sees them.

    Called by one thread at a time.
    """

    def grown(self, final: int, *, whole: bool = False) -> None:
        """The first `final` bytes of the file change no more, but for 64 KiB at its start; `whole`: nothing of it does.

        Returns at once. Raises what an earlier part came to.
        """

    def put(self) -> Locator:
        """Store the file, which is whole, as `Target.put_new` does."""


class Target(Protocol):
    """A store. It is not trusted: whoever reads checks every byte.

    Every method may raise NoTarget when the target is not there or denies access, and its kind StoreError for
    another answer of the store. Methods may be called by several threads at once.
    """

    @property
    def url(self) -> str:
        """The target as a user knows it, without user info."""

    @property
    def identity(self) -> str:
        """What tells it from every other target: its URL, and the server where that does not say it."""

    @property
    def limits(self) -> Limits:
        """Sizes that `put_new` takes."""

    @property
    def capabilities(self) -> Capabilities:
        """What `put_new` promises."""

    @property
    def at_once(self) -> AtOnce:
        """How much to ask for at once."""

    @property
    def mark(self) -> str | None:
        """Tells halves of objects that this run leaves when it is killed from others'; None: it leaves none."""

    def sweep(self, marks: Collection[str]) -> set[str]:
        """Remove the halves that runs with these marks left, as the last `list` showed them.

        The runs are dead: that is the caller's word. Gives the marks of those that could not be removed.
        """

    def exists(self) -> bool:
        """Whether the target is there. Raises only when it cannot be told."""

    def create(self) -> None:
        """Make the target's last folder, never its parents. Does nothing if it is there.

        Raises NoTarget when its parent is missing or the place is no folder.
        """

    def put_new(self, name: str, spool: str) -> Locator:
        """Store the finished local file `spool` as the new object `name`; the file is consumed.

        On return the object is durable, whole, and `spool` is gone; after an error `spool` is as it was.
        Idempotent: an object `name` with the same size and first 64 KiB that is there already is success.
        Another object of that name is never replaced: StoreError. Raises Failed when there is no space.
        """

    def growing(self, name: str, spool: str) -> Growing | None:
        """The new object `name`, whose local file `spool` begins to grow; None if the target takes no parts.

        What is not put in the end is thrown away by `abort` and `close`, if the store can be reached.
        """

    def discard(self, name: str) -> None:
        """Throw away parts that a run which is dead has left of a growing `name`. A whole object is left as it is."""

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """Store many small objects, (name, spool) each as `put_new` does, and make them durable together.

        After an error some are stored and some are not; all may be put again.
        """

    def list(self) -> Iterator[tuple[Locator, int]]:
        """Every object below the target, with its size in bytes: sectors and whatever else is there.

        An object that is put or removed while the list is read may be in it or not. An empty target gives
        nothing, one that is not there raises NoTarget.
        """

    def size(self, locator: Locator) -> int | None:
        """Bytes of one object; None if there is none."""

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only where the object ends. Idempotent.

        Raises StoreError with the code `object-missing` when there is no such object.
        """

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Several (offset, length) of one object, each as `read` gives it, in that order."""

    def free_bytes(self) -> int | None:
        """Space left, in bytes; None if the target does not tell."""

    def spool_folder(self) -> str | None:
        """A folder of this run for spool files that `put_new` takes without copying; None if there is none.

        It is on the target's own file system, is never listed, and is removed by `close` or, after a crash,
        by the next run.
        """

    def abort(self) -> None:
        """End what other threads have under way, as soon as can be: their calls raise. Then only `close` is called."""

    def close(self) -> None:
        """Let go of the spool folder and connections. May be called again."""
