"""Whose sectors are believed: steps 2 and 3 of section 4.3 of the format."""

from __future__ import annotations

from msgspec import Struct

from bakup.account.keys import Account, PublicKeys, verify
from bakup.errors import Damaged, Foreign, Untrusted
from bakup.format.certificate import Certificate
from bakup.format.header import PublicKeyField, SectorHeader


class Trust(Struct, frozen=True):
    """What a reader believes. Without `account` nothing encrypted opens; `public` is enough to audit."""

    account: Account | None = None
    public: PublicKeys | None = None
    accept_plain: bool = False
    accept_unsigned: bool = False

    @property
    def keys(self) -> PublicKeys | None:
        """The account's public keys."""
        return self.account.public if self.account is not None else self.public


def judge(header: SectorHeader, trust: Trust) -> Certificate | None:
    """Believe a header or raise; gives the writer's certificate if a writer signed.

    Raises Foreign for another account's, Untrusted for a signer or signature not to be believed and for
    unsigned or plain sectors unless `trust` accepts them, Damaged for a certificate of another form. Messages
    go on after the sector's name.
    """
    certificate = _judge_keys(header, trust.keys)
    if header.signed:
        _judge_signature(header)
    elif not trust.accept_unsigned:
        also = "" if header.encrypted or trust.accept_plain else ", and not encrypted"
        raise Untrusted(f"is not signed{also}", hints=("--accept-unsigned believes it",), code="unsigned")
    if not header.encrypted and not trust.accept_plain:
        raise Untrusted("is not encrypted", hints=("--accept-plain reads it",), code="plain")
    return certificate


def signature_good(header: SectorHeader) -> bool:
    """Whether the signer that the header names signed it; says nothing of who that is."""
    if header.public_key is None or header.signature is None:
        return False
    key = header.public_key
    return verify(key.signature_id, key.signer, header.signature, header.signed_message())


def owner(header: SectorHeader) -> str | None:
    """Id of the account that a header names; None if it names none, or a writer instead of the account."""
    if header.public_key is None or header.certificate is not None:
        return None
    return PublicKeys(header.public_key.kem, header.public_key.signer).account_id if header.signed else None


def _judge_keys(header: SectorHeader, keys: PublicKeys | None) -> Certificate | None:
    found = header.public_key
    if found is None:
        return None
    if keys is None or found.kem != keys.kem:
        if keys is not None and _same_signer(found, keys):
            raise Damaged("the account's signing key stands beside another's encryption key")
        name = owner(header)
        raise Foreign(f"belongs to account {name}" if name else "belongs to another account", code="foreign")
    if not header.signed:
        return None
    if header.certificate is None:
        if not _same_signer(found, keys):
            raise Untrusted("is signed by a key that the account never certified", code="signer")
        return None
    return _judge_certificate(header.certificate, found, keys)


def _same_signer(found: PublicKeyField, keys: PublicKeys) -> bool:
    return (found.signature_id, found.signer) == (keys.signature_id, keys.signing)


def _judge_certificate(value: bytes, found: PublicKeyField, keys: PublicKeys) -> Certificate:
    certificate = Certificate.from_bytes(value)
    if _same_signer(found, keys):
        raise Damaged("a certificate where the account itself signs")
    if (certificate.signature_id, certificate.writer_key) != (found.signature_id, found.signer):
        raise Untrusted("has a certificate for another key than its signer's", code="certificate")
    if not verify(keys.signature_id, keys.signing, certificate.signature, certificate.signed_message()):
        raise Untrusted("has a certificate that the account did not sign", code="certificate")
    return certificate


def _judge_signature(header: SectorHeader) -> None:
    if not signature_good(header):
        raise Untrusted("has a wrong signature: it is damaged or forged", code="signature")
