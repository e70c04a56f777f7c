"""How servers prove over TLS who they are: one store option for all kinds of them."""

from __future__ import annotations

import ssl
from typing import Any

from bakup.errors import Usage
from bakup.store.faults import reason


def checking(options: dict[str, Any]) -> ssl.SSLContext:
    """What checks certificates as the option `verify` says, which is taken out of `options`.

    Left out or true: by the computer's authorities and for the host's name. A path: by the certificates in that file
    or folder. False: not at all. Raises Usage for a file that holds none.
    """
    verify = options.pop("verify", True)
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is False:
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        return unchecked
    if verify is True:
        return ssl.create_default_context()
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    try:
        _trust(context, str(verify))
    except OSError as error:  # ssl.SSLError is one
        raise Usage(f"store option verify: no certificates in {verify}: {reason(error)}", code="usage") from None
    return context


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except IsADirectoryError:
        context.load_verify_locations(capath=path)
