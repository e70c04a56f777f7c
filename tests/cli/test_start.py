"""Start-up: help and refusals import nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bakup import __version__
from bakup.cli import app

HEAVY = {
    "sqlite_utils",
    "fsspec",
    "cryptography",
    "rich",
    "pydantic",
    "sqlite3",
    "zstandard",
    "blake3",
    "msgspec",
}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["sync", "--help"], 0), ([], 2), (["backup"], 2), (["sync", "--delete", "a", "b"], 2)],
)
def test_nothing_heavy_is_imported(arguments: list[str], code: int) -> None:
    program = f"""
import sys
from bakup.cli.app import run
code = run({arguments!r})
loaded = {{name.partition(".")[0] for name in sys.modules}}
print("loaded:", *sorted(loaded & {HEAVY!r}), file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("arguments", [["--version", "--json"], ["--json", "-V"]])
def test_the_version_for_programs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {"message_type": "version", "schema": 1, "version": __version__}
    assert app.run(["-V"]) == 0
    assert capsys.readouterr().out == f"bakup {__version__}\n"
