"""The key of .atbake objects: the account's own, or one in a file."""

from __future__ import annotations

import base64
import json
import re
import uuid

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


def atbu_config(name: str, folder: str, key: bytes | None) -> str:
    """The file (JSON) by which ATBU opens the target in the absolute `folder`, called `name`: as its own
    `.atbu/atbu-config.json` there, or for its `--config-file`. It holds the key."""
    definition: dict[str, object] = {
        "interface": "filesystem",
        "provider": "filesystem",
        "container": folder,
        "driver": {},
        "id": str(uuid.uuid4()),
    }
    if key is not None:
        encoded = base64.b64encode(b"K=" + key.hex().encode()).decode()
        definition["encryption"] = {"key": encoded, "password_type": "actual"}
    config = {"name": "ATBU Configuration", "version": "0.03", "general": {}, "storage-definitions": {name: definition}}
    return json.dumps(config, indent=2)
