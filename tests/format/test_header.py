import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.errors import Damaged, Truncated
from bakup.format.certificate import Certificate
from bakup.format.constants import FIRST_READ, SectorFlag, Tag
from bakup.format.header import FIELD, FIXED, PublicKeyField, SectorHeader, header_length

digests = st.binary(min_size=32, max_size=32)
uuids = st.binary(min_size=16, max_size=16)
keys = st.builds(PublicKeyField, st.binary(min_size=1216, max_size=1216), digests)
skippable = st.integers(2, 0x7FFF)
plain_lengths = st.integers(0, 2**34)
stored_lengths = st.builds(
    lambda whole, rest: whole * 65552 + (16 + rest if rest else 0), st.integers(0, 9), st.integers(0, 65535)
)


@st.composite
def headers(draw: st.DrawFn) -> SectorHeader:
    flags = draw(st.sampled_from([SectorFlag(bits) for bits in range(4)]))
    encrypted, signed = SectorFlag.ENCRYPTED in flags, SectorFlag.SIGNED in flags
    lengths = stored_lengths if encrypted else plain_lengths
    sealed = st.binary(min_size=1168, max_size=1168)
    others = draw(st.dictionaries(skippable, st.binary(max_size=50), max_size=3))
    return SectorHeader(
        draw(uuids),
        flags,
        draw(lengths),
        draw(digests),
        draw(lengths.filter(lambda length: length >= 24)),
        draw(digests),
        draw(st.none() | st.binary(max_size=4096)),
        draw(keys) if flags else None,
        tuple(draw(st.lists(sealed, min_size=1, max_size=3))) if encrypted else (),
        draw(st.none() | st.binary(max_size=200)) if flags else None,
        draw(st.binary(min_size=64, max_size=64)) if signed else None,
        tuple(sorted(others.items())),
    )


@settings(deadline=None, max_examples=60)
@given(headers())
def test_value_to_bytes_to_value(header: SectorHeader) -> None:
    data = header.to_bytes()
    assert len(data) == header.length == header_length(data)
    assert SectorHeader.from_bytes(data) == header
    assert SectorHeader.from_bytes(data + b"body") == header


@settings(deadline=None, max_examples=300)
@given(headers(), st.data())
def test_accepted_bytes_serialise_to_themselves(header: SectorHeader, data: st.DataObject) -> None:
    mutable = bytearray(header.to_bytes())
    mutable[data.draw(st.integers(0, len(mutable) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        accepted = SectorHeader.from_bytes(bytes(mutable))
    except Damaged:
        return
    assert accepted.to_bytes() == mutable[: accepted.length]


@settings(deadline=None, max_examples=20)
@given(headers())
def test_cut_short_anywhere(header: SectorHeader) -> None:
    data = header.to_bytes()
    for length in {*range(0, min(len(data), 200)), *range(0, len(data), 97), len(data) - 1}:
        with pytest.raises(Truncated):
            SectorHeader.from_bytes(data[:length])


def test_length_is_known_before_the_body() -> None:
    empty = SectorHeader(bytes(16), SectorFlag.SIGNED, public_key=PUBLIC, signature=bytes(64))
    full = SectorHeader(bytes(16), SectorFlag.SIGNED, 9, b"1" * 32, 99, b"2" * 32, None, PUBLIC, (), None, b"s" * 64)
    assert empty.length == full.length == len(full.to_bytes())
    assert full.sector_length == full.length + 108
    assert full.meta_start == full.length + 9


def test_one_sealed_key_fits_the_first_read() -> None:
    certificate = Certificate(bytes(32), bytes(16), (bytes(16),), bytes(64)).to_bytes()
    header = signed_header(encrypted_keys=(bytes(1168),), certificate=certificate)
    assert header.length <= FIRST_READ


def test_signed_message_leaves_the_signature_out() -> None:
    one, two = signed_header(signature=b"1" * 64), signed_header(signature=b"2" * 64)
    assert one.signed_message() == two.signed_message()
    assert one.signed_message() == b"bakup/1 sector\0" + one.to_bytes()[:-64]


PUBLIC = PublicKeyField(bytes(1216), bytes(32))


def signed_header(**changes: object) -> SectorHeader:
    fields: dict[str, object] = {
        "uuid": bytes(16),
        "flags": SectorFlag(3),
        "meta_length": 24,
        "public_key": PUBLIC,
        "encrypted_keys": (bytes(1168),),
        "signature": bytes(64),
    }
    return SectorHeader(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flags": SectorFlag(2)}, "encrypted key is not expected"),
        ({"flags": SectorFlag(1)}, "signature is not expected"),
        ({"flags": SectorFlag(0)}, "public key is not expected"),
        ({"public_key": None}, "public key is missing"),
        ({"encrypted_keys": ()}, "encrypted key is missing"),
        ({"signature": None}, "signature is missing"),
        ({"signature": bytes(63)}, "63 bytes long"),
        ({"encrypted_keys": (bytes(1167),)}, "1,167 bytes long"),
        ({"target": bytes(4097)}, "target field is longer"),
        ({"others": ((0x8010, b""),)}, "must be understood"),
        ({"others": ((Tag.SIGNATURE, b""),)}, "repeated"),
    ],
)
def test_refused_fields(changes: dict[str, object], message: str) -> None:
    assert SectorHeader.from_bytes(signed_header().to_bytes())
    with pytest.raises(Damaged, match=message):
        SectorHeader.from_bytes(signed_header(**changes).to_bytes())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meta_length": 0}, "meta region is empty"),
        ({"meta_length": 23}, "meta region is empty"),
        ({"meta_length": 65552 + 16}, "no encrypted region has the length"),
        ({"data_length": 16}, "no encrypted region has the length"),
        ({"data_length": 2**35}, "longer than"),
        ({"data_length": 1000}, "bytes are there"),
    ],
)
def test_refused_lengths(changes: dict[str, object], message: str) -> None:
    good, bad = signed_header(), SectorHeader.from_bytes(signed_header(**changes).to_bytes())
    good.check_lengths(good.sector_length)
    good.check_lengths(good.sector_length + 9)
    with pytest.raises(Damaged, match=message):
        bad.check_lengths(good.sector_length)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"BKUQ", "another magic"),
        (4, b"\x02\x00", "unknown sector version 2"),
        (6, b"\x04", "unknown flag"),
        (10, (109).to_bytes(4, "little"), "out of range"),
        (10, (65537).to_bytes(4, "little"), "out of range"),
        (FIXED.size + FIELD.size, b"\x7b", "unknown key algorithm"),
        (FIXED.size + FIELD.size + 2 + 1216, b"\x02", "unknown key algorithm"),
    ],
)
def test_refused_bytes(at: int, value: bytes, message: str) -> None:
    data = bytearray(signed_header().to_bytes())
    data[at : at + len(value)] = value
    with pytest.raises(Damaged, match=message):
        SectorHeader.from_bytes(bytes(data))


def test_fields_out_of_order() -> None:
    head = SectorHeader(bytes(16), SectorFlag(0), meta_length=8, others=((2, b"a"), (3, b"b"))).to_bytes()
    swapped = head[: FIXED.size] + head[FIXED.size + 7 :] + head[FIXED.size : FIXED.size + 7]
    assert SectorHeader.from_bytes(head)
    with pytest.raises(Damaged, match="out of order"):
        SectorHeader.from_bytes(swapped)


def test_a_header_that_is_too_long_is_not_made() -> None:
    with pytest.raises(ValueError, match="longer than"):
        signed_header(encrypted_keys=(bytes(1168),) * 60).to_bytes()


certificates = st.builds(
    Certificate,
    digests,
    uuids,
    st.sets(uuids, min_size=1, max_size=5).map(lambda found: tuple(sorted(found))),
    st.binary(min_size=64, max_size=64),
)


@settings(deadline=None)
@given(certificates)
def test_certificate(certificate: Certificate) -> None:
    data = certificate.to_bytes()
    assert Certificate.from_bytes(data) == certificate
    assert certificate.signed_message() == b"bakup/1 certificate\0" + data[:-64]
    for length in range(len(data)):
        with pytest.raises(Damaged):
            Certificate.from_bytes(data[:length])


@pytest.mark.parametrize("sources", [(), (b"2" * 16, b"1" * 16), (b"1" * 16, b"1" * 16)])
def test_refused_certificate(sources: tuple[bytes, ...]) -> None:
    with pytest.raises(Damaged):
        Certificate.from_bytes(Certificate(bytes(32), bytes(16), sources, bytes(64)).to_bytes())
