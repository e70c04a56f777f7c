"""Keys of .atbake objects, how objects are called, and ATBU's configuration and backup information."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bakup.account.keys import Account
from bakup.atbak import keys, naming
from bakup.atbak.backup_info import StoredFile, info_name, is_info, name_of, write_info
from bakup.errors import NoTarget, Usage
from bakup.format.objects import is_object
from bakup.format.preamble import Facts

TIME = 1_795_410_053_999_999_999


def test_the_accounts_key() -> None:
    one, two = Account.from_entropy(bytes(32)), Account.from_entropy(bytes(range(32)))
    assert len(keys.account_key(one)) == 32
    assert keys.account_key(one) != keys.account_key(two)


@pytest.mark.parametrize("text", ["ab" * 32, "AB" * 32 + "\n", "\n  " + "ab" * 32 + "  \r\n"])
def test_key_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    assert keys.read_key_file(str(tmp_path / "key")) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "xy" * 32, "ab " * 32, "ab" * 5_000])
def test_other_files_are_no_keys(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(Usage, match="holds no key") as caught:
        keys.read_key_file(str(tmp_path / "key"))
    assert text not in caught.value.message or not text
    with pytest.raises(NoTarget, match="no such file"):
        keys.read_key_file(str(tmp_path / "none"))


def test_atbus_configuration() -> None:
    found = json.loads(keys.atbu_config("docs", "/mnt/docs", b"\xab" * 32))["storage-definitions"]["docs"]
    assert found["container"] == "/mnt/docs"
    assert base64.b64decode(found["encryption"]["key"]) == b"K=" + b"ab" * 32
    assert "encryption" not in keys.atbu_config("docs", "/mnt/docs", None)


def test_names() -> None:
    plain, locked = naming.new_name(encrypted=False), naming.new_name(encrypted=True)
    assert plain.endswith(".atbak")
    assert locked.endswith(".atbake")
    assert naming.uuid_of(naming.locator_of(plain, folders=True)) == bytes.fromhex(plain[:32])
    for name in (plain, locked):
        for folders in (False, True):
            assert is_object(naming.locator_of(name, folders=folders))
    assert naming.locator_of(plain, folders=True) == f"{plain[:2]}/{plain}"
    assert naming.locator_of(plain, folders=False) == plain


@pytest.mark.parametrize(
    "locator", ["x.atbak", "ab" * 32, "ab" * 32 + ".atbakf", "cd/" + "ab" * 32 + ".atbak", "x/" + "ab" * 32 + ".atbak"]
)
def test_other_names(locator: str) -> None:
    assert not is_object(locator)


def test_names_of_backup_information() -> None:
    assert info_name(TIME) == "zz-backup-info-20261123-050053.atbuinf"
    assert is_info(naming.locator_of(info_name(TIME), folders=True))
    assert not is_info("zz/zz-backup-info.txt")
    assert name_of("/mnt/usb/My Docs_2/") == "my-docs-2"
    assert name_of("s3://ana-backup") == "ana-backup"
    assert name_of("/") == "bakup"


def test_backup_information(tmp_path: Path) -> None:
    """Two files of one content, two paths told alike, more rows than are written at once."""
    files = [
        StoredFile(Facts(b"home/ana/%04d" % number, TIME, -1), 5, bytes(32), f"{number}.atbak")
        for number in range(2_500)
    ]
    files.append(StoredFile(Facts(b"home/ana/0000", TIME, 0), 6, bytes(31) + b"x", "o.atbake", bytes(16), bytes(32)))
    write_info(iter(files), str(tmp_path / "info"), name="docs", root=b"home/ana", time_ns=TIME)
    with closing(sqlite3.connect(tmp_path / "info")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute(
            "SELECT p.path, d.path, f.last_modified, f.last_accessed, f.lastmodified_stamp, f.size_in_bytes, v.digest,"
            " f.encryption_IV, f.storage_object_name FROM backup_file_info f"
            " JOIN path_values p ON p.id = f.path_value_id"
            " JOIN path_values d ON d.id = f.discovery_path_value_id"
            " JOIN backup_file_digests l ON l.backup_file_info_id = f.id"
            " JOIN digest_values v ON v.id = l.digest_value_id"
            " ORDER BY f.id"
        ).fetchall()
        assert connection.execute("SELECT name, backup_start_time_utc FROM specific_backups").fetchall() == [
            ("docs-20261123-050053", "2026-11-23T05:00:53+00:00")
        ]
    stamp = "2026-11-23T05:00:53.999999+00:00"
    assert len(rows) == 2_501
    assert rows[7] == ("/home/ana/0007", "/home/ana", TIME / 10**9, -1e-09, stamp, 5, bytes(32), None, "7.atbak")
    assert rows[-1][0] == "/home/ana/0000"
    assert rows[-1][5:] == (6, bytes(31) + b"x", bytes(16), "o.atbake")
    with pytest.raises(FileExistsError):
        write_info((), str(tmp_path / "info"), name="docs", root=b"home/ana", time_ns=TIME)
