"""Sections 6.1 and 6.2: check points; their boxes are spread over sectors and lanes, END follows from them."""

from blake3 import blake3

from tests.vectors.forge import entries
from tests.vectors.forge.sectors import CHECKPOINT, END, GROUP, OUTSIDE, PACK, Action, Box, fresh_uuid

END_LANE = 0xFFFFFE
TIME = 1_700_000_000 * 10**9


class CheckPoint:
    """One check point. `values` are the elements of CHECKPOINT by name, to be changed before anything is encoded."""

    def __init__(self, signer, source, previous=None, incremental=False, replaces=None, **given):
        self.signer, self.uuid = signer, given.pop("uuid", None) or fresh_uuid()
        self.previous, self.replaces = previous, replaces
        like = replaces or previous
        self.values = {
            "uuid": self.uuid,
            "flags": int(incremental),
            "time": TIME if not like else like.values["time"] + (0 if replaces else 60 * 10**9),
            "source": source,
            "host": "laptop",
            "location": b"/home/ana/example",
            "name": "example",
            "tags": [],
            "sequence": 1 if not like else like.values["sequence"] + (0 if replaces else 1),
            "previous": None,  # found when it is asked for
            "based_on": None,
            "replaces": None,
            "chunker": ["fastcdc-2020", 262144, 524288, 4194304, 0],
            "facts": [],
        } | given
        self.header = Box(self.uuid, OUTSIDE, [Action(CHECKPOINT, self._header)])
        self.lanes, self.parts, self.ends, self.sectors, self.names = {}, [], [], [], 0
        self._offsets, self._digest = {}, None

    def _header(self):
        v = self.values
        if self.replaces:
            named = self.replaces
            v["previous"] = v["previous"] or named.header.actions[0].structure[9]
            signer = named.signer.signer_id if named.signer else bytes(32)
            v["replaces"] = v["replaces"] or [signer, named.uuid, named.digest()]
        elif self.previous:
            v["previous"] = v["previous"] or [self.previous.uuid, self.previous.digest()]
        if v["flags"] == 1 and v["previous"] and v["based_on"] is None:
            v["based_on"] = v["previous"][0]
        return list(v.values())

    # boxes

    def _in(self, sector):
        sector.open(self)
        if sector not in self.sectors:
            self.sectors.append(sector)

    def pack(self, sector, chunks, zstd=False, name=None):
        """A data box with one PACK; gives the new extents of its chunks."""
        name, self.names = (self.names, self.names + 1) if name is None else (name, self.names)
        box = Box(self.uuid, name, [Action(PACK, b"".join(chunks), zstd)])
        sector.data.append(box)
        extents, at = [], 0
        for chunk in chunks:
            extents.append([len(chunk), entries.chunk_id(chunk), name, at])
            at += len(chunk)
        return extents

    def group(self, sector, *groups, lane=0, zstd=False):
        """A box of entries with a GROUP for each list of entries, at the end of a lane; gives the box."""
        return self.box(sector, [Action(GROUP, group, zstd) for group in groups], lane)

    def box(self, sector, actions, lane=0):
        """A box of entries with any actions, at the end of a lane."""
        self._in(sector)
        box = Box(self.uuid, None, actions)
        box.offset = lambda: self._place(box, lane)
        self.lanes.setdefault(lane, []).append(box)
        sector.meta.append(box)
        return box

    def _place(self, box, lane):
        """Lane and the sum of what is before the box in it."""
        if box not in self._offsets:
            at = 0
            for other in self.lanes[lane]:
                self._offsets[other] = lane << 40 | at
                at += len(other.content)
        return self._offsets[box]

    # END

    def end(self, sector, last=True, sectors=None, lanes=None, part=None, **given):
        """An END part, by itself of all that is there and in no part before; gives its action."""
        self._in(sector)
        told = [one for before in self.parts for one in before["sectors"]]
        done = [lane for before in self.parts for lane in before["lanes"]]
        new = {
            "number": len(self.parts) if part is None else part,
            "last": last,
            "sectors": [s for s in self.sectors if s not in told] if sectors is None else sectors,
            "lanes": [lane for lane in sorted({0, *self.lanes}) if lane not in done] if lanes is None else lanes,
            "sector": sector,
            "given": given,
        }
        self.parts.append(new)
        action = Action(END, lambda: self._end(new))
        self.ends.append(action)
        sector.meta.append(Box(self.uuid, END_LANE << 40 | new["number"], [action]))
        return action

    def _end(self, part):
        files, size = self._counted() if part["last"] and "files" not in part["given"] else (0, 0)
        return [
            self.uuid,
            part["number"],
            part["last"],
            [self._line(sector, sector is part["sector"]) for sector in part["sectors"]],
            part["given"].get("files", files),
            part["given"].get("bytes", size),
            [[lane, self._length(lane), self.lane_digest(lane)] for lane in part["lanes"]],
            part["given"].get("facts", []),
        ]

    def _line(self, sector, own):
        here = [e for e in self._entries(sector) if isinstance(e, list)]
        paths = [one[1] if len(one) > 1 and isinstance(one[1], bytes) else b"" for one in (here[:1] + here[-1:])] or [
            b""
        ] * 2
        digest, length = (None, 0) if own else (sector.header_digest(), sector.length())
        return [sector.uuid, digest, len(here), length, paths[0][:256], paths[1][:256]]

    def _entries(self, sector=None):
        boxes = [box for lane in sorted(self.lanes) for box in self.lanes[lane]]
        for box in boxes:
            for action in box.actions if sector is None or box in sector.meta else ():
                if action.kind == GROUP and isinstance(action.structure, list):
                    yield from action.structure

    def _counted(self):
        sizes = [e[3] for e in self._entries() if isinstance(e, list) and e[0] == entries.FILE]
        sizes += [e[6][1] for e in self._entries() if isinstance(e, list) and e[0] == entries.PART and e[6]]
        return len(sizes), sum(sizes)

    def _length(self, lane):
        return sum(len(box.content) for box in self.lanes.get(lane, ()))

    def lane_digest(self, lane):
        digests = [blake3(box.content).digest() for box in self.lanes.get(lane, ())]
        if lane == 0:
            digests.insert(0, blake3(self.header.actions[0].content).digest())
        return blake3(b"".join(digests)).digest()

    def digest(self):
        if self._digest is None:
            self._digest = blake3(b"".join(blake3(end.content).digest() for end in self.ends)).digest()
        return self._digest
