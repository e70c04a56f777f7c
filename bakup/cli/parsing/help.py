"""Help without boxes, so that it greps, pipes and reads aloud well; values reach commands unchanged."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Any, TypeVar

from typer._click.core import Command, Context
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bakup.cli.output import style
from bakup.cli.parsing.habits import no_such_command
from bakup.cli.parsing.options import EVERYWHERE, TARGET
from bakup.errors import Usage

WIDTH = 80
_LEAST_BESIDE = 24
"""So many columns an option's text needs beside it; else it stands below."""

SHORT = """\
bakup backs up any tree to any store, trusted or not.

  bakup sync ~/Photos /mnt/usb/backup     back up; run again: only what changed
  bakup ls /mnt/usb/backup                see what is there
  bakup restore /mnt/usb/backup OUT       bring it back

bakup --help lists the commands; bakup COMMAND --help explains one."""

_SECTIONS = (
    ("Back up", ("sync", "plan")),
    ("Look", ("ls", "find", "history", "diff", "cat", "stats", "query", "mount", "umount", "serve")),
    ("Bring back", ("restore",)),
    ("Look after", ("check", "forget", "compact", "tag", "rebuild", "target", "completion")),
    ("Keys and single objects", ("account", "sector", "atbak")),
)
_END = """\
Everywhere: -v more, -q only problems, --json, --log-file FILE, -h, -V.
DST: a folder or a URL: s3:// gs:// abfs:// sftp:// webdav:// ftp:// smb:// ...
Example: bakup sync ~/Photos s3://my-bucket/photos --exclude '*.tmp'"""
_VARIABLES = "Each option has a variable: BAKUP_LOG_FILE for --log-file."
_LAST_GROUPS = (TARGET, EVERYWHERE)

_Parameter = TypeVar("_Parameter")

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off", ""})


class BakupCommand(TyperCommand):
    """A command whose help is what it does, examples, and its options in groups."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for param in self.params:
            _as_typed(param)

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        """`-h`, `--help`."""
        return _as_typed(super().get_help_option(ctx))

    def get_help(self, ctx: Context) -> str:
        """The help page."""
        parts = [
            f"Usage: {usage(ctx)}",
            _told(self.help or ""),
            f"Example:\n{_indented(self.epilog or '')}",
        ]
        return "\n\n".join([*parts, *_groups(self._options()), narrow(_VARIABLES)])

    def _options(self) -> list[TyperOption]:
        return [param for param in self.params if isinstance(param, TyperOption) and not param.hidden]


class BakupGroup(TyperGroup):
    """The commands of a group, or all of them in sections."""

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        """`-h`, `--help`."""
        return _as_typed(super().get_help_option(ctx))

    def get_help(self, ctx: Context) -> str:
        """The help page."""
        if ctx.parent is None:
            return self._overview()
        rows = [(name, command.short_help or "") for name, command in self.commands.items()]
        parts = [f"Usage: {ctx.command_path} COMMAND [OPTIONS] [ARGS]...", _told(self.help or "")]
        return "\n\n".join([*parts, _section("Commands", rows)])

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command, its name and what is left. Raises Usage, with what habit may have meant."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise no_such_command(ctx.command_path, args[0], self.commands)
        return super().resolve_command(ctx, args)

    def _overview(self) -> str:
        head = "Usage: bakup COMMAND [OPTIONS] [ARGS]...\n\n  Back up any tree to any store, trusted or not."
        sections = [
            _section(title, [(name, self.commands[name].short_help or "") for name in names])
            for title, names in _SECTIONS
        ]
        return "\n\n".join([narrow(head), *sections, narrow(_END)])


def needed(ctx: Context) -> str:
    """What a call lacks: `SRC and DST are needed`."""
    names = [(param.metavar or "").rstrip(".") for param in ctx.command.params if param.required]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} needed"


def usage(ctx: Context) -> str:
    """A command's usage, like `bakup sync [OPTIONS] SRC... DST`."""
    arguments = [param.metavar or param.name for param in ctx.command.params if isinstance(param, TyperArgument)]
    return " ".join([ctx.command_path, "[OPTIONS]", *arguments])


class _AsTyped:
    """Gives values on as they were typed: they may be bytes that are no text, which typer's own refuses."""

    def coerce(self, value: Any, param: Any, ctx: Context) -> Any:
        """Only flags out of a variable need a change."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, str) and getattr(param, "count", False):
            return _count(value)
        if isinstance(value, str) and getattr(param, "is_flag", False):
            return _flag(value, param.envvar)
        return value


def _as_typed(param: _Parameter) -> _Parameter:
    if param is not None:
        setattr(param, "_runtime_param", _AsTyped())  # noqa: B010 typer's own type is another
    return param


def _count(value: str) -> int:
    return int(value) if value.isdecimal() else int(_flag(value, "BAKUP_VERBOSE"))


def _flag(value: str, variable: str) -> bool:
    if value.lower() in _YES | _NO:
        return value.lower() in _YES
    raise Usage(f"{variable}: neither yes nor no: {value}", code="usage")


def _groups(options: list[TyperOption]) -> Iterator[str]:
    groups: dict[str, list[TyperOption]] = {}
    for option in options:
        groups.setdefault(option.rich_help_panel or "Options", []).append(option)
    column = max(len(_names(option)) for option in options) + 4
    for title in sorted(groups, key=_place):
        rows = [(_names(option), option.help or "") for option in groups[title]]
        rows += [("-h, --help", "this page")] if title == EVERYWHERE else []
        yield _section(title, rows, column)


def _place(title: str) -> int:
    return _LAST_GROUPS.index(title) if title in _LAST_GROUPS else -1


def _names(option: TyperOption) -> str:
    names = ", ".join(option.opts)
    shown = names if names[1] != "-" else f"    {names}"
    return f"{shown} {option.metavar}" if option.metavar else shown


def _section(title: str, rows: list[tuple[str, str]], column: int = 14) -> str:
    return "\n".join([f"{title}:", *(line for name, text in rows for line in _row(name, text, column))])


def _row(name: str, text: str, column: int) -> list[str]:
    width = _width()
    if width - column < _LEAST_BESIDE:
        return [f"  {name}", *_wrapped(text, width, " " * 8)]
    first, *more = _wrapped(text, width - column) or [""]
    return [f"  {name:<{column - 2}}{first}".rstrip(), *(" " * column + line for line in more)]


def _width() -> int:
    """80 columns, or what a narrower terminal has."""
    return min(WIDTH, style.width(sys.stdout)) if style.is_terminal(sys.stdout) else WIDTH


def narrow(text: str) -> str:
    """A text of at most 80 columns as a narrower terminal shows it; what may be pasted stays whole."""
    width = _width()
    return text if width == WIDTH else "\n".join(part for line in text.split("\n") for part in _narrow(line, width))


def _narrow(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    command, gap, told = line.partition("     ") if line.startswith("  bakup ") else ("", "", "")
    if gap:
        return [command, *_wrapped(told.strip(), width, " " * 6)]
    if "bakup sync " in line and not line.startswith("  bakup "):
        return line.replace(": ", ":\n  ", 1).split("\n")
    return _wrapped(line.strip(), width, indent) or [""]


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _indented(text: str) -> str:
    return textwrap.indent(text.strip("\n"), "  ")


def _told(text: str) -> str:
    """Paragraphs, two columns in; wrapped anew where the terminal is narrow."""
    if _width() == WIDTH:
        return _indented(text)
    paragraphs = text.strip("\n").split("\n\n")
    width = _width() - 2
    return _indented("\n\n".join("\n".join(_wrapped(" ".join(one.split()), width)) for one in paragraphs))
