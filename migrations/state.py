"""Schema of state.db: what a target cannot give back (docs/catalog.md)."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

state = Migrations("state")

TABLES = """
-- Targets that this computer has written to or read: what was there last, and how it is protected.
CREATE TABLE targets (
    url TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    layout TEXT NOT NULL,
    encrypted INTEGER NOT NULL,
    signed INTEGER NOT NULL,
    sectors INTEGER NOT NULL,
    seen_ns INTEGER NOT NULL
) STRICT;

-- The newest check point of each source that was seen at a target: guards against a history that was rolled back.
CREATE TABLE heads (
    url TEXT NOT NULL,
    source BLOB NOT NULL,
    signer BLOB NOT NULL,
    checkpoint BLOB NOT NULL,
    digest BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (url, source, signer)
) STRICT;

-- When each source was last looked at, also when nothing had changed; an open run has no end.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    begun_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    stored_bytes INTEGER NOT NULL DEFAULT 0,
    stored_sectors INTEGER NOT NULL DEFAULT 0,
    seconds REAL
) STRICT;

-- Damage that check or restore found, by place, so that the next sync stores it again. position: of a pack; -1 for the
-- sector as a whole. chunk: the offset of a chunk in its pack; -1 for all of it, -2 if the pack is not as it was
-- written and yet its chunks are.
CREATE TABLE findings (
    url TEXT NOT NULL,
    sector BLOB NOT NULL,
    position INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    reason TEXT NOT NULL,
    found_ns INTEGER NOT NULL,
    PRIMARY KEY (url, sector, position, chunk)
) STRICT;

-- What cannot come back at a target and was accepted (`check --accept-loss`): `what` names it exactly.
CREATE TABLE accepted (
    url TEXT NOT NULL,
    what TEXT NOT NULL,
    accepted_ns INTEGER NOT NULL,
    PRIMARY KEY (url, what)
) STRICT, WITHOUT ROWID;

-- When a target was last verified, and how it was.
CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    read_data INTEGER NOT NULL,
    exit_code INTEGER NOT NULL
) STRICT;

-- Objects that go up while they grow, by the name they will have; gone from here when they are stored.
CREATE TABLE uploads (
    url TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (url, name)
) STRICT, WITHOUT ROWID;

-- Runs that put to stores which show halves of objects: what a killed one left bears its mark.
CREATE TABLE marks (
    url TEXT NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (url, mark)
) STRICT, WITHOUT ROWID;

-- States of sources that were changed for a backup and are to be restored.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    source BLOB NOT NULL,
    strategy TEXT NOT NULL,
    facts TEXT NOT NULL,
    begun_ns INTEGER NOT NULL
) STRICT;
"""


@state()
def m001_tables(db: Database) -> None:
    """Tables of the first release."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)


@state()
def m002_heads_of_other_disks(db: Database) -> None:
    """label: of the source, for messages; away: another disk came to stand at the target's place since, without it."""
    db.execute("ALTER TABLE heads ADD COLUMN label TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE heads ADD COLUMN away INTEGER NOT NULL DEFAULT 0")


@state()
def m003_said(db: Database) -> None:
    """Warnings that were given today, by code and text, so that quiet runs say each once a day."""
    columns = "day TEXT, code TEXT, text TEXT, PRIMARY KEY (day, code, text)"
    db.execute(f"CREATE TABLE said ({columns}) STRICT, WITHOUT ROWID")


@state()
def m004_reads(db: Database) -> None:
    """When every byte of an object was read last by check, so that a large target is verified in turns."""
    columns = "url TEXT NOT NULL, object BLOB NOT NULL, read_ns INTEGER NOT NULL, PRIMARY KEY (url, object)"
    db.execute(f"CREATE TABLE reads ({columns}) STRICT, WITHOUT ROWID")
