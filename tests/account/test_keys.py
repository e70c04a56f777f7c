from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from bakup.account import keys, words
from bakup.account.keys import Account, KemKey, PublicKeys, seal, verify
from bakup.errors import Damaged

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "account.json").read_text())
ACCOUNTS = VECTORS["accounts"]
INFO = b"bakup/1 sector key" + bytes(18)


@pytest.fixture(scope="module")
def account() -> Account:
    return Account.from_entropy(bytes(range(32)))


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block, written out."""
    return hmac.digest(hmac.digest(b"", secret, "sha256"), info + b"\x01", "sha256")


def test_there_are_vectors() -> None:
    assert len(ACCOUNTS) == 3


@pytest.mark.parametrize("vector", ACCOUNTS, ids=lambda v: v["account_id"])
def test_words_give_the_keys_of_the_vector(vector: dict[str, Any]) -> None:
    entropy = words.from_words(vector["words"])
    account = Account.from_entropy(entropy)
    assert entropy.hex() == vector["entropy"]
    assert account.public.kem.hex() == vector["kem_public"]
    assert account.public.signing.hex() == vector["signing_public"]
    assert account.public.account_id == vector["account_id"]
    assert account.public.signer_id.hex() == vector["signer_id"]
    assert account.public.recipient_id.hex() == vector["recipient_id"]
    assert account.chunker_seed == vector["chunker_seed"]
    assert account.atbak_key.hex() == vector["atbak_key"]
    message, signature = vector["message"].encode(), bytes.fromhex(vector["signature"])
    assert account.sign(message)[:64] == signature[:64]
    assert verify(2, account.public.signing, signature, message)


@pytest.mark.parametrize("vector", ACCOUNTS, ids=lambda v: v["account_id"])
def test_seeds_come_from_entropy_as_the_spec_says(vector: dict[str, Any]) -> None:
    entropy = bytes.fromhex(vector["entropy"])
    assert hkdf(entropy, b"bakup/1 x-wing").hex() == vector["kem_seed"]
    assert hkdf(entropy, b"bakup/1 ed25519").hex() == vector["ed25519_seed"]
    assert hkdf(entropy, b"bakup/1 ml-dsa-65").hex() == vector["ml_dsa_seed"]
    assert int.from_bytes(hkdf(entropy, b"bakup/1 chunker")[:8], "little") == vector["chunker_seed"]
    assert hkdf(entropy, b"bakup/1 atbak").hex() == vector["atbak_key"]
    assert KemKey(bytes.fromhex(vector["kem_seed"])).public.hex() == vector["kem_public"]


def test_x_wing_is_the_published_one() -> None:
    vector = VECTORS["x_wing"]
    assert KemKey(bytes.fromhex(vector["seed"])).public.hex() == vector["public"]


def test_opens_what_rfc_9180_makes_of_the_published_shared_secret() -> None:
    vector = VECTORS["hpke"]
    assert vector["sealed"].startswith(VECTORS["x_wing"]["ciphertext"])
    key = KemKey(bytes.fromhex(VECTORS["x_wing"]["seed"]))
    opened = key.open(bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["info"]))
    assert opened.hex() == vector["secret"]


def test_account_id_is_the_digest_of_both_keys(account: Account) -> None:
    other = PublicKeys(account.public.kem, bytes(32))
    assert other.account_id != account.public.account_id
    assert [len(part) for part in other.account_id.split("-")] == [4, 4, 4]


def test_sizes_of_the_spec(account: Account) -> None:
    sealed = seal(account.public.kem, bytes(32), INFO)
    assert (keys.KEM_ID, keys.SIGNATURE_ED25519, keys.SIGNATURE_BOTH) == (0x647A, 1, 2)
    assert len(account.public.kem) == keys.KEM_PUBLIC_BYTES == 1216
    assert len(account.public.signing) == keys.SIGNING_PUBLIC_BYTES == 1984
    assert len(account.sign(b"")) == keys.SIGNATURE_BYTES == 3373
    assert len(sealed) == keys.SEALED_BYTES == 1120 + 48


def test_sealed_secret_opens_for_its_account_only(account: Account) -> None:
    secret = hashlib.sha256(b"sector key").digest()
    sealed = seal(account.public.kem, secret, INFO)
    assert account.open_sealed(sealed, INFO) == secret
    assert seal(account.public.kem, secret, INFO) != sealed
    with pytest.raises(Damaged):
        Account.from_entropy(bytes(32)).open_sealed(sealed, INFO)


@pytest.mark.parametrize("at", [0, 1087, 1088, 1119, 1120, 1167])
def test_a_flipped_bit_does_not_open(account: Account, at: int) -> None:
    sealed = bytearray(seal(account.public.kem, bytes(32), INFO))
    sealed[at] ^= 1
    with pytest.raises(Damaged):
        account.open_sealed(bytes(sealed), INFO)


@pytest.mark.parametrize("length", [0, 47, 1119, 1120, 1135, 1167])
def test_a_cut_key_does_not_open(account: Account, length: int) -> None:
    with pytest.raises(Damaged):
        account.open_sealed(seal(account.public.kem, bytes(32), INFO)[:length], INFO)


def test_other_info_does_not_open(account: Account) -> None:
    with pytest.raises(Damaged):
        account.open_sealed(seal(account.public.kem, bytes(32), INFO), INFO + b"\0")


@pytest.mark.parametrize("public", [b"", bytes(1215), bytes(1217), b"\xff" * 1216])
def test_what_is_no_key_is_refused(public: bytes) -> None:
    with pytest.raises(Damaged):
        seal(public, bytes(32), INFO)


def test_a_key_with_a_worthless_half_is_refused(account: Account) -> None:
    with pytest.raises(Damaged):
        seal(account.public.kem[:1184] + bytes(32), bytes(32), INFO)


def test_an_encapsulation_with_a_worthless_half_does_not_open(account: Account) -> None:
    sealed = seal(account.public.kem, bytes(32), INFO)
    with pytest.raises(Damaged):
        account.open_sealed(sealed[:1088] + bytes(32) + sealed[1120:], INFO)


def test_signature_is_believed_for_its_key_and_message_only(account: Account) -> None:
    signature = account.sign(b"message")
    assert verify(2, account.public.signing, signature, b"message")
    assert not verify(2, account.public.signing, signature, b"massage")
    assert not verify(2, Account.from_entropy(bytes(32)).public.signing, signature, b"message")
    assert not verify(2, account.public.signing, signature[:-1], b"message")
    assert not verify(2, account.public.signing, b"", b"message")
    assert not verify(2, account.public.signing[:-1], signature, b"message")


@pytest.mark.parametrize("at", [0, 63, 64, 3372])
def test_both_halves_of_a_signature_count(account: Account, at: int) -> None:
    signature = bytearray(account.sign(b"message"))
    signature[at] ^= 1
    assert not verify(2, account.public.signing, bytes(signature), b"message")


def test_half_a_key_is_another_signer(account: Account) -> None:
    half, signature = account.public.signing[:32], account.sign(b"message")[:64]
    assert verify(1, half, signature, b"message")
    assert not verify(2, half, signature, b"message")
    assert not verify(0, b"", b"", b"message")
    assert not verify(3, half, signature, b"message")
    assert keys.signer_id(1, half) != account.public.signer_id


def test_ml_dsa_signs_with_its_context_string(account: Account) -> None:
    public = MLDSA65PublicKey.from_public_bytes(account.public.signing[32:])
    signature = account.sign(b"message")[64:]
    public.verify(signature, b"message", b"bakup/1 ml-dsa-65")
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"message")


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_entropy_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Account.from_entropy(bytes(length))


def test_account_shows_no_secret(account: Account) -> None:
    assert repr(account) == str(account) == f"Account({account.public.account_id})"
    assert not hasattr(account, "__dict__")
    assert str(account.chunker_seed) not in repr(account)
    assert account.atbak_key.hex() not in repr(account)
