#!/usr/bin/env python3
"""Get files back from a folder of bakup sectors, with the account's 24 words and nothing else.

    recover.py --words-file FILE|-  SECTORS_DIR OUT        restore the latest check point of each source
    recover.py --words-file FILE|-  SECTORS_DIR --list     show what there is
    recover.py --words-file FILE|-  OUT --sectors FILE...  restore all that these sectors alone hold
    recover.py --words-file FILE|-  SECTORS_DIR --verdicts say of everything what is good and what is refused

Without --words-file the words are asked for, unseen. They may be numbered, as a card shows them: then the numbers give
their order; four letters of each are enough. Written from docs/format/sector.md alone, shares no code with bakup;
section numbers and R1 to R58 below are that page's. Needs Python >= 3.11 on Linux, macOS or another Unix, and
`pip install "cryptography>=50" zstandard blake3 mnemonic`. Metadata is kept in a temporary file (TMPDIR).

--verdicts prints one JSON object: `sectors` {name: {class, rule}}, class good, damaged, untrusted, foreign or other;
`refused` [{rule, what, class, sector, check_point, path}], `what` is the column `refuses` of section 8; `check_points`
[{uuid, source, state, digest}], state complete, incomplete, refused, revoked, forgotten, replaced, or void: one with a
`replaces` that has no effect. It reads all data that is spoken of, and ends with 0.

Exit codes: 0 all restored, 1 failed, 2 usage, 3 part could not be restored, 12 words of another account.
"""

import argparse
import contextlib
import errno
import getpass
import hashlib
import json
import os
import re
import secrets
import shlex
import sqlite3
import stat
import struct
import sys
import tempfile
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain, groupby, pairwise
from operator import itemgetter
from uuid import UUID

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

# --- 2.1 Constants ---------------------------------------------------------------------------------------

MAGIC, VERSION, FIRST_READ, HEADER_MAX, SECTOR_MAX = b"BKUP", 1, 16384, 65536, 32 << 30
SEGMENT, TAG = 65536, 16
BOX_MAX, RAW_MAX, GROUP_MAX, CHECKPOINT_MAX, CHUNK_MAX = 16 << 20, 16 << 20, 4 << 20, 65536, 8 << 20
ROWS_MAX, META_BOXES_MAX, CHECKPOINTS_MAX, ENTRIES_MAX, EXTENTS_MAX = 262144, 65536, 1024, 65536, 16384
PATH_MAX, NAMES_MAX, LINES_MAX, PARTS_MAX, WAYS_MAX = 65535, 4096, 4096, 8192, 256
LANES, END_LANE, LANE_BYTES = 1 << 23, 0xFFFFFE, 1 << 40
OUTSIDE, NOBODY, ZEROS = 2**64 - 1, bytes(16), bytes(32)
ENCRYPTED, SIGNED = 1, 2
PACK, GROUP, CHECKPOINT, END, CHUNKS, PAD = 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x0005
FILE, PART, DIR, SYMLINK, SPECIAL, DELETE, UNREAD, RECORD = range(1, 9)
REVOKE, FORGET, TAGS = 0x8001, 0x8002, 0x0005
I63 = 2**63 - 1
PACKS_KEPT = 64 << 20  # bytes of unpacked packs in memory


# --- 8 What is refused -----------------------------------------------------------------------------------


def refusals():
    """{line: (what is refused, class)}."""
    table = {}
    for what, kind, lines in (
        ("object", "skipped", [1]),
        ("sector", "damaged", [*range(2, 10), 11, 13, *range(17, 28)]),
        ("sector", "untrusted", [12, 14, 15, 16]),
        ("sector", "foreign", [10]),
        ("box", "damaged", [28, 29, 30, 35, 40, 51]),
        ("check point here", "damaged", [31]),
        ("check point here", "untrusted", [32]),
        ("check point", "damaged", [33, 34, 36]),
        ("END", "damaged", [37]),
        ("lane", "damaged", [38]),
        ("nothing more", "damaged", [39, 57]),
        ("group", "damaged", range(41, 49)),
        ("entry", "damaged", [49, 50]),
        ("place", "damaged", [52, 53]),
        ("check point", "untrusted", [54]),
        ("check point", "skipped", [55]),
        ("nothing more", "skipped", [56]),
        ("entry", "skipped", [58]),
    ):
        table |= {f"R{line}": (what, kind) for line in lines}
    return table


RULES = refusals()


class Refused(Exception):
    """A line of section 8, and why; of a sector also its header digest, if it is known to be genuine."""

    def __init__(self, rule, why):
        super().__init__(why)
        self.rule, self.digest = rule, None


class Bad(Exception):
    """A structure is not as it must be: "shape", "range" or "order", and why."""


class Lost(Exception):
    """One entry can not be restored."""


class Stop(Exception):
    """Ends the program: exit code, message, hint."""


def need(condition, rule, why):
    if not condition:
        raise Refused(rule, why)


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
    """24 BIP-39 words or their first four letters, numbered or in order, to 32 bytes.

    Lines of `#` are ignored, and all that is not numbered words if there are lines of these, as on a card."""
    known = Mnemonic("english")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    rows = [line for line in lines if re.fullmatch(r"\s*(\d{1,2}[.):]?\s*[^\W\d_]+\s*)+", line)]
    text = "\n".join(rows or lines)
    found = re.findall(r"(?:(\d+)[^\w\n]*)?([^\W\d_]+)", text.lower())
    if len(found) != 24:
        raise Stop(2, f"an account has 24 words, here are {len(found)}", "give all words in their order")
    numbers = [int(number) for number, _ in found if number]
    if numbers and sorted(numbers) != list(range(1, 25)):
        raise Stop(2, "the numbers of the words are not 1 to 24", "give all with the numbers of the card, or none")
    if numbers:
        found.sort(key=lambda one: int(one[0]))
    words, bad = [], []
    for number, (_, word) in enumerate(found, 1):
        hits = [word] if word in known.wordlist else [w for w in known.wordlist if w.startswith(word)]
        if len(hits) != 1 or (len(word) < 4 and hits != [word]):
            bad.append(str(number))
        words += hits[:1]
    if bad:
        raise Stop(2, f"not in the BIP-39 list: word {', '.join(bad)}", "compare with what you wrote down")
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
        kem = MLKEM768PrivateKey.from_seed_bytes(seed[:64])
        curve = X25519PrivateKey.from_private_bytes(seed[64:])
        self.private = hpke.MLKEM768X25519PrivateKey(kem, curve)
        self.suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        self.kem = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        first = Ed25519PrivateKey.from_private_bytes(hkdf(entropy, None, b"bakup/1 ed25519"))
        second = MLDSA65PrivateKey.from_seed_bytes(hkdf(entropy, None, b"bakup/1 ml-dsa-65"))
        self.signer = 2, first.public_key().public_bytes_raw() + second.public_key().public_bytes_raw()
        digits = blake3(b"bakup/1 account\0" + self.kem + self.signer[1]).hexdigest()
        self.id = f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}"
        self.recipient = blake3(b"bakup/1 recipient\0" + struct.pack("<H", KEM_ID) + self.kem).digest()[:8]


KEM_ID = 0x647A
KEYS = {0: (0, 0), 1: (32, 64), 2: (1984, 3373)}  # signature id: bytes of public key and of signature
NOT_SIGNED = 0, b""


def signer_id(signer):
    if signer == NOT_SIGNED:
        return ZEROS
    return blake3(b"bakup/1 signer\0" + struct.pack("<H", signer[0]) + signer[1]).digest()


@lru_cache(16)
def public_keys(signer):
    kind, key = signer
    first = Ed25519PublicKey.from_public_bytes(key[:32])
    return first, MLDSA65PublicKey.from_public_bytes(key[32:]) if kind == 2 else None


def verified(signer, signature, message):
    """3.2: both halves of id 2, of the same message."""
    try:
        first, second = public_keys(signer)
        first.verify(signature[:64], message)
        if second:
            second.verify(signature[64:], message, b"bakup/1 ml-dsa-65")
    except (InvalidSignature, ValueError):
        return False
    return True


# --- 4 Header and trust ----------------------------------------------------------------------------------

HEADER = struct.Struct("<4sHII16sQ32sQ32s")
TARGET, PUBLIC_KEY, ENCRYPTED_KEY, CERTIFICATE, KEY_CHECK, SIGNATURE = 1, 0x8001, 0x8002, 0x8003, 0x8004, 0xFFFF
FIELD_LENGTHS = {PUBLIC_KEY: (1220, 1252, 3204), ENCRYPTED_KEY: (1176,), KEY_CHECK: (32,), SIGNATURE: (64, 3373)}


@dataclass(slots=True)
class Sector:
    """What is known of an accepted sector; `paths` are of all objects that are it."""

    digest: bytes  # of its header
    uuid: bytes
    signer: tuple  # (signature id, public key)
    writer: bytes | None
    sources: set | None  # a writer may only speak of these (4.4)
    encrypted: bool
    start: int  # of the data region
    data_length: int
    meta_length: int
    meta_digest: bytes
    data_key: bytes = b""
    meta_key: bytes = b""
    number: int = 0
    paths: list = field(default_factory=list)


def parse_fields(header):
    """4.1: the fields as {tag: [value, ...]}."""
    fields, at, before = {}, HEADER.size, -1
    while at < len(header):
        need(len(header) - at >= 6, "R4", "a header field is cut short")
        tag, length = struct.unpack_from("<HI", header, at)
        value, at = header[at + 6 : at + 6 + length], at + 6 + length
        need(len(value) == length, "R4", "a header field is cut short")
        need(tag > before or tag == before == ENCRYPTED_KEY, "R4", "header fields are out of order or repeated")
        known = tag < 0x8000 or tag in FIELD_LENGTHS or tag == CERTIFICATE
        need(known, "R5", f"unknown header field {tag:#06x}")
        fits = length in FIELD_LENGTHS.get(tag, (length,)) and (tag != TARGET or length <= 4096)
        need(fits, "R7", f"header field {tag:#06x} has a wrong length")
        fields.setdefault(tag, []).append(value)
        before = tag
    return fields


def parse_header(header, flags):
    """R4 to R9; the fields, the kem public key and the signer."""
    fields = parse_fields(header)
    for tag, wanted in (
        (PUBLIC_KEY, flags),
        (ENCRYPTED_KEY, flags & ENCRYPTED),
        (KEY_CHECK, flags & ENCRYPTED),
        (SIGNATURE, flags & SIGNED),
    ):
        need((tag in fields) == bool(wanted), "R6", f"header field {tag:#06x} does not fit the flags")
    need(flags & SIGNED or CERTIFICATE not in fields, "R6", "a certificate without a signature")
    kem, signer = b"", NOT_SIGNED
    if flags:
        value = fields[PUBLIC_KEY][0]
        kem_id, kem = struct.unpack_from("<H1216s", value)
        (kind,) = struct.unpack_from("<H", value, 1218)
        need(kem_id == KEM_ID and kind in KEYS, "R8", "unknown kind of key")
        need((kind != 0) == bool(flags & SIGNED), "R8", "the signature id does not fit the flags")
        need(len(value) == 1220 + KEYS[kind][0], "R7", "the public key has a wrong length")
        signer = kind, value[1220:]
    if flags & SIGNED:
        need(len(fields[SIGNATURE][0]) == KEYS[signer[0]][1], "R7", "the signature has a wrong length")
    need(header[14:30] != NOBODY, "R9", "a sector uuid of zeros")
    return fields, kem, signer


def parse_certificate(value, account, signer):
    """4.4: the writer's uuid and the sources it may back up."""
    kind = int.from_bytes(value[:2], "little")
    need(len(value) >= 2 and kind in (1, 2), "R13", "the certificate has an unknown signature id")
    at = 2 + KEYS[kind][0]
    need(len(value) >= at + 22, "R13", "the certificate has a wrong length")
    writer, flags, count = struct.unpack_from("<16sIH", value, at)
    end = at + 22 + 16 * count
    need(1 <= count <= 1024 and len(value) == end + KEYS[2][1], "R13", "the certificate has a wrong length")
    need(not flags and writer != NOBODY, "R13", "the certificate has unknown flags, or no writer uuid")
    sources = [value[i : i + 16] for i in range(at + 22, end, 16)]
    ascend = sources[0] != NOBODY and all(a < b for a, b in pairwise(sources))
    need(ascend, "R13", "the certificate's sources are out of order")
    need((kind, value[2:at]) == signer, "R14", "the certificate is for another key")
    good = verified(account.signer, value[end:], b"bakup/1 certificate\0" + value[:end])
    need(good, "R14", "the certificate is not of this account")
    return writer, set(sources)


def trusted(fields, kem, signer, header, account, flags):
    """4.3 steps 2 and 3: the writer's uuid and sources, if it is not the account that signed."""
    writer = sources = None
    if flags:
        ours = account and (kem == account.kem, signer == account.signer)
        need(ours and any(ours), "R10", "belongs to another account")
        need(ours[0], "R11", "its encryption key is not this account's, though its signer is")
        if signer == account.signer:
            need(CERTIFICATE not in fields, "R13", "a certificate where the account itself signs")
        elif signer != NOT_SIGNED:
            need(CERTIFICATE in fields, "R12", "signed neither by the account nor by one that it certified")
            writer, sources = parse_certificate(fields[CERTIFICATE][0], account, signer)
    if flags & SIGNED:
        signature = fields[SIGNATURE][0]
        message = b"bakup/1 sector\0" + header[: -len(signature)]
        need(verified(signer, signature, message), "R15", "the signature is wrong")
    return writer, sources


def open_sector(file, account, demand):
    """4.3, steps 1 to 4; `demand` are the flags that it must have. None if the object is no sector."""
    head = file.read(FIRST_READ)
    if head[:4] != MAGIC:
        return None
    need(len(head) >= HEADER.size, "R2", "the header is cut short")
    _, version, flags, length, uuid, data_length, _, meta_length, meta_digest = HEADER.unpack_from(head)
    need(version == VERSION, "R3", f"version {version} is not known to this reader")
    need(not flags & ~(ENCRYPTED | SIGNED), "R3", f"unknown flags {flags:#x}")
    need(HEADER.size <= length <= HEADER_MAX, "R3", "the header's length is out of range")
    header = (head + file.read(max(0, length - len(head))))[:length]
    need(len(header) == length, "R2", "the header is cut short")
    fields, kem, signer = parse_header(header, flags)
    writer, sources = trusted(fields, kem, signer, header, account, flags)
    lacking = demand & ~flags
    need(not lacking & ENCRYPTED, "R16", "it is not encrypted: read only with --accept-plain")
    need(not lacking & SIGNED, "R16", "it is not signed: read only with --accept-unsigned")
    encrypted = bool(flags & ENCRYPTED)
    sector = Sector(
        blake3(header).digest(), uuid, signer, writer, sources, encrypted, length, data_length, meta_length, meta_digest
    )
    try:
        check_lengths(file, sector)
        if encrypted:
            open_keys(sector, account, fields)
    except Refused as why:
        why.digest = sector.digest
        raise
    return sector


def check_lengths(file, sector):
    """R17 to R19."""
    for length in (sector.data_length, sector.meta_length):
        valid = not sector.encrypted or length % (SEGMENT + TAG) == 0 or length % (SEGMENT + TAG) > TAG
        need(valid, "R17", "not a length of an encrypted region")
    need(plain_length(sector.meta_length, sector.encrypted) >= 8, "R17", "the meta region is too short")
    size = file.seek(0, os.SEEK_END)
    end = sector.start + sector.data_length + sector.meta_length
    need(max(size, end) <= SECTOR_MAX, "R17", "longer than a sector may be")
    need(size >= end, "R18", "the object is shorter than its header says")
    file.seek(end)
    while piece := file.read(1 << 20):
        need(not piece.strip(b"\0"), "R19", "the padding is not zeros")


def open_keys(sector, account, fields):
    """4.2: the sector key, and from it the keys of the regions."""
    kind, public = sector.signer
    info = b"bakup/1 sector key" + sector.uuid + struct.pack("<H", kind) + public
    mine = [value[8:] for value in fields[ENCRYPTED_KEY] if value[:8] == account.recipient]
    for sealed in mine:
        with contextlib.suppress(Exception):  # whatever the library raises, this one does not open
            key = account.suite.decrypt(sealed, account.private, info)
            break
    else:
        raise Refused("R20", "no encrypted key opens")
    check = hkdf(key, sector.uuid, b"bakup/1 key check")
    need(fields[KEY_CHECK] == [check], "R21", "the key check is another one")
    sector.data_key = hkdf(key, sector.uuid, b"bakup/1 data")
    sector.meta_key = hkdf(key, sector.uuid, b"bakup/1 meta")


# --- 4.2 and 5 Regions -----------------------------------------------------------------------------------

BOX, ROW, ACTION, U64 = (struct.Struct(form) for form in ("<16sQQ", "<16sQQQQ", "<IIHQ", "<Q"))


def plain_length(stored, encrypted):
    return stored - -(-stored // (SEGMENT + TAG)) * TAG if encrypted else stored


def open_segments(key, stored, first, segments):
    """The plaintext of whole segments, numbered from `first`, of a region that has `segments`."""
    cipher = AESGCM(key)
    for i, at in enumerate(range(0, len(stored), SEGMENT + TAG), first):
        nonce = i.to_bytes(11, "big") + bytes([i == segments - 1])
        yield cipher.decrypt(nonce, stored[at : at + SEGMENT + TAG], None)


def read_data(file, sector, position, length, rule):
    """Plaintext bytes of the data region, zeros for a segment that does not open; and what is wrong."""
    need(position + length <= plain_length(sector.data_length, sector.encrypted), rule, "beyond the data region")
    if not sector.encrypted:
        file.seek(sector.start + position)
        data = file.read(length)
        need(len(data) == length, rule, "the object is shorter than its header says")
        return data, None
    first, last = position // SEGMENT, (position + length - 1) // SEGMENT
    begin, end = first * (SEGMENT + TAG), min((last + 1) * (SEGMENT + TAG), sector.data_length)
    file.seek(sector.start + begin)
    stored = file.read(end - begin)
    need(len(stored) == end - begin, rule, "the object is shorter than its header says")
    plain, why = bytearray(), None
    for n in range(first, last + 1):
        at = (n - first) * (SEGMENT + TAG)
        one = stored[at : at + SEGMENT + TAG]
        try:
            plain += b"".join(open_segments(sector.data_key, one, n, -(-sector.data_length // (SEGMENT + TAG))))
        except InvalidTag:
            plain, why = plain + bytes(len(one) - TAG), "a segment does not open"
    return bytes(plain[position - first * SEGMENT :][:length]), why


def read_meta(file, sector, plain):
    """4.3 step 5: the meta region, compared with its digest and only then opened, into the file `plain`."""
    file.seek(sector.start + sector.data_length)
    with tempfile.SpooledTemporaryFile(16 << 20) as copy:  # what was verified can not change after
        left, digest = sector.meta_length, blake3()
        while left and (piece := file.read(min(left, 1 << 20))):
            digest.update(piece)
            copy.write(piece)
            left -= len(piece)
        need(not left and digest.digest() == sector.meta_digest, "R22", "the meta region is damaged")
        copy.seek(0)
        size, first = SEGMENT + TAG, 0
        segments = -(-sector.meta_length // size)
        while piece := copy.read(16 * size):
            if not sector.encrypted:
                plain.write(piece)
                continue
            try:
                plain.writelines(open_segments(sector.meta_key, piece, first, segments))
            except InvalidTag:
                raise Refused("R22", "a segment of the meta region does not open") from None
            first += 16


def box_kind(uuid, offset, meta):
    """5.1: what a box of this uuid and offset is in a region, or nothing."""
    lane = offset >> 40
    if uuid == NOBODY:
        return "own" if offset == OUTSIDE else None
    if lane < LANES:
        return "entries" if meta else "pack"
    if meta and offset == OUTSIDE:
        return "header"
    return "end" if meta and lane == END_LANE else None


class Table:
    """5.3: the rows of the data region's boxes."""

    def __init__(self, raw, data_length):
        self.raw, self.number, tiled = raw, {}, 0
        need(len(raw) <= ROWS_MAX * ROW.size, "R23", "more rows than a table may have")
        for n, (uuid, offset, content, position, length) in enumerate(ROW.iter_unpack(raw)):
            need(1 <= content <= BOX_MAX and position == tiled, "R23", "the table does not tile the data region")
            need(length <= RAW_MAX, "R23", "a raw length out of range")
            kind = box_kind(uuid, offset, meta=False)
            need(kind and (length or kind == "own"), "R24", "a row that the data region can not have")
            tiled += BOX.size + content
            if kind == "pack":
                need(self.number.setdefault(raw[n * ROW.size :][:24], n) == n, "R24", "two rows of one box")
        need(tiled == data_length, "R23", "the table does not tile the data region")

    def row(self, n):
        """(position, content length, raw length, uuid and offset), or nothing if there is no PACK."""
        if not 0 <= n < len(self.raw) // ROW.size:
            return None
        at = n * ROW.size
        _, _, content, position, length = ROW.unpack_from(self.raw, at)
        return (position, content, length, self.raw[at : at + 24]) if length else None

    def of_box(self, uuid, offset):
        return self.row(self.number.get(uuid + U64.pack(offset), -1))


def parse_boxes(file, end):
    """5.1: yields (check point uuid, offset, content)."""
    position = 0
    file.seek(0)
    while position < end:
        need(end - position > BOX.size, "R25", "a box is cut short")
        uuid, offset, length = BOX.unpack(file.read(BOX.size))
        position += BOX.size + length
        need(1 <= length <= BOX_MAX and position <= end, "R25", "a box of a wrong length")
        yield uuid, offset, file.read(length)


def parse_actions(content, known, alone):
    """5.4: [(type, compressed, content)], those that may be skipped left out. `known`: types that may stand here."""
    found, at, number = [], 0, 0
    while at < len(content):
        need(len(content) - at >= ACTION.size, "R28", "an action is cut short")
        flags, path_length, kind, length = ACTION.unpack_from(content, at)
        need(path_length == 0, "R28", "an action with a path")
        at += ACTION.size + length
        need(at <= len(content), "R28", "an action crosses its box's end")
        need(flags <= 1, "R28", "an unknown codec or flag")
        need(not flags or kind not in (CHECKPOINT, END, CHUNKS, PAD), "R28", "an action that is never compressed is")
        ours = PACK <= kind <= CHUNKS or kind == PAD
        need(ours or kind < 0x8000, "R29", f"unknown action {kind:#06x}")
        need(not ours or kind in known, "R29", f"an action of type {kind:#06x} where none may be")
        number += 1
        if ours:
            found.append((kind, flags == 1, content[at - length : at]))
    need(not alone or number == 1, "R29", "not exactly one action in a box that has one")
    return found


def unpacked(compressed, content, most, rule):
    """5.4: `raw length`, then the bytes as they are or one zstd frame."""
    need(len(content) > 8, rule, "an action without content")
    (raw,), body = U64.unpack_from(content), content[8:]
    need(1 <= raw <= most, rule, "a raw length out of range")
    if compressed:
        need(body[:4] == b"\x28\xb5\x2f\xfd", rule, "not a zstd frame")
        try:
            frame = zstandard.get_frame_parameters(body)
            fits = frame.content_size == raw and not frame.dict_id and frame.window_size <= 128 << 20
            need(fits, rule, "a zstd frame of another size, with a dictionary or a window too large")
            body = zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
        except zstandard.ZstdError as why:
            raise Refused(rule, f"a zstd frame does not open ({why})") from None
    need(len(body) == raw, rule, "a raw length that is not true")
    return body


# --- 6 Structures: MessagePack, strictly -----------------------------------------------------------------
# A shape takes bytes and a place in them, and gives a value and the place after it.

INT, BIN, STR, LIST, NIL, BOOL = "integer", "bytes", "text", "array", "nil", "boolean"
LENGTHS = ((BIN, 0xC4, 0), (STR, 0xD9, 32), (LIST, 0xDC, 16))  # type, first byte of the least form, what fits no less


def forms():
    """By first byte: type, bytes that follow and are a number, its range where no shorter form serves; or value."""
    table = [None] * 256
    for n in range(16):
        table[0x90 + n] = LIST, 0, n
    for n in range(32):
        table[0xA0 + n], table[0xE0 + n] = (STR, 0, n), (INT, 0, n - 32)
    for n in range(128):
        table[n] = INT, 0, n
    table[0xC0], table[0xC2], table[0xC3] = (NIL, 0, None), (BOOL, 0, False), (BOOL, 0, True)
    for n, width in enumerate((1, 2, 4, 8)):
        least = 128 if n == 0 else 1 << 4 * width
        table[0xCC + n] = INT, width, range(least, 1 << 8 * width)
        least = -32 if n == 0 else -(1 << 4 * width - 1)
        table[0xD0 + n] = INT, width, range(-(1 << 8 * width - 1), least)
    for kind, first, least in LENGTHS:
        for n, width in enumerate((2, 4) if kind is LIST else (1, 2, 4)):
            table[first + n] = kind, width, range(least if n == 0 else 1 << 4 * width, 1 << 8 * width)
    return table


FORMS = forms()


def token(data, at):
    """The type and value, or length, of what begins here; not in its shortest encoding it is refused."""
    if at >= len(data):
        raise Bad("shape", "a structure is cut short")
    form = FORMS[data[at]]
    if form is None:
        raise Bad("shape", f"a value of a type that has no place here ({data[at]:#04x})")
    kind, width, value = form
    if not width:
        return kind, value, at + 1
    after = at + 1 + width
    number = int.from_bytes(data[at + 1 : after], "big", signed=value.start < 0)
    if after > len(data) or number not in value:
        raise Bad("shape", "a value is cut short, or not in its shortest encoding")
    return kind, number, after


def expect(wanted, data, at):
    form = FORMS[data[at]] if at < len(data) else None
    if form and form[0] is wanted and not form[1]:  # by far the most
        return form[2], at + 1
    kind, value, at = token(data, at)
    if kind is not wanted:
        raise Bad("shape", f"{kind} where {wanted} should be")
    return value, at


def number(most, least=0):
    def shape(data, at):
        value, at = expect(INT, data, at)
        if not least <= value <= most:
            raise Bad("range", f"the number {value} is out of range")
        return value, at

    return shape


def blob(size=None, most=None):
    def shape(data, at):
        length, at = expect(BIN, data, at)
        if at + length > len(data) or (size is not None and length != size):
            raise Bad("shape", "bytes of a wrong length")
        if most is not None and length > most:
            raise Bad("range", "bytes longer than they may be")
        return bytes(data[at : at + length]), at + length

    return shape


def text(data, at):
    length, at = expect(STR, data, at)
    if at + length > len(data):
        raise Bad("shape", "text is cut short")
    try:
        return str(data[at : at + length], "utf-8"), at + length
    except UnicodeDecodeError:
        raise Bad("shape", "text that is not UTF-8") from None


def boolean(data, at):
    return expect(BOOL, data, at)


def maybe(inner):
    def shape(data, at):
        return (None, at + 1) if data[at : at + 1] == b"\xc0" else inner(data, at)

    return shape


def row(*shapes):
    def shape(data, at):
        length, at = expect(LIST, data, at)
        if length != len(shapes):
            raise Bad("shape", f"an array of {length} elements, not {len(shapes)}")
        values = []
        for inner in shapes:
            value, at = inner(data, at)
            values.append(value)
        return values, at

    return shape


def many(inner, most=1 << 32, least=0):
    def shape(data, at):
        length, at = expect(LIST, data, at)
        if not least <= length <= most:
            raise Bad("range", f"an array of {length} elements")
        values = []
        for _ in range(length):
            value, at = inner(data, at)
            values.append(value)
        return values, at

    return shape


def rising(inner, key=lambda value: value, most=1 << 32, least=0):
    every = many(inner, most, least)

    def shape(data, at):
        values, at = every(data, at)
        if not all(key(a) < key(b) for a, b in pairwise(values)):
            raise Bad("order", "values do not ascend")
        return values, at

    return shape


def fact(data, at):
    value, at = FACT(data, at)
    if not value[0]:
        raise Bad("order", "a fact without name")
    return value, at


def must_know(facts):
    """6: facts that no reader of version 1 knows, and must."""
    return any(name[0] == "!" for name, _ in facts)


def extent(data, at):
    """6.3: new, known or hole."""
    (length, chunk, box, start), at = EXTENT(data, at)
    placed = (box is None) == (start is None) and (chunk is not None or box is None)
    if not placed or (chunk is not None and length > CHUNK_MAX):
        raise Bad("range", "an extent that is neither new, known nor hole")
    return (length, chunk, box, start), at


def skip(data, at, depth=0):
    """Any value of the types of this section, arrays at most 16 deep, without keeping it."""
    kind, value, at = token(data, at)
    if kind is LIST:
        if depth == 16:
            raise Bad("shape", "arrays too deep")
        for _ in range(value):
            at = skip(data, at, depth + 1)
    elif kind in (BIN, STR):
        if at + value > len(data):
            raise Bad("shape", "a value is cut short")
        if kind is STR:
            with_utf8 = data[at : at + value]
            try:
                str(with_utf8, "utf-8")
            except UnicodeDecodeError:
                raise Bad("shape", "text that is not UTF-8") from None
        at += value
    return at


FIRST = itemgetter(0)
U16, U32, U63, ANY64 = number(2**16 - 1), number(2**32 - 1), number(I63), number(2**64 - 1)
I64 = number(I63, -(2**63))
RAW, ID16, ID32 = blob(), blob(16), blob(32)
FACT = row(text, RAW)
FACTS = rising(fact, FIRST)
EXTENT = row(number(I63, 1), maybe(ID32), maybe(number((LANES << 40) - 1)), maybe(U63))
EXTENTS = many(extent, EXTENTS_MAX)
CHECKPOINT_SHAPE = row(
    ID16, number(1), I64, ID16, text, RAW, text, rising(text), number(I63, 1), maybe(row(ID16, ID32)), maybe(ID16),
    maybe(row(ID32, ID16, ID32)), row(text, U63, U63, U63, ANY64), FACTS,
)  # fmt: skip
SECTOR_LINE = row(ID16, maybe(ID32), U63, U63, blob(most=256), blob(most=256))
LANE_LINE = row(number(LANES - 1), number(LANE_BYTES), ID32)
END_SHAPE = row(
    ID16, number(PARTS_MAX - 1), boolean, many(SECTOR_LINE, LINES_MAX), U63, U63,
    rising(LANE_LINE, FIRST, LINES_MAX), FACTS,
)  # fmt: skip
CHUNKS_SHAPE = rising(row(U63, many(row(ID32, number(CHUNK_MAX, 1), U63), least=1)), FIRST, least=1)
ATTRIBUTES = row(
    number(0o7777), maybe(U32), maybe(U32), maybe(text), maybe(text), I64, maybe(I64), maybe(ANY64),
    maybe(I64), maybe(ANY64), maybe(U32), rising(row(RAW, RAW), FIRST), FACTS,
)  # fmt: skip
ENTRY_SHAPES = {
    FILE: (RAW, ATTRIBUTES, U63, EXTENTS, maybe(ID32)),
    PART: (RAW, U63, U63, U63, EXTENTS, maybe(row(ATTRIBUTES, U63, ID32))),
    DIR: (RAW, ATTRIBUTES),
    SYMLINK: (RAW, ATTRIBUTES, RAW),
    SPECIAL: (RAW, ATTRIBUTES, number(4, 1), ANY64),
    DELETE: (RAW,),
    UNREAD: (RAW, text),
    RECORD: (RAW, U16, RAW),
}


def writer_or_signer(data, at):
    value, at = RAW(data, at)
    if len(value) not in (16, 32):
        raise Bad("shape", "neither a writer nor a signer")
    return value, at


RECORD_SHAPES = {
    REVOKE: row(writer_or_signer, rising(row(ID16, ID32))),
    FORGET: rising(row(ID32, ID16, ID32)),
    TAGS: rising(row(ID32, ID16, ID32, U63, rising(text)), lambda one: one[:3]),
}


def parse(data, shape, rule, what):
    """One whole structure of a given shape."""
    try:
        value, end = shape(data, 0)
    except Bad as why:
        raise Refused(rule, f"{what}: {why.args[1]}") from None
    need(end == len(data), rule, f"{what}: bytes after it")
    return value


def parse_checkpoint(content, uuid):
    """6.1, R31."""
    need(len(content) <= CHECKPOINT_MAX, "R31", "a check point's header that is too long")
    value = parse(content, CHECKPOINT_SHAPE, "R31", "a check point's header")
    own, flags, _, source, *_, previous, based_on, replaces, _, _ = value
    need(own == uuid, "R31", "a check point's header with another uuid than its box")
    named = [previous[0]] if previous else []
    named += [replaces[1]] if replaces else []
    need(NOBODY not in (source, *named), "R31", "a uuid of zeros in a check point's header")
    need(own not in named, "R31", "a check point that names itself")
    base = previous[0] if flags and previous else None
    need(based_on == base and (not flags or base), "R31", "a base that does not fit `previous` or the flag")
    need(not (flags and replaces), "R31", "an incremental check point that replaces another")
    return value


def parse_end(content, uuid, part):
    """6.2, R35."""
    need(len(content) <= GROUP_MAX, "R35", "an END that is too long")
    value = parse(content, END_SHAPE, "R35", "an END")
    own, number_, last, lines, files, size, _, facts = value
    need((own, number_) == (uuid, part), "R35", "an END of another uuid or part than its box")
    need(last or not (files or size or facts), "R35", "an END part with what only the last may have")
    open_lines = [line for line in lines if line[1] is None]
    need(len(open_lines) <= 1 and not any(line[3] for line in open_lines), "R35", "a sector line that can not be")
    need(all(line[0] != NOBODY for line in lines), "R35", "a sector uuid of zeros")
    return value


def parse_chunks(content):
    """5.5, R40."""
    need(len(content) <= GROUP_MAX, "R40", "CHUNKS that are too long")
    rows = parse(content, CHUNKS_SHAPE, "R40", "CHUNKS")
    for _, chunks in rows:
        ordered = all(a[2] + a[1] <= b[2] for a, b in pairwise(chunks))
        need(ordered, "R40", "CHUNKS that overlap or are out of order")
    return rows


# --- 6.3 Entries -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry:
    """An entry, where it stands in its group, and what is wrong with it alone (R49, R50, R58)."""

    kind: int
    path: bytes
    values: list  # after the path
    packed: bytes
    marked: bool = False  # something in it must be understood, and is not (R34)
    fault: tuple | None = None

    @property
    def key(self):
        return self.path.replace(b"/", b"\0")

    @property
    def extents(self):
        return self.values[2] if self.kind == FILE else self.values[3] if self.kind == PART else ()

    @property
    def attributes(self):
        if self.kind == PART:
            return self.values[4][0] if self.values[4] else None
        return self.values[0] if FILE <= self.kind <= SPECIAL else None


def read_entry(data, at):
    """One entry, its shape, and where it ends."""
    begin = at
    length, at = expect(LIST, data, at)
    if not length:
        raise Bad("shape", "an entry without kind")
    kind, at = expect(INT, data, at)
    if kind in ENTRY_SHAPES:
        shapes = ENTRY_SHAPES[kind]
        if length != 1 + len(shapes):
            raise Bad("shape", f"an entry of kind {kind} with {length} elements")
        values = []
        for shape in shapes:
            value, at = shape(data, at)
            values.append(value)
    elif 64 <= kind <= 127 and length >= 2:
        path, at = RAW(data, at)
        values = [path]
        for _ in range(length - 2):
            at = skip(data, at)
    else:
        raise Bad("shape", f"an entry of the unknown kind {kind}")
    return Entry(kind, values[0], values[1:], bytes(data[begin:at])), at


def check_path(entry):
    """R44."""
    path = entry.path
    if entry.kind == RECORD:
        need(not path, "R44", "a record with a path")
    if not path:
        need(entry.kind not in (FILE, PART, SYMLINK, SPECIAL), "R44", "an entry without a path")
        return
    names = path.split(b"/")
    fits = len(path) <= PATH_MAX and len(names) <= NAMES_MAX and b"\0" not in path
    need(fits, "R44", "a path too long, or with a NUL")
    need(not {b"", b".", b".."}.intersection(names), "R44", f"the path {show(path)} is not allowed")


def check_entry(entry):
    """R43, R47, R48 and, of one entry alone, R34, R49, R50, R58."""
    kind, values = entry.kind, entry.values
    total = sum(one[0] for one in entry.extents)
    need(total <= I63, "R43", "extents that are too long together")
    if kind == FILE:
        _, size, extents, digest = values
        shown = len(extents) > 1 or (len(extents) == 1 and extents[0][1] is None)
        need((digest is not None) == shown, "R47", "a digest that should not be there, or is missing")
        if total != size:
            entry.fault = "R49", "its extents do not add up to its size"
        elif shown and file_digest([extents]) != digest:
            entry.fault = "R50", "its digest is not that of its extents"
    elif kind == PART:
        _, offset, length, extents, closing = values
        need(offset + length <= I63, "R43", "a part that ends too far")
        need(length or (closing and not extents), "R47", "an empty part that is not a last one without extents")
        if total != length:
            entry.fault = "R49", "a part whose extents do not add up to its length"
    elif kind == SPECIAL:
        need(values[1] > 2 or not values[2], "R43", "a device number of what is no device")
    elif kind == RECORD:
        if values[0] in RECORD_SHAPES:
            entry.values[1] = parse(values[1], RECORD_SHAPES[values[0]], "R48", "a record")
        entry.marked = values[0] >= 0x8000 and values[0] not in RECORD_SHAPES
    elif kind >= 64:
        entry.fault = "R58", f"an entry of kind {kind}, which this reader passes over"
    if entry.attributes:
        entry.marked = must_know(entry.attributes[12])


RANKS = {DELETE: 0, FILE: 1, PART: 1, DIR: 1, SYMLINK: 1, SPECIAL: 1, UNREAD: 2, RECORD: 3}


class Order:
    """R45: paths in key order; of one path ranks, and PARTs that continue."""

    def __init__(self):
        self.key, self.rank, self.part, self.ids, self.first = b"", -1, None, set(), True

    def check(self, entry):
        key, rank = entry.key, RANKS.get(entry.kind, 4)
        need(key >= self.key, "R45", f"{show(entry.path)} is out of order")
        if key > self.key:
            self.rank, self.part, self.ids = -1, None, set()
        continues = entry.kind == PART and self.part is not None
        need(rank > self.rank or rank == self.rank > 2 or continues, "R45", f"{show(entry.path)} stands twice")
        if entry.kind == PART:
            self.check_part(entry)
        else:
            self.part = None
        self.key, self.rank, self.first = key, rank, False

    def check_part(self, entry):
        file, offset, length, _, closing = entry.values
        if self.part and self.part[0] == file:
            fits = offset == self.part[1]
        else:  # what is the first of its group may go on with what another group began
            fits = file not in self.ids and (offset == 0 or self.first)
        need(fits, "R45", f"{show(entry.path)}: parts that do not continue")
        self.ids.add(file)
        self.part = None if closing else (file, offset + length)  # after a closed run nothing of this rank


def parse_group(data):
    """R42 to R48: yields entries."""
    try:
        count, at = expect(LIST, data, 0)
        need(1 <= count <= ENTRIES_MAX, "R42", f"a group of {count} entries")
        order = Order()
        for _ in range(count):
            entry, at = read_entry(data, at)
            check_path(entry)
            check_entry(entry)
            order.check(entry)
            yield entry
    except Bad as why:
        kind, text_ = why.args
        raise Refused({"shape": "R42", "range": "R43", "order": "R46"}[kind], text_) from None
    need(at == len(data), "R42", "bytes after a group")


def file_digest(runs):
    """6.3: the chunk id of a file of one extent that is no hole, else of the list of extents."""
    count, only, lines = 0, None, blake3()
    for length, chunk, _, _ in chain.from_iterable(runs):
        count, only = count + 1, chunk
        lines.update(U64.pack(length) + (chunk or ZEROS))
    return only if count == 1 and only else lines.digest()


# --- 7.3 Everything found --------------------------------------------------------------------------------

TABLES = """
PRAGMA temp_store = FILE; PRAGMA cache_size = -32768; PRAGMA journal_mode = MEMORY;
CREATE TABLE sector (id INTEGER PRIMARY KEY, digest UNIQUE);
CREATE TABLE cp (id INTEGER PRIMARY KEY, signer, uuid, UNIQUE (signer, uuid));
CREATE TABLE header (id INTEGER PRIMARY KEY, cp INTEGER, digest, content, UNIQUE (cp, digest));
CREATE TABLE header_in (header INTEGER, sector INTEGER);
CREATE TABLE box (id INTEGER PRIMARY KEY, cp INTEGER, lane, start, length, digest, marked DEFAULT 0, damaged DEFAULT 0,
                  counts DEFAULT 0, UNIQUE (cp, lane, start, digest));
CREATE TABLE box_in (box INTEGER, sector INTEGER, PRIMARY KEY (box, sector)) WITHOUT ROWID;
CREATE TABLE entry (id INTEGER PRIMARY KEY, box INTEGER, key, kind, file, closed, chunk, fault, raw);
CREATE TABLE "end" (id INTEGER PRIMARY KEY, cp INTEGER, part, digest, last, files, bytes, marked, low, high,
                    UNIQUE (cp, part, digest));
CREATE TABLE line (part INTEGER, uuid, header, entries, first, last);
CREATE TABLE lane (part INTEGER, lane, length, digest);
CREATE TABLE place (chunk, length, sector INTEGER, position, size, raw, name, start);
CREATE TABLE record (cp INTEGER, content);
CREATE TABLE refused (rule, sector, cp, path, why);
CREATE TABLE state (key PRIMARY KEY, entry INTEGER) WITHOUT ROWID;
CREATE TABLE unread (key PRIMARY KEY, raw) WITHOUT ROWID;
CREATE TABLE named (sector INTEGER PRIMARY KEY);
"""
INDEXES = """
CREATE INDEX entry_box ON entry (box);
CREATE INDEX entry_part ON entry (key, file) WHERE kind = 2; CREATE INDEX place_chunk ON place (chunk);
CREATE INDEX line_part ON line (part);
CREATE INDEX lane_part ON lane (part); CREATE INDEX header_sector ON header_in (header);
"""


def uuid_told(path):
    """The sector uuid that an object says, believed or not."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(30)[14:]
    return b""


class Found:
    """All sectors' metadata, in a temporary database; a refused sector leaves no trace there but its verdict."""

    def __init__(self, account, demand):
        self.account, self.demand = account, demand
        self.db = sqlite3.connect("", isolation_level=None)  # on disk, without a name
        self.close = self.db.close
        self.run = self.db.execute
        self.db.executescript(TABLES)
        self.sectors, self.signers, self.verdicts = [], [], []
        self.numbers, self.by_digest, self.names = {}, {}, {}  # of signers; sectors; names of objects by path
        self.bad_copies = []  # (header digest, uuid) that refused sectors say, as far as they are known

    def signer(self, signer):
        if signer not in self.numbers:
            self.numbers[signer] = len(self.signers)
            self.signers.append(signer)
        return self.numbers[signer]

    def refuse(self, refused, sector=None, cp=None, path=None):
        self.run("INSERT INTO refused VALUES (?,?,?,?,?)", (refused.rule, sector, cp, path, str(refused)))

    def add_object(self, path, name):
        """Section 7 steps 2 and 3, for one object."""
        self.run("SAVEPOINT object")
        self.names[path], sector = name, None
        try:
            with open(path, "rb") as file:
                sector = open_sector(file, self.account, self.demand)
                verdict = (name, "good", None) if sector else (name, "other", "R1")
                if sector:
                    self.add_sector(file, path, name, sector)
        except (Refused, OSError) as why:
            self.run("ROLLBACK TO object")
            rule = why.rule if isinstance(why, Refused) else None
            digest = sector.digest if sector else getattr(why, "digest", None)
            self.bad_copies.append((digest, uuid_told(path)))
            verdict = name, RULES[rule][1] if rule else "damaged", rule
            say("note" if verdict[1] == "foreign" else "refused", f"{show(path)}: {why}")
        self.run("RELEASE object")
        self.verdicts.append(verdict)

    def refused(self):
        return sum(kind in ("damaged", "untrusted") for _, kind, _ in self.verdicts)

    def lost_sectors(self, points):
        """Refused ones that may have held what nobody knows: not if a copy is good, or an END lists it."""
        listed = {one.uuid for one in self.sectors}
        for cp in points.all if self.bad_copies else ():
            query = f"SELECT uuid FROM line WHERE header IS NOT NULL AND part IN {PARTS_OF}"
            listed.update(uuid for (uuid,) in self.run(query, (cp.inside,)))
        known = sum(digest in self.by_digest or uuid in listed for digest, uuid in self.bad_copies)
        return max(0, self.refused() - known)

    def add_sector(self, file, path, name, sector):
        """5.3. A copy of a sector that is here already is only verified."""
        known = self.by_digest.get(sector.digest)
        with tempfile.SpooledTemporaryFile(16 << 20) as plain:
            read_meta(file, sector, plain)
            if not known:
                sector.number = len(self.sectors)
                Ingest(self, sector, name).meta(plain)
        if known:
            known.paths.append(path)
            return
        self.run("INSERT INTO sector VALUES (?,?)", (sector.number, sector.digest))
        sector.paths.append(path)
        self.sectors.append(sector)
        self.by_digest[sector.digest] = sector


class Ingest:
    """The meta region of one sector, into the database."""

    def __init__(self, found, sector, name):
        self.found, self.run, self.sector, self.name = found, found.run, sector, name
        self.signer = found.signer(sector.signer)
        self.here, self.table = {}, None  # {check point uuid: number, or None where it is refused here}
        self.budget = 64 * sector.meta_length + (64 << 20)

    def refuse(self, refused, cp=None, path=None):
        self.found.refuse(refused, self.name, cp, path)

    def meta(self, file):
        length = file.seek(0, os.SEEK_END)
        file.seek(length - 8)
        (table,) = U64.unpack(file.read(8))
        end = length - 8 - table
        need(end >= 0 and table % ROW.size == 0, "R23", "the table has a wrong length")
        need(table <= ROWS_MAX * ROW.size, "R23", "more rows than a table may have")
        file.seek(end)
        self.table = Table(file.read(table), plain_length(self.sector.data_length, self.sector.encrypted))
        for n, (uuid, offset, content) in enumerate(parse_boxes(file, end)):
            need(n < META_BOXES_MAX, "R25", "more boxes than a meta region may have")
            self.box(uuid, offset, content)

    def box(self, uuid, offset, content):
        kind = box_kind(uuid, offset, meta=True)
        need(kind, "R25", "a box that a meta region can not have")
        if kind == "header":
            need(uuid not in self.here, "R26", "a second header of one check point")
            need(len(self.here) < CHECKPOINTS_MAX, "R25", "more check points than a sector may have")
            self.here[uuid] = self.header(uuid, content)
            return
        if kind == "own":
            self.attempt(self.own, None, content)
            return
        if kind == "entries":
            ends = (offset & (LANE_BYTES - 1)) + len(content)
            need(ends <= LANE_BYTES, "R25", "a box that ends beyond its lane")
        need(uuid in self.here, "R26", "a box before its check point's header")
        if self.here[uuid] is None:
            return
        if kind == "entries":
            self.entries(self.here[uuid], uuid, offset, content)
        else:
            self.attempt(self.end, uuid, content, offset & (LANE_BYTES - 1))

    def attempt(self, how, uuid, *more):
        """A box that may be refused alone."""
        try:
            how(uuid, *more)
        except Refused as why:
            if RULES[why.rule][0] == "sector":
                raise
            self.refuse(why, uuid)

    def header(self, uuid, content):
        """6.1: the number of the check point, or None if it is refused here."""
        try:
            actions = parse_actions(content, {CHECKPOINT}, alone=True)
            need(actions, "R29", "a check point's box without its header")
            value = parse_checkpoint(actions[0][2], uuid)
            allowed = self.sector.sources is None or value[3] in self.sector.sources
            need(allowed, "R32", "a source that the certificate lacks")
        except Refused as why:
            self.refuse(why, uuid)
            return None
        cp = self.number("cp", "signer, uuid", (self.signer, uuid))
        content = actions[0][2]
        header = self.number("header", "cp, digest", (cp, blake3(content).digest()), ", content", (content,))
        self.run("INSERT INTO header_in VALUES (?,?)", (header, self.sector.number))
        return cp

    def number(self, table, names, values, more="", extra=()):
        """The number of a row, which is made if it is not there."""
        marks = ",".join("?" * len(values + extra))
        insert = f"INSERT INTO {table} ({names}{more}) VALUES ({marks})"
        return self.run(f"{insert} ON CONFLICT DO UPDATE SET id = id RETURNING id", values + extra).fetchone()[0]

    def own(self, _, content):
        """A box of the sector itself."""
        for kind, _, body in parse_actions(content, {CHUNKS, PAD}, alone=True):
            if kind == PAD:
                need(not body.strip(b"\0"), "R30", "a PAD that is not zeros")
                continue
            for n, chunks in parse_chunks(body):
                row_ = self.table.row(n)
                for chunk, length, start in chunks:
                    self.place(chunk, length, row_, start, None, None)

    def place(self, chunk, length, row_, start, uuid, path):
        """R52: a place that is not there is refused alone."""
        if row_ is None or start + length > row_[2]:
            self.refuse(Refused("R52", "a place of a chunk that is not there"), uuid, path)
            return
        place = chunk, length, self.sector.number, *row_, start
        self.run("INSERT INTO place VALUES (?,?,?,?,?,?,?,?)", place)

    def end(self, uuid, content, part):
        """6.2."""
        actions = parse_actions(content, {END}, alone=True)
        need(actions, "R29", "a box of END without END")
        body = actions[0][2]
        _, _, last, lines, files, size, lanes, facts = parse_end(body, uuid, part)
        cp, digest = self.here[uuid], blake3(body).digest()
        if self.run('SELECT 1 FROM "end" WHERE cp=? AND part=? AND digest=?', (cp, part, digest)).fetchone():
            return
        low, high = (lanes[0][0], lanes[-1][0]) if lanes else (None, None)
        values = cp, part, digest, last, files, size, must_know(facts), low, high
        end = self.run('INSERT INTO "end" VALUES (NULL,?,?,?,?,?,?,?,?,?)', values).lastrowid
        many_ = self.found.db.executemany
        many_("INSERT INTO line VALUES (?,?,?,?,?,?)", ((end, *one[:3], *one[4:]) for one in lines))
        many_("INSERT INTO lane VALUES (?,?,?,?)", ((end, *one) for one in lanes))

    def entries(self, cp, uuid, offset, content):
        """A box of entries keeps its place in its lane, whatever is in it."""
        lane, start, digest = offset >> 40, offset & (LANE_BYTES - 1), blake3(content).digest()
        key = cp, lane, start, digest
        where = "cp=? AND lane=? AND start=? AND digest=?"
        new = not self.run(f"SELECT 1 FROM box WHERE {where}", key).fetchone()
        box = self.number("box", "cp, lane, start, digest", key, ", length", (len(content),))
        self.run("INSERT OR IGNORE INTO box_in VALUES (?,?)", (box, self.sector.number))
        self.attempt(self.groups, uuid, box, content, new)

    def groups(self, uuid, box, content, new):
        try:
            actions = parse_actions(content, {GROUP}, alone=False)
        except Refused:
            self.run("UPDATE box SET damaged = 1 WHERE id=?", (box,))
            raise
        told = [U64.unpack_from(body)[0] for _, _, body in actions if len(body) >= 8]
        self.budget -= sum(raw for raw in told if raw <= GROUP_MAX)
        need(self.budget >= 0, "R27", "groups that unpack to more than they may")
        for _, compressed, body in actions:
            try:
                group = list(self.group(uuid, unpacked(compressed, body, GROUP_MAX, "R41")))
            except Refused as why:
                self.run("UPDATE box SET damaged = 1 WHERE id=?", (box,))
                self.refuse(why, uuid)
                continue
            self.keep(uuid, box, group, new)

    @staticmethod
    def group(uuid, data):
        """What is kept of each entry: (row of `entry`, places, record, is marked, fault)."""
        for entry in parse_group(data):
            file = closed = None
            if entry.kind == PART:
                file, closed = str(entry.values[0]), entry.values[4] is not None
            fault = entry.fault[0] if entry.fault else None
            chunk = next((one[1] for one in entry.extents if one[1]), None)
            kept = None if entry.kind == RECORD else (entry.key, entry.kind, file, closed, chunk, fault, entry.packed)
            new = [(uuid, *one) for one in entry.extents if one[2] is not None]
            record = entry.packed if entry.kind == RECORD and entry.values[0] in RECORD_SHAPES else None
            yield entry.path, kept, new, record, entry.marked, entry.fault

    def keep(self, uuid, box, group, new):
        cp = self.here[uuid]
        damaged = marked = False
        for path, kept, places, record, is_marked, fault in group:
            for _, length, chunk, name, start in places:
                self.place(chunk, length, self.table.of_box(uuid, name), start, uuid, path)
            if fault:
                self.refuse(Refused(*fault), uuid, path)
            damaged |= bool(fault and fault[0] == "R58")  # the others are missed where they stand
            marked |= is_marked
            if record and new:
                self.run("INSERT INTO record VALUES (?,?)", (cp, record))
            if kept and new:
                insert = "INSERT INTO entry (box, key, kind, file, closed, chunk, fault, raw) VALUES (?,?,?,?,?,?,?,?)"
                self.run(insert, (box, *kept))
        if marked or damaged:
            self.run("UPDATE box SET marked = marked | ?, damaged = damaged | ? WHERE id=?", (marked, damaged, box))


# --- 6.2 Which END counts, and what a lane holds ---------------------------------------------------------


PARTS_OF = "(SELECT value FROM json_each(?))"


def numbers_of(node):
    """A way is a chain of (..., number, node before it, ...): its numbers from the first."""
    numbers = []
    while node[2]:
        numbers.append(node[1])
        node = node[2]
    return numbers[::-1]


class Ways:
    """A search for the way that gives a digest, depth first; it ends after `WAYS_MAX` ways."""

    def __init__(self):
        self.left = WAYS_MAX

    def search(self, root, nexts, ended):
        """`nexts(node)` gives the choices in order; a node without any ends a way. Yields nodes that `ended` likes."""
        stack = [root]
        while stack and self.left:
            node = stack.pop()
            choices = nexts(node)
            if choices:
                stack.extend(reversed(choices))
                continue
            self.left -= 1
            if ended(node):
                yield node


@dataclass(slots=True, eq=False)
class CheckPoint:
    """What is known of a check point: (signer, uuid)."""

    number: int
    signer: int
    uuid: bytes
    choices: list  # numbers of its headers; `header` is the one that counts
    header: int | None = None
    flags: int = 0
    time: int = 0
    source: bytes = b""
    sequence: int = 0
    previous: tuple | None = None
    replaces: tuple | None = None
    label: str = ""
    place: str = ""  # host and location
    marked: bool = False  # its header has a fact that a reader must know
    parts: tuple = ()  # numbers of its END parts, if END is found
    digest: bytes | None = None
    named: bool = False  # a complete one's `previous` has its digest
    faults: list = field(default_factory=list)  # of check point, END and lanes
    refused: bool = False
    revoked: bool = False
    forgotten: bool = False
    replaced: bool = False
    void: bool = False  # its `replaces` has no effect
    gaps: bool = False
    damaged: bool = False
    settled: tuple | None = None  # what it was judged with

    @property
    def inside(self):
        """Its END parts, for a query."""
        return json.dumps(self.parts)

    @property
    def complete(self):
        return bool(self.parts) or self.named

    @property
    def whole(self):
        return bool(self.parts) and not (self.refused or self.gaps or self.damaged)

    @property
    def offered(self):
        return not (self.refused or self.revoked or self.forgotten or self.replaced or self.void)

    @property
    def state(self):
        for state in ("refused", "revoked", "forgotten", "replaced", "void"):
            if getattr(self, state):
                return state
        return "complete" if self.complete else "incomplete"

    def order(self):
        """6.4: the latest is the last."""
        return self.sequence, self.time, self.uuid

    def __str__(self):
        return f"{UUID(bytes=self.uuid)} of {moment(self.time)}"


class Points:
    """Section 7 steps 4 and 5: what check points and records say of each other."""

    def __init__(self, found):
        self.found, self.run, self.account = found, found.run, found.account
        self.hint = "see what there is with --list"
        found.db.executescript(INDEXES)
        self.ids = {signer_id(signer): n for n, signer in enumerate(found.signers)}
        self.official = found.numbers.get(self.account.signer) if self.account else None
        self.unsigned = found.numbers.get(NOT_SIGNED)
        self.writers = defaultdict(set)  # writer uuid: numbers of signers
        for sector in found.sectors:
            if sector.writer:
                self.writers[sector.writer].add(found.numbers[sector.signer])
        self.all = [CheckPoint(*row_, []) for row_ in self.run("SELECT id, signer, uuid FROM cp ORDER BY id")]
        self.by_number = {cp.number: cp for cp in self.all}
        self.by_name = {(cp.signer, cp.uuid): cp for cp in self.all}
        for number_, cp in self.run("SELECT id, cp FROM header ORDER BY cp, digest"):
            self.by_number[cp].choices.append(number_)
        for cp in self.all:
            self.take_header(cp, cp.choices[0])
        self.run("BEGIN")
        self.settle()
        self.run("COMMIT")
        self.replace()

    def take_header(self, cp, number_):
        (content,) = self.run("SELECT content FROM header WHERE id=?", (number_,)).fetchone()
        value, _ = CHECKPOINT_SHAPE(content, 0)
        cp.header = number_
        _, cp.flags, cp.time, cp.source, host, location, name, _, cp.sequence, previous, _, replaces, _, facts = value
        cp.marked = must_know(facts)
        cp.previous, cp.replaces = previous and tuple(previous), replaces and tuple(replaces)
        cp.place = f"{host}:{show(location)}"[:200]
        cp.label = name[:200] or cp.place

    # --- in rounds, as what is not believed or refused names nothing and says nothing

    def settle(self):
        before = None
        for _ in range(8):
            silent = {cp.number for cp in self.all if cp.refused or cp.revoked}
            decided = {(cp.number, cp.header) for cp in self.all if len(cp.choices) > 1 and cp.settled}
            if before == (silent, decided):
                break
            before = silent, decided
            heard = [cp for cp in self.all if cp.number not in silent and (len(cp.choices) == 1 or cp.settled)]
            revokes, forgets = self.records(silent)
            names, successors = self.names(heard)
            for cp in self.all:
                lasts = [lasts for signers, lasts in revokes if cp.signer in signers]
                believed = frozenset(last[cp.source] for last in lasts if cp.source in last)
                self.judge(cp, names, successors, believed, bool(lasts))
            self.believe(revokes)
        for signer, uuid, digest in forgets:
            cp = self.by_name.get((signer, uuid))
            if cp and (not cp.parts or digest == cp.digest):
                cp.forgotten = True

    def records(self, silent):
        """6.6: REVOKEs as (signers, {source: digest}), FORGETs as (signer, uuid, digest), those that count."""
        revokes, forgets = [], []
        self.idle = []
        for number_, raw in self.run("SELECT cp, content FROM record ORDER BY rowid"):
            cp = self.by_number[number_]
            if number_ in silent:
                continue
            entry, _ = read_entry(raw, 0)
            kind, content = entry.values
            content, _ = RECORD_SHAPES[kind](content, 0)
            if cp.signer == self.unsigned or (kind == REVOKE and cp.signer != self.official):
                self.idle.append((cp, "a record that says what its signer may not"))
            elif kind == REVOKE:
                writer, lasts = content
                signers = self.writers[writer] if len(writer) == 16 else {self.ids.get(writer)} - {None}
                revokes.append((signers - {self.official}, dict(lasts)))
            elif kind == FORGET:
                for signer, uuid, digest in content:
                    if cp.signer == self.official or self.ids.get(signer) == cp.signer:
                        forgets.append((self.ids.get(signer), uuid, digest))
                    else:
                        self.idle.append((cp, "a FORGET of another signer's check point"))
        return revokes, forgets

    def may_replace(self, cp):
        """6.4: who signed it may say this of the named one."""
        named = self.ids.get(cp.replaces[0], -1)
        return cp.signer == named or (cp.signer == self.official and self.official is not None)

    def names(self, heard):
        """6.2: {(signer, uuid): named digests}, and those that `previous` gives; each with its source or None."""
        names, successors = defaultdict(set), defaultdict(set)
        for cp in heard:
            if cp.previous:
                successors[cp.signer, cp.previous[0]].add((cp.source, cp.previous[1]))
            if cp.replaces and self.may_replace(cp):
                signer, uuid, digest = cp.replaces
                names[self.ids.get(signer), uuid].add((None, digest))
        return names, successors

    def judge(self, cp, names, successors, believed, revoked):
        """END and lanes of a check point, with these names."""
        key = cp.signer, cp.uuid
        after = {digest for source, digest in successors.get(key, ()) if source == cp.source}
        named = after | {digest for _, digest in names.get(key, ())}
        with_ = frozenset(named), frozenset(after), believed, revoked
        if cp.settled == with_:
            return
        cp.settled, cp.faults, cp.parts, cp.digest = with_, [], (), None
        cp.refused = cp.gaps = cp.damaged = False
        self.run("UPDATE box SET counts = 0 WHERE cp=?", (cp.number,))
        try:
            self.find_end(cp, named, believed, bool(after))
            cp.named = bool(after) and (not cp.parts or cp.digest in after)
            Lanes(self, cp, revoked).resolve()
            self.must_understand(cp)
        except Refused as why:
            cp.refused = True
            cp.parts, cp.digest = (), None
            cp.faults.append((why.rule, str(why)))

    def find_end(self, cp, named, believed, wanted):
        candidates = defaultdict(list)
        rows = self.run(
            'SELECT part, id, digest, last, low, high FROM "end" WHERE cp=? ORDER BY part, digest', (cp.number,)
        )
        for part, *row_ in rows:
            candidates[part].append(row_)
        if not named and any(len(one) > 1 for one in candidates.values()):
            need(believed, "R36", "END parts that contradict each other")
            named = believed
        found = {}
        for node, digest in self.end_ways(candidates):
            if digest in named if named else node[0] == len(candidates):
                found[digest] = node
        need(len(found) < 2, "R36", "END parts that give two digests, both named")
        for digest, node in found.items():
            cp.parts, cp.digest = tuple(numbers_of(node)), digest
        if not found and (candidates or wanted):
            cp.faults.append(("R37", "its END was not found, or its parts are no whole"))

    @staticmethod
    def end_ways(candidates):
        """Yields (node, digest) for parts from 0 to one that is last, lanes of which ascend from 0."""

        def nexts(node):
            part, _, _, last, before, hasher = node
            grown = []
            for number_, digest, is_last, low, high in candidates.get(part, ()) if not last else ():
                more = hasher.copy()
                more.update(digest)
                ascends = low is None or (low > before if before >= 0 else low == 0)
                after = before if low is None else high
                grown.append((part + 1, number_, node, is_last, after if ascends else I63, more))
            return grown

        def right(node):
            return node[3] and 0 <= node[4] < LANES

        for node in Ways().search((0, None, None, False, -1, blake3()), nexts, right):
            yield node, node[5].digest()

    def must_understand(self, cp):
        """R34."""
        marked = self.run("SELECT max(marked), max(damaged) FROM box WHERE cp=? AND counts", (cp.number,)).fetchone()
        ends = self.run(f'SELECT max(marked) FROM "end" WHERE id IN {PARTS_OF}', (cp.inside,)).fetchone()
        need(
            not (cp.marked or marked[0] or ends[0]), "R34", "something in it that a reader must know, and this does not"
        )
        cp.damaged |= bool(marked[1])

    def believe(self, revokes):
        """6.6: of a revoked writer only the named check points and those before them are believed, by each REVOKE."""
        for cp in self.all:
            cp.revoked = False
        for signers, lasts in revokes:
            mine = [cp for cp in self.all if cp.signer in signers]
            todo = [cp for cp in mine if cp.digest and lasts.get(cp.source) == cp.digest]
            believed = {cp.number for cp in todo}
            while todo:
                cp = todo.pop()
                before = self.by_name.get((cp.signer, cp.previous[0])) if cp.previous else None
                fits = before and before.source == cp.source and before.digest in (None, cp.previous[1])
                if fits and before.number not in believed:
                    believed.add(before.number)
                    todo.append(before)
            for cp in mine:
                cp.revoked |= cp.number not in believed

    # --- 6.4 replaced ones, bases, chains

    def replace(self):
        """Who counts in whose place."""
        self.instead, named_by = {}, defaultdict(list)
        for cp in self.all:
            if cp.replaces and not (cp.refused or cp.revoked):
                good = self.may_replace(cp) and cp.whole and not cp.forgotten and self.fits(cp)
                cp.void = not good
                if not self.may_replace(cp):
                    self.idle.append((cp, "a check point that replaces another signer's"))
                if good:
                    named_by[self.ids.get(cp.replaces[0]), cp.replaces[1]].append(cp)
        for (signer, uuid), several in named_by.items():
            best = max(several, key=lambda cp: cp.uuid)
            for cp in several:
                cp.void = cp is not best
            self.instead[signer, uuid] = best
            named = self.by_name.get((signer, uuid))
            if named:
                named.replaced = True

    def fits(self, cp):
        named = self.by_name.get((self.ids.get(cp.replaces[0]), cp.replaces[1]))
        if not named or named.refused:
            return True
        same = (named.source, named.time, named.sequence, named.previous)
        mine = (cp.source, cp.time, cp.sequence, cp.previous)
        return same == mine and not named.replaces and named.digest in (None, cp.replaces[2])

    def line_of(self, cp):
        """The signer in whose chain a check point counts."""
        return self.ids.get(cp.replaces[0]) if cp.replaces and not cp.void else cp.signer

    def base(self, cp):
        """6.4 The base: (check point or None, is all well)."""
        if not cp.flags:
            return None, True
        key = self.line_of(cp), cp.previous[0]
        base = self.by_name.get(key)
        there = base is not None and base.source == cp.source and not base.refused and not base.revoked
        good = there and base.digest == cp.previous[1] and base.sequence < cp.sequence
        if good and base.whole:
            return base, True
        other = self.instead.get(key)
        if other and other.source == cp.source and other.replaces[2] == cp.previous[1]:
            return other, True
        if not there:  # older than what is missing, and told so
            before = [c for c in self.all if c.signer == cp.signer and c.source == cp.source and c.complete]
            before = [c for c in before if c.sequence < cp.sequence and not (c.refused or c.revoked)]
            return max(before, key=CheckPoint.order, default=None), False
        return base, good

    def chain(self, cp):
        """The check points whose changes make the state, oldest first; what is missing, as (check point, rule, why)."""
        found, seen, lost = [cp], {cp.number}, self.losses(cp)
        while cp.flags:
            base, good = self.base(cp)
            if not good:
                lost.append((cp, "R57", "its base is not here, or not as it was: what it held is missing or older"))
            if base is None or base.number in seen:
                break
            lost += self.losses(base)
            found.append(base)
            seen.add(base.number)
            cp = base
        return found[::-1], lost

    def losses(self, cp):
        """What is missing of this one alone."""
        lines = [(cp, rule, why) for rule, why in cp.faults]
        if cp.damaged:
            lines.append((cp, None, "part of it was refused, see above"))
        return lines

    def ends(self, cp):
        """Files and bytes, if END is there."""
        if not cp.parts:
            return None
        return self.run('SELECT files, bytes FROM "end" WHERE id=?', (cp.parts[-1],)).fetchone()


GAPS_TOLD = 1000  # of one lane; there may be millions


class Lanes:
    """6.2 What a lane holds: marks the boxes that count, and says what is missing."""

    def __init__(self, points, cp, revoked):
        self.points, self.run, self.cp, self.revoked = points, points.run, cp, revoked
        self.db = points.found.db
        self.run("DELETE FROM named")
        self.run(
            "INSERT OR IGNORE INTO named SELECT sector.id FROM line JOIN sector ON line.header = sector.digest "
            f"WHERE line.part IN {PARTS_OF}",
            (cp.inside,),
        )
        self.lines = None

    BOXES = (
        "SELECT start, id, length, digest, EXISTS (SELECT 1 FROM box_in WHERE box = box.id AND sector IN named) "
        "FROM box WHERE cp=? AND lane=?{} ORDER BY start, digest"
    )

    def resolve(self):
        cp = self.cp
        headers = self.headers()
        if len(headers) > 1:
            headers = self.decide(headers)
        if cp.header != headers[0][0]:
            self.points.take_header(cp, headers[0][0])
        if cp.parts:
            lanes = self.run(
                f"SELECT lane, length, digest FROM lane WHERE part IN {PARTS_OF} ORDER BY lane", (cp.inside,)
            )
        else:
            lanes = self.run(
                "SELECT DISTINCT lane, NULL, NULL FROM box WHERE cp=? ORDER BY lane", (cp.number,)
            ).fetchall()
        for lane, length, digest in lanes:
            self.lane(lane, length, digest, blake3(headers[0][1]) if lane == 0 else blake3())
            if not cp.parts:  # nobody knows how long it was
                self.gap((lane, LANE_BYTES), (lane, LANE_BYTES), rule=None)

    def headers(self):
        """The headers that may count: (number, digest), those of named sectors if there are any."""
        rows = self.run(
            "SELECT id, digest, EXISTS (SELECT 1 FROM header_in WHERE header = header.id AND sector IN named) "
            "FROM header WHERE cp=? ORDER BY digest",
            (self.cp.number,),
        ).fetchall()
        return [row_[:2] for row_ in rows if row_[2]] or [row_[:2] for row_ in rows]

    def decide(self, headers):
        """R33: lane 0's digest decides between several headers."""
        if self.cp.parts:
            length, wanted = self.run(
                f"SELECT length, digest FROM lane WHERE lane = 0 AND part IN {PARTS_OF}", (self.cp.inside,)
            ).fetchone()
            ways = Ways()
            for header in headers:
                if self.way(0, 0, length, wanted, blake3(header[1]), ways) is not None:
                    return [header]
        raise Refused("R33", "several headers, and nothing says which is right")

    def at(self, lane, start, length):
        """The boxes that may stand at a place."""
        rows = self.run(self.BOXES.format(" AND start=?"), (self.cp.number, lane, start)).fetchall()
        return self.countable(rows, length)

    @staticmethod
    def countable(rows, length):
        rows = [row_ for row_ in rows if length is None or row_[0] + row_[2] <= length]
        return [row_ for row_ in rows if row_[4]] or rows

    def way(self, lane, start, length, wanted, hasher, ways):
        """Numbers of the boxes from `start` on that give the digest, or None."""

        def nexts(node):
            grown = []
            for at, number_, size, digest, _ in self.at(lane, node[0], length) if node[0] < length else ():
                more = node[3].copy()
                more.update(digest)
                grown.append((at + size, number_, node, more))
            return grown

        def right(node):
            return node[0] == length and node[3].digest() == wanted

        for node in ways.search((start, None, None, hasher), nexts, right):
            return numbers_of(node)
        return None

    def mark(self, ids):
        self.db.executemany("UPDATE box SET counts = 1 WHERE id=?", ((one,) for one in ids))

    def unmark(self, lane):
        self.run("UPDATE box SET counts = 0 WHERE cp=? AND lane=?", (self.cp.number, lane))

    def lane(self, lane, length, wanted, hasher):
        begin = hasher.copy()
        gaps, several = self.take(lane, length, hasher, only_named=False)
        if gaps and several is None and self.revoked:
            self.unmark(lane)
            gaps, several = self.take(lane, length, begin, only_named=True)
        if several is not None:
            ids = None if gaps or length is None else self.way(lane, several, length, wanted, hasher, Ways())
            if ids is None:
                self.fault("R38", f"lane {lane} is damaged from {several} on: boxes contradict each other")
            self.mark(ids or ())
        elif not gaps and length is not None and hasher.digest() != wanted:
            self.fault("R38", f"lane {lane} is damaged: its boxes do not give its digest")
            self.unmark(lane)
        for before, after in gaps:
            self.gap((lane, before), (lane, after))

    def take(self, lane, length, hasher, only_named):
        """Marks the boxes of a lane; its gaps as (box before it, box after it), and where several boxes stand."""
        at, last, gaps, found = 0, -1, [], []
        rows = self.run(self.BOXES.format(""), (self.cp.number, lane))
        for start, group in groupby(rows, FIRST):
            here = [row_ for row_ in self.countable(list(group), length) if row_[4] or not only_named]
            if not here or start < at:
                continue
            if start > at and len(gaps) < GAPS_TOLD:
                gaps.append((last, start))
            if len(here) > 1:
                self.mark(found)
                return gaps, start
            hasher.update(here[0][3])
            found.append(here[0][1])
            at, last = start + here[0][2], start
        self.mark(found)
        if length is not None and at < length:
            gaps.append((last, LANE_BYTES))
        return gaps, None

    def fault(self, rule, why):
        faults = self.cp.faults
        self.cp.gaps = True
        if len(faults) < GAPS_TOLD and (rule, why) not in faults[-1:]:
            faults.append((rule, why))

    def path_near(self, place, later):
        """The last path before a place in the stream, or the first from there on."""
        than, way = (">=", "ASC") if later else ("<=", "DESC")
        row_ = self.run(
            f"SELECT entry.key FROM box CROSS JOIN entry ON entry.box = box.id WHERE cp=? AND counts "
            f"AND (lane, start) {than} (?,?) ORDER BY lane {way}, start {way}, entry.id {way} LIMIT 1",
            (self.cp.number, *place),
        ).fetchone()
        return show(row_[0].replace(b"\0", b"/")) if row_ else None

    def gap(self, before, after, rule="R39"):
        """6.5, R39: between which paths something may be missing."""
        if self.lines is None:
            self.lines = self.run(
                f"SELECT uuid, entries, first, last FROM line WHERE part IN {PARTS_OF} AND entries "
                "AND header NOT NULL AND header NOT IN (SELECT digest FROM sector)",
                (self.cp.inside,),
            ).fetchall()
            for uuid, count, first, last in self.lines:
                between = f"{count} entries from {show(first)} to {show(last)}"
                self.fault("R39", f"sector {UUID(bytes=uuid)} with {between} is not here")
        if not self.lines:
            first = self.path_near(before, later=False) or "the begin"
            last = self.path_near(after, later=True) or "the end"
            self.fault(rule, f"something may be missing between {first} and {last}")
        self.cp.gaps = True


# --- 6.4 State of a source at a check point --------------------------------------------------------------

VERSIONS = f"kind IN ({FILE}, {DIR}, {SYMLINK}, {SPECIAL}) OR (kind = {PART} AND closed)"
COUNTED = "FROM box CROSS JOIN entry ON entry.box = box.id WHERE cp = ?1 AND counts AND"
STREAM = "ORDER BY lane, start, entry.id"


def build_state(found, checkpoints):
    """The table `state`: for each key the entry that stands (of parts, the last); `unread`: which may be old."""
    run = found.run
    run("BEGIN")
    run("DELETE FROM state")
    for cp in checkpoints:
        for (key,) in run(f"SELECT key {COUNTED} kind = {DELETE} {STREAM}", (cp.number,)).fetchall():
            if key:
                run("DELETE FROM state WHERE key = ? OR (key >= ? AND key < ?)", (key, key + b"\0", key + b"\1"))
            else:
                run("DELETE FROM state")
        insert = "INSERT OR REPLACE INTO state SELECT key, entry.id"
        if cp.gaps or cp.damaged or not cp.parts:  # else parts that were never closed are void
            run(f"{insert} {COUNTED} kind = {PART} AND NOT closed {STREAM}", (cp.number,))
        run(f"{insert} {COUNTED} ({VERSIONS}) {STREAM}", (cp.number,))
    run("DELETE FROM unread")  # the mark is one check point's
    run(f"INSERT OR REPLACE INTO unread SELECT key, raw {COUNTED} kind = {UNREAD} {STREAM}", (checkpoints[-1].number,))
    run("COMMIT")


def parts_of(found, number_):
    """All PARTs of the file of one of them, in order: (offset, length, extents, fault); the last of equals counts."""
    cp, key, file = found.run(
        "SELECT cp, key, file FROM entry CROSS JOIN box ON box.id = entry.box WHERE entry.id=?", (number_,)
    ).fetchone()
    rows = found.run(
        f"SELECT entry.id, raw FROM entry CROSS JOIN box ON box.id = entry.box "
        f"WHERE kind = {PART} AND key = ? AND file = ? AND cp = ? AND counts {STREAM}",
        (key, file, cp),
    )
    numbers = {read_entry(raw, 0)[0].values[1]: one for one, raw in rows}
    for offset in sorted(numbers):
        raw, fault = found.run("SELECT raw, fault FROM entry WHERE id=?", (numbers[offset],)).fetchone()
        _, _, length, extents, _ = read_entry(raw, 0)[0].values
        yield offset, length, extents, fault


# --- 7.6 Chunks ------------------------------------------------------------------------------------------


class Chunks:
    """Chunks out of packs. The last packs stay unpacked, also those that are damaged."""

    def __init__(self, found):
        self.found, self.packs, self.kept = found, OrderedDict(), 0

    def places(self, chunk, length):
        query = "SELECT sector, position, size, raw, name, start FROM place WHERE chunk=? AND length=? ORDER BY rowid"
        return self.found.run(query, (chunk, length)).fetchall()

    def get(self, chunk, length):
        """Bytes that have this id, from the first place that is good (4.3 step 6)."""
        why = "in no sector that is here"
        for place in self.places(chunk, length):
            for copy, path in enumerate(self.found.sectors[place[0]].paths):
                try:
                    return self.at(place, copy, chunk, length)
                except Refused as refused:
                    why = f"damaged in {show(path)} ({refused})"
        raise Lost(f"a chunk is {why}")

    def at(self, place, copy, chunk, length):
        """A chunk at one place of one copy of a sector, or Refused: R51 its box, R53 the place."""
        *where, start = place
        pack, why = self.pack(copy, *where)
        need(pack, "R51", why)
        data = pack[start : start + length]
        need(len(data) == length and blake3(data).digest() == chunk, "R53", "bytes that do not have their id")
        return data

    def pack(self, copy, number_, position, size, raw, name):
        """The unpacked PACK at a position of a sector's data region, if it opens; what is wrong with its box."""
        spot = copy, number_, position
        if spot not in self.packs:
            sector = self.found.sectors[number_]
            try:
                self.packs[spot] = open_pack(sector, sector.paths[copy], position, size, raw, name)
            except (Refused, OSError) as why:
                self.packs[spot] = b"", str(why)
            self.kept += len(self.packs[spot][0])
            while self.kept > PACKS_KEPT and len(self.packs) > 1:
                self.kept -= len(self.packs.popitem(last=False)[1][0])
        self.packs.move_to_end(spot)
        return self.packs[spot]


def open_pack(sector, path, position, size, raw, name):
    """5.2, 5.3, R51: what the row does not say is told, but chunks that have their ids are good all the same."""
    with open(path, "rb") as file:
        box, why = read_data(file, sector, position, BOX.size + size, "R51")
    try:
        need(not why, "R51", why)
        actions = parse_actions(box[BOX.size :], {PACK}, alone=True)
        need(actions, "R51", "a box without PACK")
        data = unpacked(*actions[0][1:], RAW_MAX, "R51")
        need(len(data) == raw, "R51", "not the raw length that the table says")
    except Refused as refused:
        if size == ACTION.size + U64.size + raw:  # as they are: compression never adds
            return box[-raw:], str(refused)
        raise Refused("R51", str(refused)) from None
    same = box[: BOX.size] == name + U64.pack(size)
    return data, None if same else "not the box that the table says"


# --- 7.6, 7.7 Files --------------------------------------------------------------------------------------


class Folders:
    """Directories below OUT, each opened below the one above it: no link is followed, nothing leaves OUT."""

    KEPT = 64

    def __init__(self, root):
        os.makedirs(root, 0o700, exist_ok=True)
        self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self.opened = OrderedDict()

    def close(self):
        for fd in (self.root, *self.opened.values()):
            os.close(fd)

    def get(self, path):
        """The file descriptor of a directory, which is made if it is not there."""
        if not path:
            return self.root
        if path not in self.opened:
            above = path
            while above and above not in self.opened:
                above = above.rpartition(b"/")[0]
            fd = os.dup(self.opened.get(above, self.root))
            for name in path[len(above) :].strip(b"/").split(b"/"):
                try:
                    below = self.enter(fd, name)
                finally:
                    os.close(fd)
                fd = below
            self.opened[path] = fd
            if len(self.opened) > self.KEPT:
                os.close(self.opened.popitem(last=False)[1])
        self.opened.move_to_end(path)
        return self.opened[path]

    @staticmethod
    def enter(fd, name):
        for _ in range(2):
            try:
                return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            except FileNotFoundError:
                os.mkdir(name, 0o700, dir_fd=fd)
            except OSError as why:
                if why.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise Lost("what stands above it, or in its place, is not a directory") from None
                raise
        raise Lost("a directory that can not be made")

    def of(self, path):
        """(file descriptor of the directory above, name)."""
        above, _, name = path.rpartition(b"/")
        if name in (b"", b".", b".."):
            raise Lost("its name can not be used here")
        return self.get(above), name


def exists(fd, name):
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=fd, follow_symlinks=False)
        return True
    return False


class Tree:
    """Restores one state below one folder."""

    def __init__(self, found, chunks, root, partial):
        self.found, self.chunks, self.partial = found, chunks, partial
        self.folders = Folders(os.fsencode(root))
        self.links, self.unfinished, self.unset = {}, [], Counter()
        self.files = self.bytes = self.lost = 0
        self.temp = None  # (path, name) of a file that has not its name yet
        self.superuser = os.geteuid() == 0

    def restore(self):
        """Directories, files in the order of packs, other things, and directories' attributes last."""
        run = self.found.run
        which = "SELECT s.key, e.id FROM state s JOIN entry e ON e.id = s.entry WHERE kind IN (?,?) ORDER BY "
        by_pack = which + "(SELECT min(rowid) FROM place WHERE place.chunk = e.chunk)"
        for key, number_ in run(which + "s.key", (DIR, DIR)):
            self.attempt(key, self.directory, number_)
        for key, number_ in run(by_pack, (FILE, PART)):
            self.attempt(key, self.file, number_)
        for key, number_ in run(which + "s.key", (SYMLINK, SPECIAL)):
            self.attempt(key, self.other, number_)
        for path, temp, ranges in self.unfinished:
            self.attempt(path.replace(b"/", b"\0"), self.part, temp, ranges)
        for key, number_ in run(which + "s.key DESC", (DIR, DIR)):
            self.attempt(key, self.finish_directory, number_)
        for raw, entry in run("SELECT raw, entry FROM unread LEFT JOIN state USING (key)"):
            kept = "what was restored is older" if entry else "there is nothing to restore"
            unread = read_entry(raw, 0)[0]
            say("lost", f"{show(unread.path)} could not be read by the backup ({show(unread.values[0])}); {kept}")
            self.lost += 1
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
            self.drop()

    def drop(self):
        if self.temp:
            with contextlib.suppress(OSError, Lost):
                fd, _ = self.folders.of(self.temp[0])
                os.unlink(self.temp[1], dir_fd=fd)
        self.temp = None

    def clean(self):
        """No temporary file is left behind, whatever happened."""
        self.drop()
        for path, temp, _ in self.unfinished:
            self.temp = path, temp
            self.drop()
        self.folders.close()

    def lose(self, path, why):
        self.lost += 1
        say("lost", f"{show(path)}: {why}")

    def entry(self, number_):
        raw, fault = self.found.run("SELECT raw, fault FROM entry WHERE id=?", (number_,)).fetchone()
        return read_entry(raw, 0)[0], fault

    def temp_beside(self, path):
        self.temp = path, b".recover-" + secrets.token_hex(8).encode()
        return self.temp[1]

    def give_name(self, fd, name):
        os.replace(self.temp[1], name, src_dir_fd=fd, dst_dir_fd=fd)
        self.temp = None

    # kinds of entries

    def directory(self, path, _):
        self.folders.get(path)

    def finish_directory(self, path, number_):
        self.attributes(self.folders.get(path), self.entry(number_)[0].attributes)

    def file(self, path, number_):
        """FILE or a run of PARTs."""
        entry, fault = self.entry(number_)
        fd, name = self.folders.of(path)
        if entry.kind == FILE:
            attributes, size, extents, digest = entry.values
            closing = attributes, size, digest or file_digest([extents])
        else:
            closing = entry.values[4]
        same = closing and (closing[0][9], FILE, closing[1], closing[2])
        if same and not fault and self.link(same, fd, name):
            self.files += 1
            return
        ranges = []
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(self.temp_beside(path), flags, 0o600, dir_fd=fd), "r+b", buffering=0) as out:
            why = self.fill(out, number_, entry, closing, ranges)
            if not why:
                self.attributes(out.fileno(), closing[0])
        if why:
            self.lose(path, why)
            if self.partial and ranges:
                self.unfinished.append((path, self.temp[1], ranges))
                self.temp = None
            return
        self.give_name(fd, name)
        self.remember(same, path)
        self.files, self.bytes = self.files + 1, self.bytes + closing[1]

    def fill(self, out, number_, entry, closing, ranges):
        """Writes what is there; returns why the file is not whole, or nothing. `ranges` gets what is good."""
        why = file_fault(self.found, number_, entry)
        if why and not self.partial:
            return why[1]
        why, at = why and why[1], 0
        pieces = [(0, 0, entry.values[2], None)] if entry.kind == FILE else parts_of(self.found, number_)
        for offset, _, extents, _ in pieces:
            failed = self.write(out, offset, extents, ranges)
            if failed and not self.partial:
                return failed
            why = why or failed
            at = offset + sum(one[0] for one in extents)
        out.truncate(max(at, closing[1] if closing else 0))
        return why

    def write(self, out, at, extents, ranges):
        """Chunks of one piece in the order of packs; holes stay unwritten. What is good joins `ranges`."""
        jobs, good, why = [], [], ""
        for length, chunk, _, _ in extents:
            places = self.chunks.places(chunk, length) if chunk else []
            jobs.append((places[0][:2] if places else (-1, 0), at, length, chunk))
            at += length
        for _, start, length, chunk in sorted(jobs, key=itemgetter(0)):
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
        self.temp = path, temp
        fd, base = self.folders.of(path)
        place, n = base + b".part", 1
        while exists(fd, place) or exists(fd, place + b".ranges"):
            place, n = base + b".part-%d" % n, n + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(place + b".ranges", flags, 0o600, dir_fd=fd), "w", encoding="ascii") as out:
            out.writelines(f"{start} {length}\n" for start, length in ranges)
        self.give_name(fd, place)

    def other(self, path, number_):
        """SYMLINK and SPECIAL."""
        fd, name = self.folders.of(path)
        entry, _ = self.entry(number_)
        attributes, *what = entry.values
        same = (attributes[9], entry.kind, *what)
        if self.link(same, fd, name):
            return
        if entry.kind == SPECIAL and what[0] == 2:
            say("note", f"{show(path)}: a socket, made anew by the program that uses it")
            return
        if entry.kind == SPECIAL and what[0] > 2 and not self.superuser:
            raise Lost("a device, which only root can make")
        temp = self.temp_beside(path)
        if entry.kind == SYMLINK:
            os.symlink(what[0], temp, dir_fd=fd)
        else:
            kind = {1: stat.S_IFIFO, 3: stat.S_IFCHR, 4: stat.S_IFBLK}[what[0]]
            device = os.makedev(what[1] >> 32, what[1] & 0xFFFFFFFF)
            os.mknod(temp, kind | 0o600, device, dir_fd=fd)
        self.attributes(temp, attributes, fd, entry.kind == SYMLINK)
        self.give_name(fd, name)
        self.remember(same, path)

    def link(self, same, fd, name):
        """6.3 `link group`: a second name of something restored. Only what is alike is joined."""
        if same[0] is None or same not in self.links:
            return False
        with contextlib.suppress(OSError, NotImplementedError):
            first, old = self.folders.of(self.links[same])
            os.link(old, name, src_dir_fd=first, dst_dir_fd=fd, follow_symlinks=False)
            return True
        return False

    def remember(self, same, path):
        if same[0] is not None:
            self.links.setdefault(same, path)

    def attributes(self, what, attributes, fd=None, link=False):
        """Owner (as root), extended attributes, mode, time: in this order, as each may undo one after it.

        `what` is a file descriptor, or a name in the directory `fd`."""
        mode, uid, gid, _, _, mtime, *_, xattrs, _ = attributes
        itself = {} if fd is None else {"dir_fd": fd, "follow_symlinks": False}
        owned = False
        if self.superuser:
            ids = [-1 if one is None else one for one in (uid, gid)]
            owned = self.set("the owner", os.chown, what, *ids, **itself) and uid is not None
        for name, value in xattrs:
            self.set("extended attributes", self.set_xattr, what, fd, name, value)
        if not link:  # setuid and setgid mean nothing good under another owner
            above = {} if fd is None else {"dir_fd": fd}
            self.set("the mode", os.chmod, what, mode if owned else mode & 0o1777, **above)
        self.set("the time", os.utime, what, ns=(mtime, mtime), **itself)

    @staticmethod
    def set_xattr(what, fd, name, value):
        if fd is None:
            os.setxattr(what, name, value)
        else:
            os.setxattr(b"/proc/self/fd/%d/%s" % (fd, what), name, value, follow_symlinks=False)

    def set(self, what, how, *args, **more):
        try:
            how(*args, **more)
            return True
        except (OSError, OverflowError, ValueError, TypeError, NotImplementedError, AttributeError):
            self.unset[what] += 1
            return False


def file_fault(found, number_, entry):
    """R49 and R50 of a whole file: (rule, why), or nothing."""
    if entry.kind == FILE:
        check_entry(entry)
        return entry.fault
    closing, at, fault = entry.values[4], 0, None

    def runs():
        nonlocal at, fault
        for offset, length, extents, own in parts_of(found, number_):
            if own:
                fault = fault or (own, "a part whose extents do not add up to its length")
            elif offset != at:
                fault = fault or ("R49", f"bytes {min(at, offset)} to {max(at, offset)} are not as its parts say")
            at = offset + length
            yield extents

    digest = file_digest(runs())
    if not closing:
        return "R49", "its last part is not here"
    if not fault and at != closing[1]:
        fault = "R49", "its parts do not add up to its size"
    if not fault and digest != closing[2]:
        fault = "R50", "its digest is not that of its extents"
    return fault


# --- 6.4, 6.5 Choosing -----------------------------------------------------------------------------------


def by_source(checkpoints):
    sources = defaultdict(list)
    for cp in checkpoints:
        sources[cp.source].append(cp)
    return sources


def latest(points, cps):
    """6.4, per signer; of several signers' the one with the latest time, unsigned ones last."""
    heads = {}
    for cp in cps:
        if cp.complete and cp.offered:
            line = points.line_of(cp)
            heads[line] = max(cp, heads.get(line, cp), key=CheckPoint.order)
    if len(heads) > 1:
        say("note", f"{show(cps[0].label)} has {len(heads)} signers; the latest is taken (see --list, --at)")
    return max(heads.values(), key=lambda cp: (cp.signer != points.unsigned, cp.time, cp.uuid), default=None)


def wanted(points, options):
    """The check points to restore, and how many sources have none."""
    cps, name, chosen, without = points.all, options.source, [], 0
    if name:
        cps = [c for c in cps if name in (c.label, c.place, c.place.partition(":")[2], str(UUID(bytes=c.source)))]
        if not cps:
            raise Stop(1, f"no source is called {show(name)}", "see the names with --list")
    if options.sectors:
        return [cp for cp in cps if not cp.refused], 0
    if options.at != "latest":
        cps = [c for c in cps if c.uuid.hex().startswith(options.at.replace("-", "").lower())]
        if len(cps) != 1:
            raise Stop(1, f"{len(cps)} check points have the id {show(options.at)}...", "see the ids with --list")
        if cps[0].refused:
            raise Stop(1, f"check point {cps[0]} is refused: {cps[0].faults[-1][1]}", "see others with --list")
        return cps, 0
    for group in by_source(cps).values():
        cp, label = latest(points, group), show(group[0].label)
        incomplete = [one for one in group if not one.complete and one.offered]
        newest = max(incomplete, key=lambda one: one.time, default=None)
        if cp:
            chosen.append(cp)
            if newest and newest.time > cp.time:
                say("note", f"{label}: check point {newest} is newer but incomplete, and left out")
                say("hint", f"what there is of it: --at {UUID(bytes=newest.uuid)}")
        elif any(one.offered for one in group):
            without += 1
            say("lost", f"{label}: no complete check point is here")
            if newest:
                points.hint = f"restore what there is of the newest: {again(options, newest)}"
        elif not all(one.forgotten or one.replaced or one.void for one in group):
            without += 1
            say("lost", f"{label}: no check point that is to be believed")
    return chosen, without


def again(options, cp):
    """The same command, for one check point."""
    words = ["--words-file", options.words_file] if options.words_file else []
    flags = [f"--{n.replace('_', '-')}" for n in ("accept_plain", "accept_unsigned", "partial") if getattr(options, n)]
    return shlex.join(["python3", sys.argv[0], *words, *flags, "--at", str(UUID(bytes=cp.uuid)), *options.folders])


def folder_of(cp, taken):
    """A name for a source's folder: what the user called it, or host and path; no tricks."""
    name = re.sub(r"[^\w.-]+", "_", cp.label).strip("._")[:80] or "source"
    if taken.setdefault(name.lower(), cp.source) != cp.source:
        name += "-" + cp.source.hex()
    return name


def list_all(points):
    """Each source with its check points; what is missing of each itself, and whether it rests on such a one."""
    rests = {}
    for source, cps in by_source(points.all).items():
        cps.sort(key=CheckPoint.order)
        last = cps[-1]
        place = "" if last.place == last.label else f"  from {show(last.place)}"
        print(f"{show(last.label)}  source {UUID(bytes=source)}{place}")
        for cp in cps:
            size = points.ends(cp)
            told = f"{size[0]} files, {size[1]} bytes" if size else "size not known"
            signer = "" if cp.signer != points.unsigned else ", not signed"
            print(f"  {UUID(bytes=cp.uuid)}  {moment(cp.time)}  {told}  {cp.state}{signer}")
            base, good = points.base(cp)
            if cp.forgotten:
                good = True  # dropped on purpose: what is missing of it is told of those that rest on it
            for _, _, why in () if cp.forgotten else points.losses(cp):
                print(f"      {why}")
            if not good:
                print("      its base is not here, or not as it was: what did not change since is missing or older")
            rests[cp.number] = bool(cp.faults or cp.damaged or not good or (base and rests.get(base.number)))
            if base and rests.get(base.number):
                print(f"      rests on {base}, which is not whole: what did not change since may be missing or older")
            if cp.state == "incomplete":
                print(f"      incomplete: restore what there is with --at {UUID(bytes=cp.uuid)}")


# --- Verdicts --------------------------------------------------------------------------------------------


def verdicts(found, points):
    """--verdicts: all that is good and all that is refused, with the line of section 8."""
    refused = {}

    def add(rule, sector, cp, path):
        what, kind = RULES[rule]
        refused.setdefault((rule, what, kind, sector, cp, path))

    for name, kind, rule in found.verdicts:
        if rule and kind != "other":
            add(rule, name, None, None)
    for rule, sector, uuid, path in found.run("SELECT rule, sector, cp, path FROM refused"):
        add(rule, sector, uuid and str(UUID(bytes=uuid)), path and show(path))
    for rule, sector in bad_places(found):
        add(rule, sector, None, None)
    if points:
        for cp in points.all:
            uuid = str(UUID(bytes=cp.uuid))
            rules = [rule for rule, _ in cp.faults if rule]
            chained = cp.complete and not (cp.refused or cp.revoked)
            rules += ["R57"] if chained and not points.base(cp)[1] else []
            rules += ["R54"] * cp.revoked + ["R55"] * (cp.forgotten or cp.replaced or cp.void)
            for rule in rules:
                add(rule, None, uuid, None)
            for rule, path in bad_files(found, cp):
                add(rule, None, uuid, show(path))
        for cp, _ in points.idle:
            add("R56", None, str(UUID(bytes=cp.uuid)), None)
    names = "rule", "what", "class", "sector", "check_point", "path"
    states = [
        {
            "uuid": str(UUID(bytes=cp.uuid)),
            "source": str(UUID(bytes=cp.source)),
            "state": cp.state,
            "digest": cp.digest and cp.digest.hex(),
        }
        for cp in (points.all if points else ())
    ]
    sectors = {name: {"class": kind, "rule": rule if kind != "other" else None} for name, kind, rule in found.verdicts}
    lines = [dict(zip(names, one, strict=True)) for one in refused]
    print(json.dumps({"sectors": sectors, "refused": lines, "check_points": states}, indent=1))


def bad_places(found):
    """R51 and R53 of all places: (rule, path of the object)."""
    chunks = Chunks(found)
    rows = found.run(
        "SELECT chunk, length, sector, position, size, raw, name, start FROM place ORDER BY sector, position"
    )
    for chunk, length, *place in rows:
        for copy, path in enumerate(found.sectors[place[0]].paths):
            try:
                need(not chunks.pack(copy, *place[:-1])[1], "R51", "")
                chunks.at(place, copy, chunk, length)
            except Refused as why:
                yield why.rule, found.names[path]


def bad_files(found, cp):
    """R49 and R50 of files in several parts."""
    query = f"SELECT entry.id, key, raw {COUNTED} kind = {PART} AND closed {STREAM}"
    for number_, key, raw in found.run(query, (cp.number,)).fetchall():
        fault = file_fault(found, number_, read_entry(raw, 0)[0])
        if fault:
            yield fault[0], key.replace(b"\0", b"/")


# --- Command line ----------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Stop(2, message, "see --help")


def arguments(argv):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folders", nargs="*", metavar="SECTORS_DIR OUT", help="where sectors are; a new or empty folder")
    add("--words-file", metavar="FILE", help="the 24 words; - is standard input (asked for if not given)")
    add("--source", metavar="NAME", help="only this source: its name, path, host:path or uuid")
    add("--at", metavar="ID", default="latest", help="the check point whose id begins so (default: latest)")
    add("--list", action="store_true", help="show sources and check points, restore nothing")
    add("--verdicts", action="store_true", help="print what is good and what is refused, as JSON; restore nothing")
    add("--sectors", nargs="+", metavar="FILE", help="restore all that these hold, alone; parts as NAME.part")
    add("--partial", action="store_true", help="incomplete files as NAME.part and NAME.part.ranges")
    add("--accept-plain", action="store_true", help="read sectors that are not encrypted")
    add("--accept-unsigned", action="store_true", help="read sectors that are not signed: anyone can make them")
    options = parser.parse_args(argv)
    options.look = options.list or options.verdicts
    least = 2 - bool(options.look) - bool(options.sectors)
    if not least <= len(options.folders) <= 2:
        parser.error(f"{len(options.folders)} folders are named, SECTORS_DIR OUT are wanted")
    out = options.folders[-1] if options.folders and not options.look else None
    if out and os.path.lexists(out) and not (os.path.isdir(out) and not os.listdir(out)):
        raise Stop(1, f"{show(out)} is there and no empty folder", "name a new one: nothing is overwritten")
    if out and os.open not in os.supports_dir_fd:
        raise Stop(1, "this system can not restore safely", "use Linux or macOS; --list and --verdicts work here")
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
    """(path, name) of all that may be sectors; in order, so that two runs do the same."""
    if options.sectors:
        folder = options.folders[0] if len(options.folders) == 2 else ""
        for name in options.sectors:
            path = name if os.path.exists(name) else os.path.join(folder, name)
            yield path, os.path.basename(name)
        return
    root = options.folders[0]
    if not os.path.isdir(root):
        raise Stop(1, f"{show(root)} is not a folder", "name the folder with the .bakup objects")

    def unreadable(why):
        raise why

    for folder, names, files in os.walk(root, onerror=unreadable):
        names.sort()
        for path in (os.path.join(folder, name) for name in sorted(files)):
            if os.path.isfile(path):
                yield path, os.path.relpath(path, root)


def opened(options):
    """Section 7, step 1."""
    demand = (0 if options.accept_plain else ENCRYPTED) | (0 if options.accept_unsigned else SIGNED)
    account = None
    if demand or options.words_file:  # else what is wanted may belong to no account
        account = Account(entropy_of(read_words(options)))
    return Found(account, demand)


def collect(found, options):
    """Section 7, steps 2 and 3."""
    account = found.account
    found.run("BEGIN")
    for path, name in objects(options):
        found.add_object(path, show(name))
    found.run("COMMIT")
    for rule, sector, path, why in found.run("SELECT rule, sector, path, why FROM refused"):
        if RULES[rule][1] != "skipped" or rule == "R58":
            say("refused", f"{RULES[rule][0]} in {sector}{f', {show(path)}' if path is not None else ''}: {why}")
    if not found.sectors and not options.verdicts:
        who = f"account {account.id}" if account else "no account"
        foreign = sum(kind == "foreign" for _, kind, _ in found.verdicts)
        if foreign > found.refused():
            hint = "give the words of the account that made the backup"
            raise Stop(12, f"none of the sectors here belongs to {who}", hint)
        if found.refused():
            raise Stop(1, "no sector could be used", "what was refused, and why, is named above")
        raise Stop(1, "there is no sector here", "name the folder with the .bakup objects, at any depth")


def told(points, options, cp):
    """The check points that make the state of one, oldest first; what is lost of it, said."""
    alone = bool(options.sectors) or not cp.complete
    chain_, lost = ([cp], points.losses(cp)) if alone else points.chain(cp)
    label = show(cp.label)
    if cp.revoked:
        lost.insert(0, (cp, "R54", "revoked: its writer is not to be believed any more"))
    elif cp.forgotten or cp.replaced or cp.void:
        say("note", f"{label}: check point {cp} is {cp.state}")
    if not cp.complete:
        lost.append((cp, None, "incomplete: its end is not here, so what else it held is not known"))
        if cp.flags:
            say("note", f"{label}: check point {cp} has only what changed since the one before it")
    for one, _, why in lost:
        say("lost", f"{label}: check point {one}: {why}")
    return chain_, len(lost)


def restore(found, points, options):
    """Section 7, steps 5 to 7; returns the number of things lost."""
    chosen, lost = wanted(points, options)
    chunks, taken = Chunks(found), {}
    for cp in sorted(chosen, key=lambda c: (c.source, *c.order())):
        chain_, more = told(points, options, cp)
        lost += more
        build_state(found, chain_)
        root = options.folders[-1]
        if len(chosen) > 1:
            root = os.path.join(root, folder_of(cp, taken))
        if len(chosen) > 1 and options.sectors:
            root = os.path.join(root, f"{moment(cp.time)[:10]}_{cp.uuid.hex()[:8]}")
        tree = Tree(found, chunks, root, options.partial or bool(options.sectors))
        try:
            tree.restore()
        finally:
            tree.clean()
        lost += tree.lost
        print(f"{show(cp.label)}: {tree.files} files, {tree.bytes} bytes of check point {cp} in {show(root)}")
    newest = [latest(points, group) for group in by_source(points.all).values()]
    if (
        lost or options.sectors or any(cp in newest for cp in chosen)
    ):  # 6.5: an older one that is whole is all there was
        lost += found.lost_sectors(points)
    if not chosen:
        raise Stop(3 if lost else 1, "nothing was restored", points.hint)
    return lost


def main(argv=None):
    left = "what has its name in the folder is whole, the rest is not there"
    try:
        options = arguments(argv)
        with contextlib.closing(opened(options)) as found:
            collect(found, options)
            points = Points(found)
            if options.verdicts:
                verdicts(found, points)
                return 0
            if options.list:
                list_all(points)
                return 3 if found.lost_sectors(points) else 0
            lost = restore(found, points, options)
        if not lost:
            return 0
        raise Stop(3, f"not all could be restored, {lost} losses are named above", "other copies of sectors may help")
    except Stop as stop:
        code, message, hint = stop.args
    except (OSError, sqlite3.Error) as why:
        code, message, hint = 1, str(why), left
    except KeyboardInterrupt:
        code, message, hint = 1, "interrupted", left
    say("error", message)
    say("hint", hint)
    return code


if __name__ == "__main__":
    sys.exit(main())
