"""Schema of catalog.db (docs/catalog.md)."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

catalog = Migrations("catalog")

TABLES = """
CREATE TABLE targets (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE
) STRICT;

-- One row a sector. pending: recorded, not yet confirmed at the target; damaged: there, but its header or metadata
-- are unusable; missing: the target lacks it now; removed: so does the user's hand, which takes objects of the plain
-- layout away one by one. Of those header_digest is the sha256 of the file; path and modified_ns are what their
-- preambles say, null for one that holds a check point; seal is what ATBU's backup information wants of an encrypted
-- one: IV and sha256 of all behind its header.
CREATE TABLE sectors (
    id INTEGER PRIMARY KEY,
    target INTEGER NOT NULL REFERENCES targets(id),
    uuid BLOB NOT NULL,
    locator TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('building', 'pending', 'stored', 'damaged', 'missing', 'removed')),
    header_digest BLOB,
    path BLOB,
    modified_ns INTEGER,
    seal BLOB,
    signer BLOB NOT NULL,
    encrypted INTEGER NOT NULL,
    signed INTEGER NOT NULL,
    UNIQUE (target, uuid, header_digest)
) STRICT;

CREATE INDEX sectors_by_locator ON sectors (target, locator);
CREATE INDEX sectors_by_path ON sectors (target, path) WHERE path IS NOT NULL;

-- Objects at a target that are not sectors of this account, so that they are looked at once only. untrusted: nothing
-- that the account made; forged: by its signature it is not, or it is damaged. uuid: of the sector that a refused one
-- says it is.
CREATE TABLE others (
    target INTEGER NOT NULL REFERENCES targets(id),
    locator TEXT NOT NULL,
    size INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('no sector', 'duplicate', 'foreign', 'untrusted', 'forged', 'damaged',
        'withheld', 'archived')),
    detail TEXT NOT NULL,
    uuid BLOB,
    PRIMARY KEY (target, locator)
) STRICT, WITHOUT ROWID;

-- current: the check point whose state the standing versions show; lacking: when that was read in, a chunk of it had
-- no place, and no sync has seen since that all have one; stood: the ordinal at which the standing versions were last
-- put back to an earlier state, which is no check point's.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    target INTEGER NOT NULL REFERENCES targets(id),
    uuid BLOB NOT NULL,
    signer BLOB NOT NULL,
    host TEXT NOT NULL,
    location BLOB NOT NULL,
    name TEXT NOT NULL,
    current INTEGER,
    lacking INTEGER NOT NULL DEFAULT 0,
    stood INTEGER NOT NULL DEFAULT 0,
    UNIQUE (target, uuid, signer)
) STRICT;

-- Whose keys signed sectors of writers that the account certified: signer ids, by the writer's uuid.
CREATE TABLE writers (
    target INTEGER NOT NULL REFERENCES targets(id),
    signer BLOB NOT NULL,
    writer BLOB NOT NULL,
    PRIMARY KEY (target, signer, writer)
) STRICT, WITHOUT ROWID;

-- What the account said of writers: after these check points of their sources nothing is believed. checkpoint: where it
-- was said; record: digest of it; writer: uuid or signer id; of a source that it does not name, source and digest are
-- empty.
CREATE TABLE revocations (
    target INTEGER NOT NULL REFERENCES targets(id),
    checkpoint INTEGER NOT NULL,
    record BLOB NOT NULL,
    writer BLOB NOT NULL,
    source BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (target, checkpoint, record, source, digest)
) STRICT, WITHOUT ROWID;

-- Check points that were dropped on purpose. checkpoint: where that was said; by: signer id of who said so; account:
-- whether that is the account.
CREATE TABLE forgotten (
    target INTEGER NOT NULL REFERENCES targets(id),
    checkpoint INTEGER NOT NULL,
    signer BLOB NOT NULL,
    uuid BLOB NOT NULL,
    digest BLOB NOT NULL,
    by BLOB NOT NULL,
    account INTEGER NOT NULL,
    PRIMARY KEY (target, checkpoint, signer, uuid, digest, by)
) STRICT, WITHOUT ROWID;

-- ordinal: order in which check points were applied; NULL until a check point is complete.
-- digest, files, bytes: from its END, as soon as that is known. refused: why it cannot be used, whatever of it is
-- there; hidden: why it is not offered: forgotten, replaced, or not believed; account: signed by the account itself.
-- entries_lost: 1 when its END is lost, 2 when entries of it are missing or could not be read.
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES sources(id),
    uuid BLOB NOT NULL,
    ordinal INTEGER UNIQUE,
    complete INTEGER NOT NULL DEFAULT 0,
    sequence INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    previous_uuid BLOB,
    previous_digest BLOB,
    based_on BLOB,
    tags TEXT NOT NULL,
    header_digest BLOB NOT NULL,
    digest BLOB,
    files INTEGER,
    bytes INTEGER,
    entries_lost INTEGER NOT NULL DEFAULT 0,
    replaces BLOB,
    account INTEGER NOT NULL DEFAULT 0,
    refused TEXT,
    hidden TEXT,
    UNIQUE (source, uuid)
) STRICT;
CREATE INDEX checkpoints_replacing ON checkpoints (source, substr(replaces, 33, 16)) WHERE replaces IS NOT NULL;
CREATE INDEX checkpoints_by_previous ON checkpoints (source, previous_uuid);

-- Headers of check points that others made, each content once; of several one counts.
CREATE TABLE headers (
    checkpoint INTEGER NOT NULL REFERENCES checkpoints(id),
    digest BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (checkpoint, digest)
) STRICT, WITHOUT ROWID;

-- The sectors that a check point's END lists, in order.
CREATE TABLE lines (
    checkpoint INTEGER NOT NULL REFERENCES checkpoints(id),
    position INTEGER NOT NULL,
    sector BLOB NOT NULL,
    header_digest BLOB,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_path BLOB NOT NULL,
    last_path BLOB NOT NULL,
    PRIMARY KEY (checkpoint, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX lines_by_sector ON lines (sector);

-- The parts of a check point's END, until one END is chosen.
CREATE TABLE ends (
    checkpoint INTEGER NOT NULL REFERENCES checkpoints(id),
    part INTEGER NOT NULL,
    digest BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (checkpoint, part, digest)
) STRICT, WITHOUT ROWID;

-- The lanes that a check point's END lists.
CREATE TABLE lanes (
    checkpoint INTEGER NOT NULL REFERENCES checkpoints(id),
    lane INTEGER NOT NULL,
    length INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (checkpoint, lane)
) STRICT, WITHOUT ROWID;

-- Boxes of metadata: which part of a check point's lanes stands in which sector, and where in its meta region.
-- offset: lane and place in it; -1 for the check point's header. digest: of the content. refused: why nothing of it, or
-- of a part of it, could be used; beyond: what in it must be understood, and is not.
CREATE TABLE boxes (
    sector INTEGER NOT NULL REFERENCES sectors(id),
    checkpoint INTEGER NOT NULL REFERENCES checkpoints(id),
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    digest BLOB NOT NULL,
    refused TEXT,
    beyond TEXT,
    PRIMARY KEY (checkpoint, offset, sector, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX boxes_by_sector ON boxes (sector);
CREATE INDEX boxes_beyond ON boxes (checkpoint) WHERE beyond IS NOT NULL;

-- Boxes of data: each is one pack. position: of the box in the region's plaintext; length: of its content.
-- damaged: 1 as a whole; 2 in some chunks, which are marked; 3 not as it was written, yet chunks of it have their ids.
CREATE TABLE packs (
    id INTEGER PRIMARY KEY,
    sector INTEGER NOT NULL REFERENCES sectors(id),
    position INTEGER NOT NULL,
    length INTEGER NOT NULL,
    raw_length INTEGER NOT NULL,
    checkpoint BLOB NOT NULL,
    offset INTEGER NOT NULL,
    damaged INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX packs_by_sector ON packs (sector, position);

-- Places of chunks; a chunk may have several.
CREATE TABLE chunks (
    id BLOB NOT NULL,
    pack INTEGER NOT NULL REFERENCES packs(id),
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    damaged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (id, pack, offset)
) STRICT, WITHOUT ROWID;

-- Every version of every path, as an interval of ordinals; last is NULL while it stands.
-- digest: of a file; the id of its only chunk, unless parted: then its extents stand in parts. plain: a file that is
-- its only chunk and its attributes, without another name or inode flags.
CREATE TABLE versions (
    source INTEGER NOT NULL,
    key BLOB NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER,
    path ANY NOT NULL,
    kind INTEGER NOT NULL,
    size INTEGER,
    mtime_ns INTEGER,
    ctime_ns INTEGER,
    inode INTEGER,
    digest BLOB,
    parted INTEGER NOT NULL,
    plain INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    attributes BLOB NOT NULL,
    extra BLOB,
    checkpoint INTEGER NOT NULL,
    PRIMARY KEY (source, key, first)
) STRICT, WITHOUT ROWID;

-- Entries of check points that other runs made, until those are complete and applied. place: offset of the box.
CREATE TABLE staged (
    checkpoint INTEGER NOT NULL,
    place INTEGER NOT NULL,
    key BLOB NOT NULL,
    path ANY NOT NULL,
    kind INTEGER NOT NULL,
    size INTEGER,
    mtime_ns INTEGER,
    ctime_ns INTEGER,
    inode INTEGER,
    digest BLOB,
    parted INTEGER NOT NULL,
    plain INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    attributes BLOB NOT NULL,
    extra BLOB
) STRICT;

-- DELETE entries and replaced paths of a check point that is not applied yet.
CREATE TABLE removals (
    checkpoint INTEGER NOT NULL,
    key BLOB NOT NULL,
    subtree INTEGER NOT NULL,
    PRIMARY KEY (checkpoint, key, subtree)
) STRICT, WITHOUT ROWID;

-- Extents of files with more than one: runs of (length u64, chunk id; zeros for a hole), little-endian. place: offset
-- of the box, by which the last of several parts of one offset is told.
CREATE TABLE parts (
    checkpoint INTEGER NOT NULL,
    key BLOB NOT NULL,
    file_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    extents BLOB NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (checkpoint, key, file_id, offset)
) STRICT, WITHOUT ROWID;

-- Paths that could not be read at a check point.
CREATE TABLE unread (
    checkpoint INTEGER NOT NULL,
    key BLOB NOT NULL,
    path ANY NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (checkpoint, key)
) STRICT, WITHOUT ROWID;
"""

VIEWS = """
-- For people: plain names, hex ids, UTC times.
CREATE VIEW audit_checkpoints AS
    SELECT lower(hex(c.uuid)) AS id, t.url AS target,
        CASE s.name WHEN '' THEN s.host || ':' || CAST(s.location AS TEXT) ELSE s.name END AS source,
        datetime(c.time_ns / 1000000000, 'unixepoch') AS time, c.sequence, c.complete,
        c.files, c.bytes, c.tags, c.ordinal
    FROM checkpoints c JOIN sources s ON s.id = c.source JOIN targets t ON t.id = s.target;

CREATE VIEW audit_files AS
    SELECT f.id AS first_checkpoint, f.target, f.source, v.path, v.size,
        datetime(v.mtime_ns / 1000000000, 'unixepoch') AS modified, lower(hex(v.digest)) AS digest,
        v.first, v.last, v.last IS NULL AS current
    FROM versions v JOIN audit_checkpoints f ON f.ordinal = v.first
    WHERE v.kind = 1;

CREATE VIEW audit_sectors AS
    SELECT lower(hex(s.uuid)) AS sector, t.url AS target, s.locator, s.size, s.state, s.encrypted, s.signed,
        (SELECT count(*) FROM packs p WHERE p.sector = s.id) AS packs,
        (SELECT sum(p.raw_length) FROM packs p WHERE p.sector = s.id) AS raw_bytes
    FROM sectors s JOIN targets t ON t.id = s.target;
"""


@catalog()
def m001_tables(db: Database) -> None:
    """Tables of the first release."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)


@catalog()
def m002_views(db: Database) -> None:
    """Views for people."""
    for statement in VIEWS.split(";\n"):
        if statement.strip():
            db.execute(statement)


TAGGED = """
-- Tags that check points were given later, as JSON. Of several lines the one with the highest version counts, then that
-- with the greater rank: the tags joined by zero bytes.
CREATE TABLE tagged (
    target INTEGER NOT NULL REFERENCES targets(id),
    signer BLOB NOT NULL,
    uuid BLOB NOT NULL,
    digest BLOB NOT NULL,
    version INTEGER NOT NULL,
    rank BLOB NOT NULL,
    tags TEXT NOT NULL,
    by BLOB NOT NULL,
    account INTEGER NOT NULL,
    PRIMARY KEY (target, signer, uuid, digest, version, rank, by)
) STRICT, WITHOUT ROWID;
"""


@catalog()
def m003_tagged(db: Database) -> None:
    """Tags that check points were given later."""
    db.executescript(TAGGED)
