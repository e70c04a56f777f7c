"""Who a store is asked as, and where, when that stands outside its URL: other users have other places there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bakup.store.buckets.opening import open_bucket


@pytest.fixture(name="home", autouse=True)
def of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def server(url: str, **options: object) -> str:
    with closing(open_bucket(url, options)) as bucket:
        return bucket.server


@pytest.mark.parametrize("kind", ["ftp", "webdav"])
def test_a_login_of_netrc_is_one_of_the_url(home: Path, kind: str) -> None:
    (home / ".netrc").write_text("machine host login ana password secret\n")
    (home / ".netrc").chmod(0o600)
    assert server(f"{kind}://host/x") == server(f"{kind}://ana:secret@host/x") == "ana@host"
    assert server(f"{kind}://bob:secret@host/x") == "bob@host"
    assert server(f"{kind}://other/x") == ""


def test_nobody_is_nobody_whether_the_url_says_so_or_not() -> None:
    assert server("ftp://anonymous@host/x") == server("ftp://host/x") == ""


def test_an_ssh_host_is_the_one_that_the_configuration_names(home: Path) -> None:
    (home / ".ssh").mkdir()
    config = home / ".ssh" / "config"
    config.write_text("Host nas\n  HostName nas.example.org\n  User ana\nHost other\n  HostName 192.0.2.1\n")
    options = {"config": [str(config)]}
    assert server("sftp://nas/x", **options) == server("sftp://ana@nas.example.org/x") == "ana@nas.example.org"
    assert server("sftp://bob@nas/x", **options) == "bob@nas.example.org"
    assert server("sftp://other/x", **options) == "192.0.2.1"
    assert server("sftp://host/x", **options) == ""


def test_a_base_url_is_another_server() -> None:
    assert server("webdav://x", base_url="https://host/dav/ana") == "host/dav/ana"
    assert server("webdav://x", base_url="https://host/dav/bob", username="bob", password="x") == "bob@host/dav/bob"
    assert server("webdav://host/x", auth=["ana", "secret"]) == "ana@host"
