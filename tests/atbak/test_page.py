"""The worked example on docs/format/atbak.md is what it says, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

from shelf import KEY, Shelf

from bakup.atbak import cbc
from bakup.format.preamble import format_header

PAGE = Path(__file__).resolve().parents[2] / "docs" / "format" / "atbak.md"
DUMP = re.compile(r"^[0-9a-f]{3}  ((?:[0-9a-f]{2} ?){1,16})", re.MULTILINE)


def dumps() -> list[bytes]:
    blocks = PAGE.read_text(encoding="utf-8").split("```")[1::2]
    return [bytes.fromhex("".join(DUMP.findall(block))) for block in blocks]


def test_the_worked_example_is_read(shelf: Shelf) -> None:
    plain, locked = dumps()
    assert (len(plain), len(locked)) == (184, 211)
    for data, key in ((plain, None), (locked, KEY)):
        shelf.put(data)
        found = shelf.open(key)
        assert found.preamble.path == b"home/ana/notes.txt"
        assert b"".join(found.stream()) == b"hello\n"


def test_the_worked_example_is_written(shelf: Shelf) -> None:
    plain, locked = dumps()
    shelf.write(b"hello\n")
    assert shelf.bytes() == plain
    iv = bytes(range(16))
    body = plain[2:]
    assert format_header(iv) + cbc.encryptor(KEY, iv).update(body + cbc.padding(len(body))) == locked
