"""`bakup completion`, and what the scripts it prints ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.options import argument
from bakup.cli.running import Run
from bakup.errors import Usage

if TYPE_CHECKING:
    from typer.core import TyperGroup

_SHELLS = ("bash", "zsh", "fish", "powershell")
VARIABLE = "_BAKUP_COMPLETE"

TEXT = """
Print the completion script for a shell: commands, options, files.

It never changes a file; the script goes where the shell looks for it.
"""


@command(
    "completion",
    short="print the completion script for a shell",
    text=TEXT,
    examples=(
        "bakup completion bash > ~/.local/share/bash-completion/completions/bakup",
        "bakup completion fish > ~/.config/fish/completions/bakup.fish",
    ),
)
def completion(run: Run, shell: Annotated[str, argument("SHELL")]) -> int:
    """Print a completion script."""
    if shell not in _SHELLS:
        raise Usage(f"no completion for {shell}; there is {', '.join(_SHELLS)}", code="usage")
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="bakup", complete_var=VARIABLE, shell=shell)
    run.console.product(script)
    return run.finish({"shell": shell, "script": script}, 0)


def complete(commands: TyperGroup, instruction: str) -> int:
    """Answer a completion script."""
    from typer._completion_classes import completion_init
    from typer.completion import shell_complete

    completion_init()
    return shell_complete(commands, {}, "bakup", VARIABLE, instruction)
