"""The pages for people: links lead somewhere, commands have the options that they show, units and policies work."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), ROOT / "README.md", *(ROOT / "tests").glob("*.md"), *(ROOT / "examples").rglob("*.md")]
)

NAMING_TESTS = ("evidence.md", "reliability.md", "benchmarks.md", "contributing.md")
"""Pages that say by which test something is shown."""


def for_users() -> list[Path]:
    """The pages that docs/README.md lists for users."""
    listed = (DOCS / "README.md").read_text("utf-8").partition("For users\n")[2].partition("\n\n")[0]
    return [(DOCS / name).resolve() for name in re.findall(r"\]\(([^)#]+\.md)\)", listed)]


@cache
def anchors(page: Path) -> set[str]:
    """Names of the headings of a page, as hosts of repositories make them."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", re.sub(r"[`*]", "", title)).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_listed() -> None:
    listed = (DOCS / "README.md").read_text("utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.name == "README.md" or f"({page.relative_to(DOCS)})" in listed, page


def test_the_list_names_pages_for_users() -> None:
    assert len(for_users()) >= 15


def test_pages_for_users_speak_of_no_tests() -> None:
    for page in for_users():
        if page.name not in NAMING_TESTS:
            found = re.findall(r"^.*(?:pytest|(?<!\w)tests/).*$", page.read_text("utf-8"), re.MULTILINE)
            assert not found, f"{page.name}: {found}"


def named_tests() -> list[tuple[str, str, list[str], list[str]]]:
    """Each line of these pages that names tests: page, line, the files or folders, the functions."""
    found = []
    for page in NAMING_TESTS:
        for line in (DOCS / page).read_text("utf-8").splitlines():
            places = re.findall(r"(?<!\w)tests/[\w./-]*[\w/]", line)
            functions = re.findall(r"(?<![\w/])test_\w+(?!\w|\.py)", line)
            if places or functions:
                found.append((page, line, places, functions))
    return found


def test_tests_that_pages_name_exist() -> None:
    named = named_tests()
    assert {page for page, *_ in named} == set(NAMING_TESTS)
    assert sum(len(places) for _, _, places, _ in named) > 120
    assert sum(len(functions) for *_, functions in named) > 35
    for page, line, places, functions in named:
        for place in places:
            assert (ROOT / place).exists(), f"{page}: {place}"
        files = [ROOT / place for place in places if place.endswith(".py")] or (ROOT / "tests").rglob("test_*.py")
        defined = {
            name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
        }
        assert set(functions) <= defined, f"{page}: {line}"


def commands() -> list[tuple[str, str]]:
    """Each command of bakup in the blocks of the pages for users: page, line."""
    found = []
    for page in for_users():
        if page.name == "cli.md":
            continue
        text = page.read_text("utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"(?<!`)`(bakup [^`\n]*)`", text)
        found += [(page.name, shown[1]) for line in lines if (shown := re.match(r"(?:\$ )?(bakup [a-z].*)", line))]
    return found


def options(command: str) -> set[str]:
    """What the reference says that a command takes."""
    text = (DOCS / "cli.md").read_text("utf-8").partition(f"## {command}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"(?<!\w)(--?[a-zA-Z0-9][a-z0-9-]*)", text))


def test_commands_have_the_options_that_pages_show() -> None:
    shown = commands()
    assert len(shown) > 50
    names = re.findall(r"^## (bakup .+)$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
    for page, line in shown:
        words = line.partition("   ")[0].partition(" #")[0].split(" && ")[0].split(" | ")[0]
        command = max((name for name in names if (words + " ").startswith(name + " ")), key=len, default="")
        assert command, f"{page}: {line}"
        given = {word.partition("=")[0] for word in words.split() if re.match(r"--?[a-z]", word)}
        assert given <= options(command) | {"--"}, f"{page}: {line}"


@pytest.mark.peer
def test_the_units_are_good(tmp_path: Path) -> None:
    units = sorted(str(unit) for unit in (ROOT / "examples" / "systemd").iterdir())
    assert len(units) == 4
    binary = tmp_path / ".local" / "bin" / "bakup"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    home = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "verify", "--user", *units]
    done = subprocess.run(command, capture_output=True, text=True, env=home, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_crontab_has_commands_that_there_are() -> None:
    lines = (ROOT / "examples" / "cron" / "bakup").read_text().splitlines()
    jobs = [line.split(maxsplit=6) for line in lines if re.match(r"\d", line)]
    assert len(jobs) == 2
    for job in jobs:
        words = shlex.split(job[6])
        command = words[words.index("bakup") : words.index("bakup") + 2]
        given = {word for word in words[words.index("bakup") + 2 :] if word.startswith("-")}
        assert given <= options(" ".join(command))


def policy() -> dict[str, object]:
    """The least rights, as the quick start has them."""
    page = (DOCS / "quick-start-s3.md").read_text("utf-8")
    [block] = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    found: dict[str, object] = json.loads(block)
    return found


def test_reliability_names_tests_that_there_are() -> None:
    """Each row names a test; sections stand apart, and no row twice."""
    text = (DOCS / "reliability.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what happened")]
    assert len(rows) == len(set(rows))
    assert re.findall(r"^#.*\n(?!\n)|(?<!\n)\n#", text, re.MULTILINE) == []
    seen: Path | None = None
    for row in rows:
        named = row.strip("| ").rpartition(" | ")[2]
        for file, tests in re.findall(r"`(tests/[^`]+)`((?:[:,]? `test_\w+`)*)", named):
            seen = ROOT / file
            assert seen.is_file(), row
            for test in re.findall(r"test_\w+", tests):
                assert f"def {test}(" in seen.read_text("utf-8"), row
    assert seen
