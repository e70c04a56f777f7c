"""atbak inspect, decrypt, key show: single objects of the plain layout, without a catalog."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from os import fsencode, path

from msgspec import Struct

from bakup.api.ask import Ask
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.atbak import checkpoints, keys
from bakup.atbak.backup_info import name_of
from bakup.atbak.reader import OpenObject, open_object
from bakup.destination.folder.folder import Destination
from bakup.errors import Damaged, Failed, WrongAccount
from bakup.format.objects import is_object
from bakup.format.preamble import Preamble, safe_path
from bakup.model import Attributes, Checkpoint, Kind
from bakup.restorer.apart import refuse_out_beside
from bakup.store import opening
from bakup.store.target import Target

_MODE = 0o600
"""Of a decrypted file: the format keeps none."""
_NO_KEY = ("with your 24 words: bakup account recover", "with the key in a file: --key-file FILE")


class AtbakReport(Struct, frozen=True):
    """`atbak inspect`: `stored` in bytes; `damage` says why the data are not those of the preamble, if they are not;
    `checkpoint` is what the object of a check point holds."""

    name: str
    stored: int
    encrypted: bool
    preamble: Preamble
    damage: str | None = None
    checkpoint: Checkpoint | None = None


class DecryptReport(Struct, frozen=True):
    """`atbak decrypt`: `place` is where the file is now."""

    preamble: Preamble
    place: bytes
    elapsed: float


def inspect(home: Home, file: str, *, target: TargetOptions, watch: Watch, ask: Ask) -> AtbakReport:
    """What is in the object at the path or URL `file`; all of it is read and compared with its sha256.

    Raises NoTarget when it is not there, Damaged when not even its preamble can be read, WrongAccount without a key.
    """
    with _opened(home, file, target, watch, ask) as (found, stored):
        report = AtbakReport(path.basename(file), stored, found.encrypted, found.preamble)
        try:
            for _ in found.stream():
                pass
        except Damaged as error:
            return AtbakReport(report.name, stored, found.encrypted, found.preamble, error.message)
        if not checkpoints.is_checkpoint(found.preamble.path):
            return report
        return AtbakReport(report.name, stored, found.encrypted, found.preamble, checkpoint=_checkpoint(found))


def decrypt(
    home: Home, file: str, out: str, *, overwrite: bool, target: TargetOptions, watch: Watch, ask: Ask
) -> DecryptReport:
    """Write the file that the object `file` holds: as `out`, or below the folder `out` by the path in its preamble.

    It has its name only once it is whole and verified. Raises Failed when something is there and not `overwrite`,
    Damaged when the object is, or its path would leave the folder.
    """
    begun = time.monotonic()
    refuse_out_beside(file, out)
    with _opened(home, file, target, watch, ask) as (found, _):
        if path.isdir(out):
            root, inner = out, safe_path(found.preamble.path)
        else:
            root, inner = path.dirname(path.abspath(out)), fsencode(path.basename(out))
        if not path.isdir(root):
            raise Failed(f"there is no folder {root}", code="no-folder")
        with Destination(root) as destination:
            _bring(found, destination, inner, overwrite)
        return DecryptReport(found.preamble, path.join(fsencode(root), inner), time.monotonic() - begun)


def key_of(home: Home, dst: str, *, target: TargetOptions, watch: Watch, ask: Ask) -> tuple[bytes, str]:
    """The key that opens the encrypted objects at `dst`, which one of them confirms; and what ATBU may call it.

    Raises Failed when there are none, WrongAccount without a key or with another.
    """
    with closing(opening.open_target(dst, options=target.store, terms=target.terms(watch))) as store:
        encrypted = (found for found in store.list() if is_object(found[0]) and found[0].endswith("e"))
        sample = next(islice(encrypted, 1), None)
        if sample is None:
            raise Failed(f"{dst} holds no .atbake objects: there is nothing to open", code="no-atbak")
        key = _key(home, target.key_file, ask)
        if key is None:
            raise WrongAccount(f"{dst} is encrypted, and there is no account here", hints=_NO_KEY, code="no-account")
        try:
            open_object(store, *sample, key)
        except Damaged as error:
            raise WrongAccount(f"this key does not open {dst}", hints=error.hints, code="atbak-key") from None
    return key, name_of(dst)


@contextmanager
def _opened(home: Home, file: str, target: TargetOptions, watch: Watch, ask: Ask) -> Iterator[tuple[OpenObject, int]]:
    """The open object and its size; the key is looked for only when it is encrypted."""
    store, locator, size = opening.open_object(file, options=target.store, terms=target.terms(watch))
    with closing(store):
        yield _open(store, locator, size, home, target.key_file, ask), size


def _open(target: Target, locator: str, size: int, home: Home, key_file: str | None, ask: Ask) -> OpenObject:
    try:
        return open_object(target, locator, size, None)
    except WrongAccount as error:
        key = _key(home, key_file, ask)
        if key is None:
            raise WrongAccount(error.message, hints=_NO_KEY, code=error.code) from None
        return open_object(target, locator, size, key)


def _key(home: Home, key_file: str | None, ask: Ask) -> bytes | None:
    if key_file is not None:
        return keys.read_key_file(key_file)
    return keys.account_key(home.account(ask)) if home.has_account else None


def _checkpoint(found: OpenObject) -> Checkpoint | None:
    """What the object holds, if it is what its path says."""
    try:
        first = next(checkpoints.decode(found.stream()), None)
    except Damaged:
        return None
    return first if isinstance(first, Checkpoint) else None


def _bring(found: OpenObject, destination: Destination, inner: bytes, overwrite: bool) -> None:
    modified = found.preamble.facts.modified_ns
    place = path.join(destination.root, inner).decode(errors="surrogateescape")
    if destination.compare(inner, Kind.FILE, -1, 0) != "absent" and not overwrite:
        raise Failed(f"{place} is there already", hints=("to replace it: --overwrite",), code="in-the-way")
    part = destination.begin_file(inner, found.preamble.size)
    done = False
    if part is not None:
        try:
            at = 0
            for piece in found.stream():
                part.write_at(at, piece)
                at += len(piece)
        except BaseException:
            part.abandon()
            raise
        done = part.finish(Attributes(mode=_MODE, mtime_ns=time.time_ns() if modified is None else modified))
    if not done:
        raise Failed(f"{place} cannot be written: {destination.problems[-1][1]}", code="in-the-way")
