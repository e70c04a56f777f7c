"""Writes docs/cli.md from the help of every command; with `--check` only says whether it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from bakup.cli.app import commands, group

FILE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

HEAD = """\
# The command line

This page is made by `tools/reference.py` from the help of each command; `make check` fails when it is stale.
What the codes mean that a command exits with: [exit-codes.md](exit-codes.md). What `--json` writes: [json.md](json.md).

Options stand before, between or after arguments; `--` ends them. Each has a variable, `BAKUP_` and its name
(`BAKUP_SECTOR_SIZE` for `--sector-size`). A flag's is `yes` or `no`, as in `BAKUP_QUIET=yes`; `1`, `true`, `on` and
`0`, `false`, `off` mean the same. That of an option that may stand several times takes a value a line. What is typed
wins over a variable. `BAKUP_HOME` is the folder of all local state: account, catalog, state.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _section("bakup", [])]
    parts += [_section(f"bakup {command.name}", command.name.split()) for command in commands()]
    return "\n".join(parts)


def _section(title: str, words: list[str]) -> str:
    return f"## {title}\n\n```\n{_help(words)}\n```\n"


def _help(words: list[str]) -> str:
    command = group()
    ctx = command.make_context("bakup", ["none"], resilient_parsing=True)
    for word in words:
        inner = ctx.command.commands[word]  # type: ignore[attr-defined]
        ctx = inner.make_context(word, [], parent=ctx, resilient_parsing=True)
    return ctx.get_help()


def main(arguments: list[str]) -> int:
    """Write the page, or compare; 1 when it is stale."""
    if arguments != ["--check"]:
        FILE.write_text(page(), encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == page():
        return 0
    print(f"{FILE.name} is stale: python tools/reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
