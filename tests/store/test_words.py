"""Store options as typed, and what of them and of URLs is never shown."""

from pathlib import Path

import pytest

from bakup.errors import StoreError, Usage
from bakup.store.url.options import read_words
from bakup.store.url.secrets import Place, Secrets, without_user


def test_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("s3cr=t\n")
    monkeypatch.setenv("KEY", "12345")
    words = [
        "profile=backup",
        "anon=true",
        "port=2222",
        "client_kwargs.region_name=eu-west-1",
        "client_kwargs.verify=false",
        'headers={"a": 1}',
        f"secret=@{tmp_path}/secret",
        "key=env:KEY",
        "password=123456",
        "empty=",
        "equals=a=b",
    ]
    assert read_words(words) == {
        "profile": "backup",
        "anon": True,
        "port": 2222,
        "client_kwargs": {"region_name": "eu-west-1", "verify": False},
        "headers": {"a": 1},
        "secret": "s3cr=t",
        "key": "12345",
        "password": "123456",
        "empty": "",
        "equals": "a=b",
    }


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["profile"], "not NAME=VALUE"),
        (["=x"], "not NAME=VALUE"),
        (["a=1", "a.b=2"], "a is a value already"),
        (["a=@/nowhere/at/all"], "cannot read /nowhere/at/all: no such file"),
        (["a=env:NO_SUCH_VARIABLE"], "there is no variable NO_SUCH_VARIABLE"),
    ],
)
def test_words_that_are_none(words: list[str], text: str) -> None:
    with pytest.raises(Usage, match=text):
        read_words(words)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sftp://ana:secret@host:22/a/b", "sftp://host:22/a/b"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("webdav://ana@host/x?y=1", "webdav://host/x?y=1"),
        ("zip://a@b.zip::sftp://ana:pw@host/x.zip", "zip://b.zip::sftp://host/x.zip"),
        ("abfs://container@account.dfs.core.windows.net/x", "abfs://container@account.dfs.core.windows.net/x"),
        ("/a@b/c", "/a@b/c"),
        ("ftp://me@example.org:top@secret@host/x@y", "ftp://host/x@y"),
    ],
)
def test_user_info_is_never_shown(url: str, shown: str) -> None:
    assert without_user(url) == shown
    assert Place(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "sftp://ana:SE/SECRET@host/x",
        "ftp://ana:SE#SECRET@host/x",
        "ftp://ana:22?SECRET@host/x",
        "zip://x.zip::sftp://ana:SE/SECRET@host/x.zip",
    ],
)
def test_a_torn_password_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Usage) as refused:
        Place(url)
    assert not any("SE" in text for text in (str(refused.value), *refused.value.hints))


@pytest.mark.parametrize(
    "url",
    ["sftp://host:22/a@b", "sftp://[::1]:22/a@b", "dir://x::ftp://host/a@b", "s3://arn:aws:s3:x:1:accesspoint/a@b"],
)
def test_what_is_no_password_stays(url: str) -> None:
    assert Place(url) == url


def test_a_place_keeps_its_credentials_to_itself() -> None:
    place = Place("sftp://ana:s%40cret@host/x")
    assert str(place) == f"{place}" == "sftp://host/x"
    assert place.credentials == {"username": "ana", "password": "s@cret"}
    assert Place(place).credentials == place.credentials
    assert Place("/a").credentials == {}
    assert Place("dir://x::ftp://ana:pw@host").credentials == {"username": "ana", "password": "pw"}
    assert Place("ftp://me@example.org:top@secret@host/x").credentials == {
        "username": "me@example.org",
        "password": "top@secret",
    }


def test_secrets_are_hidden_in_every_spelling() -> None:
    secrets = Secrets(
        {
            "password": "s@cret/1",
            "nested": {"token": "tok-en-12"},
            "auth": ["ana", "hunter-9999"],
            "endpoint_url": "http://host",
            "connection_string": "AccountName=ana;AccountKey=a+key==;BlobEndpoint=http://host",
        }
    )
    error = StoreError("s3://b: s@cret/1 and s%40cret%2F1 and tok-en-12, hunter-9999, a+key== at http://ana:pw@host")
    assert secrets.hidden(error).message == "s3://b: *** and *** and ***, ***, *** at http://host"
    assert str(error) == error.message


def test_paths_of_files_are_no_secrets() -> None:
    secrets = Secrets({"known_hosts": "/etc/ssh/known", "client_keys": "/root/.ssh/backup"})
    told = "cannot read /etc/ssh/known or /root/.ssh/backup"
    assert secrets.hidden(StoreError(told)).message == told
