"""R48, R54 to R56: RECORDs, and what they take out."""

from blake3 import blake3

from tests.vectors.forge import Action, Box, CheckPoint, Writer
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.scene import ALL, NOTHING, SOURCE, A, refused
from tests.vectors.forge.sectors import END, GROUP

END_LANE = 0xFFFFFE
NOBODY = bytes(32)
BOSS = b"the account's .."


def recorded(s, record, signer="same", name="records.bakup"):
    """One more check point of another source, with the record; its signer is the account unless told otherwise."""
    signer = s.signer if signer == "same" else signer
    sector = s.new(signer)
    cp = CheckPoint(signer, BOSS, name="records", location=b"/home/ana/records")
    cp.group(sector, [e.directory(b""), record])
    cp.end(sector)
    s.put(name, sector)
    return cp


def without_b(s):
    """A second, incremental check point of the source, in a sector of its own: b.txt and c.txt are gone."""
    after, sector = CheckPoint(s.cp.signer, SOURCE, previous=s.cp, incremental=True), s.new(s.cp.signer)
    after.group(sector, [e.delete(b"b.txt"), e.delete(b"c.txt")])
    after.end(sector)
    s.put("after.bakup", sector)
    return after


def by_writer(s):
    writer = Writer(s.account, [SOURCE])
    s.sector, s.cp = s.new(writer), CheckPoint(writer, SOURCE)
    s.whole()
    return writer


# R48: the group with the root and a.txt is refused

for _name, _record in {
    "revoke-that-is-no-messagepack": e.record(e.REVOKE, b"\xc1"),
    "revoke-of-one-element": e.record(e.REVOKE, [b"W" * 16]),
    "revoke-of-a-writer-of-15-bytes": e.record(e.REVOKE, [bytes(15), []]),
    "revoke-whose-pairs-do-not-ascend": e.record(e.REVOKE, [b"W" * 16, [[b"2" * 16, NOBODY], [b"1" * 16, NOBODY]]]),
    "revoke-with-a-pair-twice": e.record(e.REVOKE, [b"W" * 16, [[b"1" * 16, NOBODY], [b"1" * 16, NOBODY]]]),
    "revoke-with-a-byte-after-it": e.record(e.REVOKE, b"\x92\xc4\x10" + b"W" * 16 + b"\x90\xc0"),
    "forget-of-pairs": e.record(e.FORGET, [[NOBODY, SOURCE]]),
    "forget-whose-triples-do-not-ascend": e.record(
        e.FORGET, [[NOBODY, b"2" * 16, NOBODY], [NOBODY, b"1" * 16, NOBODY]]
    ),
    "forget-as-a-map": e.record(e.FORGET, b"\x80"),
    "forget-with-a-digest-of-31-bytes": e.record(e.FORGET, [[NOBODY, SOURCE, bytes(31)]]),
}.items():

    @refused("R48", _name, {"b.txt": b"middle\n", "c.txt": b"last\n"})
    def _(s, record=_record):
        s.whole().boxes[0].actions[0].source.insert(1, record)


# R54


@refused("R54", "a-revoked-writer-s-only-check-point", NOTHING, sealed=True)
def _(s):
    writer = by_writer(s)
    recorded(s, e.revoke(writer.uuid, {}))


@refused("R54", "a-revoked-key-s-only-check-point", NOTHING, sealed=True)
def _(s):
    writer = by_writer(s)
    recorded(s, e.revoke(writer.signer_id, {}))


@refused("R54", "after-the-last-one-that-is-believed", ALL, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    without_b(s)
    recorded(s, e.revoke(writer.uuid, {SOURCE: s.cp.digest()}))


@refused("R54", "a-digest-of-another-check-point", NOTHING, sealed=True)
def _(s):
    writer = by_writer(s)
    without_b(s)
    recorded(s, e.revoke(writer.uuid, {SOURCE: b"\5" * 32}))


@refused("good", "a-revocation-up-to-the-latest", {"a.txt": A}, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    after = without_b(s)
    recorded(s, e.revoke(writer.uuid, {SOURCE: after.digest()}))


# A stolen key, revoked up to the last good check point: its digest names what is restored, whatever the key signs since


def stolen(s):
    """The writer's check point, revoked from it on, and a sector that the thief made; the sector."""
    writer = by_writer(s)
    recorded(s, e.revoke(writer.uuid, {SOURCE: s.cp.digest()}))
    sector = s.new(writer)
    sector.open(s.cp)
    s.put("thief.bakup", sector)
    return sector


def end_of_thief(s, cp, sector):
    """Another END beside that of a check point; gives the check point digest that would be its."""
    lanes = [[0, 0, cp.lane_digest(9)]]
    end = Action(END, [cp.uuid, 0, True, [[sector.uuid, None, 0, 0, b"", b""]], 0, 0, lanes, []])
    sector.meta.append(Box(cp.uuid, END_LANE << 40, [end]))
    return blake3(blake3(end.content).digest()).digest()


def box_of_thief(s, sector, offset, listed):
    sector.meta.append(Box(s.cp.uuid, offset, [Action(GROUP, listed)]))


@refused("R54", "a-stolen-key-puts-another-end-beside", ALL, whole=True, sealed=True)
def _(s):
    sector = stolen(s)
    end_of_thief(s, s.cp, sector)


@refused("R54", "a-stolen-key-puts-another-box-beside", ALL, whole=True, sealed=True)
def _(s):
    sector = stolen(s)
    right = s.boxes[1]
    wrong = Action(GROUP, [e.file(b"b.txt", [e.known(A)])])
    sector.meta.append(Box(s.cp.uuid, right.offset, [wrong]))


@refused("R54", "a-stolen-key-appends-to-a-lane", ALL, whole=True, sealed=True)
def _(s):
    sector = stolen(s)
    length = sum(len(box.content) for box in s.boxes)
    box_of_thief(s, sector, length, [e.file(b"z.txt", [e.known(A)])])


@refused("R54", "a-stolen-key-adds-a-lane", ALL, whole=True, sealed=True)
def _(s):
    box_of_thief(s, stolen(s), 1 << 40, [e.delete(b"a.txt")])


@refused("R54", "a-stolen-key-goes-on-with-the-chain", ALL, whole=True, sealed=True)
def _(s):
    stolen(s)
    without_b(s)


@refused("R54", "a-stolen-key-changes-the-check-point-s-header", ALL, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    recorded(s, e.revoke(writer.uuid, {SOURCE: s.cp.digest()}))
    twin, sector = CheckPoint(writer, SOURCE, uuid=s.cp.uuid, host="thief", time=s.cp.values["time"] + 5), s.new(writer)
    sector.open(twin)
    s.put("thief.bakup", sector)


# R55


@refused("R55", "forgotten", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    after = without_b(s)
    recorded(s, e.forget((s.account.signer_id, after.uuid, after.digest())))


@refused("R55", "forgotten-by-the-account", ALL, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    after = without_b(s)
    recorded(s, e.forget((writer.signer_id, after.uuid, after.digest())))


@refused("good", "a-forgotten-base-still-serves", {"a.txt": A}, whole=True, sealed=True)
def _(s):
    s.whole()
    without_b(s)
    recorded(s, e.forget((s.account.signer_id, s.cp.uuid, s.cp.digest())))


@refused("R55", "a-replacement-that-is-not-its-equal", ALL, whole=True)
def _(s):
    s.whole()
    other, sector = CheckPoint(s.signer, SOURCE, replaces=s.cp), s.new()
    other.values["time"] += 5
    other.group(sector, [e.directory(b"")])
    other.end(sector)
    s.put("other.bakup", sector)


@refused("good", "a-replacement-of-a-base-that-is-gone", {"a.txt": A}, whole=True)
def _(s):
    s.whole()
    without_b(s)
    other, sector = CheckPoint(s.signer, SOURCE, replaces=s.cp), s.new()
    other.group(sector, [e.directory(b""), e.file(b"a.txt", other.pack(sector, [A]))])
    other.end(sector)
    s.put("other.bakup", sector)
    s.cp.digest()
    s.objects["sector.bakup"] = None


# R56


@refused("R56", "a-record-of-nobody", ALL, whole=True, sealed=True, accepts=("unsigned",))
def _(s):
    s.whole()
    after = without_b(s)
    s.objects.pop("after.bakup")
    recorded(s, e.forget((s.account.signer_id, s.cp.uuid, s.cp.digest())), signer=None)
    assert after.uuid


@refused("R56", "a-revocation-by-a-writer", ALL, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    recorded(s, e.revoke(writer.uuid, {}), signer=Writer(s.account, [BOSS], uuid=b"V" * 16, seed=b"v"))


@refused("R56", "a-writer-forgets-the-account-s", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    recorded(s, e.forget((s.account.signer_id, s.cp.uuid, s.cp.digest())), signer=Writer(s.account, [BOSS]))


@refused("R56", "forget-with-another-digest", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    recorded(s, e.forget((s.account.signer_id, s.cp.uuid, b"\3" * 32)))


# What is refused or not believed names no digest, and says nothing


@refused("R54", "a-stolen-key-names-the-digest-of-another-end", ALL, whole=True, sealed=True)
def _(s):
    sector = stolen(s)
    after, later = CheckPoint(s.cp.signer, SOURCE, previous=s.cp), s.new(s.cp.signer)
    after.values["previous"] = [s.cp.uuid, end_of_thief(s, s.cp, sector)]
    after.group(later, [e.directory(b"")])
    after.end(later)
    s.put("later.bakup", later)


@refused("R54", "a-stolen-key-adds-what-must-be-understood", ALL, whole=True, sealed=True)
def _(s):
    box_of_thief(s, stolen(s), 5 << 40, [e.record(0x8077, b"")])


@refused("R54", "a-stolen-key-forgets-what-is-believed", ALL, whole=True, sealed=True)
def _(s):
    stolen(s)
    after, later = CheckPoint(s.cp.signer, SOURCE, previous=s.cp, incremental=True), s.new(s.cp.signer)
    after.group(later, [e.forget((s.cp.signer.signer_id, s.cp.uuid, s.cp.digest()))])
    after.end(later)
    s.put("later.bakup", later)


@refused("R54", "a-stolen-key-s-check-point-is-no-base", {"d.txt": A}, whole=False, sealed=True)
def _(s):
    writer = by_writer(s)
    middle, gone = CheckPoint(writer, SOURCE, previous=s.cp), s.new(writer)
    middle.group(gone, [e.directory(b""), e.file(b"a.txt", [e.known(A)])])
    middle.end(gone)
    after, sector = CheckPoint(writer, SOURCE, previous=middle, incremental=True), s.new(writer)
    after.group(sector, [e.delete(b"b.txt"), e.delete(b"c.txt"), e.file(b"d.txt", [e.known(A)])])
    after.end(sector)
    s.put("after.bakup", sector)
    thief, other = CheckPoint(writer, SOURCE, previous=s.cp), s.new(writer)
    thief.group(other, [e.directory(b""), e.file(b"a.txt", thief.pack(other, [b"thief\n"]))])
    thief.end(other)
    s.put("thief.bakup", other)
    recorded(s, e.revoke(writer.uuid, {SOURCE: after.digest()}))


@refused("R34", "a-revocation-in-a-check-point-that-is-refused", ALL, whole=True, sealed=True)
def _(s):
    writer = by_writer(s)
    told = recorded(s, e.revoke(writer.uuid, {}))
    told.values["facts"] = [["!later", b""]]


@refused("R36", "a-forget-in-a-check-point-that-is-refused", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    told = recorded(s, e.forget((s.account.signer_id, s.cp.uuid, s.cp.digest())))
    other = s.new()
    other.open(told)
    end_of_thief(s, told, other)
    s.put("other.bakup", other)


@refused("R57", "the-base-has-another-digest", {"a.txt": A}, whole=False)
def _(s):
    s.whole()
    without_b(s).values["previous"] = [s.cp.uuid, b"\7" * 32]
    named, sector = CheckPoint(s.signer, SOURCE, previous=s.cp), s.new()
    named.values["time"] -= 10**9
    named.group(sector, [e.directory(b"")])
    named.end(sector)
    s.put("named.bakup", sector)
