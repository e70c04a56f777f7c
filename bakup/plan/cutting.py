"""Cutting large files into content-defined chunks (FastCDC, Xia et al. 2020)."""

from __future__ import annotations

from pyfastcdc import FastCDC

from bakup.format.constants import CHUNK_MAX_CUT, CHUNK_MIN_CUT, CHUNK_NOMINAL
from bakup.model import Chunker

NAME = "fastcdc-2020"


def chunker(seed: int) -> Chunker:
    """What a check point's header says of the cuts; `seed` (u64) keys the gear table, so sizes tell nothing."""
    return Chunker(NAME, CHUNK_MIN_CUT, CHUNK_NOMINAL, CHUNK_MAX_CUT, seed)


class Cutter:
    """Cuts one stream of bytes; not for use by two threads at once."""

    def __init__(self, how: Chunker) -> None:
        # The library keys its table by a signed number.
        seed = how.seed & (2**63 - 1)
        self._fastcdc = FastCDC(how.nominal, min_size=how.min, max_size=how.max, seed=seed)

    def cut(self, data: memoryview, *, last: bool) -> list[int]:
        """Lengths of the chunks at the start of `data`; without `last`, but the one that more bytes could move."""
        lengths = [chunk.length for chunk in self._fastcdc.cut_buf(data)]
        if not last and lengths:
            lengths.pop()
        return lengths
