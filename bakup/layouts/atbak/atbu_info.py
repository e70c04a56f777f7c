"""ATBU's backup information beside a check point: what `atbu recover` and `atbu restore` read. bakup never does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bakup.atbak.backup_info import StoredFile, info_name, name_of, write_info
from bakup.atbak.naming import path_in
from bakup.atbak.reader import read_seal
from bakup.catalog import history, objects
from bakup.catalog.database import transaction
from bakup.catalog.objects import ObjectRow
from bakup.errors import Damaged, StoreError
from bakup.format.preamble import BLOCK, Facts
from bakup.layouts.interface import Begun
from bakup.model import Kind

if TYPE_CHECKING:
    from bakup.layouts.atbak.spool import AtbakSpool

PIECE = 4 << 20
SECOND = 10**9


def put_info(storing: AtbakSpool, begun: Begun) -> None:
    """Put the backup information of a check point that is stored, with all files that stand at it."""
    plain = storing.spool("info")
    location, time_ns = begun.checkpoint.location, begun.checkpoint.time_ns
    name, root = name_of(storing.target.url), path_in(location, b"")
    files = _files(storing, begun)
    write_info(files, plain, name=name, root=root, time_ns=time_ns)
    _put(storing, plain, time_ns)
    os.unlink(plain)


def _put(storing: AtbakSpool, plain: str, time_ns: int) -> None:
    """Its name says the time to the second: of two check points in one second one is told a second later."""
    spool = f"{plain}.object"
    storing.write(_pieces(plain), Facts(b"info.atbuinf", time_ns, time_ns), spool)
    while True:
        try:
            storing.target.put_new(storing.locator(info_name(time_ns)), spool)
        except StoreError as error:
            if error.code != "object-exists":
                raise
            time_ns += SECOND
        else:
            return


def _files(storing: AtbakSpool, begun: Begun) -> Iterator[StoredFile]:
    """What stands at the check point and is there."""
    connection, target = storing.task.connection, storing.task.target_row
    location = begun.checkpoint.location
    for version in history.versions_at(connection, begun.source, begun.ordinal, kinds=(Kind.FILE,)):
        sha256 = (version.digest if version.size else objects.EMPTY_SHA256) or b""
        row = objects.object_of(connection, target, path_in(location, version.path), sha256)
        if row is not None:
            facts = Facts(row.path, row.modified_ns, row.modified_ns)
            seal = _seal(storing, row) if row.encrypted else None
            iv, body = (seal[:BLOCK], seal[BLOCK:]) if seal else (None, None)
            yield StoredFile(facts, row.size, sha256, row.locator.rpartition("/")[2], iv, body)


def _seal(storing: AtbakSpool, row: ObjectRow) -> bytes | None:
    """What ATBU compares, None of a damaged one. A rebuild learns the IVs alone: then each object is read once."""
    if row.seal is not None and len(row.seal) > BLOCK:
        return row.seal
    try:
        seal = read_seal(storing.target, row.locator, row.stored)
    except Damaged:
        return None
    with transaction(storing.task.connection):
        objects.set_seal(storing.task.connection, storing.task.target_row, row.uuid, seal)
    return seal


def _pieces(file: str) -> Iterator[bytes]:
    with open(file, "rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
