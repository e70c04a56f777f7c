"""What `sector inspect` and `sector restore` give back. Units as in `reports`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from bakup.api.reports import Count, Path, Uuid


class HeldFile(Struct, frozen=True):
    """What a sector can give back of a file: `ranges` of (offset, length) in bytes."""

    path: Path
    bytes: int | None
    ranges: tuple[tuple[int, int], ...]
    whole: bool


class SectorReport(Struct, frozen=True):
    """`sector inspect`. Fields behind the account are None without it."""

    uuid: Uuid
    version: int
    total_bytes: int
    header_bytes: int
    data_bytes: int
    meta_bytes: int
    encrypted: bool
    signed: bool
    account: str | None  # id of the account it is for
    signature: Literal["good", "bad", "none"]
    meta_state: Literal["good", "damaged"]
    data_state: Literal["good", "damaged"]
    checkpoints: tuple[tuple[bytes, str, int], ...] | None = None  # uuid, source, boxes
    whole: Count | None = None
    partial: Count | None = None
    files: tuple[HeldFile, ...] = ()
    exit_code: int = 0


class SectorRestoreReport(Struct, frozen=True):
    """`sector restore`."""

    sectors: int
    restored: Count
    partial: Count
    not_restored: tuple[tuple[bytes, str], ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    elapsed: float = 0.0
