"""The account's file in `BAKUP_HOME`: mode 0600, never replaced by another.

Its secret stands in it in clear or under a passphrase, or it is in the system's keyring.

Under a passphrase the entropy is sealed by AES-256-GCM (key from Argon2id, the other fields as aad).
"""

from __future__ import annotations

import os
import secrets
import shlex
import unicodedata
from collections.abc import Callable
from typing import Annotated, Final, Literal, NoReturn, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta, Struct
from msgspec.structs import replace

from bakup.account import private, ring
from bakup.account.keys import ENTROPY_BYTES, KEM_PUBLIC_BYTES, SIGNING_PUBLIC_BYTES, Account, PublicKeys
from bakup.account.stream import TAG
from bakup.errors import Damaged, Failed, Usage, WrongAccount

NAME = "account"
VERSION: Final = 1

AskPassphrase: TypeAlias = Callable[[str], str]
"""Gives the passphrase of the account with this id; called only when the file has one."""

Protection = Literal["none", "passphrase", "keyring"]

_MOST_BYTES = 16_384
_SALT_BYTES = 16
_NONCE_BYTES = 12
_SEALED_BYTES = ENTROPY_BYTES + TAG

# RFC 9106, section 4, second recommended option; the upper bounds keep a forged file from filling memory.
_MEMORY_KIB = 65_536
_PASSES = 3
_LANES = 4


class _Clear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="protection", tag="none"):
    """Entropy as it is."""

    entropy: Annotated[bytes, Meta(min_length=ENTROPY_BYTES, max_length=ENTROPY_BYTES)]

    def __repr__(self) -> str:
        return "_Clear(...)"


class _Sealed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="protection", tag="argon2id"):
    """Entropy under a passphrase."""

    salt: Annotated[bytes, Meta(min_length=_SALT_BYTES, max_length=_SALT_BYTES)]
    nonce: Annotated[bytes, Meta(min_length=_NONCE_BYTES, max_length=_NONCE_BYTES)]
    ciphertext: Annotated[bytes, Meta(min_length=_SEALED_BYTES, max_length=_SEALED_BYTES)] = b""
    memory_kib: Annotated[int, Meta(ge=_MEMORY_KIB, le=1_048_576)] = _MEMORY_KIB
    passes: Annotated[int, Meta(ge=_PASSES, le=16)] = _PASSES
    lanes: Annotated[int, Meta(ge=1, le=16)] = _LANES


class _InKeyring(Struct, frozen=True, forbid_unknown_fields=True, tag_field="protection", tag="keyring"):
    """Entropy is in the keyring of the system, under a name of its own: no other file refers to it."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content."""

    account: str
    kem: Annotated[bytes, Meta(min_length=KEM_PUBLIC_BYTES, max_length=KEM_PUBLIC_BYTES)]
    signing: Annotated[bytes, Meta(min_length=SIGNING_PUBLIC_BYTES, max_length=SIGNING_PUBLIC_BYTES)]
    secret: _Clear | _Sealed | _InKeyring
    version: Literal[1] = VERSION


class _Version(Struct, frozen=True):
    version: int


def exists(folder: str) -> bool:
    """Whether `folder` has an account, readable or not."""
    return os.path.lexists(_path(folder))


def expect_none(folder: str) -> None:
    """Raises Failed when there is an account in `folder`: it is never replaced."""
    if exists(folder):
        raise _there_is_one(folder)


def save(folder: str, entropy: bytes, passphrase: str | None = None, *, keyring: bool = False) -> PublicKeys:
    """Keep a new account in `folder`, which is made if need be (mode 0700); `keyring`: its secret in the system's.

    Raises Failed when there is an account already, the file cannot be written or the keyring not used, Usage for an
    empty passphrase.
    """
    expect_none(folder)
    _make_folder(folder)
    file = _protect(entropy, passphrase, keyring)
    try:
        _write(folder, file, private.create_whole)
    except FileExistsError:
        raise _there_is_one(folder) from None
    return _public(file)


def load(folder: str, passphrase: AskPassphrase) -> Account:
    """The account in `folder`.

    Raises Usage when there is none, WrongAccount for a wrong passphrase, Damaged when the file is not what it
    should be, Failed when it cannot be read or others may read it.
    """
    return Account.from_entropy(load_entropy(folder, passphrase))


def load_entropy(folder: str, passphrase: AskPassphrase) -> bytes:
    """The 32 secret bytes behind the account in `folder`, to show its words. Raises as `load`."""
    file = _load(folder)
    entropy = _unprotect(file, passphrase)
    if len(entropy) != ENTROPY_BYTES or Account.from_entropy(entropy).public != _public(file):
        raise _damaged(folder)
    return entropy


def load_public(folder: str) -> PublicKeys:
    """The public keys of the account in `folder`, without its passphrase. Raises as `load`."""
    return _public(_load(folder))


def has_passphrase(folder: str) -> bool:
    """Whether the account in `folder` is under a passphrase. Raises as `load_public`."""
    return protection(folder) == "passphrase"


def protection(folder: str) -> Protection:
    """Where the secret of the account in `folder` is: in its file as it is or under a passphrase, or in the keyring.

    Raises as `load_public`.
    """
    match _load(folder).secret:
        case _Clear():
            return "none"
        case _Sealed():
            return "passphrase"
        case _InKeyring():
            return "keyring"


def set_passphrase(folder: str, old: AskPassphrase, new: str | None, *, keyring: bool = False) -> None:
    """Put the account in `folder` under the passphrase `new`, into the keyring, or under none, in one step.

    What stood in clear before may survive on the medium. Raises as `load`, and as `save`.
    """
    before = _load(folder)
    _write(folder, _protect(load_entropy(folder, old), new, keyring), private.replace)
    _leave_keyring(before)


def _path(folder: str) -> str:
    return os.path.join(folder, NAME)


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        _cannot("make", folder, error)


def _load(folder: str) -> _File:
    path = _path(folder)
    try:
        data, open_to_others = private.read(path, _MOST_BYTES + 1)
    except FileNotFoundError:
        hints = ("make one: bakup account new", "with your 24 words: bakup account recover")
        raise Usage(f"no account in {folder}", hints=hints, code="no-account") from None
    except OSError as error:
        _cannot("read", path, error)
    if open_to_others:
        hint = f"chmod 600 {shlex.quote(path)}"
        raise Failed(f"others than you may read or write {path}", hints=(hint,), code="permissions")
    if len(data) > _MOST_BYTES:
        raise _damaged(folder)
    return _decode(folder, data)


def _encode(file: _File) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def _decode(folder: str, data: bytes) -> _File:
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            message = f"{_path(folder)} has version {version:,}; this bakup knows {VERSION}"
            raise Failed(message, hints=("a newer bakup made it: use that one",), code="version")
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, RecursionError):
        raise _damaged(folder) from None
    if _public(file).account_id != file.account:
        raise _damaged(folder)
    return file


def _public(file: _File) -> PublicKeys:
    return PublicKeys(file.kem, file.signing)


def _write(folder: str, file: _File, write: Callable[[str, bytes], None]) -> None:
    path = _path(folder)
    try:
        write(path, _encode(file))
        private.sweep(path)
    except OSError as error:
        _leave_keyring(file)
        if isinstance(error, FileExistsError):
            raise
        _cannot("write", path, error)


def _leave_keyring(file: _File) -> None:
    if isinstance(file.secret, _InKeyring):
        ring.drop(file.secret.name)


def _protect(entropy: bytes, passphrase: str | None, keyring: bool) -> _File:
    public = Account.from_entropy(entropy).public
    file = _File(public.account_id, public.kem, public.signing, _Clear(entropy))
    if keyring:
        name = f"account {file.account} {secrets.token_hex(4)}"
        ring.put(name, entropy)
        return replace(file, secret=_InKeyring(name))
    if passphrase is None:
        return file
    if not passphrase:
        raise Usage("an empty passphrase protects nothing", code="passphrase")
    empty = _Sealed(secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES))
    ciphertext = _aead(empty, passphrase).encrypt(empty.nonce, entropy, _aad(file, empty))
    return replace(file, secret=replace(empty, ciphertext=ciphertext))


def _unprotect(file: _File, passphrase: AskPassphrase) -> bytes:
    secret = file.secret
    if isinstance(secret, _Clear):
        return secret.entropy
    if isinstance(secret, _InKeyring):
        return _from_keyring(file.account, secret.name)
    aead = _aead(secret, passphrase(file.account))
    try:
        return aead.decrypt(secret.nonce, secret.ciphertext, _aad(file, secret))
    except InvalidTag:
        raise WrongAccount(f"wrong passphrase for account {file.account}", code="passphrase") from None


def _from_keyring(account: str, name: str) -> bytes:
    entropy = ring.get(name)
    if entropy is None:
        hint = "move its file away, then with your 24 words: bakup account recover"
        raise Failed(f"the keyring of this system has no key of account {account}", hints=(hint,), code="keyring")
    return entropy


def _aead(sealed: _Sealed, passphrase: str) -> AESGCM:
    # The same passphrase typed on another system may come in another Unicode form.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    kdf = Argon2id(
        salt=sealed.salt,
        length=32,
        iterations=sealed.passes,
        lanes=sealed.lanes,
        memory_cost=sealed.memory_kib,
    )
    return AESGCM(kdf.derive(secret))


def _aad(file: _File, sealed: _Sealed) -> bytes:
    """Everything but the ciphertext, in the order of the fields."""
    return msgspec.json.encode(replace(file, secret=replace(sealed, ciphertext=b"")))


def _there_is_one(folder: str) -> Failed:
    return Failed(
        f"there is an account in {folder} already; it is never replaced",
        hints=(
            "see which: bakup account show",
            "to keep a second one, give it a folder: BAKUP_HOME=DIR bakup account recover",
        ),
        code="account-exists",
    )


def _damaged(folder: str) -> Damaged:
    hint = "move it away, then with your 24 words: bakup account recover"
    message = f"{_path(folder)} is damaged, or no account file, or one of an earlier draft"
    return Damaged(message, hints=(hint,), code="account-file")


def _cannot(verb: str, path: str, error: OSError) -> NoReturn:
    raise Failed(f"cannot {verb} {path}: {error.strerror}", code="account-file") from error
