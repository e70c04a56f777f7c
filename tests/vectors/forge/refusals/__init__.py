"""A case for every line of section 8 of docs/format/sector.md: something wrong, and what a reader may still release.

    python -m tests.vectors.forge.refusals          writes tests/vectors/refused/ anew

Nothing here imports bakup; each module has the cases of some lines of the table. `scene.py` says what a case starts
from, `casefile.py` how it is written down.
"""

from tests.vectors.forge.refusals import actions, entries, headers, points, records, regions, states
from tests.vectors.forge.refusals.scene import CASES, Case, Scene, build

__all__ = ["CASES", "Case", "Scene", "actions", "build", "entries", "headers", "points", "records", "regions", "states"]
