"""`query`: views of a real target, what is refused, and the forms of an answer."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

from bakup.catalog.views import ABOUT, QUESTIONS, VIEWS
from bakup.cli import app
from bakup.cli.commands import query
from bakup.cli.output.style import plain

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")
BIG = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two check points of a source; between them `b` went, `a` and its link grew, the copies came."""
    folder = tmp_path_factory.mktemp("query")
    source = folder / "src"
    source.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKUP_HOME", str(folder / "home"))
        assert app.run(["account", "new", "-q", "--words-file", str(folder / "words")]) == 0
        (source / "a").write_text("one")
        os.link(source / "a", source / "link")
        (source / "b").write_text("gone")
        (source / "big").write_bytes(BIG)
        (source / "one").write_text("copied")
        for name in ("first", "second"):
            assert app.run(["sync", "-q", str(source), str(folder / "t"), "--name", "papers", "--tag", name]) == 0
            (source / "b").unlink(missing_ok=True)
            (source / "a").write_text("one and more")
            (source / "two").write_text("copied")
            if os.name == "posix":
                (source / os.fsdecode(b"\xffraw")).write_text("raw")
    return folder


class Asked:
    """Asks the target of `there`."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.target = str(folder / "t")
        self._capfd = capfd

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        self._capfd.readouterr()
        assert app.run(["query", self.target, *arguments]) == code
        sys.stdout.flush()
        out, err = self._capfd.readouterr()
        return out, err

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        out, _ = self.run(sql, "--json")
        objects = [json.loads(line) for line in out.splitlines()]
        return [tuple(one["values"].values()) for one in objects if one["message_type"] == "row"]


@pytest.fixture
def asked(there: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Asked:
    monkeypatch.setenv("BAKUP_HOME", str(there / "home"))
    return Asked(there, capfd)


def test_every_view_is_documented_with_each_column_and_its_example_runs(asked: Asked) -> None:
    assert list(ABOUT) == list(VIEWS)
    for view in VIEWS:
        section = re.split(r"\n##+ ", PAGE.split(f"\n### {view}\n")[1])[0]
        out, _ = asked.run(f"SELECT * FROM {view}", "--json", "--limit", "0")
        columns = json.loads(out)["columns"]
        assert [name for name in columns if f"`{name}`" not in section and f'`"{name}"`' not in section] == []
        (example,) = re.findall(r"```sql\n(.*?)\n```", section, re.DOTALL)
        assert f"FROM {view}" in example
        asked.run(example)


def test_every_question_runs(asked: Asked) -> None:
    listed, _ = asked.run("--list")
    assert len(QUESTIONS) == 10
    for name, (about, sql) in QUESTIONS.items():
        assert f"{name:<12}  {about}\n" in listed
        out, _ = asked.run(name)
        assert out.endswith(f"; SQL: bakup query {asked.target} {name} --show\n")
        assert asked.run(name, "--show")[0] == f"{sql}\n"


def test_versions_and_changes(asked: Asked) -> None:
    first, second = (row[0] for row in asked.rows("SELECT id FROM checkpoints ORDER BY time_ns"))
    assert asked.rows("SELECT tags, files FROM checkpoints ORDER BY time_ns") == [("first", 5), ("second", 6)]
    assert asked.rows("SELECT size, from_id, to_id, current FROM files WHERE path = 'a' ORDER BY from_ns") == [
        (3, first, first, 0),
        (12, second, second, 1),
    ]
    assert asked.rows("SELECT from_id, to_id, current FROM files WHERE path = 'big'") == [(first, second, 1)]
    marks = asked.rows(f"SELECT mark, path FROM changes WHERE checkpoint = '{second}' AND typeof(path) = 'text'")
    assert sorted(marks) == [("+", "two"), ("-", "b"), ("M", "a"), ("M", "link")]
    assert asked.rows("SELECT path, size, checkpoint, last_id FROM deleted") == [("b", 4, second, first)]
    assert asked.rows("SELECT DISTINCT strftime('%s', \"from\") * 1 = from_ns / 1000000000 FROM files") == [(1,)]


def test_a_question_of_ones_own(asked: Asked) -> None:
    assert asked.rows("WITH x AS (SELECT path FROM files WHERE path = 'a') SELECT count(*) FROM x") == [(2,)]
    assert asked.rows("SELECT count(*), (SELECT count(*) FROM Sectors) > 1 FROM checkpoints") == [(2, 1)]
    assert asked.rows("SELECT f.path FROM files f JOIN deleted d USING (source, path) -- said") == [("b",)]


def test_a_copy_is_told_from_a_hard_link(asked: Asked) -> None:
    assert asked.rows("SELECT path, copies, paths, copied_bytes FROM duplicates") == [("one", 2, 2, 6)]


def test_places_are_every_byte_of_a_large_file(asked: Asked) -> None:
    places = asked.rows("SELECT position, length FROM places WHERE path = 'big' ORDER BY position")
    ends = [0]
    for position, length in places:
        assert position == ends[-1]
        ends.append(position + length)
    assert ends[-1] == len(BIG)
    assert asked.rows("SELECT bytes FROM lost_with WHERE path = 'big'") == [(len(BIG),)]
    (growth,) = asked.rows("SELECT checkpoints, files, bytes, stored_bytes FROM growth")
    assert growth[:2] == (2, 6)
    assert [growth[2:]] == asked.rows(
        "SELECT (SELECT bytes FROM checkpoints ORDER BY time_ns DESC LIMIT 1), sum(stored_bytes) FROM checkpoints"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM files",
        "INSERT INTO main.targets VALUES (9, 'x')",
        "DROP VIEW files",
        "CREATE TEMP TABLE mine (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version",
        "BEGIN IMMEDIATE",
        "VACUUM INTO 'copy.db'",
        "SELECT * FROM main.versions",
        "SELECT count(*) FROM versions",
        "SELECT count(*) FROM Versions",
        "SELECT uuid FROM main.sectors",
        "SELECT count(*) FROM MAIN.Sectors",
        "SELECT count(*) FROM temp.points",
        "SELECT * FROM sqlite_master",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM files",
        "SELECT ? FROM files",
        "SELECT zeroblob(900000000)",
        "nonsense",
        " ",
    ],
)
def test_what_is_refused(asked: Asked, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = asked.rows("SELECT count(*) FROM files")
    out, err = asked.run(sql, code=2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith(f"bakup query {asked.target} --list\n")
    assert list(tmp_path.iterdir()) == []
    assert asked.rows("SELECT count(*) FROM files") == before


def test_a_query_without_end_is_ended(asked: Asked) -> None:
    endless = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r"
    _, err = asked.run(endless, "--time-limit", "0.2s", code=1)
    assert err.splitlines() == ["error: the query took longer than 0.2 s", "hint: give it more time: --time-limit 2s"]


def test_forms(asked: Asked) -> None:
    sql = "SELECT path, size, NULL AS none FROM largest"
    assert asked.run(sql, "--limit", "1")[0] == "path      size  none\nbig   2.86 MiB\n1 row\n"
    out, _ = asked.run(f"{sql} ORDER BY path", "--csv")
    found = list(csv.reader(io.StringIO(out)))
    assert found[:2] == [["path", "size", "none"], ["a", "12", ""]]
    out, _ = asked.run("SELECT x'ff41' AS path", "--json")
    row, summary = map(json.loads, out.splitlines())
    assert row == {"message_type": "row", "values": {"path": "\ufffdA", "path_b64": "/0E="}}
    assert (summary["columns"], summary["rows"]) == (["path"], 1)


def test_a_catalog_that_is_gone_or_broken_is_made_again(asked: Asked) -> None:
    before = asked.rows("SELECT * FROM changes")
    for content in (None, b"no database" * 1000):
        for file in (asked.folder / "home").glob("catalog.db*"):
            file.unlink()
        if content:
            (asked.folder / "home" / "catalog.db").write_bytes(content)
        assert asked.rows("SELECT * FROM changes") == before


def test_columns_stand_in_line() -> None:
    lines = query.table(["path", "n", "size"], [("\u5c71", 1, 5), (b"\xff", 12_345, None), ("a\x1b[2J", 0, 2048)])
    assert [plain(line) for line in lines] == [
        "path              n      size",
        "\u5c71                1       5 B",
        "$'\\xff'      12,345",
        "$'a\\x1b[2J'       0  2.00 KiB",
    ]
