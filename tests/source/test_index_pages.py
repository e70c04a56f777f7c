"""Pages by which web servers list a folder."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from bakup.store.backends.web_pages import names
from bakup.store.buckets.opening import open_bucket
from tests.servers.web import SERVERS

FILES = (
    "a&b",
    "b c",
    "ü",
    "50%off",
    "50%25off",
    "hash#",
    "what?",
    "plus+",
    "semi;colon",
    "colon:x",
    'it\'s "so"',
    "<b>",
    "a name that is so long that servers cut what they show of it, and end it by two dots.txt",
    "sub folder/ü & more",
)


@pytest.mark.peer
@pytest.mark.parametrize("name", SERVERS)
def test_all_that_a_server_lists_is_found(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bakup-web-") as folder:
        data = Path(folder) / "data" / "top"
        for file in FILES:
            (data / file).parent.mkdir(parents=True, exist_ok=True)
            (data / file).write_text(file)
        with SERVERS[name](Path(folder)) as port, closing(open_bucket(f"http://127.0.0.1:{port}/top")) as bucket:
            listed = [*bucket.list()]
            assert sorted(one.key for one in listed if not one.folder) == sorted(FILES)
            assert [one.key for one in listed if one.folder] == ["sub folder"]
            for one in listed:
                if not one.folder:
                    assert bucket.fetch(one).data == one.key.encode()
                    assert one.mtime_ns > 0 or name == "lighttpd"  # which tells no times of types that it does not know


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<a href="?C=N;O=D">Name</a> <a href="/up/">Parent</a> <a href="../">..</a> <a href="x">x</a>', ["x"]),
        ('<a href="long%20name.txt">long n..&gt;</a>', ["long name.txt"]),
        ('<a href="a&amp;b">a&amp;b</a><a href="./c/">c</a><a href="/up/here/d">d</a>', ["a&b", "c/", "d"]),
        ('<a href="http://elsewhere/up/here/x">x</a><a href="mailto:me">m</a><a href="">.</a><a>y</a>', []),
        (
            '<a href="x">x</a><a href="x#top">x</a><A HREF="f/">f</A><a href="f/in">x</a><a href="g/in">g</a>',
            ["x", "f/", "g/in"],
        ),
        ('<a href="%FF">?</a>', ["\udcff"]),
    ],
)
def test_links(page: str, found: list[str]) -> None:
    assert [*names(page, "http://host/up/here/")] == found
    assert [*names(page, "http://host/up/here/?sort=name")] == found
