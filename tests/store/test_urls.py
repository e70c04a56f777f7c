"""What a URL names: the whole key of a bucket's place, a path, or nothing that is taken for another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakup.errors import Usage
from bakup.store.buckets import open_bucket
from bakup.store.opening import open_target

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
