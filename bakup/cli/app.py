"""The command line: from arguments to an exit code."""

from __future__ import annotations

import os
import re
from importlib import import_module
from types import ModuleType

import typer
from typer._click.exceptions import (
    BadOptionUsage,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)
from typer.core import TyperGroup
from typer.exceptions import Exit
from typer.main import get_group

from bakup import __version__
from bakup.cli import memory
from bakup.cli.command import Command
from bakup.cli.output.machine import SCHEMA
from bakup.cli.output.problems import Problem
from bakup.cli.output.signals import INTERRUPTED
from bakup.cli.parsing import habits, help
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, unexpected
from bakup.cli.shell import shells
from bakup.errors import BakupError, Usage

MODULES = {
    "sync": "sync",
    "plan": "sync",
    "ls": "ls",
    "find": "find",
    "history": "history",
    "diff": "diff",
    "cat": "cat",
    "stats": "stats",
    "query": "query",
    "mount": "mount",
    "umount": "mount",
    "serve": "serve",
    "restore": "restore",
    "check": "check",
    "forget": "forget",
    "compact": "compact",
    "tag": "tag",
    "rebuild": "rebuild",
    "target": "target",
    "completion": "completion",
    "account": "account",
    "sector": "sector",
    "atbak": "atbak",
}
"""Where each command, or group of commands, is. Only what is called is loaded: start-up is felt at every call."""


def commands(name: str | None = None) -> list[Command]:
    """The commands whose first word is `name`, or all."""
    modules = [_module(name)] if name else [_module(first) for first in MODULES]
    found = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Command)}
    return [one for one in found.values() if name in {None, one.name.partition(" ")[0]}]


def _module(name: str) -> ModuleType:
    return import_module(f"bakup.cli.commands.{MODULES[name]}")


def run(arguments: list[str]) -> int:
    """Run `bakup` with these arguments; gives the exit code and raises nothing."""
    memory.keep()
    return _early(arguments).ended(_caught(arguments))


def _caught(arguments: list[str]) -> int:
    try:
        return _dispatch(arguments)
    except BakupError as error:
        return _refused(arguments, error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return unexpected(_early(arguments), error)


def group(name: str | None = None) -> TyperGroup:
    """The commands, as the parser knows them: all, or those whose first word is `name`."""
    groups = {"": _typer()}
    for command in commands(name):
        outer, _, last = command.name.rpartition(" ")
        _add(_within(groups, outer), last, command)
    return get_group(groups[""])


def _within(groups: dict[str, typer.Typer], path: str) -> typer.Typer:
    """The group of this path, made when it is the first time."""
    if path not in groups:
        outer, _, last = path.rpartition(" ")
        short, text = _module(path.partition(" ")[0]).GROUPS[path]
        groups[path] = _typer()
        _within(groups, outer).add_typer(groups[path], name=last, short_help=short, help=text)
    return groups[path]


def _typer() -> typer.Typer:
    return typer.Typer(cls=help.BakupGroup, add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def _add(app: typer.Typer, name: str, command: Command) -> None:
    settings = {"cls": help.BakupCommand, "help": command.text, "short_help": command.short}
    app.command(name, epilog="\n".join(command.examples), **settings)(command.callback)  # type: ignore[arg-type]


def _dispatch(arguments: list[str]) -> int:
    if os.environ.get(shells.VARIABLE):
        from bakup.cli.commands import completion

        return completion.complete(group(), arguments)
    if {"-V", "--version"} & set(arguments) and set(arguments) <= {"-V", "--version", "--json"}:
        console = _early(arguments).console
        console.product(f"bakup {__version__}")
        console.object({"message_type": "version", "schema": SCHEMA, "version": __version__})
        return 0
    arguments = habits.signed_tags(habits.options_after_command(habits.help_first(arguments)))
    if not arguments:
        return _short(help.narrow(help.SHORT))
    return _parse_and_call(group(arguments[0] if arguments[0] in MODULES else None), arguments)


def _parse_and_call(commands: TyperGroup, arguments: list[str]) -> int:
    try:
        with commands.make_context("bakup", arguments, obj=tuple(arguments), help_option_names=["-h", "--help"]) as ctx:
            return int(commands.invoke(ctx))
    except Exit as done:
        return done.exit_code
    except NoArgsIsHelpError as page:
        return _short(page.message)
    except UsageError as error:
        raise _explained(error, commands, arguments) from None


def _explained(error: UsageError, commands: TyperGroup, arguments: list[str]) -> Usage:
    """The parser's refusal in bakup's own words."""
    ctx = error.ctx
    path = ctx.command_path if ctx else habits.command_path(arguments, commands.commands)
    hints = (f"{path} --help",)
    if isinstance(error, NoSuchOption):
        known = [name for param in ctx.command.params for name in param.opts] if ctx else []
        return habits.no_such_option(error.option_name, path, known)
    if isinstance(error, MissingParameter) and ctx:
        return Usage(help.needed(ctx), hints=hints, code="usage")
    return Usage(_in_own_words(error), hints=hints, code="usage")


def _in_own_words(error: UsageError) -> str:
    message = error.format_message().rstrip(".")
    if isinstance(error, BadOptionUsage):
        return f"{error.option_name} takes no value" if "not take" in message else f"{error.option_name} needs a value"
    extra = re.match(r"Got unexpected extra arguments?\(?s?\)? \((.*)\)", message)
    return f"too many arguments: {extra[1]}" if extra else message[:1].lower() + message[1:]


def _short(text: str) -> int:
    Run("", Everywhere()).console.plain_error(text)
    return 2


def _refused(arguments: list[str], error: BakupError) -> int:
    """Refused before there was a run: by its arguments."""
    run = _early(arguments)
    code = run.fail(Problem("error", error.message, hints=error.hints, code=error.code), error.exit_code)
    run.close()
    return code


def _early(arguments: list[str]) -> Run:
    words = [word for word in arguments if not word.startswith("-")]
    verbose = 2 if "-vv" in arguments else 0
    return Run(words[0] if words else "", Everywhere(json="--json" in arguments, verbose=verbose))
