"""An unset variable is no place, and DST is no place to restore to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bakup.cli.app import run
from bakup.errors import Usage
from bakup.store.url.placename import expect_place

NO_PLACES = {
    "": "is empty",
    **dict.fromkeys(("s3://", "s3:///photos", "s3a://", "gs://", "gcs:///x", "abfs://", "az:///x"), "names no bucket"),
    **dict.fromkeys(("abfs://@account/x", "abfs://box@/x", "zip://a.zip::s3:///x"), "names no bucket"),
    **dict.fromkeys(("sftp://", "sftp:///x", "sftp://ana@/x", "ssh://:22/x", "ftp:///", "ftps://:21"), "names no host"),
    **dict.fromkeys(("webdav://", "webdavs:///x", "dav://", "davs:///x", "smb:///share"), "names no host"),
    **dict.fromkeys(("http://", "https:///x", "SFTP:///x"), "names no host"),
    **dict.fromkeys(("smb://nas", "smb://ana:secret@nas/"), "names no share"),
    **dict.fromkeys(("file://", "file://localhost"), "names no folder"),
    "memory://": "names no place",
}
COMMANDS = {
    "DST": [
        ("sync", ".", "?"),
        ("plan", ".", "?"),
        ("ls", "?"),
        ("ls", "?", "a"),
        ("find", "?", "a"),
        ("history", "?", "a"),
        ("diff", "?"),
        ("cat", "?", "a"),
        ("stats", "?"),
        ("query", "?"),
        ("restore", "?", "out"),
        ("check", "?"),
        ("rebuild", "?"),
        ("target", "test", "?"),
        ("account", "new", "--words-file", "words", "?"),
        ("atbak", "key", "show", "?"),
    ],
    "SRC": [("sync", "?", "dst"), ("plan", "?", "dst"), ("sync", ".", "?", "dst")],
    "OUT": [("restore", ".", "?"), ("sector", "restore", "x", "?"), ("atbak", "decrypt", "x", "?")],
    "FILE": [("sector", "inspect", "?"), ("sector", "restore", "?", "out"), ("atbak", "inspect", "?")],
    "PATH": [("ls", ".", "?"), ("cat", ".", "?"), ("history", ".", "?"), ("restore", ".", "out", "?")],
}


@pytest.mark.parametrize("place", NO_PLACES)
def test_what_names_no_place(place: str) -> None:
    with pytest.raises(Usage, match=NO_PLACES[place]) as refused:
        expect_place(place, "DST")
    assert refused.value.exit_code == 2
    assert refused.value.hints
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "place",
    [
        *(".", "/", "file:///", "s3://b", "s3://b/", "gs://b/k", "abfs://c", "abfs://c@a/k", "sftp://[::1]:22/x"),
        *("sftp://h", "smb://h/s", "webdavs://u:p@h:1/", "memory://x", "memory:///x", "simplecache::s3://b/x"),
        "zip://::/a.zip",
    ],
)
def test_what_names_one(place: str) -> None:
    expect_place(place, "DST")


@pytest.mark.parametrize("place", ["", "s3://", "sftp:///x", "file://"])
@pytest.mark.parametrize(("word", "command"), [(word, command) for word in COMMANDS for command in COMMANDS[word]])
def test_every_command_refuses_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    word: str,
    command: tuple[str, ...],
) -> None:
    if word == "PATH" and place:
        return
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run([place if part == "?" else part for part in command]) == 2
    assert capsys.readouterr().err.startswith(f"error: {word} ")
    assert os.listdir() == []
