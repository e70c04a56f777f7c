"""The key of .atbake objects: the account's own, or one in a file."""

from __future__ import annotations

import re

from bakup.account import private
from bakup.account.keys import Account
from bakup.errors import NoTarget, Usage

KEY_BYTES = 32
_DIGITS = re.compile(rb"[0-9a-fA-F]{64}")


def account_key(account: Account) -> bytes:
    """The account's key for .atbake objects, 32 bytes (docs/format/atbak.md section 5)."""
    return account.atbak_key


def read_key_file(path: str) -> bytes:
    """The key in a file of 64 hex digits, 32 bytes. Raises NoTarget when it is not there, Usage when it holds none."""
    try:
        text, _ = private.read(path, 4096)
    except OSError as error:
        raise NoTarget(f"{path}: {(error.strerror or 'cannot be read').lower()}", code="key-file") from None
    if not _DIGITS.fullmatch(text.strip()):
        raise Usage(f"{path} holds no key: 64 hex digits and nothing else", code="key-file")
    return bytes.fromhex(text.strip().decode())


def show(key: bytes) -> str:
    """The key as `read_key_file` takes it."""
    return key.hex()
