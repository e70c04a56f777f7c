"""Hints of every shape that Python has for them are found, or stop the test; none is passed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from collecting import BAKUP, hints
from table import known

HEAD = """
from bakup.errors import Failed
from bakup.cli.problems import Problem
from elsewhere import known
def shape(console, run, error):
"""
SHAPES = {
    "by name": 'raise Failed("x", hints=("fake",))',
    "a list": 'raise Failed("x", hints=["fake"])',
    "with a value": 'raise Failed("x", hints=(f"fake{len(known)}",))',
    "a variable": 'told = "fake"\nraise Failed("x", hints=(told,))',
    "of a loop": 'for told in ("fake",):\n    raise Failed("x", hints=(told,))',
    "by place": 'Problem("error", "x", (), ("fake",))',
    "to what takes a hint by place": 'def say_it(text, hint): ...\nsay_it("x", "fake")',
    "through a parameter": 'def failed(told):\n    return Failed("x", hints=(told,))\nfailed("fake")',
    "given back": 'def told():\n    return "fake"\nraise Failed("x", hints=(told(),))',
    "one by one": 'def told():\n    yield "fake"\nraise Failed("x", hints=tuple(told()))',
    "of a method": 'class A:\n    def told(self):\n        return "fake"\nraise Failed("x", hints=(A().told(),))',
    "collected": 'hints = []\nhints.append("fake")\nraise Failed("x", hints=tuple(hints))',
    "in several": 'hints = []\nhints.extend(["fake"])\nraise Failed("x", hints=tuple(hints))',
    "added": 'hints = ()\nhints += ("fake",)\nraise Failed("x", hints=hints)',
    "joined": 'raise Failed("x", hints=("fake" + " joined",))',
    "one of two": 'raise Failed("x", hints=("fake" if known else "fake",))',
    "to an attribute": 'error = Failed("x")\nerror.hints = ("fake",)',
    "behind those of an attribute": 'error = Failed("x")\nerror.hints += ("fake",)',
    "a field's default": 'class A:\n    hints: tuple[str, ...] = ("fake",)',
    "a parameter's default": 'def failed(*, hints=("fake",)): ...',
    "in a table": 'raise Failed("x", **{"hints": ("fake",)})',
    "of a table": 'TOLD = {1: "fake"}\nraise Failed("x", hints=(TOLD[1],))',
    "told": 'console.hint("fake")',
    "told after success": 'run.console.advice("fake")',
    "written out": 'print("hint: fake")',
}
UNREADABLE = {
    "made in a way nobody knows": 'raise Failed("x", hints="fake".split())',
    "of a name that is nowhere": 'raise Failed("x", hints=(known,))',
    "of a function that is nowhere": 'raise Failed("x", hints=(known(),))',
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the sources."""
    shutil.copytree(BAKUP, tmp_path / "bakup", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "bakup"


def add(package: Path, name: str, shape: str) -> None:
    body = "".join(f"    {line}\n" for line in shape.split("\n"))
    (package / f"{name}.py").write_text(HEAD + body)


def test_a_hint_that_no_row_heeds_is_found(package: Path) -> None:
    for number, shape in enumerate(SHAPES.values()):
        assert "fake" in shape
        add(package, f"fake_{number}", shape.replace("fake", f"fake {number} "))
    untried = hints(package).keys() - known()
    found = {int(text.split()[1]) for text in untried if text.startswith("fake")}
    assert [name for number, name in enumerate(SHAPES) if number not in found] == []
    assert len(untried) == len(SHAPES)


@pytest.mark.parametrize("shape", UNREADABLE)
def test_a_hint_that_cannot_be_read_stops(tmp_path: Path, shape: str) -> None:
    (tmp_path / "bakup").mkdir()
    add(tmp_path / "bakup", "fake", UNREADABLE[shape])
    with pytest.raises(AssertionError, match=r"a hint that cannot be read: .*fake\.py"):
        hints(tmp_path / "bakup")
