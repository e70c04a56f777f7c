"""Folders that deny access, as each library says it: a server that runs as root, as in tests, denies none."""

from __future__ import annotations

import ftplib
from collections.abc import Callable

import asyncssh
import httpx
import pytest
from smbprotocol.exceptions import AccessDenied, LogonFailure, SMBOSError
from smbprotocol.header import NtStatus
from webdav4.client import HTTPError, ResourceNotFound

from bakup.store.backends.folders import Folders


def smb_denied() -> OSError:
    """As smbclient raises it."""
    error = SMBOSError(NtStatus.STATUS_ACCESS_DENIED, "lost+found")
    error.__cause__ = AccessDenied()
    return error  # type: ignore[no-any-return]


DENIED = [
    PermissionError("no"),
    asyncssh.SFTPPermissionDenied("no"),
    HTTPError(httpx.Response(403, request=httpx.Request("PROPFIND", "http://host/x"))),
    ftplib.error_perm("550 Permission denied."),
    smb_denied(),
    ResourceNotFound("lost+found"),
    asyncssh.SFTPNoSuchFile("vanished"),
]
TREE: dict[str, list[tuple[str, int | None]]] = {
    "": [("lost+found", None), ("objects", None), ("a", 1)],
    "objects": [("b", 2)],
}


def listed(entries: Callable[[str], list[tuple[str, int | None]]]) -> list[tuple[str, int]]:
    folders, after, found = Folders(entries), None, list[tuple[str, int]]()
    while True:
        objects, after = folders.page(after)
        found += objects
        if after is None:
            return found


@pytest.mark.parametrize("error", DENIED, ids=lambda error: type(error).__name__)
def test_a_folder_that_denies_access_is_passed_over_but_not_the_top(error: Exception) -> None:
    def entries(folder: str) -> list[tuple[str, int | None]]:
        if folder not in TREE:
            raise error
        return TREE[folder]

    def nothing(_: str) -> list[tuple[str, int | None]]:
        raise error

    assert listed(entries) == [("a", 1), ("objects/b", 2)]
    with pytest.raises(type(error)):
        listed(nothing)


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), KeyError("odd")], ids=str)
def test_what_is_no_answer_about_a_folder_is_raised(error: Exception) -> None:
    def entries(folder: str) -> list[tuple[str, int | None]]:
        if folder == "objects":
            raise error
        return TREE.get(folder, [])

    with pytest.raises(type(error)):
        listed(entries)


def test_a_login_that_is_refused_from_some_folder_on_leaves_nothing_out() -> None:
    asked: list[str] = []

    def entries(folder: str) -> list[tuple[str, int | None]]:
        asked.append(folder)
        if len(asked) > 1:
            raise LogonFailure
        return TREE[folder]

    with pytest.raises(LogonFailure):
        listed(entries)
