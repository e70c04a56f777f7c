"""R57 and chains: what an incremental check point stands on; unsigned beside signed; one uuid for two sectors."""

from tests.vectors.forge import CheckPoint, Writer
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.records import without_b
from tests.vectors.forge.refusals.scene import ALL, SOURCE, A, B, C, refused


def with_d(s, previous=None, **given):
    """An incremental check point upon the first: d.txt is new."""
    s.whole()
    after, sector = CheckPoint(s.signer, SOURCE, previous=previous or s.cp, incremental=True), s.new()
    after.values |= given
    after.group(sector, [e.file(b"d.txt", after.pack(sector, [B]))])
    after.end(sector)
    s.put("after.bakup", sector)
    return after


# R57


@refused("R57", "the-base-is-gone", {"d.txt": B})
def _(s):
    with_d(s)
    s.cp.digest()
    s.objects["sector.bakup"] = None


@refused("R57", "a-sequence-that-is-not-higher-than-the-base-s", ALL, whole=True)
def _(s):
    with_d(s, sequence=1, time=1)


@refused("R57", "a-part-of-the-base-is-gone", {"a.txt": A, "c.txt": C, "d.txt": B})
def _(s):
    second, third = s.new(), s.new()
    s.cp.group(s.sector, [e.directory(b""), e.file(b"a.txt", s.cp.pack(s.sector, [A]))])
    s.cp.group(second, [e.file(b"b.txt", s.cp.pack(second, [B]))])
    s.cp.group(third, [e.file(b"c.txt", s.cp.pack(third, [C]))])
    s.cp.end(third)
    after = CheckPoint(s.signer, SOURCE, previous=s.cp, incremental=True)
    after.group(third, [e.file(b"d.txt", after.pack(third, [B]))])
    after.end(third)
    s.cp.digest()
    s.put("third.bakup", third)


@refused("good", "an-incremental-one", {**ALL, "d.txt": B}, whole=True)
def _(s):
    with_d(s)


@refused("good", "deletions", {"a.txt": A}, whole=True)
def _(s):
    s.whole()
    without_b(s)


@refused("good", "a-chunk-of-an-earlier-check-point", {"d.txt": B}, whole=True)
def _(s):
    s.whole()
    after, sector = CheckPoint(s.signer, SOURCE, previous=s.cp), s.new()
    after.group(sector, [e.directory(b""), e.file(b"d.txt", [e.known(B)])])
    after.end(sector)
    s.put("after.bakup", sector)


@refused("R53", "a-known-chunk-that-nothing-has", {})
def _(s):
    s.whole()
    after, sector = CheckPoint(s.signer, SOURCE, previous=s.cp), s.new()
    after.group(sector, [e.directory(b""), e.file(b"d.txt", [e.known(b"nowhere")])])
    after.end(sector)
    s.put("after.bakup", sector)


# identity (section 1)


@refused("good", "two-sectors-of-one-uuid-are-two", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    writer = Writer(s.account, [b"another source.."])
    other = s.new(writer)
    other.uuid = s.sector.uuid
    cp = CheckPoint(writer, b"another source..", name="other", location=b"/home/ana/other")
    cp.group(other, [e.directory(b"")])
    cp.end(other)
    s.put("a-twin.bakup", other)


@refused("good", "two-signers-check-points-of-one-uuid-are-two", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    writer = Writer(s.account, [b"another source.."])
    other = s.new(writer)
    cp = CheckPoint(writer, b"another source..", name="other", location=b"/home/ana/other", uuid=s.cp.uuid)
    cp.group(other, [e.directory(b""), e.delete(b"a.txt")])
    cp.end(other)
    s.put("a-twin.bakup", other)


@refused(
    "R56", "an-unsigned-check-point-does-not-join-a-signed-chain", ALL, whole=True, sealed=True, accepts=("unsigned",)
)
def _(s):
    s.whole()
    after, sector = CheckPoint(None, SOURCE, previous=s.cp, incremental=True), s.new(None)
    after.group(sector, [e.delete(b"a.txt")])
    after.end(sector)
    s.put("after.bakup", sector)


@refused("good", "a-copy-under-another-name", ALL, whole=True, sealed=True)
def _(s):
    s.whole()
    s.put("again.bakup", s.sector.bytes())
