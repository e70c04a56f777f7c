"""The command line: from arguments to an exit code."""

from __future__ import annotations

import os
import re
from typing import cast

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
from typer.main import get_command

from bakup import __version__
from bakup.cli import (
    account,
    atbak,
    cat,
    check,
    completion,
    diff,
    find,
    habits,
    help,
    history,
    ls,
    rebuild,
    restore,
    sector,
    shells,
    stats,
    sync,
    target,
)
from bakup.cli.command import Command
from bakup.cli.options import Everywhere
from bakup.cli.problems import Problem
from bakup.cli.running import Run, unexpected
from bakup.cli.signals import INTERRUPTED
from bakup.errors import BakupError, Usage

COMMANDS = (
    sync.sync,
    sync.plan,
    ls.ls,
    find.find,
    history.history,
    diff.diff,
    cat.cat,
    stats.stats,
    restore.restore,
    check.check,
    rebuild.rebuild,
    *target.COMMANDS,
    completion.completion,
    *account.COMMANDS,
    *sector.COMMANDS,
    *atbak.COMMANDS,
)
_GROUPS = {
    "target": target.GROUP,
    "account": account.GROUP,
    "sector": sector.GROUP,
    "atbak": atbak.GROUP,
    "atbak key": atbak.KEY_GROUP,
}


def run(arguments: list[str]) -> int:
    """Run `bakup` with these arguments; gives the exit code and raises nothing."""
    try:
        return _dispatch(arguments)
    except BakupError as error:
        return _refused(arguments, error)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return unexpected(_early(arguments), error)


def group() -> TyperGroup:
    """The commands, as the parser knows them."""
    groups = {name: _typer() for name in ("", *_GROUPS)}
    for command in COMMANDS:
        outer, _, name = command.name.rpartition(" ")
        _add(groups[outer], name, command)
    for path, (short, text) in _GROUPS.items():
        outer, _, name = path.rpartition(" ")
        groups[outer].add_typer(groups[path], name=name, short_help=short, help=text)
    return cast(TyperGroup, get_command(groups[""]))


def _typer() -> typer.Typer:
    return typer.Typer(cls=help.BakupGroup, add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def _add(app: typer.Typer, name: str, command: Command) -> None:
    settings = {"cls": help.BakupCommand, "help": command.text, "short_help": command.short}
    app.command(name, epilog="\n".join(command.examples), **settings)(command.callback)  # type: ignore[arg-type]


def _dispatch(arguments: list[str]) -> int:
    if os.environ.get(shells.VARIABLE):
        return completion.complete(group(), arguments)
    if arguments in (["-V"], ["--version"]):
        print(f"bakup {__version__}")
        return 0
    arguments = habits.options_after_command(arguments)
    if not arguments:
        return _short(help.SHORT)
    return _parse_and_call(group(), arguments)


def _parse_and_call(commands: TyperGroup, arguments: list[str]) -> int:
    try:
        with commands.make_context("bakup", arguments, help_option_names=["-h", "--help"]) as ctx:
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
