"""Section 6.3 and 6.6: entries as plain lists, to be changed at will. Their elements are in the page's order."""

import struct

from blake3 import blake3

from tests.vectors.forge.msgpack import packed

FILE, PART, DIR, SYMLINK, SPECIAL, DELETE, UNREAD, RECORD = range(1, 9)
REVOKE, FORGET = 0x8001, 0x8002
MTIME = 1_600_000_000_123_456_789
FIELDS = (
    "mode", "uid", "gid", "user", "group", "mtime", "ctime", "inode",
    "birth", "link_group", "inode_flags", "xattrs", "facts",
)  # fmt: skip


def attributes(mode=0o644, **given):
    """All nil but for mode and mtime and what is given by name."""
    known = dict.fromkeys(FIELDS) | {"mode": mode, "mtime": MTIME, "xattrs": [], "facts": []} | given
    assert list(known) == list(FIELDS), given
    return list(known.values())


def chunk_id(data):
    return blake3(data).digest()


def known(data):
    """An extent of a chunk that was introduced elsewhere."""
    return [len(data), chunk_id(data), None, None]


def hole(length):
    return [length, None, None, None]


def length_of(extents):
    return sum(extent[0] for extent in extents)


def file_digest(extents):
    if len(extents) == 1 and extents[0][1] is not None:
        return extents[0][1]
    return blake3(b"".join(struct.pack("<Q", e[0]) + (e[1] or bytes(32)) for e in extents)).digest()


def file(path, extents=(), **given):
    extents = list(extents)
    shown = len(extents) > 1 or (len(extents) == 1 and extents[0][1] is None)
    digest = file_digest(extents) if shown else None
    return [FILE, path, attributes(**given), length_of(extents), extents, digest]


def parts(path, file_id, pieces, closed=True, **given):
    """A run of PARTs, one for each list of extents."""
    run, at = [], 0
    for extents in pieces:
        run.append([PART, path, file_id, at, length_of(extents), list(extents), None])
        at += length_of(extents)
    if closed:
        run[-1][6] = [attributes(**given), at, file_digest([e for extents in pieces for e in extents])]
    return run


def directory(path, mode=0o755, **given):
    return [DIR, path, attributes(mode, **given)]


def symlink(path, target, **given):
    return [SYMLINK, path, attributes(0o777, **given), target]


def special(path, kind=1, device=0, **given):
    return [SPECIAL, path, attributes(**given), kind, device]


def delete(path):
    return [DELETE, path]


def unread(path, reason="Permission denied"):
    return [UNREAD, path, reason]


def record(kind, content):
    """`content` as bytes or as a structure."""
    return [RECORD, b"", kind, content if isinstance(content, bytes) else packed(content)]


def revoke(writer, last):
    """`writer`: uuid or signer id; `last`: {source uuid: check point digest}."""
    return record(REVOKE, [writer, [list(pair) for pair in sorted(last.items())]])


def forget(*triples):
    """Triples of signer id (or 32 zeros), check point uuid, check point digest."""
    return record(FORGET, [list(triple) for triple in sorted(triples)])


def key(path):
    """Key order of section 2."""
    return path.replace(b"/", b"\0")
