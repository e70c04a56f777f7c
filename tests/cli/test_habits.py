"""Typed by habit, and wrong calls: answered in bakup's own words, exit 2."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bakup.cli import app
from bakup.cli.parsing import habits

KEPT = "a check point has no file that the source lacks; earlier ones keep what was deleted"


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert app.run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("backup", "bakup sync"),
        ("create", "bakup sync"),
        ("snapshots", "bakup ls"),
        ("list", "bakup ls"),
        ("dump", "bakup cat"),
        ("extract", "bakup restore"),
        ("verify", "bakup check --read-data"),
        ("key", "bakup account"),
        ("rebuild-index", "bakup rebuild"),
        ("init", "the first sync makes a target"),
        ("unlock", "the target has no locks"),
        ("prune", "nothing is deleted at a target; to offer less of it: bakup forget"),
        ("restor", "did you mean: bakup restore"),
        ("zzz", "the commands: bakup --help"),
    ],
)
def test_other_tools_commands(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer([typed, "x"], capsys) == f"error: no such command: {typed}\nhint: {hint}\n"


def test_a_command_that_hints_name_exists() -> None:
    words = {hint.split()[1] for hint in habits._COMMANDS.values()}
    assert words - {"--help", "--version"} <= set(app.group().commands)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sync -i a b", "error: no such option: -i\nhint: to see a line a path: -v\n"),
        ("sync -avi a b", "error: no such option: -i\nhint: to see a line a path: -v\n"),
        (
            "sync --link-dest=x a b",
            "error: no such option: --link-dest\nhint: not needed: check points keep every version\n",
        ),
        ("sync -u a b", "error: no such option: -u\nhint: not needed: check points keep every version\n"),
        ("sync --delete a b", f"error: --delete: {KEPT}\n"),
        ("sync --delete-after a b", f"error: --delete-after: {KEPT}\n"),
        ("sync --remove-source-files a b", "error: --remove-source-files: a source is never changed\n"),
        (
            "sync -r /x a b",
            "error: no such option: -r\nhint: the target is an argument: bakup sync SRC... DST\n",
        ),
        (
            "restore -t x a",
            "error: no such option: -t\nhint: the target is an argument: bakup restore DST OUT\n",
        ),
        ("ls -r x", "error: no such option: -r\nhint: the target is an argument: bakup ls DST\n"),
        (
            "sync -p f a b",
            "error: no such option: -p\nhint: --passphrase-command CMD; modes are always kept\n",
        ),
        ("sync -e x a b", "error: no such option: -e\nhint: --exclude P\n"),
        ("sync --exclud x a b", "error: no such option: --exclud\nhint: did you mean: --exclude\n"),
        ("sync --xyzzy a b", "error: no such option: --xyzzy\nhint: its options: bakup sync --help\n"),
        ("--xyzzy", "error: no such option: --xyzzy\nhint: its options: bakup --help\n"),
    ],
)
def test_other_tools_options(typed: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(typed.split(), capsys) == said


@pytest.mark.parametrize("typed", ["-avz", "-aHAX", "-avP", "-a", "-zS", "--archive --compress --partial"])
def test_what_bakup_always_does_is_accepted(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: SRC and DST are needed" in answer(["sync", *typed.split()], capsys)


@pytest.mark.parametrize("letter", list("nvqxc0"))
def test_letters_that_mean_the_same(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: SRC and DST are needed" in answer(["sync", f"-{letter}"], capsys)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("host:path", "over SSH: sftp://host/path"),
        ("nas:/srv/x", "over SSH: sftp://nas/srv/x"),
        ("ana@host:x", "over SSH: sftp://ana@host/x"),
        ("s3:bucket/x", "at a store: s3://bucket/x"),
        ("s3:s3.example.org/b/x", "a bucket at a server: s3://b/x --store-option endpoint_url=https://s3.example.org"),
    ],
)
def test_other_machines(
    place: str, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    for arguments in (["sync", place, "x"], ["sync", "x", place], ["ls", place]):
        said = answer(arguments, capsys)
        assert said.startswith(f"error: {place} is no folder here; bakup takes no host:path\nhint: {told}\n")
        assert said.endswith(f"\nhint: a folder of that name: ./{place}\n")


@pytest.mark.parametrize("place", ["./host:path", "/a/b:c", "C:\\x", "C:/x", "s3://bucket", "plain"])
def test_these_are_places(place: str) -> None:
    habits.refuse_other_machine(place)


def test_a_folder_with_a_colon_that_is_there_is_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "host:path").mkdir()
    habits.refuse_other_machine("host:path")


@pytest.mark.parametrize("out", ["latest", "latest~1", "8b1d07c4-52c9-4f0e-9a41-6be0d3a7c815"])
def test_a_check_point_is_no_place(
    out: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = answer(["restore", "dst", out], capsys)
    assert f"hint: of that check point: bakup restore dst /tmp/try --at {out}\n" in said
    os.mkdir(out)
    habits.refuse_check_point_as_place("dst", out)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sync", "SRC and DST are needed"),
        ("sync a", "SRC and DST are needed"),
        ("ls", "DST is needed"),
        ("restore a", "DST and OUT are needed"),
        ("sector restore a", "FILE and OUT are needed"),
        ("ls a b c", "too many arguments: c"),
        ("ls a b c d", "too many arguments: c d"),
        ("sync --sector-size", "--sector-size needs a value"),
        ("check --read-data=3 a", "--read-data takes no value"),
        ("sync --sector-size 12Q a b", "--sector-size: not a size: 12Q; for example 256MiB"),
        ("sync --sector-size 1MiB a b", "--sector-size: not between 16MiB and 32GiB: 1MiB"),
        ("sync --compression zstd:40 a b", "--compression: not a number between -7 and 22: 40"),
        ("sync --compression gzip:0 a b", "--compression: not a number between 1 and 9: 0"),
        ("sync --layout tar a b", "--layout: not a layout: tar; sectors or atbak"),
        ("sync --compression lzo a b", "--compression: not a compression: lzo; zstd:LEVEL, gzip:LEVEL or none"),
        ("sync --parallel none a b", "--parallel: not a number between 1 and 256: none"),
        ("ls --lock-wait soon a", "--lock-wait: not a time: soon; for example 30s, 5min or 2h"),
        ("restore --overwrite yes a b", "--overwrite: always, if-newer or never, not yes"),
        ("completion csh", "no completion for csh; there is bash, zsh, fish, powershell"),
        ("account lst", "no such command: lst"),
    ],
)
def test_wrong_calls(typed: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(typed.split(), capsys).startswith(f"error: {said}\n")


def test_wrong_calls_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--json", "sync", "--delete", "a", "b"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "message_type": "error",
        "schema": 1,
        "command": "sync",
        "exit_code": 2,
        "code": "usage",
        "message": f"--delete: {KEPT}",
        "hint": "",
    }


@pytest.mark.parametrize(
    ("typed", "ordered"),
    [
        ("-q sync a b", "sync -q a b"),
        ("--log-file f -vv sync a", "sync --log-file f -vv a"),
        ("--log-file=f --json sector -q inspect x", "sector inspect --log-file=f --json -q x"),
        ("sync -q a", "sync -q a"),
        ("--help", "--help"),
        ("-x sync", "-x sync"),
    ],
)
def test_options_may_stand_before_the_command(typed: str, ordered: str) -> None:
    assert habits.options_after_command(typed.split()) == ordered.split()
