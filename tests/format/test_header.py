import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.errors import Damaged, Truncated
from bakup.format.certificate import Certificate
from bakup.format.constants import FIRST_READ, SIGNATURES, SIGNING_PUBLIC, SectorFlag, SignatureId, Tag
from bakup.format.header import FIELD, FIXED, EncryptedKey, PublicKeyField, SectorHeader, header_length


def exactly(length: int) -> st.SearchStrategy[bytes]:
    """So many bytes, of which few are drawn."""
    return st.binary(min_size=min(length, 8), max_size=min(length, 8)).map(lambda found: found.ljust(length, b"x"))


digests = st.binary(min_size=32, max_size=32)
uuids = st.binary(min_size=16, max_size=16).filter(any)
keys = st.sampled_from(SignatureId).flatmap(
    lambda kind: st.builds(PublicKeyField, exactly(1216), st.just(int(kind)), exactly(SIGNING_PUBLIC[kind]))
)
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
    sealed = st.builds(EncryptedKey, exactly(8), exactly(1168))
    key = draw(keys.filter(lambda key: bool(key.signature_id) == signed)) if flags else None
    others = draw(st.dictionaries(skippable, st.binary(max_size=50), max_size=3))
    return SectorHeader(
        draw(uuids),
        flags,
        draw(lengths),
        draw(digests),
        draw(lengths.filter(lambda length: length >= 24)),
        draw(digests),
        draw(st.none() | st.binary(max_size=4096)),
        key,
        tuple(draw(st.lists(sealed, min_size=1, max_size=3))) if encrypted else (),
        draw(st.none() | st.binary(max_size=200)) if signed else None,
        draw(digests) if encrypted else None,
        draw(exactly(SIGNATURES[SignatureId(key.signature_id)])) if signed and key else None,
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
    empty = SectorHeader(UUID, SectorFlag.SIGNED, public_key=PUBLIC, signature=bytes(64))
    full = SectorHeader(UUID, SectorFlag.SIGNED, 9, b"1" * 32, 99, b"2" * 32, None, PUBLIC, (), None, None, b"s" * 64)
    assert empty.length == full.length == len(full.to_bytes())
    assert full.sector_length == full.length + 108
    assert full.meta_start == full.length + 9


def test_one_sealed_key_fits_the_first_read() -> None:
    certificate = Certificate(2, bytes(1984), UUID, (UUID,), bytes(3373)).to_bytes()
    key = PublicKeyField(bytes(1216), 2, bytes(1984))
    header = signed_header(public_key=key, certificate=certificate, signature=bytes(3373))
    assert header.length <= FIRST_READ


def test_signed_message_leaves_the_signature_out() -> None:
    one, two = signed_header(signature=b"1" * 64), signed_header(signature=b"2" * 64)
    assert one.signed_message() == two.signed_message()
    assert one.signed_message() == b"bakup/1 sector\0" + one.to_bytes()[:-64]


UUID = b"sector-uuid-16by"
PUBLIC = PublicKeyField(bytes(1216), 1, bytes(32))
SEALED = EncryptedKey(bytes(8), bytes(1168))


def signed_header(**changes: object) -> SectorHeader:
    fields: dict[str, object] = {
        "uuid": UUID,
        "flags": SectorFlag(3),
        "meta_length": 24,
        "public_key": PUBLIC,
        "encrypted_keys": (SEALED,),
        "key_check": bytes(32),
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
        ({"encrypted_keys": (EncryptedKey(bytes(8), bytes(1167)),)}, "1,175 bytes long"),
        ({"key_check": None}, "key check is missing"),
        ({"key_check": bytes(31)}, "31 bytes long"),
        ({"public_key": PublicKeyField(bytes(1216))}, "signer's key is missing"),
        ({"public_key": PublicKeyField(bytes(1216), 3, bytes(32))}, "unknown key algorithm"),
        ({"public_key": PublicKeyField(bytes(1216), 2, bytes(32))}, "1,252 bytes long"),
        ({"public_key": PublicKeyField(bytes(1216), 2, bytes(1984))}, "64 bytes long, not 3,373"),
        ({"uuid": bytes(16)}, "uuid is zeros"),
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
        (FIXED.size + FIELD.size + 2 + 1216, b"\x03", "unknown key algorithm"),
    ],
)
def test_refused_bytes(at: int, value: bytes, message: str) -> None:
    data = bytearray(signed_header().to_bytes())
    data[at : at + len(value)] = value
    with pytest.raises(Damaged, match=message):
        SectorHeader.from_bytes(bytes(data))


def test_fields_out_of_order() -> None:
    head = SectorHeader(UUID, SectorFlag(0), meta_length=8, others=((2, b"a"), (3, b"b"))).to_bytes()
    swapped = head[: FIXED.size] + head[FIXED.size + 7 :] + head[FIXED.size : FIXED.size + 7]
    assert SectorHeader.from_bytes(head)
    with pytest.raises(Damaged, match="out of order"):
        SectorHeader.from_bytes(swapped)


def test_a_header_that_is_too_long_is_not_made() -> None:
    with pytest.raises(ValueError, match="longer than"):
        signed_header(encrypted_keys=(SEALED,) * 60).to_bytes()


certificates = st.builds(
    Certificate,
    st.just(2),
    exactly(1984),
    uuids,
    st.sets(uuids, min_size=1, max_size=5).map(lambda found: tuple(sorted(found))),
    exactly(3373),
)


@settings(deadline=None)
@given(certificates)
def test_certificate(certificate: Certificate) -> None:
    data = certificate.to_bytes()
    assert Certificate.from_bytes(data) == certificate
    assert certificate.signed_message() == b"bakup/1 certificate\0" + data[:-3373]
    for length in (*range(60), *range(60, len(data), 61), len(data) - 1):
        with pytest.raises(Damaged):
            Certificate.from_bytes(data[:length])


@pytest.mark.parametrize("sources", [(), (b"2" * 16, b"1" * 16), (b"1" * 16, b"1" * 16), (bytes(16),)])
def test_refused_certificate(sources: tuple[bytes, ...]) -> None:
    with pytest.raises(Damaged):
        Certificate.from_bytes(Certificate(1, bytes(32), UUID, sources, bytes(3373)).to_bytes())
