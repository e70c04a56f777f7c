#!/usr/bin/env python3
"""Get files back from a folder of bakup sectors, with the account's 24 words and nothing else.

    recover.py --words-file FILE|-  SECTORS_DIR OUT     restore the latest check point of each source
    recover.py --words-file FILE|-  SECTORS_DIR --list  show what there is
    recover.py --words-file FILE|-  OUT --sectors FILE...  restore all that these sectors alone hold

Without --words-file the words are asked for, unseen. Written from docs/format/sector.md alone, shares no code
with bakup; section numbers below are that page's. Needs Python >= 3.11 and
`pip install "cryptography>=50" zstandard blake3 mnemonic`.

Exit codes: 0 all restored, 1 failed, 2 usage, 3 part could not be restored, 12 words of another account.
"""

import argparse
import contextlib
import errno
import getpass
import hashlib
import os
import re
import secrets
import sqlite3
import stat
import struct
import sys
import tempfile
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from operator import itemgetter
from uuid import UUID

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

# --- 2.1 Constants ---------------------------------------------------------------------------------------

MAGIC, VERSION, FIRST_READ, HEADER_MAX, SECTOR_MAX = b"BKUP", 1, 4096, 65536, 32 << 30
SEGMENT, TAG = 65536, 16
BOX_MAX, RAW_MAX, GROUP_MAX = 16 << 20, 16 << 20, 4 << 20
CHUNK_MAX, PATH_MAX, EXTENTS_MAX = 8 << 20, 1 << 20, 16384
OUTSIDE = 2**64 - 1
ENCRYPTED, SIGNED = 1, 2
PACK, GROUP, CHECKPOINT, END, PAD = 0x8001, 0x8002, 0x8003, 0x8004, 0x0005
FILE, PART, DIR, SYMLINK, SPECIAL, DELETE, UNREAD, RECORD = range(1, 9)
REVOKE, FORGET = 0x8001, 0x0002
PACKS_KEPT = 64 << 20  # bytes of unpacked packs in memory


class Refused(Exception):
    """A sector, or where section 8 says so one object in it, is not as the specification demands."""


class Foreign(Exception):
    """A sector of another account, or of none: not damage, not ours (4.3)."""


class Lost(Exception):
    """One entry can not be restored."""


class Stop(Exception):
    """Ends the program: exit code, message, hint."""


def need(condition, why):
    """Section 8: what is not as it must be is refused."""
    if not condition:
        raise Refused(why)


def show(raw):
    """Names as text that can not play tricks on a terminal."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) or "(root)"


def say(kind, text):
    print(f"{kind}: {text}", file=sys.stderr)


def moment(ns):
    with contextlib.suppress(OverflowError):
        return f"{datetime(1970, 1, 1) + timedelta(seconds=ns // 10**9)}Z"  # noqa: DTZ001
    return f"{ns} ns"


# --- 3 Account -------------------------------------------------------------------------------------------


def entropy_of(text):
    """24 BIP-39 words, or their first four letters, to 32 bytes; numbers, punctuation and `#` lines are ignored."""
    known = Mnemonic("english")
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    words, bad = [], []
    for number, word in enumerate(re.findall(r"[^\W\d_]+", text.lower()), 1):
        hits = [word] if word in known.wordlist else [w for w in known.wordlist if w.startswith(word)]
        if len(hits) != 1 or (len(word) < 4 and hits != [word]):
            bad.append(str(number))
        words += hits[:1]
    if bad:
        raise Stop(2, f"not in the BIP-39 list: word {', '.join(bad)}", "compare with what you wrote down")
    if len(words) != 24:
        raise Stop(2, f"an account has 24 words, here are {len(words)}", "give all words in their order")
    try:
        return bytes(known.to_entropy(words))
    except ValueError:
        hint = "one of them is wrong, or they are not in order"
        raise Stop(2, "the words do not match their own checksum", hint) from None


def hkdf(ikm, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(ikm)


class Account:
    """The keys that follow from the words."""

    def __init__(self, entropy):
        seed = hashlib.shake_256(hkdf(entropy, None, b"bakup/1 x-wing")).digest(96)
        kem, curve = (
            MLKEM768PrivateKey.from_seed_bytes(seed[:64]),
            X25519PrivateKey.from_private_bytes(seed[64:]),
        )
        self.private = hpke.MLKEM768X25519PrivateKey(kem, curve)
        self.suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        self.kem = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        signing = Ed25519PrivateKey.from_private_bytes(hkdf(entropy, None, b"bakup/1 ed25519"))
        self.signer = signing.public_key().public_bytes_raw()
        digits = blake3(b"bakup/1 account\0" + self.kem + self.signer).digest()[:6].hex()
        self.id = f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def verify(key, signature, message, why):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Refused(why) from None


# --- 4 Sector --------------------------------------------------------------------------------------------

HEADER = struct.Struct("<4sHII16sQ32sQ32s")
FIELDS = {0x0001: None, 0x8001: 1252, 0x8002: 1168, 0x8003: None, 0xFFFF: 64}


@dataclass
class Sector:
    """What is known of an accepted sector. `signer` is empty if it is not signed: it joins no one's chain."""

    path: str
    uuid: bytes
    signer: bytes
    writer: bytes | None
    sources: set | None  # a writer may only speak of these (4.4)
    start: int  # of the data region
    data_length: int
    meta_length: int
    meta_digest: bytes
    data_key: AESGCM | None = None
    meta_key: AESGCM | None = None
    number: int = 0


class Region:
    """The plaintext of a region, by ranges (4.2)."""

    def __init__(self, file, start, stored, key):
        self.file, self.start, self.stored, self.key = file, start, stored, key
        self.segments = -(-stored // (SEGMENT + TAG)) if key else 0
        self.length = stored - self.segments * TAG

    def _bytes(self, offset, length):
        self.file.seek(self.start + offset)
        data = self.file.read(length)
        need(len(data) == length, "the object is shorter than its header says")
        return data

    def read(self, position, length, bad=None):
        """Plaintext bytes. With a list `bad`, segments that do not open are named there and read as zeros."""
        need(position + length <= self.length, "a box reaches beyond its region")
        if not self.key or not length:
            return self._bytes(position, length)
        first, last = position // SEGMENT, (position + length - 1) // SEGMENT
        begin, end = first * (SEGMENT + TAG), min((last + 1) * (SEGMENT + TAG), self.stored)
        stored, plain = memoryview(self._bytes(begin, end - begin)), []
        for i in range(first, last + 1):
            piece = stored[(i - first) * (SEGMENT + TAG) :][: SEGMENT + TAG]
            nonce = i.to_bytes(11, "big") + bytes([i == self.segments - 1])
            try:
                plain.append(self.key.decrypt(nonce, piece, None))
            except InvalidTag:
                need(bad is not None, "a segment does not open")
                bad.append(i)
                plain.append(bytes(len(piece) - TAG))
        return b"".join(plain)[position - first * SEGMENT :][:length]


def parse_fields(header):
    """4.1: the fields as {tag: [value, ...]}."""
    fields, at, before = {}, 110, -1
    while at < len(header):
        need(len(header) - at >= 6, "a header field is cut short")
        tag, length = struct.unpack_from("<HI", header, at)
        value, at = header[at + 6 : at + 6 + length], at + 6 + length
        need(len(value) == length, "a header field is cut short")
        need(tag > before or tag == before == 0x8002, "header fields are out of order or repeated")
        need(tag in FIELDS or tag < 0x8000, f"unknown header field {tag:#06x}")
        fits = FIELDS.get(tag) in (None, length) and (tag != 1 or length <= 4096)
        need(fits, f"header field {tag:#06x} has a wrong length")
        fields.setdefault(tag, []).append(value)
        before = tag
    return fields


def parse_certificate(value, account, signer):
    """4.4: the writer's uuid and the sources it may back up."""
    need(len(value) >= 130, "the certificate has a wrong length")
    key, writer, count = struct.unpack_from("<32s16sH", value)
    need(1 <= count <= 1024 and len(value) == 114 + 16 * count, "the certificate has a wrong length")
    sources = [value[50 + 16 * i : 66 + 16 * i] for i in range(count)]
    need(key == signer, "the certificate is for another key")
    need(all(a < b for a, b in pairwise(sources)), "the certificate's sources are out of order")
    message = b"bakup/1 certificate\0" + value[:-64]
    verify(account.signer, value[-64:], message, "the certificate is not of this account")
    return writer, set(sources)


def open_sector(file, path, account, demand):
    """4.3, steps 1 to 4; `demand` are the flags that it must have. None if the object is no sector."""
    head = file.read(FIRST_READ)
    if head[:4] != MAGIC:
        return None
    need(len(head) >= 110, "the header is cut short")
    _, version, flags, length, uuid, data_length, _, meta_length, meta_digest = HEADER.unpack_from(head)
    need(version == VERSION, f"version {version} is not known to this reader")
    need(not flags & ~(ENCRYPTED | SIGNED), f"unknown flags {flags:#x}")
    need(110 <= length <= HEADER_MAX, "the header's length is out of range")
    header = (head + file.read(max(0, length - len(head))))[:length]
    need(len(header) == length, "the header is cut short")
    fields = parse_fields(header)
    for tag, wanted in ((0x8001, flags), (0x8002, flags & ENCRYPTED), (0xFFFF, flags & SIGNED)):
        need((tag in fields) == bool(wanted), f"header field {tag:#06x} does not fit the flags")
    writer = sources = None
    signer = b""
    if flags:
        kem_id, kem, signature_id, signer = struct.unpack("<H1216sH32s", fields[0x8001][0])
        need(kem_id == 0x647A and signature_id == 1, "unknown kind of key")
        if not account or (kem != account.kem and signer != account.signer):
            raise Foreign("belongs to another account")
        need(kem == account.kem, "its encryption key is not this account's, though its signer is")
        need((0x8003 in fields) == (signer != account.signer), "not signed by the account or one it certified")
        if signer != account.signer:
            writer, sources = parse_certificate(fields[0x8003][0], account, signer)
    else:
        need(0x8003 not in fields, "a certificate without a signer")
    if flags & SIGNED:
        verify(signer, fields[0xFFFF][0], b"bakup/1 sector\0" + header[:-64], "the signature is wrong")
    lacking = demand & ~flags
    need(not lacking & ENCRYPTED, "it is not encrypted: read only with --accept-plain")
    need(not lacking & SIGNED, "it is not signed: read only with --accept-unsigned")
    claimed = signer if flags & SIGNED else b""
    sector = Sector(path, uuid, claimed, writer, sources, length, data_length, meta_length, meta_digest)
    if flags & ENCRYPTED:
        open_keys(sector, account, b"bakup/1 sector key" + uuid + signer, fields[0x8002])
    return sector


def open_keys(sector, account, info, sealed):
    """4.2: the sector key, and from it the keys of the regions."""
    for one in sealed:
        with contextlib.suppress(Exception):  # whatever the library raises, this one does not open
            key = account.suite.decrypt(one, account.private, info)
            need(len(key) == 32, "a sector key of a wrong length")
            sector.data_key = AESGCM(hkdf(key, sector.uuid, b"bakup/1 data"))
            sector.meta_key = AESGCM(hkdf(key, sector.uuid, b"bakup/1 meta"))
            break
    need(sector.data_key, "no encrypted key opens")
    for length in (sector.data_length, sector.meta_length):
        last = length % (SEGMENT + TAG)
        need(last == 0 or last > TAG, "not a length of an encrypted region")


def verify_meta(file, sector, copy):
    """4, 4.3 step 5: lengths, padding, `meta digest`. What was verified is copied, not to change after."""
    size, at = file.seek(0, os.SEEK_END), sector.start + sector.data_length
    need(size >= at + sector.meta_length, "the object is shorter than its header says")
    need(size <= SECTOR_MAX, "longer than a sector may be")
    file.seek(at)
    left, digest = sector.meta_length, blake3()
    while left and (piece := file.read(min(left, 1 << 20))):
        digest.update(piece)
        copy.write(piece)
        left -= len(piece)
    need(not left and digest.digest() == sector.meta_digest, "the meta region is damaged")
    while piece := file.read(1 << 20):
        need(not piece.strip(b"\0"), "the padding is not zeros")


# --- 5 Regions -------------------------------------------------------------------------------------------

BOX, ROW, ACTION, U64 = (struct.Struct(form) for form in ("<16sQQ", "<16sQQQQ", "<IIHQ", "<Q"))


def parse_boxes(region, end):
    """5.1: yields (check point uuid, offset, content)."""
    position = 0
    while position < end:
        need(end - position > BOX.size, "a box is cut short")
        uuid, offset, length = BOX.unpack(region.read(position, BOX.size))
        position += BOX.size + length
        need(1 <= length <= BOX_MAX and position <= end, "a box of a wrong length")
        yield uuid, offset, region.read(position - length, length)


def parse_table(region, data_length):
    """5.3: {(check point uuid, offset): (position, content length, raw length)}, and where the boxes end."""
    need(region.length >= 8, "the meta region is empty")
    (length,) = U64.unpack(region.read(region.length - 8, 8))
    end = region.length - 8 - length
    need(end >= 0 and length % ROW.size == 0, "the table has a wrong length")
    table, tiled = {}, 0
    for uuid, offset, content, position, raw in ROW.iter_unpack(region.read(end, length)):
        need(1 <= content <= BOX_MAX and position == tiled, "the table does not tile the data region")
        need(raw <= RAW_MAX and (raw == 0) == (offset == OUTSIDE), "a raw length out of range")
        tiled += BOX.size + content
        table.setdefault((uuid, offset), (position, content, raw))
    need(tiled == data_length, "the table does not tile the data region")
    return table, end


def parse_actions(content):
    """5.4: [(type, compressed, content)], those that may be skipped left out."""
    found, at = [], 0
    while at < len(content):
        need(len(content) - at >= ACTION.size, "an action is cut short")
        flags, path_length, kind, length = ACTION.unpack_from(content, at)
        at += ACTION.size + length
        need(flags <= 1 and path_length == 0, "an action with unknown flags or a path")
        need(at <= len(content), "an action crosses its box's end")
        need(kind <= 0x7FFF or PACK <= kind <= END, f"unknown action {kind:#06x}")
        need(not flags or kind not in (CHECKPOINT, END, PAD), "an action that is never compressed is")
        if kind in (PACK, GROUP, CHECKPOINT, END, PAD):
            found.append((kind, flags == 1, content[at - length : at]))
    return found


def unpacked(compressed, content, most):
    """5.4: `raw length`, then the bytes as they are or one zstd frame."""
    need(len(content) > 8, "an action without content")
    (raw,), body = U64.unpack_from(content), content[8:]
    need(1 <= raw <= most, "a raw length out of range")
    if compressed:
        try:
            frame = zstandard.get_frame_parameters(body)
            need(body[:4] == b"\x28\xb5\x2f\xfd" and not frame.dict_id, "not a zstd frame as it must be")
            need(frame.content_size == raw, "a zstd frame of another size than its raw length")
            body = zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
        except zstandard.ZstdError as why:
            raise Refused(f"a zstd frame does not open ({why})") from None
    need(len(body) == raw, "a raw length that is not true")
    return body


# --- 6 Structures: MessagePack, strictly -----------------------------------------------------------------

# first byte: type, bytes of length or value, least number that is not written shorter
WIDE = {
    0xC4: (bytes, 1, 0), 0xC5: (bytes, 2, 1 << 8), 0xC6: (bytes, 4, 1 << 16),
    0xCC: (int, 1, 128), 0xCD: (int, 2, 1 << 8), 0xCE: (int, 4, 1 << 16), 0xCF: (int, 8, 1 << 32),
    0xD9: (str, 1, 32), 0xDA: (str, 2, 1 << 8), 0xDB: (str, 4, 1 << 16),
    0xDC: (list, 2, 16), 0xDD: (list, 4, 1 << 16),
}  # fmt: skip
NEGATIVE = {0xD0: (1, -32), 0xD1: (2, -(1 << 7)), 0xD2: (4, -(1 << 15)), 0xD3: (8, -(1 << 31))}


def msgpack_at(data, at, depth=0):
    """The value at `at`, in its shortest encoding or not at all, and where the next one starts."""
    need(at < len(data) and depth < 8, "a structure is cut short, or too deep")
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return (first if first < 0x80 else first - 256), at
    if first in WIDE:
        kind, width, least = WIDE[first]
        number, at = int.from_bytes(data[at : at + width], "big"), at + width
        need(at <= len(data) and number >= least, "a value is cut short, or not in its shortest encoding")
        if kind is int:
            return number, at
    elif first in NEGATIVE:
        width, limit = NEGATIVE[first]
        number, at = int.from_bytes(data[at : at + width], "big", signed=True), at + width
        need(at <= len(data) and number < limit, "a value is cut short, or not in its shortest encoding")
        return number, at
    elif first >= 0x90 and first < 0xC0:
        kind, number = (list, first & 15) if first < 0xA0 else (str, first & 31)
    else:
        need(first in (0xC0, 0xC2, 0xC3), f"a value of a type that has no place here ({first:#04x})")
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at
    if kind is list:
        items = []
        for _ in range(number):
            item, at = msgpack_at(data, at, depth + 1)
            items.append(item)
        return items, at
    need(at + number <= len(data), "a value is cut short")
    value, at = data[at : at + number], at + number
    if kind is str:
        try:
            return value.decode("utf-8"), at
        except UnicodeDecodeError:
            raise Refused("text that is not UTF-8") from None
    return value, at


def parse(data, shape, what):
    """One whole structure of a given shape."""
    value, end = msgpack_at(data, 0)
    need(end == len(data) and shape(value), f"{what} is not as it must be")
    return value


def number(most, least=0):
    return lambda v: type(v) is int and least <= v <= most


def blob(size):
    return lambda v: type(v) is bytes and len(v) == size


def raw(v):
    return type(v) is bytes


def text(v):
    return type(v) is str


def maybe(shape):
    return lambda v: v is None or shape(v)


def row(*shapes):
    return lambda v: type(v) is list and len(v) == len(shapes) and all(s(x) for s, x in zip(shapes, v))  # noqa: B905


def many(shape, most=1 << 32):
    return lambda v: type(v) is list and len(v) <= most and all(map(shape, v))


def rising(shape, key=lambda v: v):
    every = many(shape)
    return lambda v: every(v) and all(key(a) < key(b) for a, b in pairwise(v))


def extent(v):
    """6.3: new, known or hole."""
    if type(v) is not list or len(v) != 4:
        return False
    length, chunk, box, start = v
    if chunk is None:
        return U_64(length) and length > 0 and box is None and start is None
    placed = (box is None and start is None) or (U_64(box) and U_64(start))
    return CHUNK_LENGTH(length) and ID32(chunk) and placed


U_16, U_32, U_64, I_64 = number(2**16 - 1), number(2**32 - 1), number(2**64 - 1), number(2**63 - 1, -(2**63))
ID16, ID32, CHUNK_LENGTH = blob(16), blob(32), number(CHUNK_MAX, 1)
CHUNKER = row(text, U_64, U_64, U_64, U_64)
BASE = row(ID16, ID32)
CHECKPOINT_SHAPE = row(
    ID16, number(1), I_64, ID16, text, raw, text, rising(text), U_64, maybe(BASE), maybe(ID16), CHUNKER
)
SECTOR_LINE = row(ID16, maybe(ID32), U_64, U_64, raw, raw)
END_SHAPE = row(ID16, U_32, lambda v: type(v) is bool, many(SECTOR_LINE), U_64, U_64)
FIRST = itemgetter(0)
ATTRIBUTES = row(
    number(0o7777), maybe(U_32), maybe(U_32), maybe(text), maybe(text), I_64, maybe(I_64), maybe(U_64),
    maybe(I_64), maybe(U_64), maybe(U_32), rising(row(raw, raw), FIRST), rising(row(text, text), FIRST),
)  # fmt: skip
EXTENTS = many(extent, EXTENTS_MAX)
ENTRY_SHAPES = {
    FILE: row(U_64, raw, ATTRIBUTES, U_64, EXTENTS, maybe(ID32)),
    PART: row(U_64, raw, U_64, U_64, U_64, EXTENTS, maybe(row(ATTRIBUTES, U_64, ID32))),
    DIR: row(U_64, raw, ATTRIBUTES),
    SYMLINK: row(U_64, raw, ATTRIBUTES, raw),
    SPECIAL: row(U_64, raw, ATTRIBUTES, number(4, 1), U_64),
    DELETE: row(U_64, raw),
    UNREAD: row(U_64, raw, text),
    RECORD: row(U_64, lambda v: v == b"", U_16, raw),
}
RECORD_SHAPES = {REVOKE: row(ID16, many(row(ID16, ID32))), FORGET: many(row(ID16, ID32))}


def extents_of(entry):
    """FILE and PART have extents."""
    return entry[4] if entry[0] == FILE else entry[5] if entry[0] == PART else ()


def parse_group(data):
    """6.3: yields (key, entry, its bytes); paths as section 2 demands, in key order."""
    need(data and (0x90 <= data[0] < 0xA0 or data[0] in (0xDC, 0xDD)), "a group is not an array")
    width = {0xDC: 2, 0xDD: 4}.get(data[0], 0)
    count, at = (int.from_bytes(data[1 : 1 + width], "big") if width else data[0] & 15), 1 + width
    need(count >= {2: 16, 4: 1 << 16}.get(width, 1), "a group without entries, or not in shortest encoding")
    before = b""
    for _ in range(count):
        entry, end = msgpack_at(data, at, 1)
        need(type(entry) is list and entry and U_64(entry[0]), "an entry is not as it must be")
        need(ENTRY_SHAPES.get(entry[0], number(0))(entry), "an entry is not as it must be")
        path = entry[1]
        names = path.split(b"/") if path else []
        need(len(path) <= PATH_MAX and b"\0" not in path, "a path too long, or with a NUL")
        need(not {b"", b".", b".."}.intersection(names), f"the path {show(path)} is not allowed")
        key = path.replace(b"/", b"\0")
        need(key >= before, "entries are out of order")
        yield key, entry, data[at:end]
        before, at = key, end
    need(at == len(data), "bytes after a group")


# --- 6, 7.3 Everything found -----------------------------------------------------------------------------

TABLES = """
PRAGMA cache_size = -65536;
CREATE TABLE box (cp, start, length, digest, PRIMARY KEY (cp, start)) WITHOUT ROWID;
CREATE TABLE entry (id INTEGER PRIMARY KEY, cp, box, n, key, kind, file, closed, chunk, raw);
CREATE TABLE place (id INTEGER PRIMARY KEY, chunk, sector, position, size, raw, start, length);
CREATE TABLE state (key PRIMARY KEY, entry, unread) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX entry_order ON entry (cp, box, n); CREATE INDEX entry_key ON entry (cp, key);
CREATE INDEX place_chunk ON place (chunk);
"""


@dataclass
class CheckPoint:
    """6.1, and what was found of it. Told apart by signer and uuid: no one speaks for another signer."""

    number: int
    signer: bytes
    writer: bytes | None
    header: bytes
    uuid: bytes = b""
    time: int = 0
    source: bytes = b""
    host: str = ""
    location: bytes = b""
    name: str = ""
    sequence: int = 0
    previous: list | None = None
    based_on: bytes | None = None
    ends: dict = field(default_factory=dict)  # part: (content, END, where its box ends in the stream)
    named: bool = False  # in `previous` of a later one
    dropped: str = ""  # why it is not chosen by itself

    def __post_init__(self):
        elements = parse(self.header, CHECKPOINT_SHAPE, "the header of a check point")
        self.uuid, flags, self.time, self.source, self.host, self.location, self.name, *more = elements
        _, self.sequence, self.previous, self.based_on, _ = more
        need((flags == 1) == (self.based_on is not None), "incremental without a base, or the reverse")

    def parts(self):
        """All parts of the END in order, or nothing."""
        found = []
        while (part := self.ends.get(len(found))) is not None:
            found.append(part)
            if part[1][2]:
                return found
        return []

    def digest(self):
        return blake3(b"".join(p[0] for p in self.parts())).digest() if self.parts() else None

    def complete(self):
        return bool(self.parts()) or self.named

    def label(self):
        return self.name or f"{self.host}:{show(self.location)}"

    def __str__(self):
        return f"{UUID(bytes=self.uuid)} of {moment(self.time)}"


class Found:
    """All sectors' metadata: check points in memory, entries and places of chunks in a temporary database."""

    def __init__(self):
        self.db = sqlite3.connect("", isolation_level=None)  # on disk, without a name
        self.db.executescript(TABLES)
        self.sectors, self.checkpoints, self.records = [], {}, []
        self.foreign, self.refused = 0, 0
        self.close, self.numbers = self.db.close, count()

    def add_object(self, path, account, demand):
        """Section 7 steps 2 and 3, for one object; a refused sector leaves no trace."""
        self.db.execute("BEGIN")
        try:
            with open(path, "rb") as file:
                sector = open_sector(file, path, account, demand)
                if sector:
                    sector.number = len(self.sectors)
                    with tempfile.SpooledTemporaryFile(64 << 20) as copy:
                        verify_meta(file, sector, copy)
                        self.add_meta(sector, Region(copy, 0, sector.meta_length, sector.meta_key))
            self.db.execute("COMMIT")
            return
        except Foreign as why:
            self.foreign += 1
            say("note", f"skipped {show(path)}: {why}")
        except (Refused, OSError) as why:
            self.refused += 1
            say("refused", f"{show(path)}: {why}")
        self.db.execute("ROLLBACK")

    def add_meta(self, sector, region):
        """5.3: the boxes of the meta region."""
        table, end = parse_table(region, Region(None, 0, sector.data_length, sector.data_key).length)
        here, ends, records = {}, [], []
        for uuid, offset, content in parse_boxes(region, end):
            actions = parse_actions(content)
            if offset == OUTSIDE:
                need([a[0] for a in actions] == [CHECKPOINT], "a box outside of the stream that is no header")
                here[uuid] = self.header_of(sector, uuid, actions[0][2], here)
                continue
            cp = here.get(uuid)
            need(cp, "a box whose check point has no header before it")
            need(offset + len(content) < 1 << 63, "a box's offset out of range")
            new = self.new_box(cp, offset, content)
            for n, (kind, compressed, body) in enumerate(actions):
                need(kind in (GROUP, END), "an action in the wrong region")
                if kind == GROUP:
                    group = list(parse_group(unpacked(compressed, body, GROUP_MAX)))
                    self.add_places(sector, cp, table, group)
                    if new:
                        records += self.add_entries(sector, cp, offset, n, group)
                else:
                    end_part = parse(body, END_SHAPE, "the end of a check point")
                    need(end_part[0] == uuid, "an end of another check point than its box's")
                    ends.append((cp, end_part[1], (body, end_part, offset + len(content))))
        for cp in here.values():
            self.checkpoints[cp.signer, cp.uuid] = cp
        for cp, part, found in ends:
            cp.ends.setdefault(part, found)
        self.records += records
        self.sectors.append(sector)

    def header_of(self, sector, uuid, header, here):
        """8.7: one header for one check point, of a source that the certificate lists."""
        cp = here.get(uuid) or self.checkpoints.get((sector.signer, uuid))
        if not cp:
            cp = CheckPoint(next(self.numbers), sector.signer, sector.writer, header)
            need(cp.uuid == uuid, "a check point's header with another uuid than its box")
        need(cp.header == header, "two different headers of one check point")
        need(sector.sources is None or cp.source in sector.sources, "a source that the certificate lacks")
        return cp

    def new_box(self, cp, offset, content):
        """False if the same box was met before: its entries are then known, its chunks' places are not."""
        row = (cp.number, offset, len(content), blake3(content).digest())
        if self.db.execute("INSERT OR IGNORE INTO box VALUES (?,?,?,?)", row).rowcount:
            return True
        known = self.db.execute("SELECT * FROM box WHERE cp=? AND start=?", row[:2]).fetchone()
        need(known == row, "a box that differs from another one at the same offset")
        return False

    def add_places(self, sector, cp, table, group):
        """Places of the chunks that entries introduce. 8.10: an extent that points amiss gives none."""
        places = []
        for _, entry, _ in group:
            for length, chunk, box, start in extents_of(entry):
                position, size, whole = table.get((cp.uuid, box), (0, 0, 0))
                if box is not None and start + length <= whole:
                    places.append((chunk, sector.number, position, size, whole, start, length))
        self.db.executemany("INSERT INTO place VALUES (NULL,?,?,?,?,?,?,?)", places)

    def add_entries(self, sector, cp, offset, n, group):
        """Keeps entries; returns the records among them."""
        entries, records = [], []
        for at, (key, entry, packed) in enumerate(group):
            if entry[0] == RECORD:
                kind, content = entry[2:]
                need(kind in RECORD_SHAPES or kind < 0x8000, f"a record that must be understood ({kind:#06x})")
                if kind in RECORD_SHAPES:
                    records.append((sector, cp, kind, parse(content, RECORD_SHAPES[kind], "a record")))
                continue
            file, closed = (str(entry[2]), entry[6] is not None) if entry[0] == PART else (None, None)
            chunk = next((e[1] for e in extents_of(entry) if e[1]), None)
            entries.append((cp.number, offset, n << 32 | at, key, entry[0], file, closed, chunk, packed))
        self.db.executemany("INSERT INTO entry VALUES (NULL,?,?,?,?,?,?,?,?,?)", entries)
        return records

    def finish(self, account):
        """What check points and records say of each other (6.2, 6.6)."""
        self.db.executescript(INDEXES)
        for cp in self.checkpoints.values():
            before = self.before(cp)
            if before and before.digest() in (None, cp.previous[1]):
                before.named = True
        for sector, cp, kind, content in self.records:
            official = account and sector.signer == account.signer
            if kind == REVOKE and official:
                self.revoke(*content)
            for uuid, digest in content if kind == FORGET else ():
                for signer in {c.signer for c in self.checkpoints.values()} if official else {cp.signer} - {b""}:
                    known = self.checkpoints.get((signer, uuid))
                    if known and known.digest() in (None, digest):
                        known.dropped = "forgotten on purpose"

    def before(self, cp):
        known = self.checkpoints.get((cp.signer, cp.previous[0])) if cp.previous else None
        return known if known and known.source == cp.source else None

    def revoke(self, writer, lasts):
        """6.6: of this writer only the named check points and those before them are believed."""
        mine, believed = [c for c in self.checkpoints.values() if c.writer == writer], set()
        lasts = dict(lasts)
        for cp in mine:
            if cp.digest() and lasts.get(cp.source) == cp.digest():
                while cp and cp.number not in believed:
                    believed.add(cp.number)
                    digest, cp = cp.previous and cp.previous[1], self.before(cp)  # noqa: PLW2901
                    cp = cp if cp and cp.digest() in (None, digest) else None  # noqa: PLW2901
        for cp in mine:
            if cp.number not in believed:
                cp.dropped = "revoked: its writer was not to be believed any more"

    def missing(self, cp):
        """6.2: what of a check point's metadata stream is not here, as lines for people."""
        parts, at, whole = cp.parts(), 0, True
        boxes = "SELECT start, length FROM box WHERE cp=? ORDER BY start"
        for start, length in self.db.execute(boxes, (cp.number,)):
            whole &= start == at
            at = max(at, start + length)
        if not parts:
            return ["its end was not found, so what else it held is not known"]
        if whole and at >= parts[-1][2]:
            return []
        here, lines = {s.uuid for s in self.sectors}, []
        for part in parts:
            for uuid, _, entries, _, first, last in part[1][3]:
                if uuid not in here and entries:
                    between = f"{entries} entries from {show(first)} to {show(last)}"
                    lines.append(f"sector {UUID(bytes=uuid)} with {between} is not here")
        return lines or ["part of its list is not here"]

    # --- 6.4 State of a source at a check point

    def chain(self, cp):
        """The check points whose changes make the state, oldest first, and what is missing of them."""
        chain, lines = [], []
        while cp:
            if cp in chain:
                lines.append(f"check point {cp}: is based on itself")
                break
            chain.insert(0, cp)
            lines += [f"check point {cp}: {line}" for line in self.missing(cp)]
            base = self.checkpoints.get((cp.signer, cp.based_on)) if cp.based_on else None
            if cp.based_on and not (base and base.source == cp.source):
                lines.append(f"check point {cp}: its base is not here: what did not change since is lost")
                break
            cp = base
        return chain, lines

    def build_state(self, chain, incomplete=False):
        """The table `state`: for each key the entry that stands (of parts, the last), why it may be old."""
        run = self.db.execute
        run("BEGIN")
        run("DELETE FROM state")
        for cp in chain:
            gaps = incomplete or self.missing(cp)
            entries = "SELECT id, key, kind, closed, raw FROM entry WHERE cp=? ORDER BY box, n"
            for number, key, kind, closed, packed in run(entries, (cp.number,)):
                if kind == DELETE and not incomplete:
                    below = "DELETE FROM state WHERE key = ?1 OR ?1 = x'' OR (key >= ?2 AND key < ?3)"
                    run(below, (key, key + b"\0", key + b"\1"))
                elif kind == UNREAD:
                    keep = "INSERT INTO state VALUES (?1,NULL,?2) ON CONFLICT (key) DO UPDATE SET unread = ?2"
                    run(keep, (key, msgpack_at(packed, 0)[0][2]))
                elif kind in (FILE, DIR, SYMLINK, SPECIAL) or closed or (kind == PART and gaps):
                    run("INSERT OR REPLACE INTO state VALUES (?,?,NULL)", (key, number))
        run("COMMIT")


# --- 7.5 Chunks ------------------------------------------------------------------------------------------


class Chunks:
    """Chunks out of packs. The last packs stay unpacked, also those that are damaged."""

    def __init__(self, found):
        self.found, self.packs, self.kept = found, OrderedDict(), 0

    def places(self, chunk):
        query = "SELECT sector, position, size, raw, start, length FROM place WHERE chunk=? ORDER BY id"
        return self.found.db.execute(query, (chunk,)).fetchall()

    def get(self, chunk, length):
        """Bytes that have this id, from the first place that is good (4.3 step 6)."""
        why = "in no sector that is here"
        for number, position, size, whole, start, of_place in self.places(chunk):
            pack = self.pack(number, position, size, whole)
            if isinstance(pack, bytes):
                data = pack[start : start + length] if length == of_place else b""
                if blake3(data).digest() == chunk:
                    return data
                pack = "bytes that do not have their id"
            why = f"damaged in {show(self.found.sectors[number].path)} ({pack})"
        raise Lost(f"a chunk is {why}")

    def pack(self, number, position, size, whole):
        """The unpacked PACK at a position of a sector's data region, or text that says why there is none."""
        spot = number, position
        if spot not in self.packs:
            try:
                self.packs[spot] = self.open_pack(self.found.sectors[number], position, size, whole)
            except (Refused, OSError) as why:
                self.packs[spot] = str(why)
            self.kept += len(self.packs[spot])
            while self.kept > PACKS_KEPT and len(self.packs) > 1:
                self.kept -= len(self.packs.popitem(last=False)[1])
        self.packs.move_to_end(spot)
        return self.packs[spot]

    def open_pack(self, sector, position, size, whole):
        """5.2. A segment that does not open spoils only its own chunks if the pack is not compressed."""
        bad = []
        with open(sector.path, "rb") as file:
            region = Region(file, sector.start, sector.data_length, sector.data_key)
            box = region.read(position, BOX.size + size, bad)
        # The box's own header is not looked at: the table, which is signed, says all of it, and chunks have their ids.
        actions = parse_actions(box[BOX.size :])
        need(
            [a[0] for a in actions] == [PACK] and not (bad and actions[0][1]),
            "a box of the data region does not open",
        )
        data = unpacked(actions[0][1], actions[0][2], RAW_MAX)
        need(len(data) == whole, "a raw length that is not as the table says")
        return data


# --- 7.5, 7.6 Files --------------------------------------------------------------------------------------


def file_digest(count, first, lines):
    """6.3: the chunk id of a file of one chunk, else of the list of extents."""
    return first if count == 1 and first else lines.digest()


class Tree:
    """Restores one state below one folder; what is above a name is seen to be directories, not links."""

    def __init__(self, found, chunks, root, partial):
        self.found, self.chunks, self.root, self.partial = found, chunks, os.fsencode(root), partial
        self.links, self.unfinished, self.unset = {}, [], Counter()
        self.files = self.bytes = self.lost = 0
        self.temp = None
        self.root_user = hasattr(os, "geteuid") and os.geteuid() == 0

    def restore(self):
        """Directories, files in the order of packs, other things, and directories' attributes last."""
        os.makedirs(self.root, 0o700, exist_ok=True)
        run = self.found.db.execute
        which = "SELECT s.key, e.id FROM state s JOIN entry e ON e.id = s.entry WHERE kind IN (?,?) ORDER BY "
        by_pack = which + "(SELECT min(id) FROM place WHERE place.chunk = e.chunk)"
        for key, number in run(which + "s.key", (DIR, DIR)):
            self.attempt(key, self.directory, number)
        for key, number in run(by_pack, (FILE, PART)):
            self.attempt(key, self.file, number)
        for key, number in run(which + "s.key", (SYMLINK, SPECIAL)):
            self.attempt(key, self.other, number)
        for temp, path, ranges in self.unfinished:
            self.attempt(path.replace(b"/", b"\0"), self.part, temp, ranges)
        for key, number in run(which + "s.key DESC", (DIR, DIR)):
            self.attempt(key, self.finish_directory, number)
        for key, entry, reason in run("SELECT key, entry, unread FROM state WHERE unread IS NOT NULL"):
            kept = "what was restored is older" if entry else "there is nothing to restore"
            path = show(key.replace(b"\0", b"/"))
            say("note", f"{path} could not be read by the backup ({show(reason)}); {kept}")
        for what, times in self.unset.items():
            say("note", f"could not set {what} {times} times")

    def attempt(self, key, make, *more):
        """One entry; what goes wrong with it is its own matter, unless the disk is full."""
        path = key.replace(b"\0", b"/")
        try:
            make(path, *more)
        except (Lost, ValueError, OverflowError) as why:
            self.lose(path, why)
        except OSError as why:
            if why.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            self.lose(path, why.strerror or why)
        finally:
            self.drop(self.temp)
            self.temp = None

    @staticmethod
    def drop(temp):
        if temp:
            with contextlib.suppress(OSError):
                os.unlink(temp)

    def clean(self):
        """No temporary file is left behind, whatever happened."""
        for temp, _, _ in self.unfinished:
            self.drop(temp)

    def lose(self, path, why):
        self.lost += 1
        say("lost", f"{show(path)}: {why}")

    def entry(self, number):
        (packed,) = self.found.db.execute("SELECT raw FROM entry WHERE id=?", (number,)).fetchone()
        return msgpack_at(packed, 0)[0]

    # names

    @staticmethod
    def mode_of(path):
        try:
            return os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def where(self, path):
        """The place of a path; each directory on the way exists, or is made, and is no link."""
        names, here = path.split(b"/"), self.root
        for name in names:
            if name in (b"", b".", b"..") or (os.name == "nt" and re.search(rb'[\\:*?"<>|]', name)):
                raise Lost("its name can not be used here")
        for name in names[:-1]:
            here = os.path.join(here, name)
            mode = self.mode_of(here)
            if not mode:
                os.mkdir(here, 0o700)
            elif not stat.S_ISDIR(mode):
                raise Lost("what stands above it is not a directory")
        return os.path.join(here, names[-1])

    def temp_beside(self, place):
        self.temp = os.path.join(os.path.dirname(place), b".recover-" + secrets.token_hex(8).encode())
        return self.temp

    def give_name(self, place, attributes):
        """Attributes first, then the name: what has its name is whole."""
        self.attributes(self.temp, attributes)
        os.replace(self.temp, place)
        self.temp = None

    # kinds of entries

    def directory(self, path, _):
        if path:
            place = self.where(path)
            if not self.mode_of(place):
                os.mkdir(place, 0o700)
            elif not stat.S_ISDIR(self.mode_of(place)):
                raise Lost("something else stands in its place")

    def finish_directory(self, path, number):
        place = self.where(path) if path else self.root
        if stat.S_ISDIR(self.mode_of(place)):
            self.attributes(place, self.entry(number)[2])

    def file(self, path, number):
        """FILE or a run of PARTs."""
        place = self.where(path)
        entry = self.entry(number)
        closing = entry[6] if entry[0] == PART else [entry[2], entry[3], entry[5]]
        same = closing and (closing[0][9], FILE, closing[1], self.identity(entry, closing))
        if same and self.link(same, place):
            self.files += 1
            return
        ranges = []
        with open(self.temp_beside(place), "xb", buffering=0) as out:
            os.chmod(self.temp, 0o600)
            why = self.fill(out, number, entry, closing, ranges)
        if why:
            self.lose(path, why)
            if self.partial and ranges:
                self.unfinished.append((self.temp, path, ranges))
                self.temp = None
            return
        self.give_name(place, closing[0])
        self.remember(same, place)
        self.files, self.bytes = self.files + 1, self.bytes + closing[1]

    @staticmethod
    def identity(entry, closing):
        """The file digest, also where a FILE leaves it out."""
        return closing[2] or (entry[4][0][1] if entry[4] else blake3().digest())

    def pieces(self, number, entry):
        """The entries of a file in order, as (offset, length, extents)."""
        if entry[0] == FILE:
            yield 0, entry[3], entry[4]
            return
        parts = "SELECT b.raw FROM entry a JOIN entry b USING (cp, key, file) WHERE a.id=? ORDER BY b.box, b.n"
        for (packed,) in self.found.db.execute(parts, (number,)):
            yield msgpack_at(packed, 0)[0][3:6]

    def fill(self, out, number, entry, closing, ranges):
        """Writes what is there; returns why the file is not whole, or nothing. `ranges` gets what is good."""
        why, at, count, first, lines = "", 0, 0, None, blake3()
        for offset, length, extents in self.pieces(number, entry):
            if sum(e[0] for e in extents) != length or offset < at:
                raise Lost("its extents do not add up")
            if offset > at:
                why = f"bytes {at} to {offset} are not in any sector that is here"
            at = offset
            for size, chunk, _, _ in extents:
                count, first = count + 1, chunk if not count else first
                lines.update(U64.pack(size) + (chunk or bytes(32)))
            if not why or self.partial:
                why = self.write(out, at, extents, ranges) or why
            at += length
        if not closing:
            why = why or "its last part is not here"
        elif not why:
            shown = count > 1 or (count == 1 and first is None)
            if at != closing[1] or (entry[0] == FILE and (closing[2] is not None) != shown):
                raise Lost("its extents do not add up to its size, or its digest is not where it must be")
            if closing[2] not in (None, file_digest(count, first, lines)):
                raise Lost("its digest is not that of its extents")
        out.truncate(max(at, closing[1] if closing else 0))
        return why

    def write(self, out, at, extents, ranges):
        """Chunks of one piece in the order of packs; holes stay unwritten. What is good joins `ranges`."""
        jobs, good, why = [], [], ""
        for length, chunk, _, _ in extents:
            places = self.chunks.places(chunk) if chunk else []
            jobs.append((places[0][:2] if places else (-1, 0), at, length, chunk))
            at += length
        for _, start, length, chunk in sorted(jobs, key=lambda job: job[:2]):
            try:
                if chunk:
                    data = self.chunks.get(chunk, length)
                    out.seek(start)
                    while data:
                        data = data[out.write(data) :]
                good.append((start, length))
            except Lost as lost:
                why = f"bytes {start} to {start + length}: {lost}"
                if not self.partial:
                    return why
        for start, length in sorted(good):
            if ranges and sum(ranges[-1]) == start:
                ranges[-1][1] += length
            else:
                ranges.append([start, length])
        return why

    def part(self, path, temp, ranges):
        """6.5: NAME.part and NAME.part.ranges, lines of offset and length; no name that the tree uses."""
        self.temp, base = temp, self.where(path) + b".part"
        place, n = base, 1
        while self.mode_of(place) or self.mode_of(place + b".ranges"):
            place, n = base + b"-%d" % n, n + 1
        with open(place + b".ranges", "x", encoding="ascii", newline="\n") as out:
            out.writelines(f"{start} {length}\n" for start, length in ranges)
        os.replace(temp, place)
        self.temp = None

    def other(self, path, number):
        """SYMLINK and SPECIAL."""
        place = self.where(path)
        kind, _, attributes, *what = self.entry(number)
        same = (attributes[9], kind, *what)
        if self.link(same, place):
            return
        temp = self.temp_beside(place)
        if kind == SYMLINK:
            os.symlink(what[0], temp)
        elif what[0] == 1 and hasattr(os, "mkfifo"):
            os.mkfifo(temp, 0o600)
        elif what[0] in (3, 4) and self.root_user:
            kind_bits = stat.S_IFCHR if what[0] == 3 else stat.S_IFBLK
            os.mknod(temp, kind_bits | 0o600, os.makedev(what[1] >> 32, what[1] & 0xFFFFFFFF))
        elif what[0] == 2:
            self.temp = None
            return say("note", f"{show(path)}: a socket, made anew by the program that uses it")
        else:
            raise Lost("a device, which only root can make")
        self.give_name(place, attributes)
        return self.remember(same, place)

    def link(self, same, place):
        """6.3 `link group`: a second name of something restored. Only what is alike is joined."""
        if same[0] is None or same not in self.links:
            return False
        with contextlib.suppress(OSError, NotImplementedError):
            os.link(self.links[same], place, follow_symlinks=False)
            return True
        return False

    def remember(self, same, place):
        if same[0] is not None:
            self.links.setdefault(same, place)

    def attributes(self, path, attributes):
        """Owner (as root), extended attributes, mode, time: in this order, as each may undo one after it."""
        mode, uid, gid, _, _, mtime, *_, xattrs, _ = attributes
        link = stat.S_ISLNK(os.lstat(path).st_mode)
        owned = False
        if self.root_user:
            ids = [-1 if one is None else one for one in (uid, gid)]
            owned = self.set("the owner", os.chown, path, *ids, follow_symlinks=False) and uid is not None
        for name, value in xattrs:
            setter = getattr(os, "setxattr", None)
            self.set("extended attributes", setter, path, name, value, follow_symlinks=False)
        if not link:  # setuid and setgid mean nothing good under another owner
            self.set("the mode", os.chmod, path, mode if owned else mode & 0o1777)
        itself = {"follow_symlinks": False} if link else {}
        self.set("the time", os.utime, path, ns=(mtime, mtime), **itself)

    def set(self, what, how, *args, **more):
        try:
            how(*args, **more)
            return True
        except (OSError, OverflowError, ValueError, TypeError, NotImplementedError):
            self.unset[what] += 1
            return False


# --- Choosing --------------------------------------------------------------------------------------------


def by_source(checkpoints):
    sources = {}
    for cp in checkpoints:
        sources.setdefault(cp.source, []).append(cp)
    return sources


def order(cp):
    """6.4: the latest is the last."""
    return cp.sequence, cp.time, cp.uuid


def latest(cps):
    """6.4, per signer; of several signers' the one with the latest time, unsigned ones last."""
    good = [cp for cp in cps if cp.complete() and not cp.dropped]
    heads = [max((c for c in good if c.signer == signer), key=order) for signer in {c.signer for c in good}]
    if len(heads) > 1:
        say(
            "note",
            f"{show(heads[0].label())} has {len(heads)} signers; the latest is taken (see --list, --at)",
        )
    return max(heads, key=lambda cp: (cp.signer != b"", cp.time, cp.uuid)) if heads else None


def wanted(found, options):
    """The check points to restore, and how many sources have none."""
    cps, name, chosen, without = list(found.checkpoints.values()), options.source, [], 0
    if name:
        cps = [c for c in cps if name in (c.name, c.label(), show(c.location), str(UUID(bytes=c.source)))]
        if not cps:
            raise Stop(1, f"no source is called {show(name)}", "see the names with --list")
    if options.sectors:
        return cps, 0
    if options.at != "latest":
        cps = [c for c in cps if c.uuid.hex().startswith(options.at.replace("-", "").lower())]
        if len(cps) != 1:
            raise Stop(1, f"{len(cps)} check points have the id {show(options.at)}...", "see the ids with --list")
        return cps, 0
    for group in by_source(cps).values():
        cp, label = latest(group), show(group[0].label())
        if not cp:
            without += 1
            say("lost", f"{label}: no complete check point to be believed (see --list, --at and --sectors)")
            continue
        chosen.append(cp)
        for other in group:
            if other.time > cp.time and not other.complete():
                say("note", f"{label}: check point {other} is newer but incomplete, and left out")
    return chosen, without


def folder_of(cp, taken):
    """A name for a source's folder: what the user called it, or host and path; no tricks."""
    name = cp.name or cp.host + cp.location.decode("utf-8", "replace")
    name = re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "source"
    if taken.setdefault(name.lower(), cp.source) != cp.source:
        name += "-" + cp.source.hex()
    return name


def list_all(found):
    for source, cps in by_source(found.checkpoints.values()).items():
        cps.sort(key=order)
        last = cps[-1]
        print(f"{show(last.label())}  source {UUID(bytes=source)}  from {show(last.host)}:{show(last.location)}")
        for cp in cps:
            size = "{} files, {} bytes".format(*cp.parts()[-1][1][4:]) if cp.parts() else "size not known"
            state = cp.dropped or ("complete" if cp.complete() else "incomplete")
            by = f", by writer {UUID(bytes=cp.writer)}" if cp.writer else "" if cp.signer else ", not signed"
            print(f"  {UUID(bytes=cp.uuid)}  {moment(cp.time)}  {size}  {state}{by}")
            for line in found.chain(cp)[1]:
                print(f"      {line}")


# --- Command line ----------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Stop(2, message, "see --help")


def arguments(argv):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folders", nargs="*", metavar="SECTORS_DIR OUT", help="where sectors are; a new or empty folder")
    add("--words-file", metavar="FILE", help="the 24 words; - is standard input (asked for if not given)")
    add("--source", metavar="NAME", help="only this source: its name, path or uuid")
    add("--at", metavar="ID", default="latest", help="the check point whose id begins so (default: latest)")
    add("--list", action="store_true", help="show sources and check points, restore nothing")
    add("--sectors", nargs="+", metavar="FILE", help="restore all that these hold, alone; parts as NAME.part")
    add("--partial", action="store_true", help="incomplete files as NAME.part and NAME.part.ranges")
    add("--accept-plain", action="store_true", help="read sectors that are not encrypted")
    add(
        "--accept-unsigned",
        action="store_true",
        help="read sectors that are not signed: anyone can make them",
    )
    options = parser.parse_args(argv)
    least = 2 - bool(options.list) - bool(options.sectors)
    if not least <= len(options.folders) <= 2:
        parser.error(f"{len(options.folders)} folders are named, SECTORS_DIR OUT are wanted")
    out = options.folders[-1] if options.folders and not options.list else None
    if out and os.path.lexists(out) and not (os.path.isdir(out) and not os.listdir(out)):
        raise Stop(1, f"{show(out)} is there and no empty folder", "name a new one: nothing is overwritten")
    return options


def read_words(options):
    if options.words_file == "-":
        return sys.stdin.read()
    if options.words_file:
        with open(options.words_file, encoding="utf-8", errors="replace") as file:
            return file.read()
    try:
        return getpass.getpass("the account's 24 words: ")
    except EOFError:
        raise Stop(2, "no words were given", "use --words-file FILE, or - for standard input") from None


def objects(options):
    """Paths of all that may be sectors; in order, so that two runs do the same."""
    if options.sectors:
        folder = options.folders[0] if len(options.folders) == 2 else ""
        yield from (p if os.path.exists(p) else os.path.join(folder, p) for p in options.sectors)
        return
    if not os.path.isdir(options.folders[0]):
        raise Stop(1, f"{show(options.folders[0])} is not a folder", "")

    def unreadable(why):
        raise why

    for folder, names, files in os.walk(options.folders[0], onerror=unreadable):
        names.sort()
        yield from (p for p in (os.path.join(folder, n) for n in sorted(files)) if os.path.isfile(p))


def collect(found, options):
    """Section 7, steps 1 to 3."""
    demand = (0 if options.accept_plain else ENCRYPTED) | (0 if options.accept_unsigned else SIGNED)
    account = None
    if demand or options.words_file:  # else what is wanted may belong to no account
        account = Account(entropy_of(read_words(options)))
    for path in objects(options):
        found.add_object(path, account, demand)
    if not found.sectors:
        who = f"account {account.id}" if account else "no account"
        if found.foreign > found.refused:
            hint = "give the words of the account that made the backup"
            raise Stop(12, f"none of the sectors here belongs to {who}", hint)
        if found.refused:
            raise Stop(1, "no sector could be used", "what was refused, and why, is named above")
        raise Stop(1, "there is no sector here", "name the folder with the .bakup objects, at any depth")
    found.finish(account)


def restore(found, options):
    """Section 7, steps 4 to 6; returns the number of things lost."""
    chosen, lost = wanted(found, options)
    lost += found.refused
    alone, chunks, taken = bool(options.sectors), Chunks(found), {}
    for cp in sorted(chosen, key=lambda c: (c.source, *order(c))):
        chain, lines = ([cp], []) if alone else found.chain(cp)
        for line in ([f"check point {cp}: {cp.dropped}"] if cp.dropped else []) + lines:
            lost += 1
            say("lost", f"{show(cp.label())}: {line}")
        found.build_state(chain, incomplete=alone)
        root = options.folders[-1]
        if len(chosen) > 1:
            root = os.path.join(root, folder_of(cp, taken))
        if len(chosen) > 1 and alone:
            root = os.path.join(root, f"{moment(cp.time)[:10]}_{cp.uuid.hex()[:8]}")
        tree = Tree(found, chunks, root, options.partial or alone)
        try:
            tree.restore()
        finally:
            tree.clean()
        lost += tree.lost
        print(f"{show(cp.label())}: {tree.files} files, {tree.bytes} bytes of check point {cp} in {show(root)}")
    if not chosen:
        raise Stop(1, "nothing was restored", "see what there is with --list")
    return lost


def main(argv=None):
    try:
        options = arguments(argv)
        with contextlib.closing(Found()) as found:
            collect(found, options)
            if options.list:
                list_all(found)
                return 3 if found.refused else 0
            lost = restore(found, options)
        if not lost:
            return 0
        raise Stop(3, f"not all could be restored, {lost} losses are named above", "other copies of sectors may help")
    except Stop as stop:
        code, message, hint = stop.args
    except (OSError, sqlite3.Error) as why:
        code, message, hint = 1, str(why), "what has its name in the folder is whole, the rest is not there"
    except KeyboardInterrupt:
        code, message, hint = (
            1,
            "interrupted",
            "what has its name in the folder is whole, the rest is not there",
        )
    say("error", message)
    if hint:
        say("hint", hint)
    return code


if __name__ == "__main__":
    sys.exit(main())
