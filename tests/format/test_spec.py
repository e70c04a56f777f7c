"""The page docs/format/sector.md and the code say the same: constants, offsets, tags, types, elements."""

import re
from pathlib import Path

import pytest

from bakup import model
from bakup.account import keys, stream
from bakup.format import action, box, certificate, constants, header

PAGE = (Path(__file__).parents[2] / "docs" / "format" / "sector.md").read_text(encoding="utf-8")
SPELLED = {"time_ns": "time", "size": "bytes"}
CODES = {"u16": "H", "u32": "I", "u64": "Q", "uuid": "16s", "digest": "32s"}


def section(title: str) -> str:
    """The page from a heading to the next one of any level."""
    start = PAGE.index(f"{title}\n")
    following = re.search(r"^#+ ", PAGE[start + len(title) :], re.MULTILINE)
    assert following is not None
    return PAGE[start : start + len(title) + following.start()]


def tables(text: str) -> list[list[list[str]]]:
    """All tables as rows of cells, without their heads."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    return [[cells(line) for line in block.strip().splitlines()[2:]] for block in blocks]


def cells(line: str) -> list[str]:
    """A row's cells; a bar inside of backticks parts none."""
    masked = re.sub(r"`[^`]*`", lambda code: code[0].replace("|", "\0"), line)
    return [cell.strip().replace("\0", "|") for cell in masked.split("|")[1:-1]]


def number(text: str) -> int:
    return int(text.strip("`").replace(",", ""), 0)


def struct_format(rows: list[list[str]], size: int, kind: int) -> str:
    """The struct format of rows whose type is fixed."""
    codes = [f"{row[size]}s" if row[kind] == "bytes" else CODES[row[kind]] for row in rows]
    return "<" + "".join(codes)


def test_constants() -> None:
    (rows,) = tables(section("### 2.1 Constants"))
    assert len(rows) == 26
    for name, value, _ in rows:
        have = getattr(constants, name.strip("`"))
        if value.startswith("`"):
            assert have == bytes.fromhex(value.strip("`"))
        else:
            assert have == (2**64 - 1 if value == "2^64 - 1" else number(value))


def test_writers_own_constants() -> None:
    found = re.findall(r"`([A-Z_]+)` = ([\d,]+)", section("### 2.1 Constants"))
    assert len(found) == 6
    for name, value in found:
        assert getattr(constants, name) == number(value)


def test_rooms_agree() -> None:
    assert (stream.SEGMENT, stream.TAG) == (constants.SEGMENT, constants.TAG)
    ids = (keys.SIGNATURE_NONE, keys.SIGNATURE_ED25519, keys.SIGNATURE_BOTH)
    assert (keys.KEM_ID, *ids) == (constants.KEM_X_WING, *constants.SignatureId)
    assert keys.RECIPIENT_BYTES + keys.SEALED_BYTES == constants.SEALED_KEY
    assert keys.RECIPIENT_BYTES == constants.RECIPIENT
    assert keys.KEM_PUBLIC_BYTES == constants.KEM_PUBLIC
    both = constants.SignatureId.ED25519_ML_DSA_65
    assert constants.SIGNING_PUBLIC[both] == keys.SIGNING_PUBLIC_BYTES
    assert constants.SIGNATURES[both] == keys.SIGNATURE_BYTES


def test_signing_keys() -> None:
    (rows,) = tables(section("### 3.2 Signing keys"))
    assert len(rows) == len(constants.SignatureId) == 3
    for kind, _, public, signature in rows:
        named = constants.SignatureId(int(kind))
        assert number(public.split(":")[0]) == constants.SIGNING_PUBLIC[named]
        assert number(signature.split(":")[0]) == constants.SIGNATURES[named]


def offsets(rows: list[list[str]]) -> list[int]:
    at, found = 0, []
    for row in rows:
        found.append(at)
        at += number(row[1])
    return [*found, at]


def test_header_fields() -> None:
    fixed = tables(section("### 4.1 Header"))[0]
    assert len(fixed) == 10
    fixed, rest = fixed[:-1], fixed[-1]
    assert [*(number(row[0]) for row in fixed), number(rest[0])] == offsets(fixed)
    assert struct_format(fixed, 1, 2) == header.FIXED.format
    assert number(rest[0]) == header.FIXED.size == 110


def test_header_tags() -> None:
    rows = tables(section("### 4.1 Header"))[1]
    assert len(rows) == len(constants.Tag) == 6
    for tag, name, *_ in rows:
        assert constants.Tag[name.upper().replace(" ", "_")] == number(tag)
    sizes = [header.PUBLIC_KEY.size + length for length in constants.SIGNING_PUBLIC.values()]
    assert f"{sizes[0]:,}, {sizes[1]:,} or {sizes[2]:,} bytes" in rows[1][2]
    assert f"{constants.SEALED_KEY:,} bytes" in rows[2][2]


def test_header_flags() -> None:
    flags = re.findall(r"bit (\d) (\w+)", tables(section("### 4.1 Header"))[0][2][3])
    assert {name.upper(): 1 << int(bit) for bit, name in flags} == {
        flag.name: flag.value for flag in constants.SectorFlag
    }


@pytest.mark.parametrize(
    ("title", "count", "layout"),
    [("### 5.1 Box", 3, box.BOX), ("### 5.3 Meta region", 5, box.ROW)],
)
def test_box_and_row(title: str, count: int, layout: box.Struct) -> None:
    rows = [row for row in tables(section(title))[0] if row[1].isdigit()]
    assert len(rows) == count
    assert struct_format(rows, 1, 2) == layout.format
    assert [number(row[0]) for row in rows] == offsets(rows)[:-1]
    assert offsets(rows)[-1] == layout.size


def test_action() -> None:
    frame, types = tables(section("### 5.4 Action"))
    fixed = [row for row in frame if row[0]]
    assert len(fixed) == 4
    assert struct_format(fixed, 0, 1) == action.ACTION.format
    assert {name: number(value) for value, name, _ in types} == {each.name: each.value for each in constants.ActionType}
    assert len(types) == 6


def test_certificate() -> None:
    (rows,) = tables(section("### 4.4 Certificate"))
    assert len(rows) == 7
    assert struct_format(rows[:1], 0, 1) == certificate.ID.format
    assert struct_format(rows[2:5], 0, 1) == certificate.FIXED.format
    assert number(rows[6][0]) == constants.SIGNATURES[constants.SignatureId.ED25519_ML_DSA_65]
    assert "1 to 1,024" in rows[4][2]


def test_entries() -> None:
    kinds, attributes, extents = tables(section("### 6.3 Entries"))
    assert {name: int(kind) for kind, name, _ in kinds} == {kind.name: kind.value for kind in model.Kind}
    for kind, name, elements in kinds:
        entry = getattr(model, name.capitalize())
        assert entry.__struct_config__.tag == int(kind)
        # Elements are separated by middle dots outside of brackets.
        assert len(re.sub(r"\[.*?\]", "", elements).split(" · ")) == len(entry.__struct_fields__)
    assert len(extents) == 3
    assert len(extents[0]) - 1 == len(model.Extent.__struct_fields__)
    names = re.search(r"\*attributes\* = `\[(.*?)\]`", PAGE)
    assert names is not None
    assert names[1].split(", ") == [
        field.removesuffix("_ns").replace("_", " ") for field in model.Attributes.__struct_fields__
    ]
    assert len(attributes) == 11


@pytest.mark.parametrize(
    ("title", "struct"),
    [("### 6.1 CHECKPOINT", model.Checkpoint), ("### 6.2 END", model.End)],
)
def test_structures(title: str, struct: type[model.Checkpoint]) -> None:
    names = re.search(r"^`\[(.*?)\]`", section(title), re.MULTILINE)
    assert names is not None
    assert names[1].split(", ") == [SPELLED.get(field, field) for field in struct.__struct_fields__]


def test_records() -> None:
    (rows,) = tables(section("### 6.6 RECORD"))
    assert {name: number(value) for value, name, _ in rows} == {each.name: each.value for each in constants.RecordType}
    assert len(rows) == 3
