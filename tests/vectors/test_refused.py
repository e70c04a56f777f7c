"""Every refusal of the page (docs/format/sector.md, section 8), by both readers.

tests/vectors/refused/ has one small file a case, made by tests/vectors/forge/refusals from the page alone. Each says
what is wrong, what exactly is refused, and what a reader may still give back; beside it stands a witness, another
source in another sector, that nothing may touch.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.forge.refusals import CASES
from tests.vectors.forge.refusals.casefile import read
from tests.vectors.forge.refusals.scene import SEEN
from tests.vectors.readers import READERS, Reader

FOLDER = Path(__file__).parent / "refused"
PAGE = Path(__file__).parents[2] / "docs" / "format" / "sector.md"
FILES = sorted(FOLDER.glob("*.case"))
NUMBER = 476


def test_there_are_as_many_as_the_generator_makes() -> None:
    assert len(FILES) == NUMBER
    assert {file.name for file in FILES} == {f"{case.rule}-{case.name}.case" for case in CASES}


def test_every_line_of_the_page_has_a_case() -> None:
    lines = re.findall(r"^\| (R\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == len(set(lines)) >= 58
    assert set(lines) == {case.rule for case in CASES} - {"good"}


def test_a_line_s_class_is_the_page_s() -> None:
    told = {
        line[0]: line[1:]
        for line in re.findall(r"^\| (R\d+) \|.*\| ([^|]+) \| (\w+) \|$", PAGE.read_text("utf-8"), re.M)
    }
    for case in CASES:
        if case.rule != "good":
            assert told[case.rule][1] == case.kind, case.name


@pytest.mark.parametrize("reader", READERS, ids=str)
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_it_is_refused_and_no_more(file: Path, reader: Reader, tmp_path: Path) -> None:
    case = read(file)
    place = reader.place(tmp_path, case["objects"], case["accepts"].split())
    witness = place.restore("witness")
    assert witness.released == SEEN, f"the witness: {witness.said}"
    got = place.restore("example")
    assert got.released == case["released"], got.said
    if case["released"]:
        assert got.whole == (case["whole"] == "yes"), got.said
    _assert_told(case, place.classes())


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_what_only_a_newer_reader_knows_is_named(reader: Reader, tmp_path: Path) -> None:
    case = read(FOLDER / "R58-a-kind-to-come.case")
    said = reader.place(tmp_path, case["objects"], case["accepts"].split()).restore("example").said
    assert re.search(r"\bb2\b.* kind 64", said), said


def _assert_told(case: dict[str, Any], told: dict[str, set[str]]) -> None:
    """What is refused is told with its class; of what is no fault nothing."""
    if case["rule"] == "good":
        assert not any(classes - {"skipped"} for classes in told.values()), told
    elif case["refuses"] == "sector":
        refused = {name: classes - {"good"} for name, classes in told.items()}
        assert {kind for kinds in refused.values() for kind in kinds} == {case["class"]}, told
