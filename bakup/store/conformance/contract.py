"""What a target must do (`bakup.store.target.Target`), as checks to run against a real one.

Each check uses objects of its own in a place of its own and says whether a promise holds. The larger ones write some
ten megabytes and take as long as the store does.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias

from msgspec import Struct

from bakup.errors import BakupError, StoreError
from bakup.store.backend import PART
from bakup.store.faults import OBJECT_MISSING
from bakup.store.target import Target
from bakup.store.wire import PIECE

LARGE = 40 << 20
"""Bytes of the large object: stores that take parts take it in three at least."""

PAGE = 1_000
"""Objects that a store lists in one answer (S3, ListObjectsV2)."""

_SMALL = 3_000
_MEDIUM = (PIECE, PIECE + 1, 3 * PIECE, PART, PART + 1)
_ROUNDS = 5
_WRITERS = 4
_OBJECTS = 16
_ODD_NAMES = ("with a blank", "percent%20sign", "plus+and&and=", "caf\u00e9 \u540d", "hash#question?", "x" * 200)


class Broken(Exception):
    """A promise does not hold; the message says what was seen."""


class Untold(Exception):
    """A check saw too little to judge; the message says what."""


Check: TypeAlias = Callable[["Ground"], str]


class Promise(Struct, frozen=True):
    """Something a target does; `needed`: bakup cannot work safely without it."""

    code: str
    check: Check
    needed: bool = True


class Finding(Struct, frozen=True):
    """What a check found. `holds` is None when it could not be told; `declared` is what the target says of itself."""

    code: str
    holds: bool | None
    declared: bool
    needed: bool
    seen: str

    @property
    def is_kept(self) -> bool:
        """Whether the target is as it says: nothing that it declares was seen broken."""
        return not (self.declared and self.holds is False)


class Ground:
    """A target at a place of its own, and a local folder for what is put there."""

    def __init__(self, target: Target, spool: str) -> None:
        self.target = target
        self.raced: set[str] = set()
        self._spool = spool
        self._random = random.Random()  # noqa: S311 - contents, no secrets
        self._guard = threading.Lock()
        self._number = 0

    def content(self, size: int) -> bytes:
        """New bytes, as many as the target takes that are nearest above `size`."""
        limits = self.target.limits
        least = max(size, limits.smallest)
        return self._random.randbytes(-(-least // limits.alignment) * limits.alignment)

    def put(self, name: str, content: bytes) -> str:
        """Store bytes; gives the locator. The spool file is gone afterwards, also after an error."""
        with self._guard:
            self._number += 1
            path = os.path.join(self._spool, f"{self._number}.spool")
        with open(path, "xb") as file:
            file.write(content)
        try:
            return self._consumed(name, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def sizes(self) -> dict[str, int]:
        """All objects there by locator, but what writers raced for. Raises Broken when one is listed twice."""
        listed = [one for one in self.target.list() if one[0] not in self.raced]
        found = dict(listed)
        _expect(len(found) == len(listed), "the listing names an object twice")
        return found

    def at_once(self, works: Sequence[Callable[[], str]]) -> list[Future[str]]:
        """Run all of them at the same moment, each in a thread; gives them when they are done."""
        gate = threading.Barrier(len(works))

        def begin(work: Callable[[], str]) -> str:
            gate.wait()
            return work()

        with ThreadPoolExecutor(len(works)) as pool:
            return [pool.submit(begin, work) for work in works]

    def _consumed(self, name: str, path: str) -> str:
        locator = self.target.put_new(name, path)
        _expect(not os.path.exists(path), "the spool file is still there after the put")
        return locator


def examine(target: Target, spool: str, *, pages: bool = False) -> Iterator[Finding]:
    """Check promise by promise, in the order of `promises`.

    Args:
        target: at an empty place of its own; what is put stays there.
        spool: a local folder for some 100 MB.
        pages: also put a little more than 1,000 objects.

    Raises the target's own error when nothing at all can be stored.
    """
    ground = Ground(target, spool)
    for promise in promises(pages=pages):
        holds, seen = _judge(promise, ground)
        yield Finding(promise.code, holds, _declared(promise.code, target), promise.needed, seen)


def promises(*, pages: bool = False) -> tuple[Promise, ...]:
    """All that is checked."""
    return (
        Promise("stored", _stored),
        Promise("listed", _listed),
        Promise("ranges", _ranges),
        Promise("missing", _missing),
        Promise("again", _again),
        Promise("refused", _refused),
        Promise("large", _large),
        Promise("writers", _writers),
        Promise("exclusive", _exclusive, needed=False),
        Promise("whole", _whole, needed=False),
        Promise("names", _names, needed=False),
        *((Promise("pages", _pages),) if pages else ()),
    )


def _judge(promise: Promise, ground: Ground) -> tuple[bool | None, str]:
    try:
        return True, promise.check(ground)
    except Broken as broken:
        return False, str(broken)
    except Untold as untold:
        return None, str(untold)
    except BakupError as error:
        if promise.check is _stored:
            raise
        return False, error.message


def _declared(code: str, target: Target) -> bool:
    capabilities = target.capabilities
    return {"exclusive": capabilities.exclusive_create, "whole": capabilities.atomic, "names": False}.get(code, True)


def _stored(ground: Ground) -> str:
    content = ground.content(_SMALL)
    locator = ground.put("stored", content)
    _expect(ground.target.read(locator, 0, len(content)) == content, "what is read is not what was put")
    return "what was put is read back to the byte"


def _listed(ground: Ground) -> str:
    before, content = ground.sizes(), ground.content(_SMALL + 1)
    locator = ground.put("listed", content)
    after = ground.sizes()
    _expect(after.get(locator) == len(content), "an object just put is not in the listing, or in another size")
    _expect(before.items() <= after.items(), "objects are gone from the listing")
    return "an object is listed at once, with its size"


def _ranges(ground: Ground) -> str:
    content = ground.content(_SMALL)
    locator, end = ground.put("ranges", content), len(content)
    runs = [(0, 0), (0, 1), (1, 2), (end // 2, 100), (end - 1, 1), (end - 1, 100), (0, end), (0, end + 1)]
    runs += [(end, 0), (end, 1), (end + 10, 10)]
    wanted = [content[offset : offset + length] for offset, length in runs]
    for run, bytes_ in zip(runs, wanted, strict=True):
        _expect(ground.target.read(locator, *run) == bytes_, f"bytes {run[0]} to {sum(run)} of {end} are wrong")
    _expect([*ground.target.read_ranges(locator, runs)] == wanted, "several ranges at once are wrong")
    return "any range, at every edge"


def _missing(ground: Ground) -> str:
    try:
        ground.target.read("nothing-here", 0, 1)
    except StoreError as error:
        _expect(error.code == OBJECT_MISSING, f"an object that is not there gives: {error.message}")
        return "an object that is not there is told as such"
    raise Broken("an object that is not there can be read")


def _again(ground: Ground) -> str:
    content = ground.content(70_000)
    locators = {ground.put("again", content), ground.put("again", content)}
    _expect(len(locators) == 1, "the same object put twice is two objects")
    _expect(ground.sizes().get(locators.pop()) == len(content), "the same object put twice is not there")
    return "the same object put twice is one object"


def _refused(ground: Ground) -> str:
    first = ground.content(_SMALL)
    locator = ground.put("refused", first)
    for other in (ground.content(_SMALL), ground.content(2 * _SMALL)):
        try:
            ground.put("refused", other)
        except StoreError:
            _expect(ground.target.read(locator, 0, len(first) + 1) == first, "an object was replaced, though refused")
        else:
            raise Broken("an object was replaced by another one")
    return "another object of the same name is refused"


def _large(ground: Ground) -> str:
    for size in _MEDIUM:
        content = ground.content(size)
        locator = ground.put(f"medium-{size}", content)
        _expect(ground.target.read(locator, 0, len(content) + 1) == content, f"an object of {size:,} bytes is wrong")
    content = ground.content(LARGE)
    locator = ground.put("large", content)
    _expect(ground.sizes().get(locator) == len(content), "a large object is listed in another size")
    step = 8 << 20
    runs = [(offset, step) for offset in range(0, len(content), step)]
    for run, found in zip(runs, ground.target.read_ranges(locator, runs), strict=True):
        _expect(found == content[run[0] : sum(run)], f"a large object is wrong behind byte {run[0]:,}")
    return f"objects of {_MEDIUM[0] >> 10} KiB to {len(content) >> 20} MiB"


def _writers(ground: Ground) -> str:
    contents = {f"writer-{number}": ground.content(_SMALL + number) for number in range(_OBJECTS)}
    puts = ground.at_once([_later(ground, name, content) for name, content in contents.items()])
    for put, content in zip(puts, contents.values(), strict=True):
        _expect(ground.target.read(put.result(), 0, len(content) + 1) == content, "objects put at once are mixed up")
    _expect({put.result() for put in puts} <= ground.sizes().keys(), "an object put among others is not listed")
    return f"{_OBJECTS} objects put at once"


def _exclusive(ground: Ground) -> str:
    for number in range(_ROUNDS):
        name = f"exclusive-{number}"
        contents = [ground.content(_SMALL) for _ in range(_WRITERS)]
        puts = ground.at_once([_later(ground, name, content) for content in contents])
        won = [(put, content) for put, content in zip(puts, contents, strict=True) if put.exception() is None]
        ground.raced |= {put.result() for put, _ in won}
        _expect(len(won) > 0, f"none of {_WRITERS} writers of one name got it")
        _expect(len(won) == 1, f"{len(won)} of {_WRITERS} writers of one name believed they had it")
        put, content = won[0]
        _expect(ground.target.read(put.result(), 0, len(content) + 1) == content, "a name holds what a loser put")
    listed = [locator for locator, _ in ground.target.list() if locator in ground.raced]
    _expect(len(listed) == len(set(listed)), "a name that writers raced for is listed twice")
    if not _declared("exclusive", ground.target):
        raise Untold(f"one writer won in each of {_ROUNDS} races for a name")
    return f"one writer won in each of {_ROUNDS} races for a name"


def _whole(ground: Ground) -> str:
    content, looks, done = ground.content(LARGE), 0, threading.Event()

    def put() -> str:
        try:
            return ground.put("whole", content)
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(put)
        while not done.is_set():
            _expect_whole(ground, len(content))
            looks += 1
        putting.result()
    _expect_whole(ground, len(content))
    if looks < 2:
        raise Untold("the put was over before it could be looked at")
    if not _declared("whole", ground.target):
        raise Untold(f"nothing half was seen in {looks} looks")
    return "while a put runs, nothing half is seen"


def _expect_whole(ground: Ground, wanted: int) -> None:
    size = ground.sizes().get("whole", wanted)
    _expect(size == wanted, f"while a put runs, {size:,} of {wanted:,} bytes are seen")


def _names(ground: Ground) -> str:
    for name in _ODD_NAMES:
        content = ground.content(len(name))
        locator = ground.put(name, content)
        _expect(ground.target.read(locator, 0, len(content) + 1) == content, f"{name} cannot be read")
        _expect(ground.sizes().get(locator) == len(content), f"{name} is not listed under its name")
    return "blanks, signs, other letters, 200 characters"


def _pages(ground: Ground) -> str:
    content = ground.content(10)
    works = [_later(ground, f"page-{number:05}", content) for number in range(PAGE + 20)]
    with ThreadPoolExecutor(_OBJECTS) as pool:
        put = {future.result() for future in [pool.submit(work) for work in works]}
    _expect(put <= ground.sizes().keys(), f"of {len(put):,} objects some are not listed")
    return f"a listing of {len(put):,} objects"


def _later(ground: Ground, name: str, content: bytes) -> Callable[[], str]:
    return lambda: ground.put(name, content)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
