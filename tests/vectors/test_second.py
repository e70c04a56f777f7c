"""Keys, signatures and the opening of a header, against a second implementation (tests/vectors/second/README.md)."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidSignature

from tests.vectors.forge import Account
from tests.vectors.forge.keys import KEM_ID, SUITE, hkdf
from tests.vectors.readers import READERS

FOLDER = Path(__file__).parent / "second"
OPENED = json.loads((FOLDER / "opened.json").read_text())
SECTOR = (FOLDER / "sealed.bakup").read_bytes()
ACCOUNT = Account(bytes.fromhex(OPENED["entropy"]))


def fields() -> dict[int, bytes]:
    found, at = {}, 110
    (length,) = struct.unpack_from("<I", SECTOR, 10)
    while at < length:
        tag, size = struct.unpack_from("<HI", SECTOR, at)
        found[tag] = SECTOR[at + 6 : at + 6 + size]
        at += 6 + size
    return found


def test_the_keys_are_the_same() -> None:
    assert blake3(ACCOUNT.kem).hexdigest() == OPENED["kem_public_key_blake3"]
    assert ACCOUNT.public[:32].hex() == OPENED["ed25519_public_key"]
    assert blake3(ACCOUNT.public[32:]).hexdigest() == OPENED["ml_dsa_public_key_blake3"]
    assert ACCOUNT.id.replace("-", "") == OPENED["account_id"]
    assert ACCOUNT.signer_id.hex() == OPENED["signer_id"]
    assert ACCOUNT.recipient_id.hex() == OPENED["recipient_id"]


def test_the_second_one_found_the_signature_right() -> None:
    assert OPENED["keys_are_ours"]
    assert OPENED["ed25519_verifies"]
    assert OPENED["ml_dsa_verifies"]
    assert not OPENED["ml_dsa_verifies_without_context"]
    assert OPENED["meta_digest_is_right"]


def test_the_signature_is_right_here_too() -> None:
    signature = fields()[0xFFFF]
    (length,) = struct.unpack_from("<I", SECTOR, 10)
    message = b"bakup/1 sector\0" + SECTOR[: length - len(signature)]
    ACCOUNT.curve.public_key().verify(signature[:64], message)
    ACCOUNT.lattice.public_key().verify(signature[64:], message, b"bakup/1 ml-dsa-65")
    with pytest.raises(InvalidSignature):
        ACCOUNT.lattice.public_key().verify(signature[64:], message)
    assert blake3(SECTOR[:length]).hexdigest() == OPENED["header_digest"]


def test_the_opened_key_is_the_same() -> None:
    found = fields()
    sealed, uuid = found[0x8002], SECTOR[14:30]
    assert sealed[:8].hex() == OPENED["recipient_of_the_key"]
    info = b"bakup/1 sector key" + uuid + struct.pack("<H", 2) + ACCOUNT.public
    assert found[0x8001] == struct.pack("<H", KEM_ID) + ACCOUNT.kem + struct.pack("<H", 2) + ACCOUNT.public
    key = SUITE.decrypt(sealed[8:], ACCOUNT.opening, info)
    assert key.hex() == OPENED["sector_key"]
    for name in ("data", "meta"):
        assert hkdf(key, uuid, f"bakup/1 {name}".encode()).hex() == OPENED[f"{name}_key"]
    assert hkdf(key, uuid, b"bakup/1 key check").hex() == OPENED["key_check"] == found[0x8004].hex()


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_both_readers_open_it(tmp_path: Path, reader: object) -> None:
    place = reader.place(tmp_path, {"sealed.bakup": SECTOR}, [])  # type: ignore[attr-defined]
    given = place.restore()
    assert given.released == {"hello.txt": b"hello\n"}, given.said
    assert given.whole
