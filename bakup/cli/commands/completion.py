"""`bakup completion`, and what the scripts it prints ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, TypeAlias

from bakup.cli.command import command
from bakup.cli.output import names, numbers
from bakup.cli.parsing import habits, places
from bakup.cli.parsing.options import argument
from bakup.cli.running import Run
from bakup.cli.shell.asked import Asked, asked
from bakup.cli.shell.shells import SCRIPTS, VARIABLE
from bakup.errors import Usage

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter
    from typer.core import TyperGroup

Answer: TypeAlias = tuple[str, Iterable[tuple[str, str]]]
"""A kind, and values with their help."""

_FILES: Answer = ("files", ())
_VALUES = {
    "layout": ("sectors", "atbak"),
    "overwrite": ("always", "if-newer", "never"),
    "compression": ("zstd:2", "gzip:4", "none"),
}
"""Options with few values."""
_NAMES_FILES = ("FILE", "DIR")
_MARKS = {"bash": ("\0", "\0"), "zsh": ("\0", "\0")}
_LINES = ("\t", "\n")

TEXT = """
Print the completion script for a shell: commands, options, files; from the
catalog also check points, sources, and paths inside a source.

It never changes a file; the script goes where the shell looks for it: for zsh
a folder of its fpath, for PowerShell a line ". FILE" in $PROFILE. While
completing, DST is never touched.
"""


@command(
    "completion",
    short="print the completion script for a shell",
    text=TEXT,
    examples=(
        "bakup completion bash > ~/.local/share/bash-completion/completions/bakup",
        "bakup completion zsh > ~/.zfunc/_bakup",
        "bakup completion fish > ~/.config/fish/completions/bakup.fish",
        "bakup completion powershell > bakup.ps1",
    ),
)
def completion(run: Run, shell: Annotated[str, argument("SHELL")]) -> int:
    """Print a completion script."""
    if shell not in SCRIPTS:
        raise Usage(f"no completion for {shell}; there is {', '.join(SCRIPTS)}", code="usage")
    script = SCRIPTS[shell].strip("\n")
    run.console.product(*script.split("\n"))
    return run.finish({"shell": shell, "script": script}, 0)


def complete(commands: TyperGroup, arguments: list[str]) -> int:
    """Answer a completion script; whatever goes wrong is no answer, and nothing is said."""
    shell = os.environ[VARIABLE]
    between, after = _MARKS.get(shell, _LINES)
    try:
        wanted = asked(shell, arguments, os.environ)
        kind, found = _answer(commands, wanted)
        shown = [(value[wanted.kept :], names.safe(help)) for value, help in found if names.can_be_typed(value)]
        values = [f"{value}{between}{help}{after}" for value, help in shown]
        sys.stdout.buffer.write(os.fsencode("".join([kind, after, *values])))
        sys.stdout.buffer.flush()
    except Exception:
        return 1
    return 0


def _answer(commands: TyperGroup, wanted: Asked) -> Answer:
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete

    before = habits.options_after_command([*wanted.before])
    # An option that still waits for its value would cost the parser the arguments too.
    whole = before[:-1] if before[-1:] and before[-1].startswith("-") else before
    ctx = _resolve_context(commands, {}, "bakup", whole)
    owner, typed = _resolve_incomplete(ctx, before, wanted.typed)
    joined = wanted.typed[: len(wanted.typed) - len(typed)]  # --at=
    kind, found = _found(ctx, owner, typed)
    return kind, [(joined + value, help) for value, help in found if value.startswith(typed)]


def _found(ctx: Context, owner: Command | Parameter, typed: str) -> Answer:
    """What may stand where `owner` - a parameter, or a command that has all of its own - takes a word."""
    from typer.core import TyperArgument, TyperOption

    dst, source = places.target(str(ctx.params.get("dst"))), ctx.params.get("source")
    match owner.name:
        case "at" | "before" | "after":
            return "words", _check_points(dst, source, typed)
        case "source":
            return "words", _sources(dst, typed)
        case "layout" | "overwrite" | "compression":
            return "words", ((value, "") for value in _VALUES[owner.name])
        case "tag":
            return "words", _tags(dst, source)
        case "path" | "paths" if "dst" in ctx.params:
            return "paths", _paths(dst, source, ctx.params.get("at") or "latest", typed)
        case "shell":
            return "words", ((shell, "") for shell in SCRIPTS)
    if owner is ctx.command:
        return "words", ((item.value, item.help or "") for item in owner.shell_complete(ctx, typed))
    takes_files = isinstance(owner, TyperOption) and owner.metavar in _NAMES_FILES
    is_place = isinstance(owner, TyperArgument) and owner.name != "globs"
    is_url = "://" in typed  # no folder's
    return _FILES if takes_files or (is_place and not is_url) else ("words", ())


def _check_points(dst: str, source: str | None, typed: str) -> Iterator[tuple[str, str]]:
    from bakup.flows import complete as flow

    lines = flow.check_points(dst, source)
    several = len({line.source for line in lines}) > 1
    for line in lines:
        of = f" {line.source}" if several else ""
        yield line.uuid.hex()[: max(8, len(typed))], f"{numbers.local_time(line.time_ns)}{of}"
    if lines and not several:
        yield "latest", "the newest check point"
        yield from [("latest~1", "the one before it")][: len(lines) - 1]


def _tags(dst: str, source: str | None) -> list[tuple[str, str]]:
    from bakup.flows import complete as flow

    return [(tag, "") for tag in dict.fromkeys(tag for line in flow.check_points(dst, source) for tag in line.tags)]


def _sources(dst: str, typed: str) -> list[tuple[str, str]]:
    """Whole labels; where none fits, the last parts of their paths, which are enough."""
    from bakup.flows import complete as flow

    labels = flow.sources(dst)
    fitting = [label for label in labels if label.startswith(typed)]
    return [(name, "") for name in fitting or (label.rpartition("/")[2] for label in labels)]


def _paths(dst: str, source: str | None, at: str, typed: str) -> list[tuple[str, str]]:
    from bakup.flows import complete as flow

    return [(os.fsdecode(path), "") for path in flow.paths(dst, source, at, os.fsencode(typed))]
