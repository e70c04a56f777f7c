"""R42 to R47, R49, R50, R58: entries, and files that do not add up."""

import struct

from tests.vectors.forge import Raw
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.scene import ALL, OTHERS, A, B, C, refused

BIG = 2**63


def group(s):
    s.whole()
    return s.boxes[1].actions[0]


def entry(s, change):
    """The entry of b.txt, changed."""
    s.whole()
    change(s.middle[0])


def put(*path_and_value):
    """Sets an element at a path of indexes."""
    *path, last, value = path_and_value

    def change(thing):
        for at in path:
            thing = thing[at]
        thing[last] = value

    return change


def more(*entries):
    """The middle group gets these entries after b.txt."""

    def make(s):
        s.whole()
        s.middle.extend(entries)

    return make


def encoded(change):
    def make(s):
        group(s).encode = change

    return make


# R42

for _name, _change in {
    "five-elements": lambda x: x.pop(),
    "seven-elements": lambda x: x.append(None),
    "path-as-text": put(1, "b.txt"),
    "path-as-nil": put(1, None),
    "kind-as-text": put(0, "1"),
    "kind-0": put(0, 0),
    "kind-9": put(0, 9),
    "kind-63": put(0, 63),
    "kind-128": put(0, 128),
    "size-as-bytes": put(3, b"7"),
    "size-not-in-its-shortest-form": put(3, Raw(b"\xcc\x07")),
    "path-not-in-its-shortest-form": put(1, Raw(b"\xc5\0\5b.txt")),
    "size-as-a-float": put(3, Raw(b"\xcb" + struct.pack(">d", 7))),
    "attributes-as-a-map": put(2, Raw(b"\x80")),
    "twelve-attributes": lambda x: x[2].pop(),
    "fourteen-attributes": lambda x: x[2].append(None),
    "user-that-is-no-utf-8": put(2, 3, Raw(b"\xa2\xc3\x28")),
    "a-surrogate-in-a-name": put(2, 3, Raw(b"\xa3\xed\xa0\x80")),
    "uid-below-0": put(2, 1, -1),
    "digest-of-31-bytes": put(5, bytes(31)),
    "chunk-id-of-31-bytes": put(4, 0, 1, bytes(31)),
    "extent-of-three-elements": lambda x: x[4][0].pop(),
    "an-extension-type": put(3, Raw(b"\xd4\1\7")),
    "xattrs-as-nil": put(2, 11, None),
}.items():

    @refused("R42", _name)
    def _(s, change=_change):
        entry(s, change)


@refused("R42", "no-entries")
def _(s):
    group(s).source.clear()


@refused("R42", "65537-entries")
def _(s):
    group(s).zstd, group(s).flags = True, 1
    s.middle[:] = [e.delete(b"%05d" % n) for n in range(65537)]


@refused("R42", "an-array-that-says-it-has-more-than-4-thousand-millions")
def _(s):
    group(s).encode = lambda plain: b"\xdd\xff\xff\xff\xff" + plain


for _name, _encode in {
    "a-byte-after-the-array": lambda plain: plain + b"\xc0",
    "one-byte-short": lambda plain: plain[:-1],
    "the-array-in-a-longer-form": lambda plain: b"\xdc\0\1" + plain[1:],
    "a-map": lambda plain: b"\x81\xc0" + plain[1:],
    "no-messagepack": lambda plain: b"\xc1" + plain[1:],
    "arrays-ten-thousand-deep": lambda plain: b"\x91" * 10_000 + b"\xc0",
    "a-kind-to-come-with-arrays-too-deep": lambda plain: b"\x91" + b"\x93\x40\xc4\1x" + b"\x91" * 17 + b"\xc0",
    "a-kind-to-come-with-a-map": lambda plain: b"\x91" + b"\x93\x40\xc4\1x" + b"\x80",
}.items():
    refused("R42", _name)(encoded(_encode))


# R43

for _name, _change in {
    "size-of-63-bits": put(3, BIG),
    "mtime-of-64-bits": put(2, 5, BIG),
    "mode-of-five-digits": put(2, 0, 0o10000),
    "uid-of-33-bits": put(2, 1, 2**32),
    "extent-of-no-length": put(4, 0, 0, 0),
    "extent-longer-than-a-chunk": put(4, 0, 0, (8 << 20) + 1),
    "hole-of-63-bits": lambda x: (x[4].append([BIG, None, None, None]), put(3, BIG + 7)(x)),
    "holes-that-add-up-to-63-bits": lambda x: x[4].extend([[BIG - 4, None, None, None], [BIG - 4, None, None, None]]),
    "an-id-with-a-box-and-no-offset": put(4, 0, 3, None),
    "an-id-with-an-offset-and-no-box": put(4, 0, 2, None),
    "a-hole-with-a-box": put(4, 0, 1, None),
    "a-box-above-all-lanes": put(4, 0, 2, 1 << 63),
    "an-offset-of-63-bits": put(4, 0, 3, BIG),
}.items():

    @refused("R43", _name)
    def _(s, change=_change):
        entry(s, change)


@refused("R43", "16385-extents")
def _(s):
    group(s).zstd, group(s).flags = True, 1
    put(0, e.file(b"b.txt", [e.known(B), e.hole(1)] * 8192 + [e.known(B)]))(s.middle)


@refused("R43", "special-of-type-5")
def _(s):
    more(e.special(b"b2", 5))(s)


@refused("R43", "special-of-type-0")
def _(s):
    more(e.special(b"b2", 0))(s)


@refused("R43", "a-fifo-with-a-device")
def _(s):
    more(e.special(b"b2", 1, 1))(s)


@refused("R43", "part-of-63-bits")
def _(s):
    run = e.parts(b"b2", 1, [[e.hole(5)], [e.hole(7)]])
    run[1][3], run[0][3] = BIG - 2, 0
    more(run[1])(s)


@refused("R43", "file-id-of-63-bits")
def _(s):
    more(*e.parts(b"b2", BIG, [[e.hole(5)]]))(s)


@refused("good", "an-inode-and-a-link-group-of-64-bits", ALL, whole=True)
def _(s):
    entry(s, lambda x: (put(2, 7, 2**64 - 1)(x), put(2, 9, 2**64 - 1)(x)))


# R44

for _name, _path in {
    "a-slash-before": b"/b",
    "a-slash-behind": b"b/",
    "two-slashes": b"b//b",
    "dot": b".",
    "dot-below": b"b/./b",
    "dot-dot": b"b/..",
    "dot-dot-first": b"../../b",
    "nul": b"b\0b",
    "65536-bytes": b"b" * 65536,
    "4097-names": b"/".join([b"b"] * 4097),
    "empty": b"",
}.items():

    @refused("R44", _name)
    def _(s, path=_path):
        entry(s, put(1, path))


@refused("R44", "a-root-that-is-a-link", {"b.txt": B, "c.txt": C})
def _(s):
    s.whole().boxes[0].actions[0].source[0] = e.symlink(b"", b"/etc")


@refused("R44", "a-special-without-path")
def _(s):
    group(s).source.insert(0, e.special(b""))


@refused("R44", "a-record-with-a-path")
def _(s):
    group(s).source.append([e.RECORD, b"b2", 3, b""])


# R45


@refused("R45", "paths-out-of-order")
def _(s):
    more(e.file(b"aa"))(s)


@refused("R45", "order-of-bytes-and-not-of-keys")
def _(s):
    more(e.directory(b"d"), e.file(b"d-e"), e.file(b"d/f"))(s)


@refused("R45", "a-path-twice")
def _(s):
    more(e.file(b"b.txt"))(s)


@refused("R45", "a-file-and-a-folder-of-one-path")
def _(s):
    more(e.directory(b"b.txt"))(s)


@refused("R45", "delete-after-its-file")
def _(s):
    more(e.delete(b"b.txt"))(s)


@refused("R45", "delete-twice")
def _(s):
    group(s).source[:0] = [e.delete(b"b.txt"), e.delete(b"b.txt")]


@refused("R45", "a-file-after-its-unread")
def _(s):
    group(s).source.insert(0, e.unread(b"b.txt"))


@refused("R45", "unread-twice")
def _(s):
    more(e.unread(b"b2"), e.unread(b"b2"))(s)


@refused("R45", "a-record-before-the-root", {"b.txt": B, "c.txt": C})
def _(s):
    s.whole().boxes[0].actions[0].source.insert(0, e.record(3, b""))


@refused("R45", "parts-that-do-not-continue")
def _(s):
    run = e.parts(b"b2", 1, [[e.hole(5)], [e.hole(7)]])
    run[1][3] = 6
    more(*run)(s)


@refused("R45", "a-part-after-the-closing-one")
def _(s):
    run = e.parts(b"b2", 1, [[e.hole(5)], [e.hole(7)]])
    more(run[1], run[0])(s)


@refused("R45", "a-file-after-its-parts")
def _(s):
    more(*e.parts(b"b2", 1, [[e.hole(5)]]), e.file(b"b2"))(s)


# R46

for _name, _at, _value in (
    ("xattrs-that-do-not-ascend", 11, [[b"b", b""], [b"a", b""]]),
    ("an-xattr-twice", 11, [[b"a", b""], [b"a", b""]]),
    ("facts-that-do-not-ascend", 12, [["b", b""], ["a", b""]]),
    ("a-fact-twice", 12, [["a", b""], ["a", b""]]),
    ("a-fact-without-a-name", 12, [["", b""]]),
):

    @refused("R46", _name)
    def _(s, at=_at, value=_value):
        entry(s, put(2, at, value))


# R47


@refused("R47", "a-digest-with-one-extent")
def _(s):
    entry(s, put(5, e.chunk_id(B)))


@refused("R47", "no-digest-with-two-extents")
def _(s):
    entry(s, lambda x: (x[4].append(e.known(A)), put(3, len(A + B))(x)))


@refused("R47", "no-digest-with-a-hole")
def _(s):
    more([*e.file(b"b2", [e.hole(5)])[:5], None])(s)


@refused("R47", "a-digest-of-an-empty-file")
def _(s):
    more([*e.file(b"b2")[:5], e.file_digest([])])(s)


@refused("R47", "an-empty-part-that-is-not-the-last")
def _(s):
    more(*e.parts(b"b2", 1, [[], [e.hole(5)]]))(s)


# R49 and R50: the entries are good, the files are not


def twofold(s, change):
    """b.txt of two extents, changed."""
    entry(s, lambda x: (x.__setitem__(slice(None), e.file(b"b.txt", [*x[4], e.known(A)])), change(x)))


@refused("R49", "size-of-a-file-is-more")
def _(s):
    entry(s, put(3, len(B) + 1))


@refused("R49", "size-of-a-file-is-less")
def _(s):
    entry(s, put(3, len(B) - 1))


@refused("R49", "size-of-a-file-without-extents")
def _(s):
    entry(s, put(4, []))


@refused("R49", "size-0-of-a-file-with-extents")
def _(s):
    entry(s, put(3, 0))


def run_of_parts(s, change=lambda run: None):
    """b.txt in three parts, changed."""
    s.whole()
    run = e.parts(b"b.txt", 1, [s.middle[0][4], [e.known(A)], [e.hole(9)]])
    change(run)
    s.middle[:] = run


@refused("R49", "size-of-a-closing-part-is-more")
def _(s):
    run_of_parts(s, put(2, 6, 1, 999))


@refused("R49", "length-of-a-part-is-more")
def _(s):
    run_of_parts(s, lambda run: (put(2, 4, 10)(run), put(2, 6, 1, len(A + B) + 10)(run)))


@refused("R49", "a-part-is-missing")
def _(s):
    s.whole()
    run = e.parts(b"b.txt", 1, [s.middle[0][4], [e.known(A)], [e.hole(9)]])
    s.middle[:] = run[:1]
    s.boxes[2].actions[0].source[:0] = run[2:]


@refused("good", "parts", {**OTHERS, "b.txt": B + A + bytes(9)}, whole=True)
def _(s):
    run_of_parts(s)


@refused("good", "of-parts-that-repeat-the-last-counts", {**OTHERS, "b.txt": C + A + bytes(9)}, whole=True)
def _(s):
    """In sectors that are read in another order than the stream's, and parted from each other's GROUP."""
    cp, after = s.cp, s.new()
    first = cp.pack(s.sector, [B])
    good = e.parts(b"b.txt", 1, [cp.pack(after, [C]), [*cp.pack(after, [A]), e.hole(9)]])
    s.boxes[1].actions[0].source[:] = e.parts(b"b.txt", 1, [first], closed=False)
    cp.group(after, [good[0]])
    cp.group(after, good[1:])
    s.put("a.bakup", after)
    s.whole()


@refused("good", "void-parts", OTHERS, whole=True)
def _(s):
    run_of_parts(s, lambda run: run.pop())


@refused("R50", "digest-of-a-file")
def _(s):
    twofold(s, put(5, bytes(32)))


@refused("R50", "digest-of-a-file-with-a-hole")
def _(s):
    entry(s, lambda x: (x.__setitem__(slice(None), e.file(b"b.txt", [*x[4], e.hole(5)])), put(5, bytes(32))(x)))


@refused("R50", "digest-in-a-closing-part")
def _(s):
    run_of_parts(s, put(2, 6, 2, bytes(32)))


# R58


@refused("R58", "a-kind-to-come", ALL)
def _(s):
    more([64, b"b2", None, [1, [b"x", "y", None, True]]])(s)


@refused("R58", "a-kind-to-come-of-the-same-path", ALL)
def _(s):
    more([127, b"b.txt"])(s)
