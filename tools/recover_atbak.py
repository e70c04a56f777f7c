#!/usr/bin/env python3
"""Get files back from .atbak and .atbake objects, made by bakup or by ATBU.

    recover_atbak.py [--words-file FILE|- | --key-file FILE]  DIR OUT     write every file below OUT
    recover_atbak.py [--words-file FILE|- | --key-file FILE]  DIR --list  show what there is

Of several objects of one path the newest is written. Written from docs/format/atbak.md alone, shares no code with
bakup; section numbers below are that page's. Only contents, names and times come back: what the format lacks (modes,
links, empty folders) stands in the objects of check points, which bakup reads. Needs Python >= 3.11 and
`pip install cryptography`, and for the words `pip install mnemonic`.

Exit codes: 0 all written, 1 failed, 2 usage, 3 part could not be written.
"""

import argparse
import contextlib
import hashlib
import os
import re
import sys
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PIECE = 1 << 20


class Refused(Exception):
    """An object is not as the page says, or its path is not to be used."""


def need(condition, why):
    """What is not as it must be is refused."""
    if not condition:
        raise Refused(why)


class Stored:
    """One object: header and preamble (sections 2 and 3), then its file's bytes."""

    def __init__(self, name, key):
        self.name, self.key, self.size = name, key, os.path.getsize(name)
        with open(name, "rb") as file:
            start = file.read(2 + 1 + 16)
        need(start[:1] == b"\x01" and start[1:2] in (b"\0", b"\x01"), "no .atbak object")
        self.iv, self.header, self.filled = None, 2, True
        if start[1]:
            # Section 2: the rest is whole blocks; whether a length stands before the IV follows from that.
            self.filled = (self.size - 19) % 16 == 0 and start[2:3] == b"\x10"
            self.header = 19 if self.filled else 18
            need((self.size - self.header) % 16 == 0 and self.size > self.header, "cut short")
            need(key is not None, "encrypted, and no key was given")
            self.iv = start[self.header - 16 : self.header]
        self.fields, self.data = self._preamble()

    def _body(self):
        """All behind the header, decrypted, without padding (section 4)."""
        opener = self.iv and Cipher(AES(self.key), CBC(self.iv)).decryptor()
        held = b""
        with open(self.name, "rb") as file:
            file.seek(self.header)
            while piece := file.read(PIECE):
                if opener:
                    piece = held + opener.update(piece)
                    held, piece = piece[-16:], piece[:-16]
                yield piece
        if opener:
            count = held[-1]
            need(1 <= count <= 16 and held[-count:] == bytes([count]) * count, "its padding is wrong")
            yield held[:-count]

    def _preamble(self):
        """Section 3: fields before the path, and where the data begin in the body."""
        start = b""
        with contextlib.suppress(Refused):  # wrong padding is told when the data are read
            for piece in self._body():
                start += piece
                if len(start) >= 2 + 65535 + 18:
                    break
        end = 2 + int.from_bytes(start[:2], "little")
        need(2 < end <= len(start), "cut short, or another key")
        text, fields = start[2:end], {}
        while not text.startswith(b"path="):
            pair, comma, text = text.partition(b",")
            name, equals, value = pair.partition(b"=")
            need(comma and equals, "no preamble, or another key")
            fields[name.decode("ascii", "replace")] = value.decode("ascii", "replace")
        fields["path"] = text[5:]
        need(fields.get("v", "1") == "1", "another version")
        need(fields.setdefault("z", "none") in ("gzip", "none"), "another compression")
        need(re.fullmatch("[0-9a-fA-F]{64}", fields.get("sha256", "")), "no sha256")
        need(re.fullmatch("[0-9]{1,19}", fields.get("size", "")), "no size")
        return fields, end + self._fill(fields, start, end)

    def _fill(self, fields, start, end):
        """Section 3.1: 1 to 16 zeros, none in objects as the public page has them."""
        if self.iv:
            literal = not self.filled
        elif fields["z"] == "gzip":
            literal = start[end : end + 2] == b"\x1f\x8b"
        else:
            literal = self.size - self.header - end == int(fields["size"])
        return 0 if literal else 16 - end % 16

    def pieces(self):
        """The file's bytes; only when they came to their end are they the file (section 5)."""
        digest, left = hashlib.sha256(), int(self.fields["size"])
        data = self._unpacked(left) if self.fields["z"] == "gzip" else self._data()
        for piece in data:
            left -= len(piece)
            need(left >= 0, "it holds more than it says")
            digest.update(piece)
            yield piece
        need(left == 0, "it holds less than it says")
        need(digest.hexdigest() == self.fields["sha256"].lower(), "its bytes are not those of its sha256")

    def _data(self):
        skip = self.data
        for piece in self._body():
            if skip < len(piece):
                yield piece[skip:]
            skip = max(0, skip - len(piece))

    def _unpacked(self, left):
        stream = zlib.decompressobj(31)
        for piece in self._data():
            rest = piece
            while rest:
                if stream.eof:
                    stream = zlib.decompressobj(31)
                try:
                    found = stream.decompress(rest, PIECE)
                except zlib.error as error:
                    raise Refused("its gzip data do not unpack") from error
                left -= len(found)
                need(left >= 0, "it holds more than it says")
                yield found
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        yield stream.flush()
        need(stream.eof, "its gzip data end too early")

    @property
    def modified(self):
        """Seconds, 0.0 when it is not known."""
        try:
            found = float(self.fields.get("modified", ""))
        except ValueError:
            return 0.0
        return found if abs(found) < 9e9 else 0.0


def key_of_words(text):
    """Section 6: the account's key."""
    from mnemonic import Mnemonic

    entropy = bytes(Mnemonic("english").to_entropy(text.split()))
    return HKDF(SHA256(), length=32, salt=b"", info=b"bakup/1 atbak").derive(entropy)


def objects(folder, key):
    """(object or None, its name, why not) for all below a folder."""
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".atbak", ".atbake")):
                path = os.path.join(top, name)
                try:
                    yield Stored(path, key), path, ""
                except (Refused, OSError) as error:
                    yield None, path, str(error)


def newest(folder, key, problems):
    """The newest object of each path; check points' own are left out."""
    found = {}
    for stored, name, why in objects(folder, key):
        if stored is None:
            problems.append(f"{name}: {why}")
        elif not stored.fields["path"].startswith(b".bakup/"):
            other = found.get(stored.fields["path"])
            if other is None or other.modified <= stored.modified:
                found[stored.fields["path"]] = stored
    return sorted(found.items())


def write(stored, path, out):
    """Write one file below `out`, under its name only when it is whole. No path leaves the folder."""
    parts = path.split(b"/")
    need(not {b"", b".", b".."} & set(parts) and b"\0" not in path, "its path leaves the folder")
    folder = os.fsencode(out)
    os.makedirs(folder, exist_ok=True)
    for part in parts[:-1]:
        folder = os.path.join(folder, part)
        need(not os.path.islink(folder), "a link is on the way")
        os.makedirs(folder, exist_ok=True)
    place, temporary = os.path.join(folder, parts[-1]), os.path.join(folder, b".recover_atbak.tmp")
    need(not os.path.lexists(place), "something is there already")
    try:
        with open(temporary, "wb") as file:
            for piece in stored.pieces():
                file.write(piece)
        os.utime(temporary, (stored.modified, stored.modified))
        os.rename(temporary, place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def recover(folder, out, key, listed):
    """Write or list all; the exit code."""
    problems = []
    for path, stored in newest(folder, key, problems):
        shown = ascii(os.fsdecode(path))[1:-1]
        if listed:
            print(f"{int(stored.fields['size']):>15,}  {shown}")
            continue
        try:
            write(stored, path, out)
        except (Refused, OSError) as error:
            problems.append(f"{shown}: {error}")
    for problem in problems:
        print(f"not recovered: {problem}", file=sys.stderr)
    return 3 if problems else 0


def main(arguments=None):
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--words-file", metavar="FILE")
    keys.add_argument("--key-file", metavar="FILE")
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("out", metavar="OUT", nargs="?")
    parser.add_argument("--list", action="store_true", dest="listed")
    given = parser.parse_args(arguments)
    if (given.out is None) != given.listed:
        parser.error("give OUT or --list")
    try:
        return recover(given.folder, given.out, _key(given), given.listed)
    except (OSError, ValueError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _key(given):
    if given.key_file:
        with open(given.key_file, encoding="ascii") as file:
            return bytes.fromhex(file.read())
    if given.words_file:
        with sys.stdin if given.words_file == "-" else open(given.words_file, encoding="utf-8") as file:
            return key_of_words(re.sub(r"^ *#.*$|\d+", "", file.read(), flags=re.MULTILINE))
    return None


if __name__ == "__main__":
    sys.exit(main())
