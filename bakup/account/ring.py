"""The keyring of the system (Keychain, Secret Service, Credential Locker), through the package `keyring`."""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import NoReturn

from bakup.errors import Failed, install

SERVICE = "bakup"
"""Under this name the keyring lists what bakup keeps in it."""


def put(name: str, secret: bytes) -> None:
    """Keep a secret, and see that it is kept. Raises Failed."""
    ring = _ring()
    try:
        ring.set_password(SERVICE, name, secret.hex())
        kept = ring.get_password(SERVICE, name)
    except Exception as error:  # every backend has exceptions of its own
        _refused(error)
    if kept != secret.hex():
        raise Failed("the keyring of this system keeps nothing", hints=(_INSTEAD,), code="keyring")


def get(name: str) -> bytes | None:
    """A secret, None when the keyring does not hold it. Raises Failed when it is locked, or there is none."""
    ring = _ring()
    try:
        kept = ring.get_password(SERVICE, name)
        return None if kept is None else bytes.fromhex(kept)
    except ValueError:
        return b""
    except Exception as error:
        _refused(error)


def drop(name: str) -> None:
    """Forget a secret, if the keyring lets us."""
    with contextlib.suppress(Exception):
        _ring().delete_password(SERVICE, name)


_INSTEAD = "a passphrase protects the account without it: bakup account passphrase"


def _ring() -> ModuleType:
    try:
        import keyring
    except ImportError:
        hints = (install("keyring"),)
        raise Failed("the keyring needs a package that is not installed", hints=hints, code="keyring") from None
    return keyring


def _refused(error: Exception) -> NoReturn:
    reason = (str(error).split("\n")[0].rstrip(".") or type(error).__name__).strip()
    hints = (
        "unlock it and run the same command again",
        "without it, with your 24 words: BAKUP_HOME=DIR bakup account recover",
    )
    raise Failed(
        f"the keyring of this system cannot be used: {reason[:1].lower()}{reason[1:]}", hints=hints, code="keyring"
    ) from error
