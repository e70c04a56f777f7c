"""Sections 4 and 5: actions, boxes, regions, headers, signatures."""

import hashlib
import itertools
import struct
from functools import cached_property

import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vectors.forge.keys import KEM_ID, hkdf
from tests.vectors.forge.msgpack import packed

PACK, GROUP, CHECKPOINT, END, CHUNKS, PAD = 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x0005
OUTSIDE = 2**64 - 1
NOBODY = bytes(16)
SEGMENT = 65536
COUNTER = itertools.count(1)


def fresh_uuid():
    """Another one each time, the same ones in each run."""
    return hashlib.sha256(b"uuid %d" % next(COUNTER)).digest()[:16]


class Action:
    """5.4. `content` is bytes, or a function that gives a structure when it is asked for."""

    def __init__(self, kind, content, zstd=False):
        self.kind, self.source, self.zstd = kind, content, zstd
        self.flags, self.path = int(zstd), b""
        self.body = self.length = self.path_length = self.raw = None
        self.edit = self.encode = self.frame = None

    @cached_property
    def structure(self):
        value = self.source() if callable(self.source) else self.source
        if self.edit:
            self.edit(value)
        return value

    @cached_property
    def plain(self):
        value = self.structure if isinstance(self.structure, bytes) else packed(self.structure)
        return self.encode(value) if self.encode else value

    @cached_property
    def content(self):
        if self.body is not None:
            return self.body
        if self.kind not in (PACK, GROUP):
            return self.plain
        raw = len(self.plain) if self.raw is None else self.raw
        body = zstandard.ZstdCompressor(level=3).compress(self.plain) if self.zstd else self.plain
        return struct.pack("<Q", raw) + (self.frame(body) if self.frame else body)

    def bytes(self):
        path_length = len(self.path) if self.path_length is None else self.path_length
        length = len(self.content) if self.length is None else self.length
        return (
            struct.pack("<II", self.flags, path_length)
            + self.path
            + struct.pack("<HQ", self.kind, length)
            + self.content
        )


class Box:
    """5.1. `offset` is a number, or a function that gives it when it is asked for."""

    def __init__(self, uuid, offset, actions):
        self.uuid, self.offset, self.actions = uuid, offset, list(actions)
        self.length, self.row = None, [None] * 5

    @cached_property
    def content(self):
        return b"".join(action.bytes() for action in self.actions)

    @property
    def place(self):
        return self.offset() if callable(self.offset) else self.offset

    def bytes(self):
        length = len(self.content) if self.length is None else self.length
        return self.uuid + struct.pack("<QQ", self.place, length) + self.content


class Sector:
    """4, from its boxes to its bytes; `hook` changes what any stage makes."""

    def __init__(self, account, signer="account", encrypted=True, recipients=None):
        self.account, self.encrypted = account, encrypted
        self.signer = account if signer == "account" else signer
        self.recipients = [account] if recipients is None else recipients
        self.uuid, self.key = fresh_uuid(), hashlib.sha256(b"key %d" % next(COUNTER)).digest()
        self.data, self.meta, self.points, self.padding, self.target = [], [], [], b"", None
        self.hooks = {}

    # what is in it

    def open(self, cp):
        """Puts the CHECKPOINT of a check point here, once."""
        if cp not in self.points:
            self.points.append(cp)
            self.meta.append(cp.header)

    def own(self, action):
        return Box(NOBODY, OUTSIDE, [action])

    def pad(self, length):
        self.data.append(self.own(Action(PAD, bytes(length))))

    def pad_meta(self, length):
        self.meta.append(self.own(Action(PAD, bytes(length))))

    def keep(self, chunks, zstd=False):
        """A PACK of the sector itself; gives the number of its row."""
        self.data.append(self.own(Action(PACK, b"".join(chunks), zstd)))
        return len(self.data) - 1

    def chunks(self, rows):
        self.meta.append(self.own(Action(CHUNKS, rows)))

    # how it is written

    def hook(self, stage, function):
        self.hooks.setdefault(stage, []).append(function)
        return self

    def _done(self, stage, value):
        for function in self.hooks.get(stage, ()):
            value = function(value)
        return value

    def _rows(self):
        rows, position = [], 0
        for box in self.data:
            action = box.actions[0] if box.actions else None
            raw = len(action.plain) if action and action.kind == PACK else 0
            good = [box.uuid, box.place, len(box.content), position, raw]
            rows.append([g if wrong is None else wrong for g, wrong in zip(good, box.row, strict=True)])
            position += len(box.bytes())
        return self._done("rows", rows)

    def _region(self, name, plain):
        plain = self._done(name, plain)
        if not self.encrypted:
            return self._done(name + " stored", plain)
        cipher = AESGCM(hkdf(self.key, self.uuid, f"bakup/1 {name}".encode()))
        pieces = [plain[at : at + SEGMENT] for at in range(0, len(plain), SEGMENT)]
        stored = b"".join(
            cipher.encrypt(i.to_bytes(11, "big") + bytes([i == len(pieces) - 1]), piece, None)
            for i, piece in enumerate(pieces)
        )
        return self._done(name + " stored", stored)

    def _fields(self):
        fields, signer = [], self.signer
        signature_id, public = (signer.signature_id, signer.public) if signer else (0, b"")
        if self.target is not None:
            fields.append([0x0001, self.target])
        if self.encrypted or signer:
            key = struct.pack("<H", KEM_ID) + self.account.kem + struct.pack("<H", signature_id) + public
            fields.append([0x8001, key])
        if self.encrypted:
            info = b"bakup/1 sector key" + self.uuid + struct.pack("<H", signature_id) + public
            fields += [[0x8002, one.recipient_id + one.seal(self.key, info)] for one in self.recipients]
        if signer and signer.certificate is not None:
            fields.append([0x8003, signer.certificate])
        if self.encrypted:
            fields.append([0x8004, hkdf(self.key, self.uuid, b"bakup/1 key check")])
        return self._done("fields", fields)

    @cached_property
    def header(self):
        table = b"".join(struct.pack("<16sQQQQ", *row) for row in self._rows())
        table = self._done("table", table + struct.pack("<Q", len(table)))
        data = self._region("data", b"".join(box.bytes() for box in self.data))
        meta = self._region("meta", b"".join(box.bytes() for box in self.meta) + table)
        fields = b"".join(struct.pack("<HI", tag, len(value)) + value for tag, value in self._fields())
        size = {0: 0, 1: 64, 2: 3373}[self.signer.signature_id if self.signer else 0]
        if self.signer:
            fields += struct.pack("<HI", 0xFFFF, size)
        values = {
            "magic": b"BKUP",
            "version": 1,
            "flags": self.encrypted | (2 if self.signer else 0),
            "header length": 110 + len(fields) + size,
            "uuid": self.uuid,
            "data length": len(data),
            "data digest": blake3(data).digest(),
            "meta length": len(meta),
            "meta digest": blake3(meta).digest(),
        }
        values = self._done("values", values)
        message = self._done("message", struct.pack("<4sHII16sQ32sQ32s", *values.values()) + fields)
        signature = self.signer.sign(b"bakup/1 sector\0" + message) if self.signer else b""
        self.regions = data + meta
        return message + self._done("signature", signature)

    def header_digest(self):
        return blake3(self.header).digest()

    def bytes(self):
        return self._done("object", self.header + self.regions + self.padding)

    def length(self):
        """Without padding, as END says it."""
        return len(self.header) + len(self.regions)
