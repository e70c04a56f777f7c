import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.errors import Damaged
from bakup.format.box import BOX, BoxHeader, pack_table, table_span, unpack_table
from bakup.format.constants import BOX_MAX, LANES, OUTSIDE, RAW_MAX, ROWS_MAX
from bakup.model import TableRow

uuids = st.binary(min_size=16, max_size=16).filter(any)
OWN = bytes(16)
UUID = b"u" * 16
offsets = st.integers(0, 2**63 - 1)


@given(uuids, offsets, st.integers(1, BOX_MAX))
def test_box_header(uuid: bytes, offset: int, length: int) -> None:
    header = BoxHeader(uuid, offset, length)
    assert BoxHeader.from_bytes(header.to_bytes()) == header


@pytest.mark.parametrize("length", [0, BOX_MAX + 1, 2**64 - 1])
def test_refused_box_length(length: int) -> None:
    with pytest.raises(Damaged):
        BoxHeader.from_bytes(BoxHeader(bytes(16), 0, length).to_bytes())


@pytest.mark.parametrize(
    ("uuid", "offset", "good"),
    [
        (UUID, 0, True),
        (UUID, 2**40 - 1, True),
        (UUID, (LANES << 40) - 1, True),
        (UUID, 0xFFFFFE << 40, True),
        (UUID, OUTSIDE, True),
        (OWN, OUTSIDE, True),
        (UUID, LANES << 40, False),
        (UUID, 0xFFFFFD << 40, False),
        (UUID, OUTSIDE - 1, False),
        (OWN, 0, False),
        (OWN, 0xFFFFFE << 40, False),
    ],
)
def test_offsets_in_a_meta_region(uuid: bytes, offset: int, good: bool) -> None:
    header = BoxHeader(uuid, offset, 1)
    if good:
        header.check_meta()
    else:
        with pytest.raises(Damaged):
            header.check_meta()


def test_a_box_ends_in_its_lane() -> None:
    BoxHeader(UUID, 2**40 - 5, 5).check_meta()
    with pytest.raises(Damaged, match="beyond its lane"):
        BoxHeader(UUID, 2**40 - 5, 6).check_meta()


def test_box_header_cut_short() -> None:
    with pytest.raises(Damaged, match="cut short"):
        BoxHeader.from_bytes(bytes(31))


@st.composite
def tables(draw: st.DrawFn) -> tuple[TableRow, ...]:
    rows, position = [], 0
    boxes = st.tuples(uuids, offsets, st.integers(1, BOX_MAX), st.integers(0, RAW_MAX))
    unique = st.lists(boxes, max_size=6, unique_by=lambda box: box[:2])
    for uuid, offset, length, raw_length in draw(unique):
        own = not raw_length or draw(st.booleans())
        names = (OWN, OUTSIDE) if own else (uuid, offset)
        rows.append(TableRow(*names, length, position, raw_length))
        position += BOX.size + length
    return tuple(rows)


def data_length(rows: tuple[TableRow, ...]) -> int:
    return rows[-1].position + BOX.size + rows[-1].length if rows else 0


@settings(deadline=None)
@given(tables(), st.binary(max_size=20))
def test_table(rows: tuple[TableRow, ...], before: bytes) -> None:
    region = before + pack_table(rows)
    position, length = table_span(region[-8:], len(region))
    assert position == len(before)
    assert unpack_table(region[position : position + length], data_length(rows)) == rows


@settings(deadline=None)
@given(tables().filter(bool), st.data())
def test_a_changed_table_is_refused_or_serialises_to_itself(rows: tuple[TableRow, ...], data: st.DataObject) -> None:
    table = bytearray(pack_table(rows)[:-8])
    table[data.draw(st.integers(0, len(table) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        accepted = unpack_table(table, data_length(rows))
    except Damaged:
        return
    assert pack_table(accepted)[:-8] == table


def row(position: int, length: int = 100, raw_length: int = 1, offset: int = 0, uuid: bytes = b"u" * 16) -> TableRow:
    return TableRow(uuid, offset, length, position, raw_length)


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        ([row(0)], 131),
        ([row(0)], 133),
        ([], 1),
        ([row(1)], 133),
        ([row(0), row(131)], 263),
        ([row(0), row(133)], 265),
        ([row(132), row(0)], 264),
        ([row(0), row(0)], 132),
        ([row(0, length=0)], 32),
        ([row(0, length=BOX_MAX + 1)], BOX_MAX + 33),
        ([row(0, raw_length=RAW_MAX + 1)], 132),
        ([row(0, raw_length=0)], 132),
        ([row(0, offset=OUTSIDE)], 132),
        ([row(0, offset=2**63)], 132),
        ([row(0, offset=0xFFFFFE << 40)], 132),
        ([row(0, uuid=OWN)], 132),
        ([row(0, offset=OUTSIDE, uuid=OWN, raw_length=RAW_MAX + 1)], 132),
        ([row(0), row(132)], 264),
    ],
)
def test_a_table_that_does_not_tile(rows: list[TableRow], length: int) -> None:
    with pytest.raises(Damaged):
        unpack_table(pack_table(rows)[:-8], length)


def test_boxes_of_the_sector_itself_have_no_names() -> None:
    rows = (row(0, offset=OUTSIDE, uuid=OWN), row(132, offset=OUTSIDE, uuid=OWN), row(264, raw_length=1))
    assert unpack_table(pack_table(rows)[:-8], 396) == rows


def test_a_table_of_too_many_rows() -> None:
    length = 48 * (ROWS_MAX + 1)
    assert table_span((length - 48).to_bytes(8, "little"), length + 8)
    with pytest.raises(Damaged):
        table_span(length.to_bytes(8, "little"), length + 8)


@pytest.mark.parametrize("length", [1, 47, 49, 96, 2**64 - 48])
def test_refused_table_length(length: int) -> None:
    with pytest.raises(Damaged):
        table_span(length.to_bytes(8, "little"), 80)
