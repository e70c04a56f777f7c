"""Commands in hints work as printed: they carry what reaching the target takes, and show no secret."""

from __future__ import annotations

import pytest

from bakup.cli import app
from bakup.cli.parsing.carried import WITH_SOURCE, WITHOUT_TARGET, again, completed

CALL = (
    *("restore", "s3://b/x", "out", "notes", "--store-option", "endpoint_url=http://here", "--accept-unsigned"),
    *("--source=My Photos", "--store-option=secret=hush", "--store-option", "key=@/etc/key", "--overwrite", "never"),
)
FIRST, LAST = "--store-option endpoint_url=http://here --accept-unsigned", "--store-option 'secret=***'"
LAST += " --store-option key=@/etc/key"


@pytest.mark.parametrize(
    ("hint", "carried"),
    [
        ("see what is there: bakup ls -R s3://b/x .", f" {FIRST} --source 'My Photos' {LAST}"),
        ("if this is a new, empty drive:\nbakup sync ~/P s3://b/x --new-target", f" {FIRST} {LAST}"),
        ("for example: bakup cat s3://b/x p --source Q", f" {FIRST} {LAST}"),
        ("with your 24 words: bakup account recover", ""),
        ("bakup sync --help", ""),
        ("is the drive mounted?", ""),
    ],
)
def test_a_command_in_a_hint_is_complete(hint: str, carried: str) -> None:
    assert completed(hint, CALL) == hint + carried


def test_what_stands_behind_two_dashes_is_no_option() -> None:
    assert completed("see: bakup ls t", ("ls", "t", "--", "--accept-plain")) == "see: bakup ls t"


def test_the_same_command_again() -> None:
    call = ("sync", "sftp://me:hush@h/x", "/t", "--exclude", "*.tmp", "--store-option", "password=hush")
    told = "bakup sync sftp://h/x /t --exclude '*.tmp' --store-option 'password=***' --allow-empty"
    assert again(call, "--allow-empty") == told


def test_commands_take_what_is_carried_to_them() -> None:
    for command in app.commands():
        name = command.name.partition(" ")[0]
        if name not in WITHOUT_TARGET:
            parser = app.group(name)
            for word in command.name.split():
                parser = parser.commands[word]  # type: ignore[assignment, union-attr]
            takes = {option for param in parser.params for option in param.opts}
            assert {"--store-option", "--accept-plain", "--accept-unsigned", "--key-file"} <= takes, command.name
            assert "--source" in takes or command.name not in WITH_SOURCE
