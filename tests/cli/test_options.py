"""Options, their variables, and what flows are given of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bakup.api.reports import Compression, Selection, SyncOptions, TargetOptions
from bakup.cli import app
from bakup.cli.commands import sync
from bakup.cli.parsing import help, options, places
from bakup.cli.parsing.options import Everywhere, How, What, WithTarget
from bakup.cli.parsing.selecting import selection
from bakup.errors import Usage


def parsed(command: str, arguments: list[str]) -> dict[str, Any]:
    """What the parser makes of the arguments of a command."""
    ctx = app.group().commands[command].make_context(command, list(arguments))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in ctx.params.items()}


def test_defaults_are_those_of_the_flow() -> None:
    chosen = sync.options(What(), How(), WithTarget(), {}, dry_run=False, paths=False)
    assert chosen == SyncOptions()
    assert WithTarget().options() == TargetOptions()
    assert selection(What()) == Selection()


def test_options_stand_before_between_and_after() -> None:
    one = parsed("sync", ["-x", "a", "--exclude", "*.o", "b", "dst", "--tag", "t", "--sector-size", "1G"])
    assert one["sources"] == ("a", "b")
    assert one["dst"] == "dst"
    assert one["one_file_system"] is True
    assert (one["exclude"], one["tag"], one["sector_size"]) == (("*.o",), ("t",), 2**30)


def test_two_dashes_end_the_options() -> None:
    assert parsed("sync", ["--", "-x", "dst"])["sources"] == ("-x",)


def test_arguments_are_raw_bytes() -> None:
    typed = os.fsdecode(b"caf\xe9/")
    one = parsed("sync", [typed, "dst"])
    assert places.source(one["sources"][0]) == b"caf\xe9"


def test_verbose_is_repeated() -> None:
    assert parsed("ls", ["x", "-vv"])["verbose"] == 2
    assert parsed("ls", ["x", "-v", "--verbose"])["verbose"] == 2
    assert parsed("ls", ["x"])["verbose"] == 0


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("BAKUP_SECTOR_SIZE", "1GiB", "sector_size", 2**30),
        ("BAKUP_COMPRESSION", "none", "compression", Compression("none")),
        ("BAKUP_LAYOUT", "atbak", "layout", "atbak"),
        ("BAKUP_QUIET", "yes", "quiet", True),
        ("BAKUP_QUIET", "0", "quiet", False),
        ("BAKUP_VERBOSE", "2", "verbose", 2),
        ("BAKUP_EXCLUDE", "*.tmp\nmy file", "exclude", ("*.tmp", "my file")),
        ("BAKUP_LOCK_WAIT", "5min", "lock_wait", 300.0),
        ("BAKUP_NAME", "photos", "name", "photos"),
        ("BAKUP_ONE_FILE_SYSTEM", "true", "one_file_system", True),
    ],
)
def test_each_option_has_a_variable(
    variable: str, value: str, name: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert parsed("sync", ["a", "b"])[name] == expected


def test_no_option_lacks_its_variable() -> None:
    from typer.core import TyperOption

    shown = [
        param
        for command in app.group().commands.values()
        for param in command.params
        if isinstance(param, TyperOption) and not param.hidden and "--help" not in param.opts
    ]
    assert len(shown) > 50
    for param in shown:
        many = param.multiple
        assert many or param.envvar == options.variable_of(tuple(param.opts))


def test_the_command_line_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKUP_EXCLUDE", "*.tmp")
    monkeypatch.setenv("BAKUP_AT", "latest~3")
    assert parsed("sync", ["a", "b", "--exclude", "*.o"])["exclude"] == ("*.o",)
    assert parsed("ls", ["a", "--at", "latest"])["at"] == "latest"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKUP_JSON", "perhaps")
    with pytest.raises(Usage, match="BAKUP_JSON: neither yes nor no: perhaps"):
        parsed("ls", ["x"])


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (".", b""),
        ("./a/b/", b"a/b"),
        ("/", b"/"),
        ("a//", b"a"),
        ("/home/ana/x/", b"/home/ana/x"),
        ("./", b""),
    ],
)
def test_paths_inside_a_source(path: str, inside: bytes) -> None:
    assert places.inside(path) == inside


def test_a_trailing_slash_means_nothing() -> None:
    assert places.source("a/") == places.source("a") == b"a"
    assert places.source("/") == b"/"


def test_selection_reads_its_files(tmp_path: Path) -> None:
    (tmp_path / "patterns").write_bytes(b"*.tmp\r\ncaf\xe9\n")
    (tmp_path / "files").write_bytes(b"a\nb/c\n\n")
    what = What(
        exclude=["*.o"],
        include=["keep.o"],
        exclude_from=[str(tmp_path / "patterns")],
        files_from=[str(tmp_path / "files")],
        exclude_larger_than=5,
    )
    chosen = selection(what)
    assert chosen.patterns == ("*.tmp", os.fsdecode(b"caf\xe9"), "", "*.o", "!keep.o")
    assert chosen.files_from == (b"a", b"b/c")
    assert chosen.larger_than == 5


def test_files_from_with_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"two\nlines\0b\0")
    assert selection(What(files_from=[str(tmp_path / "files")], from0=True)).files_from == (
        b"two\nlines",
        b"b",
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="no such file or directory"):
        selection(What(exclude_from=[str(tmp_path / "none")]))


def test_everywhere_is_everywhere() -> None:
    from dataclasses import fields

    names = {field.name for field in fields(Everywhere)}
    groups = app.group().commands
    commands = [*groups.values(), *groups["account"].commands.values(), *groups["sector"].commands.values()]
    for command in commands:
        if not isinstance(command, help.BakupGroup):
            assert names <= {param.name for param in command.params}
