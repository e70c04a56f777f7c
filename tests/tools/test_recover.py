"""The independent reader, proved against sectors of tests/vectors/forge: both are made from docs/format/sector.md."""

import importlib.util
import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from mnemonic import Mnemonic

from tests.vectors.forge import OUTSIDE, Account, Action, Box, CheckPoint, Raw, Sector, Writer, packed
from tests.vectors.forge import entries as e
from tests.vectors.forge.sectors import CHECKPOINT, CHUNKS, END, GROUP, PAD

SPEC = importlib.util.spec_from_file_location("recover", Path(__file__).parents[2] / "tools" / "recover.py")
recover = importlib.util.module_from_spec(SPEC)
sys.modules["recover"] = recover
SPEC.loader.exec_module(recover)

ACCOUNT, OTHER = Account(), Account(bytes(32))
SOURCE = b"S" * 16
PLAIN = ("--accept-plain", "--accept-unsigned")


class Place:
    """A folder of sectors, the words, and the reader run on them."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        (folder / "sectors").mkdir()
        (folder / "words").write_text(ACCOUNT.words)

    def put(self, *sectors):
        for sector in sectors:
            data = sector if isinstance(sector, bytes) else sector.bytes()
            (self.folder / "sectors" / f"{len(os.listdir(self.folder / 'sectors'))}.bakup").write_bytes(data)

    def run(self, *options):
        code = recover.main(["--words-file", str(self.folder / "words"), str(self.folder / "sectors"), *options])
        self.said = self.capsys.readouterr()
        return code

    def restore(self, *options, out="out"):
        return self.run(str(self.folder / out), *options)

    def tree(self, out="out"):
        root = self.folder / out
        files = (p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink())
        return {str(p.relative_to(root)): p.read_bytes() for p in files}

    def verdicts(self, *options):
        assert self.run("--verdicts", *options) == 0
        return json.loads(self.said.out)

    def rules(self, *options):
        return sorted({one["rule"] for one in self.verdicts(*options)["refused"]}, key=lambda rule: int(rule[1:]))

    def states(self, *options):
        return [one["state"] for one in self.verdicts(*options)["check_points"]]


@pytest.fixture
def place(tmp_path, capsys):
    return Place(tmp_path, capsys)


class Backup:
    """One sector with one check point: the root and `hello.txt`."""

    def __init__(self, signer=ACCOUNT, encrypted=True, entries=(), zstd=False, **given):
        self.sector = Sector(ACCOUNT, signer, encrypted)
        self.cp = CheckPoint(signer, SOURCE, **given)
        self.new = self.cp.pack(self.sector, [b"hello\n"], zstd)
        root = [e.directory(b"")] if not given.get("incremental") else []
        self.listed = [*root, *entries] if entries else [*root, e.file(b"hello.txt", self.new)]
        self.box = self.cp.group(self.sector, self.listed, zstd=zstd)
        self.group = self.box.actions[0]
        self.end = self.cp.end(self.sector)


def chain(*more):
    """A full check point and incremental ones upon it, each with its entries."""
    backups = [Backup()]
    for entries in more:
        backups.append(Backup(previous=backups[-1].cp, incremental=True, entries=entries))
    return backups


# --- words -----------------------------------------------------------------------------------------------


def numbered(words, columns=4, rows=6):
    cells = [f"{n:2} {word[:4]}" for n, word in enumerate(words.split(), 1)]
    return "\n".join("  ".join(cells[row::rows][:columns]) for row in range(rows))


@pytest.mark.parametrize("form", ["{}", "1. {}"])
def test_words_in_their_order(form):
    words = Mnemonic("english").to_mnemonic(bytes(range(32))).split()
    assert recover.entropy_of("# a card\n" + " ".join(w[:4].upper() for w in words)) == bytes(range(32))
    text = " ".join(form.replace("1", str(n)).format(w) for n, w in enumerate(words, 1))
    assert recover.entropy_of(text) == bytes(range(32))


@pytest.mark.parametrize(("columns", "rows"), [(4, 6), (6, 4), (3, 8)])
def test_the_numbers_of_a_card_give_the_order(columns, rows):
    card = numbered(ACCOUNT.words, columns, rows)
    assert recover.entropy_of(card) == ACCOUNT.entropy
    around = f"These 24 words are the key\n\n{card}\n\n   account      7c41-9e02-b3aa\n   word 7: worth\n"
    assert recover.entropy_of(around) == ACCOUNT.entropy


@pytest.mark.parametrize(
    "text",
    [
        "",
        ACCOUNT.words + " zoo",
        " ".join(ACCOUNT.words.split()[:23]),
        ACCOUNT.words.replace("legal", "zzzz", 1),
        " ".join(reversed(ACCOUNT.words.split())),
        numbered(ACCOUNT.words).replace("13", "14"),
        numbered(ACCOUNT.words).replace("13 ", ""),
        ACCOUNT.words.replace("legal", "leg", 1),
    ],
)
def test_words_that_are_not_an_account(text):
    with pytest.raises(recover.Stop) as stop:
        recover.entropy_of(text)
    assert stop.value.args[0] == 2


# --- what is good is read --------------------------------------------------------------------------------


def test_all_kinds_of_entries_come_back(place):
    one, two = Sector(ACCOUNT, recipients=[OTHER, ACCOUNT]), Sector(ACCOUNT)
    cp = CheckPoint(ACCOUNT, SOURCE)
    first = cp.pack(one, [b"hello\n", bytes(range(256)) * 400], zstd=True)
    second = cp.pack(two, [b"Q" * 70000])
    one.pad(70000)
    one.pad_meta(5)
    one.chunks(
        [[one.keep([b"xx", b"kept"]), [[4, e.chunk_id(b"kept"), 2]]]][:0] or [[1 + 1, [[e.chunk_id(b"kept"), 4, 2]]]]
    )
    cp.group(
        one,
        [e.directory(b""), e.directory(b"a", 0o750), e.file(b"a/b", first[:1]), e.file(b"a-", first[1:], link_group=7)],
        [e.file(b"b", [*first, e.hole(9)], mode=0o600), e.file(b"c"), e.symlink(b"d", b"no/where")],
    )
    cp.group(
        two, [e.file(b"k", [e.known(b"kept")]), *e.parts(b"l", 1, [second, [e.hole(5), *second]])], lane=1, zstd=True
    )
    cp.group(two, [e.special(b"m"), e.file(b"n", [e.known(bytes(range(256)) * 400)], link_group=7)], lane=5)
    two.padding = bytes(100)
    cp.end(two)
    place.put(one, two)
    assert place.restore() == 0, place.said
    big, out = bytes(range(256)) * 400, place.folder / "out"
    assert place.tree() == {
        "a/b": b"hello\n",
        "a-": big,
        "b": b"hello\n" + big + bytes(9),
        "c": b"",
        "k": b"kept",
        "l": b"Q" * 70000 + bytes(5) + b"Q" * 70000,
        "n": big,
    }
    assert (out / "a-").samefile(out / "n")
    assert os.readlink(out / "d") == "no/where"
    assert stat.S_ISFIFO(os.stat(out / "m").st_mode)
    assert stat.S_IMODE(os.stat(out / "a").st_mode) == 0o750
    assert {os.lstat(out / name).st_mtime_ns for name in ("a", "a/b", "d", "l", "m")} == {e.MTIME}
    assert place.verdicts()["refused"] == []


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_plain_and_unsigned_only_when_asked_for(place, encrypted, signed):
    place.put(Backup(ACCOUNT if signed else None, encrypted).sector)
    wanted = [option for option, good in zip(PLAIN, (encrypted, signed), strict=True) if not good]
    for left_out in wanted:
        assert place.restore(*(set(wanted) - {left_out})) == 1
        assert place.rules(*(set(wanted) - {left_out})) == ["R16"]
    assert place.restore(*wanted) == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


@pytest.mark.parametrize("signature_id", [1, 2])
def test_a_writer_with_a_certificate(place, signature_id):
    place.put(Backup(Writer(ACCOUNT, [SOURCE, b"T" * 16], signature_id=signature_id)).sector)
    assert place.restore() == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


def test_a_chain(place):
    backups = chain(
        [e.delete(b"hello.txt"), e.file(b"new", [e.known(b"hello\n")])],
        [e.file(b"hello.txt/below", [e.known(b"hello\n")]), e.unread(b"new", "no")],
    )
    place.put(*(backup.sector for backup in backups))
    assert place.states() == ["complete"] * 3
    assert place.restore() == 3
    assert "new could not be read by the backup (no); what was restored is older" in place.said.err
    assert place.tree() == {"hello.txt/below": b"hello\n", "new": b"hello\n"}
    assert place.restore("--at", str(backups[0].cp.uuid.hex())[:8], out="first") == 0
    assert place.tree("first") == {"hello.txt": b"hello\n"}


def test_several_sources_get_their_folders(place):
    place.put(Backup().sector)
    other = Backup()
    other.cp.values |= {"source": b"T" * 16, "name": "../other"}
    place.put(other.sector)
    assert place.restore() == 0
    assert place.tree() == {"example/hello.txt": b"hello\n", "other/hello.txt": b"hello\n"}


def test_copies_are_one_sector(place):
    backup = Backup()
    data = backup.sector.bytes()
    place.put(data[:-1] + bytes([data[-1] ^ 1]), data, data + bytes(7))
    assert [one["class"] for one in place.verdicts()["sectors"].values()] == ["damaged", "good", "good"]
    assert place.restore() == 0


def test_a_damaged_copy_of_data_is_replaced_by_another(place):
    data = bytearray(Backup(encrypted=False).sector.bytes())
    place.put(bytes(data), bytes(data))
    at = data.index(b"hello\n")
    (place.folder / "sectors" / "0.bakup").write_bytes(data[:at] + b"j" + data[at + 1 :])
    assert place.rules("--accept-plain") == ["R53"]
    assert place.restore("--accept-plain") == 0


def test_boxes_copied_into_another_sector(place):
    backup, copy = Backup(), Sector(ACCOUNT)
    copy.data += backup.sector.data
    copy.meta += backup.sector.meta
    place.put(copy)
    assert place.restore() == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


def test_a_box_that_is_not_as_its_row_says_is_told_and_its_chunks_serve(place):
    backup = Backup()
    box = backup.sector.data[0]
    backup.sector.hook("data", lambda plain: b"\1" + plain[1:])
    place.put(backup.sector)
    assert place.rules() == ["R51"]
    assert box.uuid[0] != 1
    assert place.restore() == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


# --- what is refused -------------------------------------------------------------------------------------


def header_value(name, value):
    return lambda backup: backup.sector.hook("values", lambda values: values | {name: value})


def fields(change):
    return lambda backup: backup.sector.hook("fields", change)


def drop(tag):
    return fields(lambda found: [one for one in found if one[0] != tag])


def add(tag, value):
    return fields(lambda found: sorted([*found, [tag, value]], key=lambda one: one[0]))


def padded(backup):
    backup.sector.padding = bytes(5) + b"x"


def point(**values):
    return lambda backup: backup.cp.values.update(values)


def listed(*entries):
    return lambda backup: backup.listed.extend(entries)


def action(**values):
    return lambda backup: [setattr(backup.group, name, value) for name, value in values.items()]


def frame(change):
    def do(backup):
        backup.group.flags, backup.group.zstd, backup.group.frame = 1, True, change

    return do


def end_edit(change):
    return lambda backup: setattr(backup.end, "edit", change)


def row(n, value):
    return lambda backup: backup.sector.data[0].row.__setitem__(n, value)


def table(change):
    return lambda backup: backup.sector.hook("table", change)


def own(kind, content, **given):
    def do(backup):
        made = Action(kind, content)
        for name, value in given.items():
            setattr(made, name, value)
        backup.sector.meta.append(backup.sector.own(made))

    return do


def meta_box(offset, *actions, uuid=None):
    return lambda backup: backup.sector.meta.append(Box(uuid or backup.cp.uuid, offset, actions))


def set_end(index, value):
    return end_edit(lambda end: end.__setitem__(index, value))


def first_of(end, index, value):
    end[3][0][index] = value


def parts_with(change):
    run = e.parts(b"p", 1, [[e.hole(3)], [e.hole(4)]])
    change(run)
    return listed(*run)


def set_in(run, n, index, value):
    run[n][index] = value


ONE = [e.hole(1)]
ROOT = e.directory(b"")

CASES = [
    ("R3", header_value("version", 2)),
    ("R3", header_value("flags", 7)),
    ("R3", header_value("header length", 109)),
    ("R2", header_value("header length", 65536)),
    ("R4", lambda b: b.sector.hook("message", lambda m: m[:-10] + struct.pack("<HI", 0x7000, 9999) + m[-4:])),
    ("R4", fields(lambda found: found[::-1])),
    ("R5", add(0x8005, b"")),
    ("R6", drop(0x8004)),
    ("R6", drop(0x8002)),
    ("R7", add(1, bytes(4097))),
    ("R7", fields(lambda found: [[t, v[:-1] if t == 0x8002 else v] for t, v in found])),
    ("R8", fields(lambda found: [[t, b"\0\0" + v[2:] if t == 0x8001 else v] for t, v in found])),
    ("R9", header_value("uuid", bytes(16))),
    ("R13", add(0x8003, bytes(5000))),
    ("R15", lambda b: b.sector.hook("signature", lambda s: s[:-1] + bytes([s[-1] ^ 1]))),
    ("R15", lambda b: b.sector.hook("signature", lambda s: bytes([s[0] ^ 1]) + s[1:])),
    ("R17", header_value("data length", 10)),
    ("R17", lambda b: b.sector.hook("meta", lambda plain: plain[:7])),
    ("R18", lambda b: b.sector.hook("object", lambda data: data[:-1])),
    ("R19", padded),
    ("R20", fields(lambda found: [[t, b"12345678" + v[8:] if t == 0x8002 else v] for t, v in found])),
    ("R21", fields(lambda found: [[t, bytes(32) if t == 0x8004 else v] for t, v in found])),
    ("R22", header_value("meta digest", bytes(32))),
    ("R22", lambda b: b.sector.hook("meta stored", lambda stored: stored[:-1] + b"x")),
    ("R23", table(lambda raw: raw[:-8] + struct.pack("<Q", 47))),
    ("R23", row(3, 1)),
    ("R23", row(4, (16 << 20) + 1)),
    ("R24", row(1, OUTSIDE)),
    ("R24", row(4, 0)),
    ("R24", row(0, bytes(16))),
    ("R25", meta_box(1 << 63, Action(GROUP, [ROOT]))),
    ("R25", meta_box(5, Action(PAD, b""), uuid=bytes(16))),
    ("R25", meta_box((1 << 40) - 5, Action(GROUP, [ROOT]))),
    ("R25", lambda b: setattr(b.sector.meta[-1], "length", 1 << 20)),
    ("R26", meta_box(OUTSIDE, Action(CHECKPOINT, [0]))),
    ("R26", meta_box(0, Action(GROUP, [ROOT]), uuid=b"x" * 16)),
    ("R41", action(raw=1 << 40)),
    ("R28", action(flags=2)),
    ("R28", action(path=b"x")),
    ("R28", action(length=1 << 20)),
    ("R28", own(PAD, b"", flags=1)),
    ("R29", action(kind=0x9000)),
    ("R29", action(kind=END)),
    ("R29", own(GROUP, [ROOT])),
    ("R30", own(PAD, b"\0x")),
    ("R31", point(sequence=0)),
    ("R31", point(source=bytes(16))),
    ("R31", point(tags=["b", "a"])),
    ("R31", point(flags=1)),
    ("R31", point(flags=2)),
    ("R31", point(uuid=b"u" * 16)),
    ("R31", point(facts=[["", b""]])),
    ("R31", point(previous=[b"p" * 16, bytes(32)], based_on=b"q" * 16, flags=1)),
    ("R31", lambda b: b.cp.values.update(previous=[b.cp.uuid, bytes(32)])),
    ("R34", point(facts=[["!x", b""]])),
    ("R34", set_end(7, [["!x", b""]])),
    ("R34", listed(e.file(b"x", facts=[["!x", b""]]))),
    ("R34", lambda b: b.listed.insert(1, e.record(0x9000, b""))),
    ("R35", set_end(0, b"u" * 16)),
    ("R35", set_end(1, 1)),
    ("R35", end_edit(lambda end: first_of(end, 3, 1))),
    ("R35", end_edit(lambda end: first_of(end, 0, bytes(16)))),
    ("R35", end_edit(lambda end: first_of(end, 4, bytes(257)))),
    ("R35", end_edit(lambda end: end[6].append(end[6][0]))),
    ("R35", end_edit(lambda end: end[6].append([1 << 23, 0, bytes(32)]))),
    ("R37", end_edit(lambda end: end.__setitem__(slice(2, 6), [False, end[3], 0, 0]))),
    ("R37", set_end(6, [])),
    ("R38", end_edit(lambda end: end[6][0].__setitem__(2, bytes(32)))),
    ("R39", end_edit(lambda end: end[6][0].__setitem__(1, 1 << 20))),
    ("R40", own(CHUNKS, [])),
    ("R40", own(CHUNKS, [[0, []]])),
    ("R40", own(CHUNKS, [[0, [[bytes(32), 2, 0], [bytes(32), 2, 1]]]])),
    ("R41", action(raw=0)),
    ("R41", action(raw=(4 << 20) + 1)),
    ("R41", action(raw=9)),
    ("R41", frame(lambda one: one + b"\0")),
    ("R41", frame(lambda one: b"\x50\x2a\x4d\x18\0\0\0\0" + one)),
    ("R42", listed([99])),
    ("R42", listed([63, b"x"])),
    ("R42", listed([*e.delete(b"x"), None])),
    ("R42", listed(Raw(packed(e.delete(b"x")).replace(b"\xc4\x01x", b"\xc5\0\x01x")))),
    ("R42", action(encode=lambda raw: raw + b"\xc0")),
    ("R42", action(encode=lambda raw: b"\x90")),
    ("R43", listed(e.file(b"x", mode=0o10000))),
    ("R43", listed(e.special(b"x", 5))),
    ("R43", listed(e.special(b"x", 1, device=1))),
    ("R43", listed(e.file(b"x", uid=1 << 32))),
    ("R43", listed(e.file(b"x", [[(8 << 20) + 1, bytes(32), None, None]]))),
    ("R43", listed(e.file(b"x", [[0, None, None, None]]))),
    ("R43", listed(e.file(b"x", [[1, None, 0, 0]]))),
    ("R43", listed([1, b"x", e.attributes(), 1 << 63, [], None])),
    ("R43", listed([1, b"x", e.attributes(), 0, [e.hole(1 << 62)] * 2, bytes(32)])),
    ("R44", listed(e.directory(b"x/../y"))),
    ("R44", listed(e.directory(b"x/"))),
    ("R44", listed(e.directory(b"x\0"))),
    ("R44", listed(e.directory(b"/".join([b"x"] * 4097)))),
    ("R44", lambda b: b.listed.__setitem__(0, e.file(b""))),
    ("R44", listed([8, b"x", 1, b""])),
    ("R45", listed(e.file(b"a"))),
    ("R45", listed(e.file(b"x"), e.directory(b"x"))),
    ("R45", listed(e.unread(b"x"), e.file(b"x"))),
    ("R45", listed(e.file(b"x"), e.delete(b"x"))),
    ("R45", parts_with(lambda run: set_in(run, 1, 3, 2))),
    ("R45", listed(*e.parts(b"p", 1, [ONE]), *e.parts(b"p", 2, [ONE]))),
    ("R46", listed(e.file(b"x", xattrs=[[b"b", b""], [b"a", b""]]))),
    ("R46", listed(e.file(b"x", facts=[["", b""]]))),
    ("R47", listed([*e.file(b"x", ONE)[:5], None])),
    ("R47", listed([1, b"x", e.attributes(), 1, [e.known(b"x")], bytes(32)])),
    ("R47", listed([2, b"x", 1, 0, 0, [], None])),
    ("R48", listed(e.record(e.REVOKE, b"\xc0"))),
    ("R48", listed(e.record(e.FORGET, [[bytes(32), bytes(16), bytes(32)]] * 2))),
    ("R49", listed([*e.file(b"x", ONE)[:3], 2, ONE, e.file_digest(ONE)])),
    ("R49", parts_with(lambda run: set_in(run, 1, 4, 5))),
    ("R49", parts_with(lambda run: run[1][6].__setitem__(1, 8))),
    ("R50", listed([*e.file(b"x", ONE)[:5], bytes(32)])),
    ("R50", parts_with(lambda run: run[1][6].__setitem__(2, bytes(32)))),
    ("R51", lambda b: b.sector.hook("data stored", lambda stored: stored[:-1] + bytes([stored[-1] ^ 1]))),
    ("R51", row(4, 7)),
    ("R52", lambda b: b.new[0].__setitem__(2, 7)),
    ("R52", lambda b: b.new[0].__setitem__(3, 1)),
    ("R52", own(CHUNKS, [[1, [[bytes(32), 2, 0]]]])),
    ("R53", lambda b: setattr(b.sector.data[0].actions[0], "body", struct.pack("<Q", 6) + b"jello\n")),
    ("R58", listed([64, b"x", [1, [None]], "text"])),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), CASES, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(CASES)])
def test_exactly_what_section_8_says_is_refused(place, rule, change):
    """A good check point of another sector is always there after, whatever is wrong in this one."""
    backup, good = Backup(), Backup()
    good.cp.values |= {"source": b"T" * 16, "name": "good"}
    change(backup)
    place.put(good.sector, backup.sector)
    told = place.verdicts()
    assert rule in {one["rule"] for one in told["refused"]}, told["refused"]
    what, kind = recover.RULES[rule]
    sectors = list(told["sectors"].values())
    assert sectors[0]["class"] == "good"
    assert sectors[1] == ({"class": kind, "rule": rule} if what == "sector" else {"class": "good", "rule": None})
    if what != "sector":
        assert {one["rule"] for one in told["refused"]} <= {rule, "R35", "R37", "R38", "R39"}, told["refused"]
    states = {one["source"]: one["state"] for one in told["check_points"]}
    assert states["54545454-5454-5454-5454-545454545454"] == "complete"
    place.restore("--source", "good")
    assert place.tree() == {"hello.txt": b"hello\n"}


# --- trust -----------------------------------------------------------------------------------------------


def test_words_of_another_account(place):
    (place.folder / "words").write_text(OTHER.words)
    place.put(Backup().sector)
    assert place.restore() == 12
    assert place.verdicts()["sectors"] == {"0.bakup": {"class": "foreign", "rule": "R10"}}


def signed_by_half(backup):
    """The account's Ed25519 half alone, as an id of its own."""
    half = Writer(ACCOUNT, [SOURCE], signature_id=1)
    half.curve, half.public, half.certificate = ACCOUNT.curve, ACCOUNT.public[:32], None
    backup.sector.signer = half


def certified(**given):
    def do(backup):
        writer = Writer(ACCOUNT, [SOURCE])
        writer.certificate = writer.certify(**given)
        backup.sector.signer = writer

    return do


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("R11", fields(lambda found: [[t, v[:2] + OTHER.kem + v[1218:] if t == 0x8001 else v] for t, v in found])),
        ("R12", signed_by_half),
        ("R13", certified(flags=1)),
        ("R13", certified(sources=[])),
        ("R13", certified(sources=[SOURCE, SOURCE])),
        ("R13", certified(uuid=bytes(16))),
        ("R13", certified(number=2)),
        ("R14", certified(public=OTHER.public)),
        ("R14", certified(account=OTHER)),
        ("R32", certified(sources=[b"T" * 16])),
    ],
)
def test_who_is_not_trusted(place, rule, change):
    backup = Backup()
    change(backup)
    place.put(backup.sector)
    assert place.rules() == [rule]


def test_a_revoked_writer_is_believed_up_to_the_named_check_point(place):
    writer = Writer(ACCOUNT, [SOURCE])
    first = Backup(writer)
    second = Backup(writer, previous=first.cp, incremental=True, entries=[e.file(b"good", [e.known(b"hello\n")])])
    third = Backup(writer, previous=second.cp, incremental=True, entries=[e.file(b"bad", [e.known(b"hello\n")])])
    notice = Backup(entries=[e.revoke(writer.uuid, {SOURCE: second.cp.digest()})])
    notice.cp.values |= {"source": b"N" * 16, "name": "notice"}
    place.put(first.sector, second.sector, third.sector, notice.sector)
    assert place.states() == ["complete", "complete", "revoked", "complete"]
    assert place.rules() == ["R54"]
    assert place.restore("--source", "example") == 0
    assert place.tree() == {"good": b"hello\n", "hello.txt": b"hello\n"}


def test_a_writer_revokes_and_forgets_no_one_else(place):
    writer, mine = Writer(ACCOUNT, [SOURCE]), Backup()
    records = [e.revoke(ACCOUNT.signer_id, {}), e.forget([ACCOUNT.signer_id, mine.cp.uuid, mine.cp.digest()])]
    place.put(mine.sector, Backup(writer, entries=records).sector)
    assert place.states() == ["complete", "complete"]
    assert place.rules() == ["R56"]


def test_forgotten_ones_are_not_offered_but_serve_as_base(place):
    first, second, third = chain([e.file(b"a", [e.known(b"hello\n")])], [e.file(b"b", [e.known(b"hello\n")])])
    third.listed[:0] = [e.forget([ACCOUNT.signer_id, second.cp.uuid, second.cp.digest()])]
    third.listed[:0] = [e.forget([ACCOUNT.signer_id, first.cp.uuid, bytes(32)])]
    place.put(first.sector, second.sector, third.sector)
    assert place.states() in (["complete", "forgotten", "complete"], ["incomplete", "forgotten", "complete"])
    assert place.restore() == 0
    assert place.tree() == dict.fromkeys(("a", "b", "hello.txt"), b"hello\n")


@pytest.mark.parametrize("there", [True, False])
def test_a_replacement_counts_in_the_place_of_the_named_one(place, there):
    first, second = chain([e.file(b"a", [e.known(b"hello\n")])])
    anew = Backup(replaces=first.cp)
    place.put(second.sector, anew.sector, *([first.sector] if there else []))
    states = {one["uuid"]: one["state"] for one in place.verdicts()["check_points"]}
    assert sorted(states.values()) == ["complete", "complete"] + ["replaced"] * there
    assert place.restore() == 0, place.said
    assert place.tree() == dict.fromkeys(("a", "hello.txt"), b"hello\n")


def test_a_replacement_that_differs_has_no_effect(place):
    first = Backup()
    anew = Backup(replaces=first.cp)
    anew.cp.values["time"] += 1
    place.put(first.sector, anew.sector)
    assert place.states() == ["complete", "void"]
    assert place.rules() == ["R55"]


# --- END, lanes, bases -----------------------------------------------------------------------------------


def test_end_in_parts_and_sectors_that_are_gone(place):
    sectors = [Sector(ACCOUNT) for _ in range(4)]
    cp = CheckPoint(ACCOUNT, SOURCE)
    cp.group(sectors[0], [ROOT, e.file(b"a", cp.pack(sectors[0], [b"a"]))])
    cp.end(sectors[1], last=False)
    for lane, name in ((1, b"b"), (2, b"c")):
        cp.group(sectors[lane], [e.file(name, cp.pack(sectors[lane], [name]))], lane=lane)
    cp.end(sectors[2], last=False)
    cp.end(sectors[3])
    place.put(*sectors)
    assert place.restore() == 0
    assert place.tree() == {"a": b"a", "b": b"b", "c": b"c"}
    (place.folder / "sectors" / "0.bakup").unlink()
    assert place.restore(out="second") == 3
    assert place.tree("second") == {"b": b"b", "c": b"c"}
    assert "2 entries from (root) to a is not here" in place.said.err
    (place.folder / "sectors" / "2.bakup").unlink()
    assert place.rules() == ["R37"]
    assert place.states() == ["incomplete"]


def test_incomplete_ones_are_restored_when_asked_for(place):
    backup = Backup()
    backup.sector.meta.pop()  # END was never written
    place.put(backup.sector)
    assert place.restore() == 3
    said = place.said.err.splitlines()[-1]
    assert said.startswith("hint: restore what there is of the newest: python3 ")
    assert f" --at {UUID(bytes=backup.cp.uuid)} {place.folder}/sectors {place.folder}/out" in said
    assert place.run("--list") == 0
    assert "incomplete" in place.said.out
    assert place.restore("--at", backup.cp.uuid.hex()) == 3
    assert "something may be missing between hello.txt and the end" in place.said.err
    assert place.tree() == {"hello.txt": b"hello\n"}


def twin(backup, change):
    """Another sector with the same check point, something of it changed."""
    other = Sector(ACCOUNT)
    other.data += backup.sector.data
    other.meta += backup.sector.meta
    change(other)
    return other


def test_ends_that_contradict_each_other(place):
    backup = Backup()
    value = [*backup.end.structure]
    value[4] += 1
    end = Box(backup.cp.uuid, 0xFFFFFE << 40, [Action(END, value)])
    place.put(backup.sector, twin(backup, lambda sector: sector.meta.__setitem__(-1, end)))
    assert place.rules() == ["R36"]
    assert place.states() == ["refused"]
    after = Backup(previous=backup.cp, incremental=True, entries=[e.file(b"a", [e.known(b"hello\n")])])
    place.put(after.sector)
    assert place.rules() == []
    assert place.restore() == 0


def test_boxes_that_contradict_each_other_are_decided_by_the_digest(place):
    backup = Backup()
    bad = Box(backup.cp.uuid, 0, [Action(GROUP, [ROOT, e.file(b"bad")])])
    place.put(backup.sector, twin(backup, lambda sector: sector.meta.__setitem__(1, bad)))
    assert place.rules() == []
    assert place.restore() == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


def test_without_end_nothing_decides(place):
    backup = Backup()
    bad = Box(backup.cp.uuid, 0, [Action(GROUP, [ROOT, e.file(b"bad")])])
    other = twin(backup, lambda sector: (sector.meta.__setitem__(1, bad), sector.meta.pop()))
    backup.sector.meta.pop()
    place.put(backup.sector, other)
    assert place.rules() == ["R38"]
    assert place.restore("--at", backup.cp.uuid.hex()) == 3
    assert place.tree() == {}


@pytest.mark.parametrize("end", [True, False])
def test_headers_that_contradict_each_other(place, end):
    backup = Backup()
    values = [*backup.cp.header.actions[0].structure]
    values[6] = "another"
    other = twin(backup, lambda s: s.meta.__setitem__(0, Box(backup.cp.uuid, OUTSIDE, [Action(CHECKPOINT, values)])))
    if not end:
        backup.sector.meta.pop()
        other.meta.pop()
    place.put(other, backup.sector)
    assert place.rules() == ([] if end else ["R33"])
    assert place.restore() == (0 if end else 3)


def test_a_lost_base_is_named_and_the_rest_restored(place):
    _, second = chain([e.file(b"b", [e.hole(3)])])
    place.put(second.sector)
    assert place.rules() == ["R57"]
    assert place.restore() == 3
    assert place.tree() == {"b": bytes(3)}


def test_void_parts_replace_nothing(place):
    first, second = chain(e.parts(b"hello.txt", 5, [[e.hole(7)]], closed=False))
    place.put(first.sector, second.sector)
    assert place.restore() == 0
    assert place.tree() == {"hello.txt": b"hello\n"}


# --- what is written -------------------------------------------------------------------------------------


def test_a_file_with_a_lost_chunk_is_restored_in_part_on_request(place):
    place.put(Backup(entries=[e.file(b"x", [e.hole(2), e.known(b"lost"), e.hole(3)])]).sector)
    assert place.restore() == 3
    assert place.tree() == {}
    assert place.restore("--partial", out="second") == 3
    assert place.tree("second") == {"x.part": bytes(9), "x.part.ranges": b"0 2\n6 3\n"}


def test_nothing_is_written_through_a_link(place):
    outside = place.folder / "outside"
    outside.mkdir()
    entries = [e.symlink(b"way", os.fsencode(outside)), e.file(b"way/x"), e.directory(b"way/y")]
    place.put(Backup(entries=entries).sector)
    assert place.restore() == 3
    assert os.listdir(outside) == []


def test_a_link_that_was_put_in_the_way_is_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    folders = recover.Folders(os.fsencode(tmp_path / "out"))
    (tmp_path / "out" / "way").symlink_to(tmp_path / "outside")
    with pytest.raises(recover.Lost):
        folders.get(b"way/below")
    with pytest.raises(recover.Lost):
        folders.of(b"..")
    folders.close()
    assert os.listdir(tmp_path / "outside") == []


def test_a_path_of_4096_names(place):
    deep = b"/".join([b"x"] * 4096)
    place.put(Backup(entries=[e.file(deep, [e.hole(1)])]).sector)
    try:
        assert place.restore() == 0, place.said
        fd = os.open(place.folder / "out", os.O_RDONLY)
        for _ in range(4095):
            below = os.open("x", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        assert os.stat("x", dir_fd=fd).st_size == 1
        os.close(fd)
    finally:  # shutil.rmtree does not reach so deep
        subprocess.run(["rm", "-rf", str(place.folder / "out")], check=True)


def test_a_folder_with_something_in_it_is_left_alone(place):
    place.put(Backup().sector)
    (place.folder / "out").mkdir()
    (place.folder / "out" / "mine").write_text("mine")
    assert place.restore() == 1
    assert place.tree() == {"mine": b"mine"}


def test_sectors_alone_give_back_what_they_hold(place):
    first, second = chain([e.file(b"a", [e.hole(3)])])
    place.put(first.sector, second.sector)
    words, out = str(place.folder / "words"), str(place.folder / "alone")
    code = recover.main(["--words-file", words, out, "--sectors", str(place.folder / "sectors" / "1.bakup")])
    assert code == 0
    assert place.tree("alone") == {"a": bytes(3)}


def test_a_huge_group_is_refused_before_it_is_unpacked(place):
    backup = Backup(zstd=True)
    backup.group.encode = lambda raw: b"\xdd" + struct.pack(">I", 12_000_000) + b"\x92\x06\xc4" * 12_000_000
    place.put(backup.sector)
    assert "R41" in place.rules()


def test_usage(place, capsys):
    assert recover.main([]) == 2
    assert recover.main(["--words-file", str(place.folder / "words"), str(place.folder / "none"), "--list"]) == 1
    assert "hint: name the folder" in capsys.readouterr().err
