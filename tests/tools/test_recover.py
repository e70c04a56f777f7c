"""The independent reader, proved against a tiny writer made from docs/format/sector.md alone."""

import hashlib
import importlib.util
import os
import random
import stat
import struct
import sys
from pathlib import Path

import pytest
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

SPEC = importlib.util.spec_from_file_location("recover", Path(__file__).parents[2] / "tools" / "recover.py")
recover = importlib.util.module_from_spec(SPEC)
sys.modules["recover"] = recover
SPEC.loader.exec_module(recover)

OUTSIDE = 2**64 - 1
ENTROPY = bytes(range(32))
WORDS = Mnemonic("english").to_mnemonic(ENTROPY)
OTHER_WORDS = Mnemonic("english").to_mnemonic(bytes(32))
SOURCE = b"S" * 15 + b"1"


# --- a tiny writer ---------------------------------------------------------------------------------------


def mp(v):
    """MessagePack, shortest."""
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        if -32 <= v < 128:
            return struct.pack("b", v)
        for code, form in zip(
            b"\xcc\xcd\xce\xcf" if v >= 0 else b"\xd0\xd1\xd2\xd3",
            ">B>H>I>Q>b>h>i>q"[0 if v >= 0 else 8 :].split(">")[1:],
            strict=False,
        ):
            try:
                return bytes([code]) + struct.pack(">" + form, v)
            except struct.error:
                continue
    if isinstance(v, bytes):
        return size(len(v), (0xC4, 0xC5, 0xC6)) + v
    if isinstance(v, str):
        b = v.encode()
        return (bytes([0xA0 | len(b)]) if len(b) < 32 else size(len(b), (0xD9, 0xDA, 0xDB))) + b
    head = bytes([0x90 | len(v)]) if len(v) < 16 else size(len(v), (None, 0xDC, 0xDD))
    return head + b"".join(map(mp, v))


def size(n, codes):
    for code, form, most in zip(codes, (">B", ">H", ">I"), (256, 65536, 2**32), strict=True):
        if code and n < most:
            return bytes([code]) + struct.pack(form, n)
    raise ValueError(n)


def hkdf(ikm, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(ikm)


class Keys:
    def __init__(self, entropy=ENTROPY):
        seed = hashlib.shake_256(hkdf(entropy, b"", b"bakup/1 x-wing")).digest(96)
        self.kem = MLKEM768PrivateKey.from_seed_bytes(seed[:64]).public_key()
        self.x = X25519PrivateKey.from_private_bytes(seed[64:]).public_key()
        self.public = self.kem.public_bytes_raw() + self.x.public_bytes_raw()
        self.signing = Ed25519PrivateKey.from_private_bytes(hkdf(entropy, b"", b"bakup/1 ed25519"))

    def seal(self, key, info):
        suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        return suite.encrypt(key, hpke.MLKEM768X25519PublicKey(self.kem, self.x), info)

    def certificate(self, writer, uuid, sources):
        body = writer.public_key().public_bytes_raw() + uuid + struct.pack("<H", len(sources)) + b"".join(sources)
        return body + self.signing.sign(b"bakup/1 certificate\0" + body)


def stream(key, plain):
    pieces = [plain[i : i + 65536] for i in range(0, len(plain), 65536)]
    return b"".join(
        AESGCM(key).encrypt(i.to_bytes(11, "big") + bytes([i == len(pieces) - 1]), p, None)
        for i, p in enumerate(pieces)
    )


def box(uuid, offset, content):
    return uuid + struct.pack("<QQ", offset, len(content)) + content


def action(kind, content, flags=0):
    return struct.pack("<IIHQ", flags, 0, kind, len(content)) + content


def framed(raw, pack):
    return struct.pack("<Q", len(raw)) + (zstandard.compress(raw) if pack else raw)


def attributes(mode=0o644, mtime=1_600_000_000_123_456_789, group=None, xattrs=()):
    return [
        mode,
        os.getuid(),
        os.getgid(),
        None,
        None,
        mtime,
        None,
        None,
        None,
        group,
        None,
        [list(x) for x in xattrs],
        [],
    ]


def digest_of(extents):
    if len(extents) == 1 and extents[0][1]:
        return extents[0][1]
    return blake3(b"".join(struct.pack("<Q", e[0]) + (e[1] or bytes(32)) for e in extents)).digest()


def field(tag, value):
    return struct.pack("<HI", tag, len(value)) + value


class Writer:
    """One check point, over any number of sectors."""

    def __init__(self, uuid, keys=None, signer=None, certificate=None, pack=True, **header):
        self.uuid, self.keys, self.signer, self.certificate, self.pack = uuid, keys, signer, certificate, pack
        if keys and not signer:
            self.signer = keys.signing
        h = {
            "time": 1_700_000_000 * 10**9,
            "source": SOURCE,
            "name": "home",
            "sequence": 1,
            "previous": None,
            "based_on": None,
        }
        h |= header
        self.header = mp(
            [
                uuid,
                int(h["based_on"] is not None),
                h["time"],
                h["source"],
                "host",
                b"/home/me",
                h["name"],
                [],
                h["sequence"],
                h["previous"],
                h["based_on"],
                ["fastcdc", 1, 2, 3, 0],
            ]
        )
        self.data_offset = self.meta_offset = 0
        self.lines, self.end = [], None
        self.fresh()

    def fresh(self):
        self.data, self.table, self.boxes, self.entries, self.chunks = b"", b"", b"", [], []

    def new(self, *contents):
        """Extents of new chunks, in the pack that the next `flush` makes."""
        extents = []
        for c in contents:
            start = sum(map(len, self.chunks))
            extents.append([len(c), blake3(c).digest(), self.data_offset, start])
            self.chunks.append(c)
        return extents

    def file(self, path, *contents, **more):
        extents = self.new(*contents)
        self.entry(self.of(path, extents, **more))
        return extents

    @staticmethod
    def of(path, extents, **more):
        shown = len(extents) > 1 or any(e[1] is None for e in extents)
        total = sum(e[0] for e in extents)
        return [1, path, attributes(**more), total, extents, digest_of(extents) if shown else None]

    def entry(self, *entries):
        self.entries += entries

    def flush(self):
        """A PACK box of what is new, and its row."""
        if self.chunks:
            raw = b"".join(self.chunks)
            content = action(0x8001, framed(raw, self.pack), int(self.pack))
            self.table += self.uuid + struct.pack("<QQQQ", self.data_offset, len(content), len(self.data), len(raw))
            self.data += box(self.uuid, self.data_offset, content)
            self.data_offset, self.chunks = self.data_offset + len(content), []

    def meta(self, content):
        self.boxes += box(self.uuid, self.meta_offset, content)
        self.meta_offset += len(content)

    def sector(self, sector_uuid, last=True, files=0, total=0, padding=0):
        """The sector's bytes; the END in the last."""
        self.flush()
        self.boxes = box(self.uuid, OUTSIDE, action(0x8003, self.header)) + self.boxes
        if self.entries:
            self.meta(action(0x8002, framed(mp(self.entries), self.pack), int(self.pack)))
        line = [
            sector_uuid,
            None,
            len(self.entries),
            0,
            *(self.entries[i][1][:256] if self.entries else b"" for i in (0, -1)),
        ]
        self.lines.append(line)
        if last:
            self.end = mp([self.uuid, 0, True, self.lines, files, total])
            self.meta(action(0x8004, self.end))
        meta = self.boxes + self.table + struct.pack("<Q", len(self.table))
        made = self.seal(sector_uuid, self.data, meta) + bytes(padding)
        line[1] = blake3(made[: struct.unpack_from("<I", made, 10)[0]]).digest()
        self.fresh()
        return made

    def digest(self):
        return blake3(self.end).digest()

    def seal(self, sector_uuid, data, meta):
        fields, flags = b"", 0
        if self.keys:
            flags, key = 3, random.randbytes(32)
            public = self.signer.public_key().public_bytes_raw()
            fields = field(0x0001, b"anything") + field(
                0x8001, struct.pack("<H", 0x647A) + self.keys.public + struct.pack("<H", 1) + public
            )
            fields += field(0x8002, self.keys.seal(key, b"bakup/1 sector key" + sector_uuid + public))
            if self.certificate:
                fields += field(0x8003, self.certificate)
            data = stream(hkdf(key, sector_uuid, b"bakup/1 data"), data)
            meta = stream(hkdf(key, sector_uuid, b"bakup/1 meta"), meta)
        header = (
            struct.pack(
                "<4sHII16sQ32sQ32s",
                b"BKUP",
                1,
                flags,
                110 + len(fields) + 70 * bool(flags),
                sector_uuid,
                len(data),
                blake3(data).digest(),
                len(meta),
                blake3(meta).digest(),
            )
            + fields
        )
        if flags:
            header += struct.pack("<HI", 0xFFFF, 64)
            header += self.signer.sign(b"bakup/1 sector\0" + header)
        return header + data + meta


def uid(n):
    return bytes([n]) * 16


@pytest.fixture
def place(tmp_path):
    (tmp_path / "sectors").mkdir()
    (tmp_path / "words").write_text(WORDS + "\n")
    return tmp_path


def put(place, name, data):
    path = place / "sectors" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def run(place, *options, out="out", words="words"):
    return recover.main(["--words-file", str(place / words), str(place / "sectors"), str(place / out), *options])


def tree(root):
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()
    }


PLAIN = ("--accept-plain", "--accept-unsigned")


# --- words -----------------------------------------------------------------------------------------------


def test_words_whole_or_by_four_letters():
    short = " ".join(f"{n}. {w[:4].upper()}" for n, w in enumerate(WORDS.split(), 1))
    assert recover.entropy_of(WORDS) == recover.entropy_of(short) == ENTROPY


@pytest.mark.parametrize(
    "text",
    [
        "",
        WORDS + " zoo",
        " ".join(WORDS.split()[:23]),
        WORDS.replace(WORDS.split()[3], "zzzz", 1),
        " ".join(reversed(WORDS.split())),
        Mnemonic("english").to_mnemonic(bytes(16)),
        "aba " + WORDS.split(" ", 1)[1],
    ],
)
def test_words_that_are_not_an_account(text):
    with pytest.raises(recover.Stop) as stop:
        recover.entropy_of(text)
    assert stop.value.args[0] == 2


def test_account_is_as_section_3_says():
    assert recover.Account(ENTROPY).kem == Keys().public
    assert recover.Account(ENTROPY).id.count("-") == 2


# --- MessagePack -----------------------------------------------------------------------------------------

VALUES = [
    0,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2**32 - 1,
    2**32,
    2**64 - 1,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32768,
    -32769,
    -(2**31),
    -(2**31) - 1,
    -(2**63),
    None,
    True,
    False,
    b"",
    b"x" * 255,
    b"x" * 256,
    b"x" * 65536,
    "",
    "é" * 15,
    "x" * 31,
    "x" * 32,
    "x" * 256,
    [],
    [1] * 15,
    [1] * 16,
    [1] * 65536,
    [[b"a", [None]]],
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_msgpack_reads_the_shortest_form(value):
    read, end = recover.msgpack_at(mp(value), 0)
    assert read == value
    assert type(read) is type(value)
    assert end == len(mp(value))


@pytest.mark.parametrize(
    "data",
    [
        "cc7f",
        "cd00ff",
        "ce0000ffff",
        "cf00000000ffffffff",
        "d0e0",
        "d005",
        "d1ff80",
        "d2ffff8000",
        "d3ffffffff80000000",
        "c5000178",
        "c6000000017a",
        "d90161",
        "da000161",
        "db0000000161",
        "dc000101",
        "dd0000000101",
        "c1",
        "80",
        "de0000",
        "ca00000000",
        "cb0000000000000000",
        "d401ff",
        "c70001",
        "a1ff",
        "c402aa",
        "92c0",
        "",
        "cd01",
        "9191919191919191919191c0",
    ],
)
def test_msgpack_refuses_all_else(data):
    with pytest.raises(recover.Refused):
        recover.msgpack_at(bytes.fromhex(data), 0)


def group(*entries):
    return list(recover.parse_group(mp(list(entries))))


@pytest.mark.parametrize(
    "path", [b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/../b", b"./a", b"a\0b", b"x" * (1 << 20) + b"y"]
)
def test_paths_that_are_refused(path):
    with pytest.raises(recover.Refused):
        group([3, path, attributes()])


def test_key_order_is_not_byte_order():
    keys = [b"a", b"a/b", b"a b", b"a.b"]
    assert len(group(*([3, k, attributes()] for k in keys))) == 4
    with pytest.raises(recover.Refused):
        group(*([3, k, attributes()] for k in sorted(keys)))


@pytest.mark.parametrize(
    "entry",
    [
        [3, b"a"],
        [3, "a", attributes()],
        [9, b"a"],
        [3, b"a", attributes(mode=0o10000)],
        [3, b"a", attributes()[:-1]],
        [3, b"a", attributes(xattrs=[(b"b", b""), (b"a", b"")])],
        [True, b"a"],
        [8, b"a", 1, b""],
        [],
        [1, b"a", attributes(), 1, [[1, b"short", None, None]], None],
        [1, b"a", attributes(), 0, [[0, None, None, None]], None],
        [1, b"a", attributes(), 1, [[1, bytes(32), 0, None]], None],
        [5, b"a", attributes(), 5, 0],
        [6, b"a", None],
    ],
)
def test_entries_that_are_refused(entry):
    with pytest.raises(recover.Refused):
        group(entry)


# --- end to end ------------------------------------------------------------------------------------------


def big_tree(writer):
    """One of each kind; returns what files there must be."""
    rng = random.Random(1)
    blocks = [rng.randbytes(300_000) for _ in range(3)]
    writer.entry([3, b"", attributes(0o755)], [3, b"d", attributes(0o750, 1_500_000_000 * 10**9)])
    writer.file(b"d/empty")
    first = writer.file(b"d/one", b"hello", mode=0o600, group=7)
    writer.flush()
    known = [[e[0], e[1], None, None] for e in first]
    writer.entry(Writer.of(b"d/two", known, group=7, mode=0o600))
    writer.file(b"e f", *blocks)
    holes = [[1 << 20, None, None, None], *writer.new(b"end")]
    writer.entry(Writer.of(b"holes", holes))
    writer.entry([4, b"link", attributes(0o777), b"/etc/passwd"])
    writer.flush()
    parts = [writer.new(blocks[0][::-1]), writer.new(b"tail" * 9)]
    everything = parts[0] + parts[1]
    at = 0
    for n, extents in enumerate(parts):
        length = sum(e[0] for e in extents)
        closing = [attributes(), at + length, digest_of(everything)] if n else None
        writer.entry([2, b"parts", 2**63 + 5, at, length, extents, closing])
        at += length
    writer.entry([5, b"pipe", attributes(0o600), 1, 0])
    return {
        "d/empty": b"",
        "d/one": b"hello",
        "d/two": b"hello",
        "e f": b"".join(blocks),
        "holes": bytes(1 << 20) + b"end",
        "parts": blocks[0][::-1] + b"tail" * 9,
    }


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("encrypted", [True, False])
def test_all_comes_back(place, encrypted, pack, capsys):
    writer = Writer(uid(1), Keys() if encrypted else None, pack=pack)
    wanted = big_tree(writer)
    put(place, "deep/any name", writer.sector(uid(9), padding=4096))
    put(place, "readme.txt", b"not a sector")
    assert run(place, *(() if encrypted else PLAIN)) == 0, capsys.readouterr().err
    out = place / "out"
    assert tree(out) == wanted
    assert (out / "d/one").stat().st_ino == (out / "d/two").stat().st_ino
    assert stat.S_IMODE((out / "d/one").stat().st_mode) == 0o600
    assert stat.S_IMODE((out / "d").stat().st_mode) == 0o750
    assert (out / "d").stat().st_mtime_ns == 1_500_000_000 * 10**9
    assert (out / "parts").stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert (out / "link").readlink() == Path("/etc/passwd")
    assert stat.S_ISFIFO((out / "pipe").stat().st_mode)
    assert (out / "holes").stat().st_blocks * 512 < 1 << 20


def test_words_of_another_account(place, capsys):
    writer = Writer(uid(1), Keys())
    big_tree(writer)
    put(place, "s", writer.sector(uid(9)))
    (place / "words").write_text(OTHER_WORDS)
    assert run(place) == 12
    assert "hint: give the words" in capsys.readouterr().err
    assert not (place / "out").exists()


def test_plain_and_unsigned_only_when_asked_for(place, capsys):
    writer = Writer(uid(1))
    writer.file(b"a", b"1")
    put(place, "s", writer.sector(uid(9)))
    assert run(place) == run(place, "--accept-plain") == run(place, "--accept-unsigned") == 1
    assert "--accept-plain" in capsys.readouterr().err
    arguments = [str(place / "sectors"), str(place / "out"), *PLAIN]
    assert recover.main(arguments) == 0  # belongs to no account, needs no words
    assert tree(place / "out") == {"a": b"1"}


def test_every_flipped_bit_of_header_and_meta_refuses_the_sector(place, capsys):
    writer = Writer(uid(1), Keys())
    writer.file(b"a", b"content")
    good = writer.sector(uid(9))
    header = struct.unpack_from("<I", good, 10)[0]
    data = struct.unpack_from("<Q", good, 30)[0]
    places = [
        *range(4, 124),
        *range(124, header, 61),
        *range(header - 70, header),
        *range(header + data, len(good), 17),
    ]
    for i in places:
        bad = bytearray(good)
        bad[i] ^= 1 << (i % 8)
        put(place, "s", bytes(bad))
        assert run(place) in (1, 12), i
        assert not (place / "out").exists()
    for bad in (good[:-1], good + b"\1", good[: header // 2], good[:60]):
        put(place, "s", bad)
        assert run(place) == 1
    put(place, "s", good + bytes(100))
    assert run(place) == 0


def test_flipped_bits_of_data_lose_what_they_hit_and_no_more(place, capsys):
    writer = Writer(uid(1), Keys(), pack=False)
    rng = random.Random(2)
    blocks = [rng.randbytes(200_000) for _ in range(4)]
    writer.file(b"a", blocks[0])
    writer.flush()
    writer.file(b"b", blocks[1], blocks[2])
    writer.file(b"c", blocks[3])
    data = bytearray(writer.sector(uid(9)))
    at = struct.unpack_from("<I", data, 10)[0] + 350_000 // 65536 * 65552 + 20
    data[at] ^= 4
    put(place, "s", bytes(data))
    assert run(place) == 3
    assert tree(place / "out") == {"a": blocks[0], "c": blocks[3]}
    assert "lost: b: bytes 0 to 200000: a chunk is damaged" in capsys.readouterr().err
    assert run(place, "--partial", out="more") == 3
    got = tree(place / "more")
    assert got["b.part.ranges"] == b"200000 200000\n"
    assert got["b.part"][200_000:] == blocks[2]
    assert len(got["b.part"]) == 400_000
    put(place, "t", bytes(writer_copy(blocks)))  # the same chunks elsewhere: the next place serves
    assert run(place, out="third") == 0
    assert tree(place / "third")["b"] == blocks[1] + blocks[2]


def writer_copy(blocks):
    writer = Writer(uid(2), Keys(), time=1, source=SOURCE, sequence=0)
    for n, b in enumerate(blocks):
        writer.file(b"x%d" % n, b)
    return writer.sector(uid(8))


def incremental(keys):
    """A full check point and one on top: bytes of both sectors."""
    first = Writer(uid(1), keys)
    first.entry([3, b"", attributes(0o755)], [3, b"d", attributes(0o755)])
    first.file(b"d/gone", b"1")
    kept = first.file(b"d/kept", b"2")
    first.file(b"d-sibling", b"3")
    first.file(b"old", b"was there")
    first.file(b"turn", b"a file")
    one = first.sector(uid(9))
    second = Writer(
        uid(2),
        keys,
        sequence=2,
        previous=[uid(1), first.digest()],
        based_on=uid(1),
        time=1_800_000_000 * 10**9,
    )
    second.entry([6, b"d/gone"], Writer.of(b"new", [[*kept[0][:2], None, None]]), [7, b"old", "permission denied"])
    second.entry([6, b"turn"], [3, b"turn", attributes(0o755)])
    second.file(b"turn/x", b"now a folder")
    second.entry([7, b"zzz", "permission denied"])
    return one, second.sector(uid(8))


def test_incremental_state_and_older_check_points(place, capsys):
    one, two = incremental(Keys())
    put(place, "1", one)
    put(place, "2", two)
    assert run(place) == 0
    assert tree(place / "out") == {
        "d/kept": b"2",
        "d-sibling": b"3",
        "new": b"2",
        "old": b"was there",
        "turn/x": b"now a folder",
    }
    said = capsys.readouterr().err
    assert "old could not be read by the backup (permission denied); what was restored is older" in said
    assert "zzz could not be read by the backup (permission denied); there is nothing to restore" in said
    assert run(place, "--at", "0101", out="first") == 0
    assert tree(place / "first")["turn"] == b"a file"
    assert recover.main(["--words-file", str(place / "words"), str(place / "sectors"), "--list"]) == 0
    listed = capsys.readouterr().out
    assert "home" in listed
    assert listed.count("complete") == 2
    assert run(place, "--at", "07", out="none") == 1


def test_a_lost_base_is_named_and_the_rest_restored(place, capsys):
    put(place, "2", incremental(Keys())[1])
    assert run(place) == 3
    assert tree(place / "out") == {"turn/x": b"now a folder"}
    said = capsys.readouterr().err
    assert "its base is not here" in said
    assert "lost: new: bytes 0 to 1: a chunk is in no sector that is here" in said


def two_sectors(keys):
    writer = Writer(uid(1), keys)
    whole = [b"a" * 70_000, b"b" * 5]
    extents = writer.new(whole[0])
    writer.file(b"big-before", b"early")
    writer.entry([2, b"x", 4, 0, 70_000, extents, None])
    one = writer.sector(uid(9), last=False)
    more = writer.new(whole[1])
    writer.entry([2, b"x", 4, 70_000, 5, more, [attributes(), 70_005, digest_of(extents + more)]])
    writer.file(b"y", b"late")
    return one, writer.sector(uid(8)), b"".join(whole)


def test_a_check_point_in_two_sectors(place, capsys):
    one, two, whole = two_sectors(Keys())
    put(place, "1", one)
    put(place, "2", two)
    assert run(place) == 0, capsys.readouterr().err
    assert tree(place / "out") == {"big-before": b"early", "x": whole, "y": b"late"}
    (place / "sectors/1").unlink()
    assert run(place, out="late") == 3
    assert tree(place / "late") == {"y": b"late"}
    assert "from big-before to x is not here" in capsys.readouterr().err


def test_sectors_alone_give_back_what_they_hold(place, capsys):
    one, two, whole = two_sectors(Keys())
    names = [str(put(place, "1", one)), str(put(place, "2", two))]
    words = ["--words-file", str(place / "words")]
    assert run(place, out="x") == 0
    (place / "sectors/2").rename(place / "2")
    assert run(place, out="none") == 1  # incomplete: not restored by itself
    assert recover.main([*words, str(place / "one"), "--sectors", names[0]]) == 3
    assert tree(place / "one") == {
        "big-before": b"early",
        "x.part": whole[:70_000],
        "x.part.ranges": b"0 70000\n",
    }
    assert recover.main([*words, str(place / "two"), "--sectors", str(place / "2")]) == 3
    assert tree(place / "two") == {
        "y": b"late",
        "x.part": bytes(70_000) + b"bbbbb",
        "x.part.ranges": b"70000 5\n",
    }


def test_several_sources_get_their_folders(place):
    for n, name in ((1, "home"), (2, "../../evil"), (3, "")):
        writer = Writer(uid(n), Keys(), source=uid(50 + n), name=name)
        writer.file(b"a", b"%d" % n)
        put(place, str(n), writer.sector(uid(9 + n)))
    assert run(place) == 0
    assert tree(place / "out") == {"home/a": b"1", "evil/a": b"2", "host_home_me/a": b"3"}
    assert run(place, "--source", "home", out="home") == 0
    assert tree(place / "home") == {"a": b"1"}


def test_writers_need_a_certificate_for_the_source(place, capsys):
    keys, key = Keys(), Ed25519PrivateKey.generate()
    good = keys.certificate(key, uid(70), [SOURCE, uid(99)])
    for certificate, code in (
        (good, 0),
        (keys.certificate(key, uid(70), [uid(99)]), 1),
        (None, 1),
        (good[:-1] + bytes([good[-1] ^ 1]), 1),
        (keys.certificate(Ed25519PrivateKey.generate(), uid(70), [SOURCE]), 1),
        (Keys(bytes(32)).certificate(key, uid(70), [SOURCE]), 1),
    ):
        writer = Writer(uid(1), keys, signer=key, certificate=certificate)
        writer.file(b"a", b"1")
        put(place, "s", writer.sector(uid(9)))
        assert run(place, out=f"out{hash((certificate, code))}") == code


def test_a_revoked_writer_is_believed_up_to_the_named_check_point(place, capsys):
    keys, key = Keys(), Ed25519PrivateKey.generate()
    certificate = keys.certificate(key, uid(70), [SOURCE])
    first = Writer(uid(1), keys, signer=key, certificate=certificate)
    first.file(b"a", b"good")
    put(place, "1", first.sector(uid(9)))
    second = Writer(uid(2), keys, signer=key, certificate=certificate, sequence=2, previous=[uid(1), first.digest()])
    second.file(b"a", b"evil")
    put(place, "2", second.sector(uid(8)))
    official = Writer(uid(3), keys, source=uid(90), name="own")
    official.entry([8, b"", 0x8001, mp([uid(70), [[SOURCE, first.digest()]]])])
    put(place, "3", official.sector(uid(7)))
    assert run(place) == 0
    assert tree(place / "out") == {"home/a": b"good"}
    assert run(place, "--at", "02", out="evil") == 3  # only when asked for, and said
    assert "revoked" in capsys.readouterr().err


def test_unsigned_sectors_join_no_ones_chain(place):
    signed = Writer(uid(1), Keys())
    signed.file(b"a", b"true")
    put(place, "1", signed.sector(uid(9)))
    forged = Writer(uid(1), name="home", sequence=9)
    forged.file(b"a", b"false")
    put(place, "0", forged.sector(uid(8)))
    assert run(place) == 3  # refused, named
    assert tree(place / "out") == {"a": b"true"}


# --- hostile trees ---------------------------------------------------------------------------------------


def test_nothing_is_written_through_a_link(place, capsys):
    (place / "outside").mkdir()
    writer = Writer(uid(1), Keys())
    writer.entry([4, b"d", attributes(0o777), os.fsencode(place / "outside")])
    writer.file(b"d/x", b"1")
    put(place, "s", writer.sector(uid(9)))
    assert run(place) == 3
    assert not list((place / "outside").iterdir())


def test_where_refuses_links_and_files_on_the_way(place):
    (place / "root").mkdir()
    (place / "root/link").symlink_to(place)
    (place / "root/file").write_text("")
    below = recover.Tree(None, None, str(place / "root"), False)
    for path in (b"link/x", b"file/x", b"../x", b"/x", b"a/../../x", b"", b"a//b"):
        with pytest.raises(recover.Lost):
            below.where(path)
    assert below.where(b"new/x") == os.fsencode(place / "root/new/x")


def test_a_folder_with_something_in_it_is_left_alone(place):
    writer = Writer(uid(1), Keys())
    writer.file(b"a", b"1")
    put(place, "s", writer.sector(uid(9)))
    (place / "out").mkdir()
    (place / "out/a").write_text("mine")
    assert run(place) == 1
    assert (place / "out/a").read_text() == "mine"


def test_part_takes_no_name_of_the_tree(place):
    writer = Writer(uid(1), Keys())
    writer.entry(Writer.of(b"a", [*writer.new(b"here"), [4, b"?" * 32, None, None]]))
    writer.file(b"a.part", b"true file")
    put(place, "s", writer.sector(uid(9)))
    assert run(place, "--partial") == 3
    assert tree(place / "out") == {
        "a.part": b"true file",
        "a.part-1": b"here" + bytes(4),
        "a.part-1.ranges": b"0 4\n",
    }


def test_files_whose_list_is_not_true_are_refused(place, capsys):
    writer = Writer(uid(1), Keys())
    entry = Writer.of(b"a", writer.new(b"1", b"2"))
    entry[5] = bytes(32)
    longer = Writer.of(b"b", writer.new(b"3"))
    longer[3] = 2
    beyond = Writer.of(b"c", writer.new(b"4"))
    beyond[4][0][3] = 99
    writer.entry(entry, longer, beyond)
    writer.file(b"d", b"5")
    put(place, "s", writer.sector(uid(9)))
    assert run(place) == 3
    assert tree(place / "out") == {"d": b"5"}


@pytest.mark.parametrize(
    "damage",
    [
        "magic table",
        "row",
        "no header",
        "two headers",
        "unknown action",
        "flags",
        "outside group",
        "empty group",
        "zstd",
        "crossing",
    ],
)
def test_meta_regions_that_are_refused(place, damage):
    writer = Writer(uid(1), pack=True)
    writer.file(b"a", b"1" * 100)
    writer.flush()
    content, header = (
        action(0x8002, framed(mp(writer.entries), True), 1),
        box(uid(1), OUTSIDE, action(0x8003, writer.header)),
    )
    boxes, table = header + box(uid(1), 0, content), writer.table
    length = struct.pack("<Q", len(table))
    if damage == "magic table":
        length = struct.pack("<Q", len(table) + 1)
    elif damage == "row":
        table = table[:32] + struct.pack("<Q", 1) + table[40:]
    elif damage == "no header":
        boxes = box(uid(1), 0, content)
    elif damage == "two headers":
        boxes = header + box(uid(1), OUTSIDE, action(0x8003, Writer(uid(1), name="x").header)) + boxes
    elif damage == "unknown action":
        boxes += box(uid(1), len(content), action(0x9000, b""))
    elif damage == "flags":
        boxes = header + box(uid(1), 0, action(0x8002, framed(mp(writer.entries), True), 3))
    elif damage == "outside group":
        boxes += box(uid(1), OUTSIDE, content)
    elif damage == "empty group":
        boxes = header + box(uid(1), 0, action(0x8002, framed(mp([]), False)))
    elif damage == "zstd":
        boxes = header + box(uid(1), 0, action(0x8002, framed(mp(writer.entries), True) + b"\0", 1))
    elif damage == "crossing":
        boxes = header + box(uid(1), 0, content[:-1])
    put(place, "s", writer.seal(uid(9), writer.data, boxes + table + length))
    assert run(place, *PLAIN) == 1


def test_unknown_but_optional_actions_are_skipped(place):
    writer = Writer(uid(1))
    writer.file(b"a", b"1")
    writer.meta(action(0x0077, b"of the future"))
    put(place, "s", writer.sector(uid(9)))
    assert run(place, *PLAIN) == 0


def test_usage(place, capsys):
    assert recover.main([]) == 2
    assert recover.main(["--nothing"]) == 2
    assert "hint: see --help" in capsys.readouterr().err
    (place / "words").write_text("abandon")
    assert run(place) == 2
    (place / "words").write_text(WORDS)
    assert run(place) == 1
    assert "there is no sector here" in capsys.readouterr().err
