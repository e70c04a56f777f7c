"""Writes tests/vectors/refused/ anew."""

from pathlib import Path

from tests.vectors.forge.refusals import CASES, build
from tests.vectors.forge.refusals.casefile import written

FOLDER = Path(__file__).parents[2] / "refused"


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.case"):
        old.unlink()
    names = [f"{case.rule}-{case.name}.case" for case in CASES]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    for case, name in zip(CASES, names, strict=True):
        try:
            (FOLDER / name).write_bytes(written(build(case)))
        except Exception as problem:
            raise RuntimeError(name) from problem
    print(len(names), "cases,", sum(file.stat().st_size for file in FOLDER.iterdir()), "bytes")


main()
