"""R1 to R22: what the first bytes, the header and its keys say."""

import struct

from tests.vectors.forge import Account, CheckPoint, Writer
from tests.vectors.forge.refusals.scene import ALL, SOURCE, refused

OTHER = Account(bytes(range(32)))


def values(scene, **changed):
    scene.whole().sector.hook(
        "values", lambda old: old | {name.replace("_", " "): new for name, new in changed.items()}
    )


def fields(scene, change):
    scene.whole().sector.hook("fields", change)


def value_of(fields_, tag, change):
    return [[t, change(v) if t == tag else v] for t, v in fields_]


def flip(data, at=-1, bit=1):
    changed = bytearray(data)
    changed[at] ^= bit
    return bytes(changed)


# R1


@refused("R1", "other-magic", ALL, whole=True)
def _(s):
    s.whole().put("other.bakup", b"BKUQ" + bytes(500))


@refused("R1", "magic-of-other-objects", ALL, whole=True)
def _(s):
    s.whole().put("parity.bakup", b"BKUX" + bytes(500))


@refused("R1", "nothing-in-it", ALL, whole=True)
def _(s):
    s.whole().put("empty.bakup", b"")


@refused("R1", "half-of-the-magic", ALL, whole=True)
def _(s):
    s.whole().put("half.bakup", b"BK")


# R2


@refused("R2", "nothing-but-the-magic")
def _(s):
    s.replace(lambda data: data[:4])


@refused("R2", "109-bytes")
def _(s):
    s.replace(lambda data: data[:109])


@refused("R2", "shorter-than-its-header", sealed=True)
def _(s):
    s.replace(lambda data: data[:4000])


# R3

for _name, _changed in {
    "version-0": {"version": 0},
    "version-2": {"version": 2},
    "flag-of-bit-2": {"flags": 4},
    "flag-of-bit-31": {"flags": 1 << 31},
    "header-length-109": {"header_length": 109},
    "header-length-0": {"header_length": 0},
    "header-length-65537": {"header_length": 65537},
    "header-length-of-32-bits": {"header_length": 2**32 - 1},
}.items():

    @refused("R3", _name)
    def _(s, changed=_changed):
        values(s, **changed)
        s.sector.padding = bytes(66000)


# R4


@refused("R4", "a-field-reaches-beyond-the-header")
def _(s):
    s.sector.target = b"target"
    s.whole().sector.hook("message", lambda m: m[:-10] + struct.pack("<HI", 1, 7) + m[-4:])


@refused("R4", "three-bytes-after-the-fields")
def _(s):
    values(s, header_length=113)
    s.sector.hook("message", lambda m: m + b"\0\0\0")


@refused("R4", "fields-out-of-order", sealed=True)
def _(s):
    s.sector.target = b"target"
    fields(s, lambda old: [old[1], old[0], *old[2:]])


@refused("R4", "target-twice")
def _(s):
    s.sector.target = b"target"
    fields(s, lambda old: [old[0], *old])


@refused("R4", "public-key-twice", sealed=True)
def _(s):
    fields(s, lambda old: [old[0], *old])


@refused("R4", "key-check-twice", sealed=True)
def _(s):
    fields(s, lambda old: [*old, old[-1]])


@refused("R4", "target-after-the-key", sealed=True)
def _(s):
    fields(s, lambda old: [*old, [0x0001, b"target"]])


# R5

for _tag in (0x8000, 0x8005, 0xFFFE):

    @refused("R5", f"unknown-tag-{_tag:04x}")
    def _(s, tag=_tag):
        fields(s, lambda old: sorted([*old, [tag, b"what?"]]))


# R6


@refused("R6", "public-key-in-a-sector-of-nobody")
def _(s):
    fields(s, lambda old: [[0x8001, struct.pack("<H", 0x647A) + s.account.kem + struct.pack("<H", 0)]])


@refused("R6", "key-check-in-a-plain-sector")
def _(s):
    fields(s, lambda old: [*old, [0x8004, bytes(32)]])


@refused("R6", "encrypted-key-in-a-plain-sector")
def _(s):
    fields(s, lambda old: [*old, [0x8002, bytes(1176)]])


@refused("R6", "no-key-check", sealed=True)
def _(s):
    fields(s, lambda old: [f for f in old if f[0] != 0x8004])


@refused("R6", "no-encrypted-key", sealed=True)
def _(s):
    fields(s, lambda old: [f for f in old if f[0] != 0x8002])


@refused("R6", "no-public-key", sealed=True)
def _(s):
    fields(s, lambda old: [f for f in old if f[0] != 0x8001])


@refused("R6", "signed-without-a-signature", accepts=("plain", "unsigned"))
def _(s):
    values(s, flags=2)
    s.sector.hook(
        "fields",
        lambda old: [[0x8001, struct.pack("<H", 0x647A) + s.account.kem + struct.pack("<H", 2) + s.account.public]],
    )
    s.sector.hook("values", lambda old: old | {"header length": 110 + 6 + 3204})


@refused("R6", "certificate-without-a-signature")
def _(s):
    certificate = Writer(s.account, [SOURCE]).certificate
    fields(s, lambda old: [*old, [0x8003, certificate]])


@refused("R6", "unsigned-with-a-signature")
def _(s):
    fields(s, lambda old: [*old, [0xFFFF, bytes(64)]])


# R7

for _name, _tag, _change in (
    ("public-key-one-short", 0x8001, lambda v: v[:-1]),
    ("public-key-one-long", 0x8001, lambda v: v + b"\0"),
    ("public-key-of-two-bytes", 0x8001, lambda v: v[:2]),
    ("encrypted-key-one-short", 0x8002, lambda v: v[:-1]),
    ("encrypted-key-without-recipient", 0x8002, lambda v: v[8:]),
    ("key-check-one-short", 0x8004, lambda v: v[:-1]),
    ("key-check-empty", 0x8004, lambda v: b""),
):

    @refused("R7", _name, sealed=True)
    def _(s, tag=_tag, change=_change):
        fields(s, lambda old: value_of(old, tag, change))


@refused("R7", "target-of-4097-bytes")
def _(s):
    s.whole().sector.target = bytes(4097)


# R8


@refused("R8", "unknown-kem-id", sealed=True)
def _(s):
    fields(s, lambda old: value_of(old, 0x8001, lambda v: b"\x20\0" + v[2:]))


@refused("R8", "unknown-signature-id", sealed=True)
def _(s):
    fields(s, lambda old: value_of(old, 0x8001, lambda v: v[:1218] + b"\3\0" + v[1220:]))


@refused("R8", "signature-id-0-in-a-signed-sector", sealed=True)
def _(s):
    fields(s, lambda old: value_of(old, 0x8001, lambda v: v[:1218] + b"\0\0"))


@refused("R8", "signature-id-2-in-an-unsigned-sector", accepts=("plain", "unsigned"))
def _(s):
    sector = s.whole().sector
    sector.encrypted = True
    fields(s, lambda old: value_of(old, 0x8001, lambda v: v[:1218] + b"\2\0" + s.account.public))


# R9


@refused("R9", "uuid-of-zeros")
def _(s):
    s.sector.uuid = bytes(16)
    s.whole()


# R10 to R12


@refused("R10", "another-account", sealed=True)
def _(s):
    s.account, s.signer = OTHER, OTHER
    s.sector, s.cp = s.new(), CheckPoint(OTHER, SOURCE)
    s.whole()
    s.account, s.signer = Account(), Account()


@refused("R10", "another-account-unsigned", accepts=("plain", "unsigned"))
def _(s):
    s.account = OTHER
    s.sector = s.new(encrypted=True)
    s.whole()
    s.account = Account()


@refused("R11", "kem-key-of-another-account", sealed=True)
def _(s):
    account = s.account
    s.account = OTHER
    s.sector = s.new(account)
    s.whole()
    s.account = account


@refused("R12", "signed-by-a-stranger", sealed=True)
def _(s):
    s.sector, s.cp = s.new(OTHER), CheckPoint(OTHER, SOURCE)
    s.whole()


@refused("R12", "signed-by-a-stranger-with-ed25519", sealed=True)
def _(s):
    stranger = Writer(s.account, [SOURCE], signature_id=1, seed=b"stranger")
    stranger.certificate = None
    s.sector, s.cp = s.new(stranger), CheckPoint(stranger, SOURCE)
    s.whole()


@refused("R12", "the-ed25519-half-of-the-account-alone", sealed=True)
def _(s):
    half = Writer(s.account, [SOURCE], signature_id=1)
    half.certificate, half.curve, half.public = None, s.account.curve, s.account.public[:32]
    s.sector, s.cp = s.new(half), CheckPoint(half, SOURCE)
    s.whole()


# R13 and R14


def certified(s, **given):
    writer = Writer(s.account, [SOURCE])
    writer.certificate = given.pop("change", lambda c: c)(writer.certify(**given))
    s.sector, s.cp = s.new(writer), CheckPoint(writer, SOURCE)
    s.whole()


for _name, _given in {
    "one-byte-longer": {"change": lambda c: c + b"\0"},
    "one-byte-shorter": {"change": lambda c: c[:-1]},
    "empty": {"change": lambda c: b""},
    "flag": {"flags": 1},
    "signature-id-0": {"signature_id": 0},
    "signature-id-3": {"signature_id": 3},
    "no-sources": {"sources": []},
    "sources-out-of-order": {"sources": [b"\2" * 16, b"\1" * 16]},
    "a-source-twice": {"sources": [SOURCE, SOURCE]},
    "a-source-of-zeros": {"sources": [bytes(16), SOURCE]},
    "1025-sources": {"sources": sorted([SOURCE, *(struct.pack(">QQ", 1, n) for n in range(1024))])},
    "other-number-of-sources": {"number": 2},
    "writer-of-zeros": {"change": lambda c: c[:1986] + bytes(16) + c[2002:]},
}.items():

    @refused("R13", _name, sealed=True)
    def _(s, given=_given):
        certified(s, **given)


@refused("R13", "where-the-account-signs", sealed=True)
def _(s):
    certificate = Writer(s.account, [SOURCE], seed=b"w").certify(public=s.account.public)
    fields(s, lambda old: sorted([*old, [0x8003, certificate]]))


@refused("R14", "for-another-key", sealed=True)
def _(s):
    certified(s, public=Writer(s.account, [SOURCE], seed=b"x").public)


@refused("R14", "by-another-account", sealed=True)
def _(s):
    certified(s, account=OTHER)


@refused("R14", "ed25519-half-of-its-signature-wrong", sealed=True)
def _(s):
    certified(s, change=lambda c: flip(c, -3373))


@refused("R14", "ml-dsa-half-of-its-signature-wrong", sealed=True)
def _(s):
    certified(s, change=flip)


# R15 and R16


@refused("R15", "ed25519-half-wrong", sealed=True)
def _(s):
    s.whole().sector.hook("signature", lambda old: flip(old, 0))


@refused("R15", "ml-dsa-half-wrong", sealed=True)
def _(s):
    s.whole().sector.hook("signature", flip)


@refused("R15", "both-halves-by-another", sealed=True)
def _(s):
    s.whole().sector.hook("signature", lambda old: OTHER.sign(b"bakup/1 sector\0"))


@refused("R15", "ml-dsa-without-its-context", sealed=True)
def _(s):
    sector = s.whole().sector
    seen = []
    sector.hook("message", lambda m: seen.append(m) or m)
    sector.hook("signature", lambda old: old[:64] + s.account.lattice.sign(b"bakup/1 sector\0" + seen[0]))


@refused("R15", "header-changed-after-it-was-signed", sealed=True)
def _(s):
    s.replace(lambda data: flip(data, 20))


@refused("R15", "digest-changed-after-it-was-signed", sealed=True)
def _(s):
    s.replace(lambda data: flip(data, 80))


@refused("R16", "unsigned", accepts=("plain",))
def _(s):
    s.whole()


@refused("R16", "plain", accepts=("unsigned",))
def _(s):
    s.whole()


# R17 to R22

for _name, _stage, _change in (
    ("data-of-16-bytes", "data stored", lambda v: v[:16]),
    ("data-of-a-segment-and-16-bytes", "data stored", lambda v: bytes(65552 + 16)),
    ("meta-of-16-bytes", "meta stored", lambda v: v[:16]),
):

    @refused("R17", _name, sealed=True)
    def _(s, stage=_stage, change=_change):
        s.whole().sector.hook(stage, change)


@refused("R17", "meta-of-no-bytes")
def _(s):
    s.whole().sector.hook("meta stored", lambda v: b"")


@refused("R17", "meta-of-seven-bytes")
def _(s):
    s.whole().sector.hook("meta stored", lambda v: v[-7:])


@refused("R17", "longer-than-any-sector")
def _(s):
    values(s, data_length=(32 << 30) + 1)


@refused("R17", "data-length-of-64-bits")
def _(s):
    values(s, data_length=2**64 - 1)


@refused("R17", "meta-length-of-63-bits")
def _(s):
    values(s, meta_length=2**63)


@refused("R18", "one-byte-short")
def _(s):
    s.replace(lambda data: data[:-1])


@refused("R18", "nothing-but-the-header", sealed=True)
def _(s):
    s.replace(lambda data: data[: len(s.sector.header)])


@refused("R19", "a-one-in-the-padding")
def _(s):
    s.whole().sector.padding = bytes(99) + b"\1"


@refused("R20", "sealed-for-others", sealed=True)
def _(s):
    s.whole().sector.recipients = [OTHER]


@refused("R20", "a-sealed-key-that-does-not-open", sealed=True)
def _(s):
    fields(s, lambda old: value_of(old, 0x8002, flip))


@refused("R21", "another-key-check", sealed=True)
def _(s):
    fields(s, lambda old: value_of(old, 0x8004, flip))


@refused("R22", "a-changed-byte-of-metadata", sealed=True)
def _(s):
    s.replace(lambda data: flip(data, -30))


@refused("R22", "a-changed-byte-of-plain-metadata")
def _(s):
    s.replace(lambda data: flip(data, -60))


@refused("R22", "a-segment-of-metadata-that-does-not-open", sealed=True)
def _(s):
    s.whole().sector.hook("meta stored", flip)


@refused("R22", "the-last-segment-of-metadata-is-missing", sealed=True)
def _(s):
    assert s.boxes
    s.sector.pad_meta(65536)
    s.cp.end(s.sector)
    s.sector.hook("meta stored", lambda v: v[:65552])
