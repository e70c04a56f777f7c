"""What a WebDAV server is asked."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from bakup.errors import NoTarget, StoreError
from bakup.store.backends.webdav import Webdav
from bakup.store.backends.webdav_client import WebdavClient
from bakup.store.wire import Body, Wire

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet


@pytest.mark.parametrize("heeded", [0, 1, 2, None])
def test_where_to_is_said_as_a_server_behind_a_proxy_understands_it(heeded: int | None) -> None:
    """One that is asked by HTTP, for which the proxy was asked by HTTPS, takes our name for another server's: 502."""
    names = ["https://host/x/b", "/x/b", "http://host/x/b"]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method != "MOVE":
            return httpx.Response(
                207, text='<multistatus xmlns="DAV:"><response><href>/</href></response></multistatus>'
            )
        seen.append(request.headers["Destination"])
        return httpx.Response(201 if heeded is not None and seen[-1] == names[heeded] else 502)

    client = WebdavClient("https://host", retry=False, transport=httpx.MockTransport(answer))
    if heeded is None:
        with pytest.raises(StoreError, match="renames nothing") as caught:
            client.rename("x/a", "x/b")
        assert "Destination" in caught.value.hints[0]
        return
    client.rename("x/a", "x/b")
    client.rename("x/a", "x/b")
    assert seen == [*names[: heeded + 1], names[heeded]]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (301, {"Location": "https://host/dav/x/"}, "sends us on to https://host/dav/x/"),
        (302, {"Location": "https://elsewhere/x/"}, "sends us on to https://elsewhere/x/"),
        (200, {"Content-Type": "text/html"}, "speaks no WebDAV"),
    ],
)
def test_a_server_that_is_elsewhere_or_another_is_said(status: int, headers: dict[str, str], said: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, text="<html>"))
    with (
        closing(Webdav("webdav://host/x", {"transport": transport}, Wire())) as store,
        pytest.raises(NoTarget, match=said),
    ):
        store.exists()


def test_a_folder_is_known_by_what_begins_all_other_names() -> None:
    """A server behind a proxy may call itself otherwise than its users do."""
    one = "<response><href>/inner/x{}</href><propstat><prop><resourcetype>{}</resourcetype>"
    one += "<getcontentlength>{}</getcontentlength></prop></propstat></response>"
    entries = (
        one.format("/", "<collection/>", "") + one.format("/x/", "<collection/>", "") + one.format("/%C3%BC", "", 5)
    )
    text = f'<multistatus xmlns="DAV:">{entries}</multistatus>'
    transport = httpx.MockTransport(lambda _: httpx.Response(207, text=text))
    with closing(Webdav("webdav://host/x", {"transport": transport}, Wire())) as store:
        assert store.exists()
        page, after = store.page(None)
        assert page == [("ü", 5)]
        assert json.loads(after or "") == ["x"]


@pytest.mark.peer
def test_no_server_is_asked_for_all_below_a_folder(fleet: Fleet, tmp_path: Path) -> None:
    """A PROPFIND without `Depth` is one of infinity, to which Apache and nginx say 403."""
    served, file, seen = fleet["webdav"], tmp_path / "file", list[httpx.Request]()
    file.write_bytes(b"content")
    hooks = {"request": [seen.append]}
    with closing(Webdav(served.place(), {**served.options, "event_hooks": hooks}, Wire())) as store:
        assert not store.exists()
        store.create()
        with Body(str(file), 0, 7, Wire()) as body:
            store.put("a", body)
        assert store.exists()
        assert store.size("a") == 7
        assert store.page(None)[0] == [("a", 7)]
        assert store.filesystem.info(f"{store.root}/a")["size"] == 7
        assert store.filesystem.info(store.root)["type"] == "directory"
    depths = [request.headers.get("Depth") for request in seen if request.method == "PROPFIND"]
    assert len(depths) > 5
    assert set(depths) == {"0", "1"}


def test_auth_may_be_a_list_of_user_and_password() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404)

    options = {"auth": ["ana", "hunter-9999"], "transport": httpx.MockTransport(answer)}
    with closing(Webdav("webdav://host/x", options, Wire())) as store:
        assert not store.exists()
    assert seen[0].headers["Authorization"] == "Basic " + b64encode(b"ana:hunter-9999").decode()
