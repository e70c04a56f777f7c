"""How sectors are made unless the user says otherwise."""

from __future__ import annotations

from bakup.api.reports import SyncOptions
from bakup.errors import Usage

ZSTD = 2
"""The level unless another is asked for."""
SECTOR = 256 << 20
"""Bytes of a sector unless others are asked for."""


def sector_size(options: SyncOptions) -> int:
    """The most bytes of a sector."""
    return SECTOR if options.sector_size is None else options.sector_size


def zstd_level(options: SyncOptions) -> int | None:
    """The level of packs; None when they are not compressed. Raises Usage when gzip was asked for."""
    asked = options.compression
    if asked is None:
        return ZSTD
    if asked.kind == "gzip":
        raise Usage("gzip is for --layout atbak", hints=("--compression zstd:LEVEL or none",), code="compression")
    return asked.level if asked.kind == "zstd" else None
