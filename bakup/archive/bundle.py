"""A folder of a check point as one stream: tar with all that the form can hold, or zip.

Both end with an error at what is damaged, and then lack their end: no program takes them for whole.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Iterator
from typing import Literal

from bakup.archive.contents import Contents
from bakup.archive.moments import Moment
from bakup.catalog.rows import Version
from bakup.model import Kind, SpecialType

Form = Literal["tar", "zip"]
TYPES: dict[Form, str] = {"tar": "application/x-tar", "zip": "application/zip"}
"""Media types."""

_KINDS = {Kind.FILE: tarfile.REGTYPE, Kind.DIR: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}
_SPECIAL = {
    SpecialType.FIFO: tarfile.FIFOTYPE,
    SpecialType.CHARACTER: tarfile.CHRTYPE,
    SpecialType.BLOCK: tarfile.BLKTYPE,
}
_END = bytes(2 * tarfile.BLOCKSIZE)
_ZIP_FROM = 315_532_800
"""1980 UTC: the first time that a zip can say."""
_TIMESTAMP = struct.Struct("<HHBl")
"""The extra field 0x5455 of Info-ZIP: seconds since 1970."""
_LARGE = 1 << 31


def stream(form: Form, contents: Contents, moment: Moment, path: bytes, top: bytes) -> Iterator[bytes]:
    """The folder `path` and all below it, in key order, with `top` in the place of its path.

    Raises Damaged or Untrusted where nothing gives a byte of a file, StoreError as the target does.
    """
    make = tar if form == "tar" else zip_
    return make(contents, ((_name(one.path, path, top), one) for one in contents.below(moment, path)))


def tar(contents: Contents, entries: Iterator[tuple[bytes, Version]]) -> Iterator[bytes]:
    """POSIX.1-2001 (pax): times in nanoseconds, owners by name too, hard links, extended attributes, devices.

    Sockets have no place in it; holes are zeros.
    """
    firsts: dict[object, str] = {}
    for name, version in entries:
        info = _tar_info(name, version, firsts)
        if info is None:
            continue
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if info.type == tarfile.REGTYPE:
            yield from contents.file(version).pieces()
            yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield _END


def zip_(contents: Contents, entries: Iterator[tuple[bytes, Version]]) -> Iterator[bytes]:
    """Modes, links, and times to the second; other bytes than UTF-8 in names are replaced. No special files."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, version in entries:
            info = _zip_info(name, version)
            if info is None:
                continue
            with made.open(info, "w", force_zip64=(version.size or 0) >= _LARGE) as file:
                for piece in _zip_content(contents, version):
                    file.write(piece)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


def _name(path: bytes, base: bytes, top: bytes) -> bytes:
    inner = path[len(base) :].lstrip(b"/")
    return b"/".join(part for part in (top, inner) if part) or b"."


def _tar_info(name: bytes, version: Version, firsts: dict[object, str]) -> tarfile.TarInfo | None:
    kind = _KINDS.get(version.kind)
    device = 0
    if kind is None:
        special, device = version.special
        kind = _SPECIAL.get(SpecialType(special))
    if kind is None:
        return None
    attributes = version.attributes
    info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
    info.type, info.mode = kind, attributes.mode & 0o7777
    info.uid, info.gid = attributes.uid or 0, attributes.gid or 0
    info.uname, info.gname = attributes.user or "", attributes.group or ""
    info.pax_headers = {"mtime": _decimal(attributes.mtime_ns)} if attributes.mtime_ns % 10**9 else {}
    info.mtime = attributes.mtime_ns // 10**9
    info.pax_headers |= {f"SCHILY.xattr.{_text(key)}": _text(value) for key, value in attributes.xattrs}
    if kind == tarfile.SYMTYPE:
        info.linkname = _text(version.extra or b"")
    info.devmajor, info.devminor = device >> 32, device & 0xFFFFFFFF
    if attributes.link_group is not None:
        first = firsts.setdefault((attributes.link_group, version.digest, version.extra), info.name)
        if first != info.name:
            info.type, info.linkname = tarfile.LNKTYPE, first
    info.size = (version.size or 0) if info.type == tarfile.REGTYPE else 0
    return info


def _zip_info(name: bytes, version: Version) -> zipfile.ZipInfo | None:
    if version.kind not in _KINDS or (version.kind == Kind.DIR and name == b"."):
        return None
    attributes = version.attributes
    seconds = attributes.mtime_ns // 10**9
    date = time.localtime(min(max(seconds, _ZIP_FROM + 86_400), 0x7FFFFFFF))[:6]
    text = name.decode("utf-8", "replace") + ("/" if version.kind == Kind.DIR else "")
    info = zipfile.ZipInfo(text, date)
    info.create_system = 3
    info.compress_type = zipfile.ZIP_DEFLATED if version.kind == Kind.FILE else zipfile.ZIP_STORED
    kind = {Kind.FILE: stat.S_IFREG, Kind.DIR: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}[version.kind]
    info.external_attr = (kind | attributes.mode & 0o7777) << 16 | (0x10 if version.kind == Kind.DIR else 0)
    if 0 <= seconds < _LARGE:
        info.extra = _TIMESTAMP.pack(0x5455, 5, 1, seconds)
    return info


def _zip_content(contents: Contents, version: Version) -> Iterator[bytes]:
    if version.kind == Kind.FILE:
        yield from contents.file(version).pieces()
    elif version.kind == Kind.SYMLINK:
        yield version.extra or b""


def _decimal(time_ns: int) -> str:
    """Seconds with nine places."""
    seconds, parts = divmod(abs(time_ns), 10**9)
    return f"{'-' if time_ns < 0 else ''}{seconds}.{parts:09}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


class _Sink(io.RawIOBase):
    """Takes what zipfile writes until it is taken on; it cannot seek."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """All since the last time."""
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found
