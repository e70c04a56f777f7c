"""Putting an object with what of its facts the store takes: stores differ in what they let one say of an object."""

from __future__ import annotations

from bakup.destination.interface import Facts
from bakup.errors import StoreError
from bakup.store.buckets.interface import Bucket, Content
from bakup.store.faults import OBJECT_REFUSED

_LEFT_OUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ()),
    ("storage class", ("storage-class",)),
    ("metadata and tags", ("storage-class", "metadata.", "tag.")),
)
"""What is left out at each try, and how the names of those facts begin."""


def put_fitting(bucket: Bucket, key: str, body: Content, size: int, facts: Facts) -> str:
    """Put an object; what of its facts was refused, and why, or nothing. Raises as `Bucket.put`."""
    refusals: dict[Facts, StoreError] = {}
    for what, names in _LEFT_OUT:
        kept = tuple(pair for pair in facts if not pair[0].startswith(names))
        if kept in refusals:
            continue
        try:
            bucket.put(key, body, size, kept)
        except StoreError as error:
            if error.code != OBJECT_REFUSED:
                raise
            refusals[kept] = error
        else:
            return f"{what}: {next(iter(refusals.values())).message}" if refusals else ""
    raise refusals[facts]
