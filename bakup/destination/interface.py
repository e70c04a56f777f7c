"""Where a restore writes: what `Destination` (a folder) and `BucketDestination` (a URL) have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol, Self, TypeAlias

from bakup.destination.skipped import Skipped
from bakup.model import Attributes

Facts: TypeAlias = tuple[tuple[str, str], ...]
"""What an object store knew, as text (spec section 6.7)."""

State: TypeAlias = Literal["absent", "equal", "older", "newer", "other kind"]
"""What stands at a path: nothing; what is wanted; something of an earlier, or not earlier, mtime; another
kind."""


_ELSEWHERE = ("windows.", "macos.")
_DIGESTS = ("blake3", "sha256")


def object_facts(attributes: Attributes) -> Facts:
    """The facts that an object store knew, of all that are recorded."""
    return tuple(
        (name, value.decode("utf-8", "replace"))
        for name, value in attributes.facts
        if not name.startswith(_ELSEWHERE) and name not in _DIGESTS
    )


class Part(Protocol):
    """One file in the making; ends with one of `finish`, `keep_partial`, `abandon`."""

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write verified bytes in their place; what is never written is a hole, or zeros. Raises Failed when
        nothing more can be written."""

    def finish(self, attributes: Attributes) -> bool:
        """Give the file its name; False if it could not be made, then nothing is left."""

    def keep_partial(self, ranges: Iterable[tuple[int, int]]) -> bytes | None:
        """Keep what there is as `NAME.part` with `NAME.part.ranges`; the path that it has now."""

    def abandon(self) -> None:
        """Leave nothing behind."""


class Out(Protocol):
    """A place that a tree is brought back into; see `destination` for the order of calls.

    A method that could not do its work for one path returns False and says why in `problems`; an error that
    would meet every path is raised.
    """

    @property
    def forks(self) -> bool:
        """Whether forked copies may write at once."""

    @property
    def fresh(self) -> bool:
        """Whether nothing was there: then folders may also be made when something in them already is."""

    @property
    def unsettled(self) -> int:
        """Files that were taken and are not there, or not yet: what `settle` is about."""

    @property
    def problems(self) -> list[tuple[bytes, str]]:
        """Paths that were not brought back, with the reason; an `alike.OtherName` is what is there instead."""

    @property
    def skipped(self) -> Skipped:
        """Attributes that were not set."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(self, *error: object) -> None:
        """Let go of what is open."""

    def expect(self, paths: Callable[[], Iterable[bytes]]) -> None:
        """All paths that are wanted, twice in key order: of those that are one name here only the first is made."""

    def compare(
        self, path: bytes, kind: int, size: int, mtime_ns: int, *, target: bytes, special: tuple[int, int], facts: Facts
    ) -> State:
        """What stands at a path beside a file of `size` bytes, a link to `target`, a special file of a type and device;
        `facts` are what an object store knew of it."""

    def inode(self, path: bytes) -> tuple[int, int] | None:
        """What all names of what stands at a path share; None where there are no such names."""

    def read(self, path: bytes, offset: int, length: int, facts: Facts) -> bytes:
        """Bytes of a file that stands at a path; fewer where it ends, none where it cannot be read."""

    def amend(self, path: bytes, attributes: Attributes) -> bool:
        """Set on what stands there what it is to have besides content and inode flags, where that differs."""

    def differs(self, path: bytes, attributes: Attributes) -> bool:
        """Whether what stands there has other attributes."""

    def make_dir(self, path: bytes, replace: bool, facts: Facts, *, filled: bool) -> bool:
        """Make a folder; with `replace` a file that stands there gives way; `facts`: of an object that stood for it;
        `filled`: whether something will be made in it."""

    def made(self, path: bytes) -> bool:
        """Whether this restore, or one that it goes on with, made the folder that is at a path."""

    def write_whole(self, path: bytes, data: bytes | memoryview, attributes: Attributes) -> bool:
        """Bring back a file that is whole in memory, now or by the next `settle`."""

    def begin_file(self, path: bytes, size: int) -> Part | None:
        """Begin a file that comes piece by piece; None if it cannot be made."""

    def settle(self) -> list[tuple[bytes, int]]:
        """Wait for what is still being written; (path, size) of files that were taken and then could not be."""

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> bool:
        """Make a symbolic link."""

    def special(self, path: bytes, kind: int, device: int, attributes: Attributes) -> bool:
        """Make a FIFO, socket or device."""

    def hard_link(self, path: bytes, to: bytes) -> bool:
        """Make a path another name of what was brought back at `to`. False if it cannot be; that is no problem yet,
        since the path may be brought back by itself."""

    def finish_dir(self, path: bytes, attributes: Attributes) -> bool:
        """Set the attributes of a folder where they differ, when all that is in it is there; the deepest first."""

    def set_flags(self, path: bytes, flags: int) -> bool:
        """Set inode flags, after all else."""
