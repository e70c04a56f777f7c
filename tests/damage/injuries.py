"""The six damages, done to one structure of one sector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from anatomy import Anatomy

World = dict[str, bytes]
"""The objects of a target by name."""

ANOTHER_NAME = "00000000-0000-4000-8000-000000000000.bakup"


@dataclass(frozen=True)
class Case:
    """A structure of `victim`; `other` is another valid sector there, `foreign` one of another account."""

    structure: str
    victim: Anatomy
    other: Anatomy
    foreign: Anatomy

    def injure(self, damage: str, world: Mapping[str, bytes]) -> World:
        """The target's objects after the damage."""
        injured = dict(world)
        if self.structure == "object":
            _WHOLE[damage](self, injured)
        else:
            injured[self.victim.name] = _PART[damage](self)
            if damage == "swap":
                injured[self.other.name] = _with(self.other, self.structure, _bytes(self.victim, self.structure))
        return injured


def _bytes(sector: Anatomy, structure: str) -> bytes:
    begin, end = sector.spans[structure]
    return sector.content[begin:end]


def _with(sector: Anatomy, structure: str, content: bytes) -> bytes:
    begin, end = sector.spans[structure]
    return sector.content[:begin] + content + sector.content[end:]


def flipped(content: bytes, at: int) -> bytes:
    """One bit is another."""
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def _middle(case: Case) -> int:
    return sum(case.victim.spans[case.structure]) // 2


_PART: dict[str, Callable[[Case], bytes]] = {
    "flip": lambda case: flipped(case.victim.content, _middle(case)),
    "truncation": lambda case: case.victim.content[: _middle(case)],
    "removal": lambda case: _with(case.victim, case.structure, b""),
    "duplication": lambda case: _with(case.victim, case.structure, 2 * _bytes(case.victim, case.structure)),
    "swap": lambda case: _with(case.victim, case.structure, _bytes(case.other, case.structure)),
    "foreign": lambda case: _with(case.victim, case.structure, _bytes(case.foreign, case.structure)),
}


def _exchange(case: Case, world: World) -> None:
    one, other = case.victim.name, case.other.name
    world[one], world[other] = world[other], world[one]


def _put(name: str, content: Callable[[Case], bytes]) -> Callable[[Case, World], None]:
    def change(case: Case, world: World) -> None:
        world[name or case.victim.name] = content(case)

    return change


_WHOLE: dict[str, Callable[[Case, World], None]] = {
    "flip": _put("", lambda case: flipped(case.victim.content, len(case.victim.content) // 3)),
    "truncation": _put("", lambda case: case.victim.content[: len(case.victim.content) // 2]),
    "removal": lambda case, world: world.__delitem__(case.victim.name),
    "duplication": _put(ANOTHER_NAME, lambda case: case.victim.content),
    "swap": _exchange,
    "foreign": _put("", lambda case: case.foreign.content),
}

DAMAGES = tuple(_WHOLE)


def lay_out(world: World, folder: Path) -> None:
    """Make the objects in `folder` those of `world`."""
    for path in folder.glob("*.bakup"):
        if path.name not in world:
            path.unlink()
    for name, content in world.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
