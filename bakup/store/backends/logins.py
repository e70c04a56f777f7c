"""User and password of servers that know nothing better."""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


def login(host: str, options: Mapping[str, Any]) -> tuple[str, str] | None:
    """The options `username` and `password`, else what `~/.netrc` says of this host, else None."""
    if "username" in options:
        return str(options["username"]), str(options.get("password", ""))
    with suppress(OSError, netrc.NetrcParseError):
        if (found := netrc.netrc().hosts.get(host)) is not None:
            return found[0], found[2] or ""
    return None
