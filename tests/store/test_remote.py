import sys
from pathlib import Path

import pytest

from bakup.errors import Usage
from bakup.store.local.folder import FolderTarget
from bakup.store.opening import is_url, local_path, open_target


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("s3://x", True),
        ("memory://x", True),
        ("/a/b", False),
        ("a:b", False),
        ("file:///a", False),
        ("://x", False),
    ],
)
def test_urls_and_paths(place: str, url: bool) -> None:
    assert is_url(place) == url


def test_file_urls_are_paths(tmp_path: Path) -> None:
    assert local_path("file:///a%20b/c") == "/a b/c"
    target = open_target(f"file://{tmp_path}/t", create=True)
    assert isinstance(target, FolderTarget)
    assert target.url == f"{tmp_path}/t"


def test_unknown_kinds_of_store() -> None:
    with pytest.raises(Usage, match="nosuch"):
        open_target("nosuch://x")


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for loaded in ("s3", "s3_client"):
        monkeypatch.delitem(sys.modules, f"bakup.store.backends.{loaded}", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Usage, match="s3:// needs a package") as caught:
        open_target("s3://bucket/x")
    assert caught.value.hints == (f"bring it to the Python of this bakup: {sys.executable} -m pip install s3fs",)
