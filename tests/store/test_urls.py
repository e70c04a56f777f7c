"""What a URL names: the whole key of a bucket's place, a path, or nothing that is taken for another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakup.errors import Usage
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import is_url, local_path, open_target

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

PATHS = ("sftp", "ssh", "webdav", "webdavs", "smb", "ftp", "ftps")


@pytest.mark.parametrize(("mark", "written"), [("#", "%23"), ("?", "%3F")])
@pytest.mark.parametrize("scheme", PATHS)
def test_what_would_be_dropped_of_a_path_is_refused(scheme: str, mark: str, written: str) -> None:
    for opened in (open_target, open_bucket):
        with pytest.raises(Usage, match=f"a bare [{mark}] stands in a URL of {scheme}://") as refused:
            opened(f"{scheme}://host/share/a{mark}b")  # type: ignore[operator]
        assert written in refused.value.hints[0]


@pytest.mark.peer
@pytest.mark.parametrize("name", ["moto", "gcs"])
def test_places_in_a_bucket_whose_names_go_on_after_a_mark_are_two(fleet: Fleet, tmp_path: Path, name: str) -> None:
    served = fleet[name]
    place = served.place()
    (tmp_path / "x").write_bytes(b"content")
    first, second = (open_target(f"{place}/pre{end}", options=served.options) for end in ("#1", "#2"))
    first.put_new("x", str(tmp_path / "x"))
    assert [[*first.list()], [*second.list()]] == [[("x", 7)], []]
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///x/a%20b", "/x/a b"),
        ("FILE://localhost/x", "/x"),
        ("file:///x/new#x?y", "/x/new#x?y"),
        ("file:///x/caf%E9", "/x/caf\udce9"),
        ("file:///x/café", "/x/café"),
        ("file:/x", "file:/x"),
        ("/x%20", "/x%20"),
    ],
)
def test_a_file_url_is_the_path_that_it_says(url: str, path: str) -> None:
    assert (is_url(url), local_path(url)) == (False, path)


def test_a_file_url_of_another_computer_is_refused() -> None:
    with pytest.raises(Usage, match="at another computer, tmp") as refused:
        local_path("file://tmp/x")
    assert refused.value.hints == ("here: file:///tmp/x",)
