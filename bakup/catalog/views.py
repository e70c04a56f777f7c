"""Views for audits (docs/catalog.md): plain names, hex ids, times as ISO text in UTC and as ns; no ordinals."""

from __future__ import annotations


def _utc(column: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%SZ', {column} / 1000000000, 'unixepoch')"


POINTS = """
CREATE TABLE temp.points (source INTEGER, ordinal INTEGER, before INTEGER, after INTEGER, id TEXT, label TEXT,
    signer TEXT, time_ns INTEGER, files INTEGER, bytes INTEGER, stored_bytes INTEGER, tags TEXT,
    PRIMARY KEY (source, ordinal)) WITHOUT ROWID
"""
"""The check points that are offered, in the order in which they were applied; `before` and `after`: the neighbours'
ordinals."""

_SPAN = """FROM (SELECT DISTINCT source FROM temp.points) d CROSS JOIN main.versions v ON v.source = d.source
    CROSS JOIN temp.points a ON a.source = v.source AND a.ordinal =
        (SELECT min(n.ordinal) FROM temp.points n WHERE n.source = v.source AND n.ordinal >= v.first)
    CROSS JOIN temp.points z ON z.source = v.source AND z.ordinal =
        (SELECT max(n.ordinal) FROM temp.points n WHERE n.source = v.source
            AND n.ordinal <= coalesce(v.last, 9223372036854775807))
    WHERE z.ordinal >= a.ordinal AND v.key <> x''"""
"""Versions `v` that a check point has, with the first, `a`, and the last, `z`."""

_KIND = "CASE v.kind WHEN 1 THEN 'file' WHEN 3 THEN 'dir' WHEN 4 THEN 'symlink' ELSE 'special' END"
_STANDING = "(o.source = v.source AND o.key = v.key AND o.first <= {at} AND (o.last IS NULL OR o.last >= {at}))"
_SAME = (
    "(o.kind = v.kind AND o.size IS v.size AND o.digest IS v.digest AND o.extra IS v.extra"
    " AND o.attributes = v.attributes)"
)

_COPIES = "count(DISTINCT coalesce(source || ' ' || link_group, source || '/' || path))"

INNER = {
    "extents": """
    SELECT v.source, v.key, v.first, 0 AS position, v.size AS length, v.digest AS chunk FROM main.versions v
    WHERE v.kind = 1 AND NOT v.parted AND v.size > 0
    UNION ALL
    SELECT v.source, v.key, v.first, p.offset + json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'),
        bakup_bytes(json_extract(j.value, '$[2]'))
    FROM main.versions v
    CROSS JOIN main.parts p ON p.checkpoint = v.checkpoint AND p.key = v.key AND p.file_id = v.file_id
    CROSS JOIN json_each(bakup_extents(p.extents)) j WHERE v.kind = 1 AND v.parted""",
}
"""What other views are made of."""

VIEWS = {
    "checkpoints": f"""
    SELECT id, label AS source, {_utc("time_ns")} AS time, time_ns, files, bytes, stored_bytes, tags, signer
    FROM temp.points WHERE ordinal > 0""",
    "files": f"""
    SELECT a.label AS source, v.path, {_KIND} AS kind, v.size,
        printf('%04o', bakup_mode(v.attributes)) AS mode, bakup_owner(v.attributes) AS owner,
        {_utc("v.mtime_ns")} AS modified, v.mtime_ns AS modified_ns,
        {_utc("a.time_ns")} AS "from", {_utc("z.time_ns")} AS "to", a.time_ns AS from_ns, z.time_ns AS to_ns,
        a.id AS from_id, z.id AS to_id, z.after IS NULL AS current,
        CASE WHEN NOT v.plain THEN bakup_link_group(v.attributes) END AS link_group, lower(hex(v.digest)) AS digest
    {_SPAN}""",
    "changes": f"""
    SELECT a.label AS source, a.id AS checkpoint, {_utc("a.time_ns")} AS time, a.time_ns,
        CASE WHEN EXISTS (SELECT 1 FROM main.versions o WHERE {_STANDING.format(at="a.before")}) THEN 'M' ELSE '+' END
            AS mark, v.path, {_KIND} AS kind, v.size
    {_SPAN} AND NOT EXISTS (SELECT 1 FROM main.versions o WHERE {_STANDING.format(at="a.before")} AND {_SAME})
    UNION ALL
    SELECT source, checkpoint, deleted, deleted_ns, '-', path, kind, size FROM temp.deleted""",
    "deleted": f"""
    SELECT z.label AS source, v.path, {_KIND} AS kind, v.size, {_utc("g.time_ns")} AS deleted,
        g.time_ns AS deleted_ns, g.id AS checkpoint, {_utc("z.time_ns")} AS last_seen, z.time_ns AS last_seen_ns,
        z.id AS last_id
    FROM (SELECT v.*, z.ordinal AS at {_SPAN}) v
    CROSS JOIN temp.points z ON z.source = v.source AND z.ordinal = v.at
    CROSS JOIN temp.points g ON g.source = z.source AND g.ordinal = z.after
    WHERE NOT EXISTS (SELECT 1 FROM main.versions o WHERE {_STANDING.format(at="z.after")})""",
    "largest": """
    SELECT path, size, source, "from", from_ns FROM temp.files WHERE current AND kind = 'file'
    ORDER BY size DESC, path""",
    "duplicates": f"""
    SELECT min(path) AS path, size, {_COPIES} AS copies, count(*) AS paths, size * ({_COPIES} - 1) AS copied_bytes,
        digest FROM temp.files WHERE current AND kind = 'file' AND size > 0 AND digest IS NOT NULL GROUP BY digest, size
    HAVING copies > 1 ORDER BY copied_bytes DESC, path""",
    "growth": """
    SELECT strftime('%Y-%m', max(time_ns) / 1000000000, 'unixepoch') AS month, label AS source,
        count(*) AS checkpoints, files, bytes, sum(stored_bytes) AS stored_bytes
    FROM temp.points GROUP BY strftime('%Y-%m', time_ns / 1000000000, 'unixepoch'), label ORDER BY 1, 2""",
    "sectors": """
    SELECT lower(hex(s.uuid)) AS id, s.locator AS name, s.size, s.state, lower(hex(s.signer)) AS signer, s.encrypted,
        s.signed, (SELECT coalesce(sum(p.raw_length), 0) FROM main.packs p WHERE p.sector = s.id) AS data_bytes
    FROM main.sectors s WHERE s.target = {target}""",
    "places": """
    SELECT f.label AS source, f.path, f.from_id, x.position, x.length, lower(hex(s.uuid)) AS sector, s.locator AS name,
        s.state, c.damaged OR p.damaged = 1 AS damaged, p.position AS box_position, p.length AS box_length,
        c.offset AS chunk_position, lower(hex(x.chunk)) AS chunk
    FROM (SELECT v.source, v.key, v.first, v.path, a.label, a.id AS from_id {span}) f
    CROSS JOIN temp.extents x ON x.source = f.source AND x.key = f.key AND x.first = f.first
    CROSS JOIN main.chunks c ON c.id = x.chunk
    CROSS JOIN main.packs p ON p.id = c.pack
    CROSS JOIN main.sectors s ON s.id = p.sector AND s.target = {target}""",
    "lost_with": """
    SELECT l.sector, l.name, l.source, l.path, l.from_id, sum(l.length) AS bytes FROM temp.places l
    WHERE NOT EXISTS (SELECT 1 FROM main.chunks c JOIN main.packs p ON p.id = c.pack
        JOIN main.sectors s ON s.id = p.sector WHERE c.id = bakup_bytes(l.chunk) AND s.target = {target}
        AND s.state = 'stored' AND NOT c.damaged AND p.damaged <> 1 AND lower(hex(s.uuid)) <> l.sector)
    GROUP BY l.sector, l.source, l.path, l.from_id""",
}
"""The views by name, in the order in which they are listed. Each uses a column of each table that it reads: SQLite asks
of one that gives rows alone as if the user had named it."""

ABOUT = {
    "checkpoints": "a check point: source, time, files, bytes, stored bytes, signer",
    "files": "a version of a path: from when to when, size, mode, owner",
    "changes": "a path that a check point added (+), changed (M) or lost (-)",
    "deleted": "a path that is gone: when, and where it was last",
    "largest": "a file of the latest check points, the largest first",
    "duplicates": "a content with several copies; hard links are one",
    "growth": "a month of a source: files, bytes, stored bytes",
    "sectors": "a sector: size, state, signer, protection",
    "places": "a byte range of a file, and the sector that holds it",
    "lost_with": "a file that would be lost with a sector, and how much of it",
}

QUESTIONS = {
    "largest": ("the largest files", 'SELECT path, size, source, "from" FROM largest'),
    "duplicates": ("contents with several copies", "SELECT path, size, copies, copied_bytes FROM duplicates"),
    "deleted": (
        "what was deleted, the latest first",
        "SELECT deleted, path, size, source FROM deleted ORDER BY deleted_ns DESC, path",
    ),
    "changes": (
        "all changes, the latest first",
        "SELECT time, mark, path, size, source FROM changes ORDER BY time_ns DESC, path",
    ),
    "growth": ("files and bytes by month", "SELECT * FROM growth"),
    "checkpoints": (
        "all check points, the latest first",
        "SELECT substr(id, 1, 8) AS id, time, files, bytes, stored_bytes, source FROM checkpoints"
        " ORDER BY time_ns DESC",
    ),
    "busiest": (
        "paths with the most versions",
        "SELECT path, count(*) AS versions, sum(size) AS bytes, source FROM files WHERE kind = 'file'"
        " GROUP BY source, path HAVING count(*) > 1 ORDER BY versions DESC, path",
    ),
    "owners": (
        "files and bytes by owner, in the latest check points",
        "SELECT owner, count(*) AS files, sum(size) AS bytes FROM files WHERE current AND kind = 'file'"
        " GROUP BY owner ORDER BY bytes DESC",
    ),
    "unhealthy": (
        "sectors that are not where they should be",
        "SELECT name, size, state FROM sectors WHERE state <> 'stored' ORDER BY name",
    ),
    "lost-with": (
        "files that hang on each sector",
        "SELECT name AS sector, count(*) AS files, sum(bytes) AS bytes FROM lost_with GROUP BY sector"
        " ORDER BY bytes DESC",
    ),
}
"""Ready-made questions: what each answers, and its SQL."""


def statements(target: int) -> list[str]:
    """What makes the views of one target, on a connection whose own tables are `main`."""
    bodies = {**INNER, **VIEWS}
    filled = {name: body.replace("{target}", str(target)).replace("{span}", _SPAN) for name, body in bodies.items()}
    return [POINTS, *(f"CREATE VIEW temp.{name} AS {body}" for name, body in filled.items())]
