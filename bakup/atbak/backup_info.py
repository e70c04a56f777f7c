"""ATBU's backup information (.atbuinf): the SQLite file by which `atbu recover`, `list`, `verify` and `restore` find
the files of a check point (docs/format/atbak.md section 7). bakup itself never reads it."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

from msgspec import Struct

from bakup.atbak.naming import INFO
from bakup.format.preamble import Facts, posix_seconds

PREFIX = "zz-backup-info-"
"""What ATBU looks for."""

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_BATCH = 1_000
_SCHEMA = """
CREATE TABLE backup_db (id INTEGER PRIMARY KEY, name TEXT, version TEXT);
CREATE TABLE backups (id INTEGER PRIMARY KEY, backup_db_id INTEGER NOT NULL, name TEXT,
 FOREIGN KEY (backup_db_id) REFERENCES backup_db(id));
CREATE TABLE specific_backups (id INTEGER PRIMARY KEY, backups_id INTEGER NOT NULL, name TEXT,
 backup_start_time_utc TEXT, object_name_hash_salt TEXT, backup_type TEXT,
 FOREIGN KEY (backups_id) REFERENCES backups(id));
CREATE TABLE path_values (id INTEGER PRIMARY KEY, path TEXT UNIQUE, path_lc_digest BLOB);
CREATE TABLE backup_file_info (id INTEGER PRIMARY KEY, specific_backup_id INTEGER NOT NULL,
 path_value_id INTEGER NOT NULL, last_modified DOUBLE, last_accessed DOUBLE, lastmodified_stamp TEXT,
 size_in_bytes INTEGER, discovery_path_value_id INTEGER NOT NULL, is_successful INTEGER, exception TEXT,
 ciphertext_hash BLOB, encryption_IV BLOB, storage_object_name TEXT, is_unchanged_since_last INTEGER,
 is_backing_fi_digest INTEGER, deduplication_option TEXT,
 FOREIGN KEY (specific_backup_id) REFERENCES specific_backups(id),
 FOREIGN KEY (path_value_id) REFERENCES path_values(id),
 FOREIGN KEY (discovery_path_value_id) REFERENCES path_values(id));
CREATE TABLE digest_values (id INTEGER PRIMARY KEY, digest_type TEXT, digest BLOB, UNIQUE (digest_type, digest));
CREATE TABLE backup_file_digests (backup_file_info_id INTEGER NOT NULL, digest_value_id INTEGER NOT NULL,
 FOREIGN KEY (backup_file_info_id) REFERENCES backup_file_info(id),
 FOREIGN KEY (digest_value_id) REFERENCES digest_values(id), PRIMARY KEY (backup_file_info_id, digest_value_id));
CREATE INDEX bfi_sbi_path_dpath_idx ON backup_file_info(specific_backup_id, path_value_id, discovery_path_value_id);
CREATE INDEX bfi_pvid_idx ON backup_file_info(path_value_id);
CREATE INDEX bfi_backingfidigest_path_dpath_sbi_idx ON backup_file_info(is_backing_fi_digest, path_value_id,
 discovery_path_value_id, specific_backup_id);
CREATE INDEX bfd_dv_bfi_idx ON backup_file_digests(digest_value_id, backup_file_info_id);
CREATE INDEX digest_values_idx ON digest_values(digest);
CREATE INDEX bfi_is_unchanged_last_idx ON backup_file_info(is_unchanged_since_last);
CREATE INDEX path_lc_digest_idx ON path_values(path_lc_digest);
"""
"""Tables and indexes of ATBU 0.0.50, backup information 0.04."""
_PATH = "INSERT OR IGNORE INTO path_values (path, path_lc_digest) VALUES (:path, :path_digest)"
_DIGEST = "INSERT OR IGNORE INTO digest_values (digest_type, digest) VALUES ('sha256', :sha256)"
_FILE = """
INSERT INTO backup_file_info SELECT :id, 1, id, :modified, :accessed, :stamp, :size, 1, 1, NULL, :body_sha256, :iv,
 :name, 0, 0, NULL FROM path_values WHERE path = :path
"""
_LINK = "INSERT INTO backup_file_digests SELECT :id, id FROM digest_values WHERE digest = :sha256"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoredFile(Struct, frozen=True):
    """A file of a check point and its object. `facts`, `size` (bytes) and `sha256` are those in the object's preamble;
    `iv` and `body_sha256` as in `writer.Written`: None for a plain object. `name` is the object's, without folder."""

    facts: Facts
    size: int
    sha256: bytes
    name: str
    iv: bytes | None = None
    body_sha256: bytes | None = None


def info_name(time_ns: int) -> str:
    """How the object of the backup information is called; to the second, so a second later is another."""
    return f"{PREFIX}{_time(time_ns):%Y%m%d-%H%M%S}{INFO}"


def name_of(target: str) -> str:
    """What ATBU may call the target at a path or URL: the last part, in small letters, digits and `-`."""
    return _NOT_IN_NAMES.sub("-", target.rstrip("/").rpartition("/")[2].lower()).strip("-") or "bakup"


def is_info(locator: str) -> bool:
    """Whether this is called as an object of backup information is."""
    name = locator.rpartition("/")[2]
    return name.startswith(PREFIX) and name.endswith(INFO)


def write_info(files: Iterable[StoredFile], path: str, *, name: str, root: bytes, time_ns: int) -> None:
    """Write the SQLite file `path` about one check point, to be stored as an object called `info_name(time_ns)`.

    `name` is what ATBU calls the target (small letters, digits, `-`), `root` the source's folder in UTF-8, as in
    `Facts.path`. Flat in memory. Raises OSError, or sqlite3.Error when there is no space.
    """
    open(path, "xb").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + _SCHEMA)
        _insert_backup(connection, name, root, time_ns)
        rows = (_row(identity, file) for identity, file in enumerate(files, 1))
        while batch := list(islice(rows, _BATCH)):
            for statement in (_PATH, _DIGEST, _FILE, _LINK):
                connection.executemany(statement, batch)
        connection.execute("COMMIT")


def _insert_backup(connection: sqlite3.Connection, name: str, root: bytes, time_ns: int) -> None:
    time = _time(time_ns)
    connection.execute("INSERT INTO backup_db VALUES (1, 'ATBU Backup Information', '0.04')")
    connection.execute("INSERT INTO backups VALUES (1, 1, ?)", [name])
    connection.execute(
        "INSERT INTO specific_backups VALUES (1, 1, ?, ?, ?, 'full')",
        [f"{name}-{time:%Y%m%d-%H%M%S}", time.isoformat(timespec="seconds"), secrets.token_bytes(32)],
    )
    connection.execute(_PATH, _path(root))


def _row(identity: int, file: StoredFile) -> dict[str, object]:
    facts = file.facts
    return {
        **_path(facts.path),
        "id": identity,
        "modified": float(posix_seconds(facts.modified_ns)),
        "accessed": float(posix_seconds(facts.accessed_ns)),
        "stamp": _time(facts.modified_ns or 0).isoformat(timespec="microseconds"),
        "size": file.size,
        "sha256": file.sha256,
        "name": file.name,
        "iv": file.iv,
        "body_sha256": file.body_sha256,
    }


def _path(path: bytes) -> dict[str, object]:
    """ATBU has absolute paths there; the digest lets it find them where letters' case does not count."""
    text = path.decode().lstrip("/")
    return {"path": f"/{text}", "path_digest": hashlib.sha256(text.lower().encode()).digest()}


def _time(time_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_ns // 1_000)
