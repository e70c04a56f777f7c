"""Answers held against what was asked: what stands between us and a store may answer in its place, or change it.

A hotel's network sends a page to log in with 200, a console's port its own; a cache drops `Range` and sends all.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_ROOT = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<([^\s/>]+)", re.DOTALL)
WHOLE, _PART = 200, 206


class NotTheStore(Exception):
    """An answer that this kind of store does not give to what was asked."""


class OtherRange(Exception):
    """A part of one object that is not the one that was asked for."""


def expect_root(body: bytes, name: str, operation: str) -> None:
    """An answer in XML must be of the kind that was asked for. Raises NotTheStore.

    `rclone serve s3` leaves out the Result of InitiateMultipartUploadResult, moto says GetBucketVersioningResponse.
    """
    found = _ROOT.match(body[:4096])
    known = (name, name.removesuffix("Result"), f"{operation}Response")
    if found is None or found[1].rpartition(b":")[2] not in [one.encode() for one in known]:
        raise NotTheStore(f"it sent {_shown(body)} in place of {name}")


def expect_any(headers: Collection[str], names: Collection[str], beginning: str = "") -> None:
    """One of these headers is in every answer of such a store, or one that begins so. Raises NotTheStore."""
    there = {header.lower() for header in headers}
    if there.isdisjoint(names) and not (beginning and any(name.startswith(beginning) for name in there)):
        raise NotTheStore("it sent what looks like a page of the web")


def _shown(body: bytes) -> str:
    return "a page of the web" if b"<html" in body[:1024].lower() else "something else"


class Slice:
    """The bytes of a range, out of an answer to it.

    Args:
        offset, length: what was asked for.
        status: of the answer; where that is the whole object (RFC 9110, section 14.2), what is around is passed over.
        content_range: the header. A part has one, and some servers say a part with the status of the whole.

    Raises OtherRange.
    """

    def __init__(self, offset: int, length: int, status: int, content_range: str | None) -> None:
        self._skip = 0
        self._came = 0
        self._left = length
        self._told: int | None = None
        if status == WHOLE and content_range is None:
            self._skip = offset
            return
        found = _CONTENT_RANGE.fullmatch(content_range or "")
        if status not in (WHOLE, _PART) or found is None or int(found[1]) != offset:
            raise OtherRange(
                f"the store sent {content_range or 'no range'} in place of bytes {offset}-{offset + length - 1}"
            )
        self._told = min(length, int(found[2]) - offset + 1)
        if found[3] != "*":
            self._told = max(self._told, min(length, int(found[3]) - offset))

    @property
    def full(self) -> bool:
        """Whether all came that was asked for: the rest need not be read."""
        return not self._left

    def cut(self, piece: bytes) -> bytes:
        """Of the next bytes of the answer those that were asked for."""
        passed = min(self._skip, len(piece))
        self._skip -= passed
        wanted = piece[passed : passed + self._left]
        self._left -= len(wanted)
        self._came += len(wanted)
        return wanted

    def end(self) -> None:
        """No more comes. Raises ConnectionError when less came than the answer says that there is."""
        if self._told is not None and self._came < self._told:
            raise ConnectionError(f"{self._came} bytes came of {self._told}")
