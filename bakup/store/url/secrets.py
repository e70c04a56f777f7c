"""What must never be seen: user info of URLs and the values of store options. Kept out of every message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from bakup.errors import BakupError, Usage

_USER_INFO = re.compile(r"(?<=://)[^/?#]*@")
_TORN = re.compile(r"://(?!\[|arn:)[^/?#@]*:(?!\d*/)[^/?#@]*[/?#].*@")
"""What follows the host's colon is no port, and an @ comes later: a password that a `/`, `?` or `#` tears in two."""
_LINK = re.compile(r"::(?![0-9A-Fa-f:.]*(?:%\w+)?\])")
"""Stands between the links of a chain; in brackets it is a piece of an IPv6 address."""
_SHORTEST = 5
"""A value this short is a flag or a number, and stands in ordinary words too."""
_OPEN = frozenset(
    [
        "endpoint_url",
        "base_url",
        "region_name",
        "account_name",
        "account_host",
        "host",
        "port",
        "project",
        "profile",
        "verify",
        "known_hosts",
        "client_keys",
    ]
)
"""Options whose values are addresses, names, and paths of files."""
_FLAGS = ("true", "false")
_KEYS = ("AccountKey=", "SharedAccessSignature=")
_AZURE = ("abfs://", "abfss://", "az://")


def links(url: str) -> list[str]:
    """The URLs of a chain, as fsspec writes one; of any other URL only itself."""
    return _LINK.split(url)


def without_user(url: str) -> str:
    """A URL without user names and passwords, also inside a chain. In Azure's, what stands there is the container."""
    return url if url.startswith(_AZURE) else _USER_INFO.sub("", url)


class Place(str):
    """A target's path or URL as it may be shown; `credentials` are the store options of the user info it came with."""

    __slots__ = ("credentials",)
    credentials: Mapping[str, str]

    def __new__(cls, typed: str) -> Place:
        """From what was typed; a Place stays what it is. Raises Usage, which does not show it, for a torn password."""
        if isinstance(typed, Place):
            return typed
        if any(map(_TORN.search, links(typed))):
            hints = ("write %2F for /, %3F for ?, %23 for #", "or give it by --store-option password=env:NAME")
            raise Usage("a password in a URL has a bare /, ? or #", hints=hints, code="url")
        place = super().__new__(cls, without_user(typed))
        place.credentials = {} if place == typed else _user_info(typed)
        return place


class Secrets:
    """The secret texts of one target's store options."""

    def __init__(self, options: Mapping[str, object]) -> None:
        texts = list(_texts(options))
        spellings = {spelling for text in texts for spelling in (text, quote(text, safe=""))}
        self._texts = sorted((text for text in spellings if len(text) >= _SHORTEST), key=len, reverse=True)

    def hidden(self, error: BakupError) -> BakupError:
        """The same error, its message without secrets."""
        for text in self._texts:
            error.message = re.sub(re.escape(text), "***", error.message, flags=re.IGNORECASE)
        error.message = without_user(error.message)
        error.args = (error.message,)
        return error


def shown_option(word: str) -> str:
    """A `--store-option NAME=VALUE` as it may be shown: with `***` for a value that may be a secret."""
    name, given, value = word.partition("=")
    is_open = name.rpartition(".")[2] in _OPEN or value.startswith(("@", "env:")) or value in _FLAGS
    return word if is_open or not given else f"{name}=***"


def _texts(options: Mapping[Any, Any]) -> Iterable[str]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, list | tuple):
            yield from _texts(dict(enumerate(value)))
        elif isinstance(value, str) and name not in _OPEN:
            yield value
            # One text with many in it: a connection string of Azure's.
            yield from (part.partition("=")[2] for part in value.split(";") if part.startswith(_KEYS))


def _user_info(url: str) -> dict[str, str]:
    try:
        parts = urlsplit(links(url)[-1])  # of a chain the last one is the store
    except ValueError as error:
        reason = str(error)
        raise Usage(f"{without_user(url)}: {reason[:1].lower()}{reason[1:]}", code="url") from None
    given = {"username": parts.username, "password": parts.password}
    return {name: unquote(text) for name, text in given.items() if text}
