"""Help pages: to the letter, greppable, 80 columns, each with an example and what the command never does."""

from __future__ import annotations

import re

import pytest
from blocks import OVERVIEW, SHORT

from bakup.cli import app
from bakup.cli.parsing import habits, help

SYNC = """\
Usage: bakup sync [OPTIONS] SRC... DST

  Store in DST what changed in SRC...; deletes nothing at DST. A trailing slash
  means nothing: SRC and SRC/ are the same source.

"""

NAMES = [command.name for command in app.commands()]


def page(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert app.run([*name.split(), "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def test_without_arguments_it_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", SHORT)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_page_of_all_commands(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([option]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (OVERVIEW, "")


def test_sync_says_first_that_it_deletes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert page("sync", capsys).startswith(SYNC)


@pytest.mark.parametrize("name", NAMES)
def test_each_page_is_plain_and_complete(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(name, capsys)
    assert text.startswith(f"Usage: bakup {name} [OPTIONS]")
    assert max(map(len, text.splitlines())) <= help.WIDTH
    assert re.search(rf"\nExample:\n  bakup {name} ?", text)
    assert re.search(r"\b(never|nothing)\b", text)
    assert "\nEverywhere:\n" in text
    assert text.isascii()


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_a_call_that_the_parser_takes(name: str) -> None:
    import shlex

    [command] = [one for one in app.commands() if one.name == name]
    for example in command.examples:
        words = habits.signed_tags(shlex.split(example.split(" > ")[0])[1:])
        ctx = app.group().make_context("bakup", words, resilient_parsing=False)
        inner, args = ctx.command, [*ctx._protected_args, *ctx.args]
        while hasattr(inner, "commands"):
            inner, args = inner.commands[args[0]], args[1:]
        assert inner.make_context(name, args, parent=ctx).params is not None


@pytest.mark.parametrize("group", ["account", "sector", "atbak", "atbak key"])
def test_groups_list_their_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(group, capsys)
    for name in NAMES:
        if name.startswith(group + " "):
            assert re.search(rf"^  {name.removeprefix(group).split()[0]} ", text, re.MULTILINE)
    assert app.run(group.split()) == 2
    assert capsys.readouterr().err == text


def test_every_command_is_on_the_page() -> None:
    for name in NAMES:
        assert re.search(rf"^  {name.split()[0]} ", OVERVIEW, re.MULTILINE)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from bakup import __version__

    assert app.run(["-V"]) == app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"bakup {__version__}\n" * 2
