"""`sector` and `atbak` speak to stores as every command does, and keep the user info of a URL to themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakup.cli import app
from bakup.store.opening import open_target

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet
    from tests.servers.served import Served

Call = Callable[..., list[str]]
SECRET = "no-secret-at-all"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command that ends well; lines of standard output, the secret being nowhere."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))

    def run(*arguments: str, code: int = 0) -> list[str]:
        capsys.readouterr()
        assert app.run([*arguments, "--log-file", str(tmp_path / "log")]) == code, capsys.readouterr().err
        shown = capsys.readouterr()
        assert SECRET not in shown.out + shown.err + (tmp_path / "log").read_text()
        return (shown.out + shown.err).splitlines()

    run("account", "new", "--words-file", str(tmp_path / "words"))
    return run


@pytest.fixture
def stored(fleet: Fleet, call: Call, tmp_path: Path) -> tuple[Served, str, str]:
    """A store; below it one object of each layout, by their URLs with a user and a password in them."""
    served = fleet["moto"]
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "notes.txt").write_text("hello")
    found = []
    for layout in ("sectors", "atbak"):
        place = served.place()
        call("sync", str(tmp_path / "source"), place, *served.words(), "--layout", layout)
        target = open_target(place, options=served.options)
        name = min(
            (found for found in target.list() if found[0].endswith((".bakup", ".atbake"))), key=lambda one: one[1]
        )
        target.close()
        found.append(f"{place}/{name[0]}".replace("s3://", f"s3://tests:{SECRET}@"))
    return served, *found


def without_keys(served: Served) -> list[str]:
    """Options but for what the URL says."""
    return ["--store-option", f"endpoint_url={served.options['endpoint_url']}"]


@pytest.mark.peer
def test_sectors(stored: tuple[Served, str, str], call: Call, tmp_path: Path) -> None:
    served, sector, _ = stored
    options = without_keys(served)
    summary = json.loads(call("sector", "inspect", sector, *options, "--json")[-1])
    assert (summary["file"], summary["whole_files"]) == (sector.replace(f"tests:{SECRET}@", ""), 1)
    call("sector", "restore", sector, str(tmp_path / "out"), *options)
    assert (tmp_path / "out" / "notes.txt").read_text() == "hello"
    assert call("sector", "inspect", f"{sector}x", *options, code=10)[0].startswith("error: there is no s3://backups/")


@pytest.mark.peer
def test_plain_objects(stored: tuple[Served, str, str], call: Call, tmp_path: Path) -> None:
    served, _, found = stored
    options = without_keys(served)
    summary = json.loads(call("atbak", "inspect", found, *options, "--json")[-1])
    assert (summary["file"], summary["data_state"]) == (found.replace(f"tests:{SECRET}@", ""), "good")
    call("atbak", "decrypt", found, str(tmp_path / "out"), *options)
    assert (tmp_path / "out").read_text() == "hello"
    folder = found.rpartition("/")[0]
    place = folder.replace(f"tests:{SECRET}@", "")
    assert json.loads(call("atbak", "key", "show", folder, *options, "--json")[-1])["target"] == place
    config = json.loads("\n".join(call("atbak", "key", "show", folder, *options, "--atbu")))
    assert [one["container"] for one in config["storage-definitions"].values()] == [place]
