"""What can be had from the objects of a target, worked out by comparing bytes with whole sectors.

A sector's structures were read while it was whole (`anatomy`). An object is *sound* when its header, metadata and
padding are as they were; a chunk is there when what it needs is as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from anatomy import Anatomy, Span, digest_of
from injuries import World

from bakup.format.constants import MAGIC
from bakup.model import Checkpoint, Delete, Dir, Entry, File, Symlink, path_key


@dataclass(frozen=True)
class Given:
    """An object that still has the header of a sector; `sound`: metadata and padding too."""

    sector: Anatomy
    content: bytes
    sound: bool

    def unchanged(self, span: Span) -> bool:
        """Whether bytes of the sector are as they were."""
        return self.content[slice(*span)] == self.sector.content[slice(*span)]


@dataclass
class State:
    """A source at a check point, as far as it is known: the entries, and ranges of paths that are not known."""

    checkpoint: Checkpoint
    entries: dict[bytes, Entry] = field(default_factory=dict)
    blind: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Expected:
    """What a restore gives: digests of the files that come back, and the paths that do not."""

    files: dict[bytes, bytes]
    lost: set[bytes]
    others: set[bytes]


class Oracle:
    """The sectors of a target while they were whole, in the order in which they were made."""

    def __init__(self, sectors: Sequence[Anatomy]) -> None:
        self.sectors = sectors
        self.bytes = {
            chunk.id: sector.raw(chunk.pack)[chunk.offset : chunk.offset + chunk.length]
            for sector in sectors
            for chunk in sector.chunks
        }
        assert all(digest_of([content]) == chunk for chunk, content in self.bytes.items()), "made before any damage"
        held = {uuid: head.value for sector in sectors for uuid, head in sector.meta.checkpoints.items()}
        self.checkpoints = sorted(held.values(), key=lambda one: one.sequence)

    def given(self, world: World, *, known: bool) -> list[Given]:
        """The objects that serve.

        Args:
            world: the target's objects.
            known: a catalog has the metadata of what stands at its own name in its own size.
        """
        found = []
        for name, content in world.items():
            for sector in self.sectors:
                if content[: sector.header.length] != sector.content[: sector.header.length]:
                    continue
                sound = is_sound(sector, content)
                at_home = known and name == sector.name and len(content) == len(sector.content)
                if sound or at_home:
                    found.append(Given(sector, content, sound))
        return found

    def refused(self, world: World, foreign: Iterable[Anatomy]) -> list[str]:
        """Names of objects that begin like sectors, are not sound, and do not name another account as theirs."""
        sound = {id(one.content) for one in self.given(world, known=False)}
        keys = [_public_key(sector, sector.content) for sector in foreign]
        return [
            name
            for name, content in world.items()
            if content.startswith(MAGIC)
            and id(content) not in sound
            and not any(_public_key(sector, content) in keys for sector in self.sectors)
        ]

    def forgotten(self, sectors: Sequence[Anatomy]) -> bool:
        """Whether these sectors name a check point before one of theirs that none of them shows: exit 23."""
        heads = [held.value for sector in sectors for held in sector.meta.checkpoints.values()]
        return any(one.previous and one.previous.uuid not in {head.uuid for head in heads} for one in heads)

    def chunks(self, given: Iterable[Given]) -> set[bytes]:
        """Ids of the chunks that one of the objects gives."""
        return {chunk.id for one in given for chunk in one.sector.chunks if one.unchanged(one.sector.needed(chunk))}

    def complete(self, sectors: Iterable[Anatomy]) -> list[Checkpoint]:
        """Check points that these sectors show to be complete, by sequence."""
        there = list(sectors)
        ended = {end.uuid for sector in there for end in sector.ends if end.last}
        for sector in there:
            ended |= {one.value.previous.uuid for one in sector.meta.checkpoints.values() if one.value.previous}
        held = {uuid for sector in there for uuid in sector.meta.checkpoints}
        return [one for one in self.checkpoints if one.uuid in ended & held]

    def state(self, checkpoint: Checkpoint, sectors: Sequence[Anatomy]) -> State:
        """The state that the entries of `sectors` make, from the last full listing on."""
        chain = [checkpoint]
        while chain[0].based_on is not None:
            chain.insert(0, next(one for one in self.checkpoints if one.uuid == chain[0].based_on))
        state = State(checkpoint)
        for one in chain:
            for sector in self.sectors:
                if one.uuid not in sector.meta.checkpoints:
                    continue
                if sector not in sectors:
                    state.blind.append(sector.header.uuid)
                    continue
                for box, entry in sector.entries:
                    if box.checkpoint == one.uuid:
                        _apply(state.entries, entry)
        return state

    def expected(self, state: State, chunks: set[bytes]) -> Expected:
        """What a restore of `state` gives when `chunks` are there."""
        whole: dict[bytes, bytes] = {}
        lost: set[bytes] = set()
        for path, entry in state.entries.items():
            if isinstance(entry, File):
                ids = [extent.chunk for extent in entry.extents if extent.chunk is not None]
                if all(one in chunks for one in ids):
                    whole[path] = self._digest(entry)
                else:
                    lost.add(path)
        return Expected(whole, lost, {path for path, entry in state.entries.items() if not isinstance(entry, File)})

    def _digest(self, entry: File) -> bytes:
        pieces = [self.bytes[one.chunk] if one.chunk is not None else bytes(one.length) for one in entry.extents]
        return digest_of(pieces)


def is_sound(sector: Anatomy, content: bytes) -> bool:
    """Whether a reader that knows nothing accepts the object."""
    end, meta = sector.header.sector_length, sector.header.meta_start
    return (
        len(content) >= end
        and content[: sector.header.length] == sector.content[: sector.header.length]
        and content[meta:end] == sector.content[meta:end]
        and not content[end:].strip(b"\0")
    )


def _public_key(sector: Anatomy, content: bytes) -> bytes:
    begin, end = sector.spans["public key"]
    return content[begin:end]


def _apply(entries: dict[bytes, Entry], entry: Entry) -> None:
    key = path_key(entry.path)
    if isinstance(entry, Delete):
        for path in [path for path in entries if path == entry.path or path_key(path).startswith(key + b"\0")]:
            del entries[path]
        return
    assert isinstance(entry, File | Dir | Symlink), "these tests have no other entries"
    entries[entry.path] = entry
