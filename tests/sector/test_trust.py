import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakup.account.keys import PublicKeys
from bakup.errors import Damaged, Foreign, Untrusted, WrongAccount
from bakup.format.box import pack_table
from bakup.format.certificate import Certificate
from bakup.format.header import EncryptedKey
from bakup.sector.naming import reason
from bakup.sector.reader import audit_sector, fetch_header, read_header
from bakup.sector.trust import Trust, owner, signature_good


def test_another_accounts_sector_is_foreign(lab: Any) -> None:
    locator, size = lab.put(lab.build())
    for trust in (Trust(lab.other), Trust(public=lab.other.public), Trust()):
        with pytest.raises(Foreign, match=f"belongs to account {lab.account.public.account_id}"):
            read_header(lab.target, locator, size, trust)
    found = fetch_header(lab.target, locator, size)
    assert found is not None
    assert owner(found.header) == lab.account.public.account_id
    assert signature_good(found.header)


def test_damaged_lengths_of_a_foreign_sector_are_not_our_damage(lab: Any) -> None:
    content = lab.content(lab.build())
    with pytest.raises(Foreign):
        read_header(lab.target, *lab.store(content[:-9]), Trust(lab.other))


def test_a_signer_that_is_not_certified(lab: Any, certified: Callable[..., Any]) -> None:
    locator, size = lab.put(lab.build(account=certified(lab.account, lab.other)))
    with pytest.raises(Untrusted, match="is signed by a key that the account never certified") as caught:
        read_header(lab.target, locator, size, Trust(lab.account))
    assert not isinstance(caught.value, Foreign)
    assert reason(caught.value, locator) == "is signed by a key that the account never certified"


def test_one_key_of_two_is_not_foreign(lab: Any, certified: Callable[..., Any]) -> None:
    locator, size = lab.put(lab.build(account=certified(lab.other, lab.account)))
    with pytest.raises(Damaged, match="beside another's encryption key"):
        read_header(lab.target, locator, size, Trust(lab.account))


def certificate(lab: Any, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "signature_id": 2,
        "writer_key": lab.other.public.signing,
        "writer": b"writer-uuid-16by",
        "sources": (lab.point.source,),
        "by": lab.account,
    } | changes
    by = fields.pop("by")
    unsigned = Certificate(**fields, signature=bytes(3373))
    return Certificate(**fields, signature=by.sign(unsigned.signed_message())).to_bytes()


def test_a_certified_writer(lab: Any, certified: Callable[..., Any]) -> None:
    writer = certified(lab.account, lab.other)
    locator, size = lab.put(lab.build(account=writer, certificate=certificate(lab)))
    sector = lab.open(locator, size)
    assert sector.certificate is not None
    assert sector.signer == lab.other.public.signer_id
    assert sector.meta().boxes


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"writer_key": bytes(1984)}, Untrusted),
        ({"by": "other"}, Untrusted),
    ],
)
def test_refused_certificates(lab: Any, certified: Callable[..., Any], changes: dict[str, Any], error: Any) -> None:
    changes = {name: lab.other if value == "other" else value for name, value in changes.items()}
    writer = certified(lab.account, lab.other)
    locator, size = lab.put(lab.build(account=writer, certificate=certificate(lab, **changes)))
    with pytest.raises(error):
        lab.open(locator, size).meta()


def test_a_source_that_the_certificate_does_not_list(lab: Any, certified: Callable[..., Any]) -> None:
    writer, other = certified(lab.account, lab.other), certificate(lab, sources=(b"another-source-u",))
    meta = lab.open(*lab.put(lab.build(account=writer, certificate=other))).meta()
    assert not meta.checkpoints
    assert not meta.boxes
    assert "does not list" in meta.refused[lab.point.uuid]


def test_the_account_needs_no_certificate(lab: Any) -> None:
    own = certificate(lab, writer_key=lab.account.public.signing)
    with pytest.raises(Damaged):
        lab.open(*lab.put(lab.build(certificate=own)))
    with pytest.raises(Damaged):
        lab.open(*lab.put(lab.build(certificate=b"junk")))


@pytest.mark.parametrize(
    ("made", "accepted", "message"),
    [
        ({"sign": False}, {"accept_unsigned": True}, "is not signed"),
        ({"encrypt": False}, {"accept_plain": True}, "is not encrypted"),
        ({"encrypt": False, "sign": False}, {"accept_plain": True, "accept_unsigned": True}, "is not signed"),
    ],
)
def test_unsigned_and_plain_only_when_asked(
    lab: Any, made: dict[str, Any], accepted: dict[str, Any], message: str
) -> None:
    locator, size = lab.put(lab.build(**made))
    for leave_out in accepted:
        with pytest.raises(Untrusted, match="is not "):
            lab.open(locator, size, **{name: True for name in accepted if name != leave_out})
    with pytest.raises(Untrusted, match=message):
        lab.open(locator, size)
    assert lab.open(locator, size, **accepted).meta().boxes


def test_a_public_key_is_enough_to_audit(lab: Any) -> None:
    locator, size = lab.put(lab.build())
    sector = lab.open(locator, size, account=None, public=lab.account.public)
    assert not sector.readable
    assert sector.meta_good()
    assert sector.verify_data().good
    for use in (sector.meta, lambda: list(sector.data_boxes([]))):
        with pytest.raises(WrongAccount):
            use()
    with pytest.raises(Foreign):
        lab.open(locator, size, account=None, public=PublicKeys(bytes(1216), lab.other.public.signing))


def test_audit_believes_nothing_and_sees_damage(lab: Any) -> None:
    finished = lab.build((os.urandom(100_000),))
    content = bytearray(lab.content(finished))
    found = fetch_header(lab.target, *lab.store(content))
    assert found is not None
    sector = audit_sector(lab.target, found)
    assert sector.meta_good()
    assert sector.verify_data().good
    content[finished.header.data_start + 70_000] ^= 1
    lab.store(content)
    assert sector.meta_good()
    assert not sector.verify_data().digest_good


def test_a_sealed_key_of_the_account_that_does_not_open_is_damage(lab: Any) -> None:
    locator, size = lab.craft(
        b"", pack_table([]), encrypted_keys=(EncryptedKey(lab.account.public.recipient_id, bytes(1168)),)
    )
    with pytest.raises(Damaged, match="does not open"):
        lab.open(locator, size)


def test_the_first_sealed_key_that_opens_serves(lab: Any) -> None:
    found = fetch_header(lab.target, *lab.craft(b"", pack_table([])))
    assert found is not None
    good = found.header.encrypted_keys[0]
    header = found.header
    other, junk = EncryptedKey(b"not-ours", bytes(1168)), EncryptedKey(good.recipient, bytes(1168))
    header = replace(header, encrypted_keys=(other, junk, good))
    header = replace(header, signature=lab.account.sign(header.signed_message()))
    body = Path(lab.target.url, "crafted.bakup").read_bytes()[found.header.length :]
    assert lab.open(*lab.store(header.to_bytes() + body)).meta().rows == ()


def test_a_key_that_is_sealed_for_others_only(lab: Any) -> None:
    found = fetch_header(lab.target, *lab.craft(b"", pack_table([])))
    assert found is not None
    sealed = found.header.encrypted_keys[0].sealed
    with pytest.raises(Damaged, match="was not sealed for this account"):
        lab.open(*lab.craft(b"", pack_table([]), encrypted_keys=(EncryptedKey(b"not-ours", sealed),)))


def test_all_recipients_get_the_same_key_or_know(lab: Any) -> None:
    with pytest.raises(Damaged, match="another key was sealed for this account"):
        lab.open(*lab.craft(b"", pack_table([]), key_check=bytes(32)))


def test_half_of_a_signature_is_none(lab: Any) -> None:
    finished = lab.build()
    for at in (10, 1_000):
        content = bytearray(lab.content(finished))
        content[finished.header.length - 3_373 + at] ^= 1
        with pytest.raises(Untrusted, match="wrong signature"):
            lab.open(*lab.store(bytes(content)))


def test_an_unsigned_sector_has_no_signer(lab: Any) -> None:
    sector = lab.open(*lab.put(lab.build(sign=False)), accept_unsigned=True)
    assert sector.signer == b""
    key = sector.header.public_key
    assert key is not None
    assert (key.signature_id, key.signer) == (0, b"")
