"""Each hint is printed, heeded, and does what it says; and none is in the sources that is not in the table."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from collecting import hints
from table import ELSEWHERE, TABLE, Hint

ROOT = Path(__file__).parents[2]
PRELUDE = """
as_user() {  # one who is denied what a mode denies
  if test $(id -u) = 0; then setpriv --bounding-set -all --inh-caps -all "$@"; else "$@"; fi
}
"""
PRELUDE += """
serve() {  # a folder, over HTTP at the port that stands in `port`
  python -m http.server --bind 127.0.0.1 --directory $1 $(cat port) > /dev/null 2>&1 & echo $! > server
  for _ in $(seq 100); do (: < /dev/tcp/127.0.0.1/$(cat port)) 2> /dev/null && return; sleep 0.05; done; return 1
}
stop() { kill $(cat server); }
"""
FIRST = """
mkdir -p src/b && echo a > src/a && echo c > src/b/c.txt
bakup account new --words-file card && bakup sync src t
"""


def shell(folder: Path, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BAKUP_HOME": str(folder / "home"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "TMPDIR": str(folder / "tmp"),
        "ROOT": str(ROOT),
        **more,
    }
    command = ["bash", "-c", PRELUDE + script]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(folder of all rows, a copy of what each begins with)."""
    folder = tmp_path_factory.mktemp("hints") / "here"
    (folder / "tmp").mkdir(parents=True)
    done = shell(folder, FIRST)
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder, folder.with_name("first"))
    return folder, folder.with_name("first")


@pytest.fixture
def folder(first: tuple[Path, Path]) -> Path:
    """At one path for all rows: that is where the catalog knows `t`."""
    shutil.rmtree(first[0])
    shutil.copytree(first[1], first[0])
    return first[0]


def printed(template: str, text: str) -> str:
    """The hint of this template in what a command printed; its second line without the indentation."""
    pattern = "".join(".*" if part == "{}" else re.escape(part) for part in re.split(r"(\{\})", template))
    found = re.search(rf"^hint: ({pattern.replace(chr(92) + chr(10), chr(10) + '  ')})$", text, re.MULTILINE)
    assert found, f"no hint like {template!r} in:\n{text}"
    return found[1]


@pytest.mark.parametrize("hint", TABLE, ids=lambda hint: hint.template)
def test_a_hint_does_what_it_says(hint: Hint, folder: Path) -> None:
    given = shell(folder, f"set -e; {hint.given}")
    assert given.returncode == 0, given.stderr
    said = shell(folder, f"{{ {hint.run}; }} 2>&1")
    told = printed(hint.template, said.stdout)
    command = re.split(r": (?=\S)|\n", told)[-1].strip()
    words = {"HINT": told, "COMMAND": command, "AGAIN": hint.run}
    for script in (hint.does, hint.proof):
        done = shell(folder, f"set -e; {script}", **words)
        assert done.returncode == 0, f"{told}\n$ {script}\n{done.stdout}{done.stderr}"


def test_every_hint_is_in_the_table() -> None:
    known = {hint.template for hint in TABLE} | set(ELSEWHERE)
    found = hints()
    untried = {template: place for template, place in found.items() if template not in known}
    assert not untried, "hints that no test heeds: write a row in tests/hints/table.py"
    assert not known - set(found), "rows of tests/hints/table.py whose hint is nowhere in the sources"


def test_the_tests_elsewhere_are_there() -> None:
    for template, place in ELSEWHERE.items():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), f"{template}: {place}"
