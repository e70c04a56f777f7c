"""What every case starts from: a good source of three files beside a good witness, each in sectors of its own.

The three files `a.txt`, `b.txt`, `c.txt` stand in three boxes of lane 0, each with a pack of its own: what is wrong
with the middle one must leave the others. The witness is another source in another sector: nothing may touch it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tests.vectors.forge import Account, CheckPoint, Sector
from tests.vectors.forge import entries as e

SOURCE, WITNESS = b"example source..", b"witness source.."
A, B, C = b"first\n", b"middle\n", b"last\n"
ALL = {"a.txt": A, "b.txt": B, "c.txt": C}
OTHERS = {"a.txt": A, "c.txt": C}
NOTHING: dict[str, bytes] = {}
SEEN = {"w.txt": b"witness\n"}


class Scene:
    """The good state; a case changes it. Plain and unsigned unless it asks for more, since that is small."""

    def __init__(self, sealed: bool = False):
        self.account = Account()
        self.sealed = sealed
        self.signer = self.account if sealed else None
        self.cp = CheckPoint(self.signer, SOURCE)
        self.sector = self.new()
        self.objects: dict[str, object] = {}

    def new(self, signer: object = "same", **given: object) -> Sector:
        """Another sector of the same kind."""
        given.setdefault("encrypted", self.sealed)
        return Sector(self.account, self.signer if signer == "same" else signer, **given)

    @cached_property
    def boxes(self) -> list:
        """The three boxes of entries, made on first use; before that a case may do as it likes."""
        cp, sector = self.cp, self.sector
        first = cp.group(sector, [e.directory(b""), e.file(b"a.txt", cp.pack(sector, [A]))])
        middle = cp.group(sector, [e.file(b"b.txt", cp.pack(sector, [B]))])
        last = cp.group(sector, [e.file(b"c.txt", cp.pack(sector, [C]))])
        return [first, middle, last]

    @cached_property
    def end(self) -> object:
        """The END action, after the boxes."""
        assert self.boxes
        return self.cp.end(self.sector, files=3, bytes=sum(map(len, ALL.values())))

    @property
    def middle(self) -> list:
        """The entries of the middle box."""
        return self.boxes[1].actions[0].source

    def whole(self) -> "Scene":
        """The three boxes and END."""
        assert self.end
        return self

    def replace(self, change: Callable[[bytes], bytes]) -> None:
        """What `change` makes of all bytes of the sector."""
        self.whole().sector.hook("object", change)

    def put(self, name: str, thing: object) -> None:
        """One more object: a sector or bytes."""
        self.objects[name] = thing


@dataclass
class Case:
    """One refusal.

    Attributes:
        rule: line of section 8.
        name: what is wrong, in a few words; with the rule the name of the file.
        refuses: as the line says.
        kind: class, as the line says.
        released: what a restore of the source gives back: path -> content.
        whole: whether a reader may call that a full success.
        accepts: options that the user gives: plain, unsigned.
        at: restore this check point, not the latest (uuid).
        objects: name -> bytes.
    """

    rule: str
    name: str
    refuses: str
    kind: str
    released: dict[str, bytes]
    whole: bool
    accepts: tuple[str, ...]
    make: Callable[[Scene], object] = field(repr=False)
    sealed: bool = False
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)


CASES: list[Case] = []
LINES = {  # section 8: what a line refuses, and its class
    "good": ("nothing", "none"),  # what looks like a fault and is none
    "R1": ("object", "skipped"),
    **dict.fromkeys(
        [f"R{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27)],
        ("sector", "damaged"),
    ),
    "R10": ("sector", "foreign"),
    **dict.fromkeys(["R12", "R14", "R15", "R16"], ("sector", "untrusted")),
    **dict.fromkeys(["R28", "R29", "R30", "R35", "R40", "R51"], ("box", "damaged")),
    "R31": ("check point here", "damaged"),
    "R32": ("check point here", "untrusted"),
    **dict.fromkeys(["R33", "R34", "R36"], ("check point", "damaged")),
    "R37": ("END", "damaged"),
    "R38": ("lane", "damaged"),
    "R39": ("nothing more", "damaged"),
    **dict.fromkeys([f"R{n}" for n in range(41, 49)], ("group", "damaged")),
    "R49": ("entry", "damaged"),
    "R50": ("entry", "damaged"),
    "R52": ("place", "damaged"),
    "R53": ("place", "damaged"),
    "R54": ("check point", "untrusted"),
    "R55": ("check point", "skipped"),
    "R56": ("nothing more", "skipped"),
    "R57": ("nothing more", "damaged"),
    "R58": ("entry", "skipped"),
}
KEPT = {  # what is left of the three files when the middle one has what a line refuses
    "box": OTHERS, "group": OTHERS, "entry": OTHERS, "place": OTHERS,
}  # fmt: skip


def refused(
    rule: str,
    name: str,
    released: dict[str, bytes] | None = None,
    whole: bool = False,
    sealed: bool = False,
    accepts: tuple[str, ...] | None = None,
    refuses: str | None = None,
) -> Callable[[Callable[[Scene], object]], Callable[[Scene], object]]:
    """Registers a case: the function changes the scene it is given."""

    def register(make: Callable[[Scene], object]) -> Callable[[Scene], object]:
        what, kind = LINES[rule]
        what = refuses or what
        given = KEPT.get(what, NOTHING) if released is None else released
        options = (() if sealed else ("plain", "unsigned")) if accepts is None else accepts
        CASES.append(Case(rule, name, what, kind, given, whole, options, make, sealed))
        return make

    return register


def build(case: Case) -> Case:
    """The case with its objects, made anew."""
    scene = Scene(case.sealed)
    case.make(scene)
    readable = len(case.accepts) == 2  # else the witness has to be as good as can be
    signer = scene.signer if readable or case.sealed else scene.account
    witness = CheckPoint(signer, WITNESS, name="witness", location=b"/home/ana/witness")
    beside = scene.new(signer, encrypted=signer is not None)
    new = witness.pack(beside, [SEEN["w.txt"]])
    witness.group(beside, [e.directory(b""), e.file(b"w.txt", new)])
    witness.end(beside)
    made = {"witness.bakup": beside}
    if "sector.bakup" not in scene.objects and (scene.sector.meta or scene.sector.data):
        made["sector.bakup"] = scene.sector
    made |= scene.objects
    case.objects = {
        name: thing if isinstance(thing, bytes) else thing.bytes() for name, thing in made.items() if thing is not None
    }
    return case


def each(values: dict[str, object]) -> Iterator[tuple[str, object]]:
    """The names and values of one family of cases."""
    yield from values.items()
