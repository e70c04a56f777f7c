"""What a WebDAV server is asked."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from bakup.store.webdav import Webdav
from bakup.store.wire import Body, Wire

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet


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
        assert store.filesystem.exists(f"{store.root}/a")
        assert store.filesystem.isdir(store.root)
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
