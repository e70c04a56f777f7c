"""Check points over HTTP are those that were backed up, to rclone, curl and a browser; damage is never an end."""

from __future__ import annotations

import base64
import http.client
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from oddities import facts_of, plant_odd_things
from rig import Rig
from serving import Serving, programs
from trees import noise

MIB = 1 << 20


def fill(rig: Rig) -> bytes:
    data = noise(5 * MIB)
    (rig.source / "sub" / "empty").mkdir(parents=True)
    (rig.source / "big").write_bytes(data)
    (rig.source / "sub" / "grün & <wild>.txt").write_text("green")
    (rig.source / "sub" / "link").symlink_to("../big")
    (rig.source / "up").symlink_to("..")
    rig.sync()
    return data


def spoil(rig: Rig) -> None:
    [sector] = rig.target.glob("*.bakup")
    raw = bytearray(sector.read_bytes())
    raw[3 * MIB] ^= 1
    sector.write_bytes(raw)


@pytest.mark.peer
def test_rclone_copies_a_tree_out(rig: Rig, serving: Serving) -> None:
    fill(rig)
    url = serving.begin("webdav")
    out = rig.folder / "out"
    call = [programs() / "rclone", "copy", "--config", "", f":webdav,url='{url}':latest", out]
    subprocess.run(call, check=True, capture_output=True, timeout=60)
    assert (out / "big").read_bytes() == (out / "sub" / "link").read_bytes() == (rig.source / "big").read_bytes()
    assert (out / "sub" / "grün & <wild>.txt").read_text() == "green"
    assert sorted(path.name for path in out.iterdir()) == ["big", "sub"]
    assert (out / "big").stat().st_mtime == pytest.approx((rig.source / "big").stat().st_mtime, abs=1)


def test_ranges_and_tags(rig: Rig, serving: Serving) -> None:
    data = fill(rig)
    rig.sync(always=True)
    serving.begin("webdav")
    status, told, body = serving.ask("GET", "/latest/big", Range="bytes=1000-1999")
    assert (status, body, told["content-range"]) == (206, data[1000:2000], f"bytes 1000-1999/{len(data)}")
    tag = told["etag"]
    assert serving.ask("GET", "/latest/big", Range="bytes=-5")[2] == data[-5:]
    assert serving.ask("GET", "/latest/sub/link")[1]["etag"] == tag
    assert serving.ask("GET", "/latest/big", **{"If-None-Match": tag})[0] == 304
    _, _, listed = serving.ask("GET", "/by-id/")
    assert listed.count(b"<td><a") == 2
    for method in ("PUT", "DELETE", "MKCOL"):
        assert serving.ask(method, "/latest/new")[0] in (403, 404, 405, 409)
    assert serving.ask("GET", "/latest/none")[0] == 404
    assert serving.ask("GET", "/latest/up/")[0] == 404


def test_pages(rig: Rig, serving: Serving) -> None:
    fill(rig)
    serving.begin("http")
    _, _, top = serving.ask("GET", "/")
    assert b'<a href="latest/">latest/</a>' in top
    assert serving.ask("GET", "/latest/sub")[1]["location"] == "/latest/sub/"
    _, _, page = serving.ask("GET", "/latest/sub/")
    assert '<a href="gr%C3%BCn%20%26%20%3Cwild%3E.txt">grün &amp; &lt;wild&gt;.txt</a>'.encode() in page
    assert serving.ask("GET", "/latest/sub/gr%C3%BCn%20%26%20%3Cwild%3E.txt")[2] == b"green"
    assert serving.ask("PROPFIND", "/latest/")[0] == 405
    assert serving.ask("GET", "/by-time/?tar")[0] == 400


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_folder_as_one_file(rig: Rig, serving: Serving, form: str) -> None:
    data = fill(rig)
    serving.begin("http")
    _, told, body = serving.ask("GET", f"/latest/?{form}")
    assert told["content-disposition"] == f"attachment; filename*=UTF-8''latest.{form}"
    out = rig.folder / "out"
    if form == "tar":
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            tar.extractall(out, filter="fully_trusted")
        assert os.readlink(out / "latest" / "sub" / "link") == "../big"
    else:
        with zipfile.ZipFile(io.BytesIO(body)) as zipped:
            assert zipped.testzip() is None
            zipped.extractall(out)
    assert (out / "latest" / "big").read_bytes() == data
    assert (out / "latest" / "sub" / "grün & <wild>.txt").read_text() == "green"
    assert (out / "latest" / "sub" / "empty").is_dir()


@pytest.mark.parametrize("path", ["/latest/big", "/latest/?tar", "/latest/?zip"])
def test_damage_breaks_off(rig: Rig, serving: Serving, path: str) -> None:
    fill(rig)
    spoil(rig)
    serving.begin("webdav")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        serving.ask("GET", path)
    assert "cannot be read" in serving.log
    assert "is damaged" in serving.log


def test_a_password(rig: Rig, serving: Serving) -> None:
    fill(rig)
    (rig.folder / "secret").write_text("open sesame\n")
    serving.begin("webdav", "--password-file", str(rig.folder / "secret"), "--user", "ana")
    assert serving.ask("GET", "/")[0] == serving.ask("GET", "/latest/big")[0] == 401
    assert serving.ask("GET", "/latest/?tar")[0] == 401
    word = base64.b64encode(b"ana:open sesame").decode()
    assert serving.ask("GET", "/", Authorization=f"Basic {word}")[0] == 200
    assert "sesame" not in serving.log


def test_elsewhere_only_with_a_password(rig: Rig, serving: Serving) -> None:
    (rig.folder / "secret").write_text("open sesame\n")
    call = [sys.executable, "-m", "bakup", "serve", "http", str(rig.target), "--listen"]
    refused = subprocess.run([*call, "0.0.0.0:0"], env=serving.home, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: 0.0.0.0 can be reached by others: it needs a password\n"
        "hint: with a password in a file: --password-file FILE\n"
    )


@pytest.mark.peer
def test_a_tar_holds_all(rig: Rig, serving: Serving) -> None:
    plant_odd_things(os.fsencode(rig.source))
    os.unlink(os.fsencode(rig.source) + b"/socket")
    rig.sync()
    out = rig.folder / "out"
    out.mkdir()
    call = f"{sys.executable} -m bakup cat {rig.target} . --tar | tar -x --xattrs --xattrs-include='*' -p -C {out}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {call}"], env=serving.home, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert facts_of(os.fsencode(out)) == facts_of(os.fsencode(rig.source))


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_stream_that_lacks_its_end(rig: Rig, serving: Serving, form: str) -> None:
    fill(rig)
    spoil(rig)
    call = [sys.executable, "-m", "bakup", "cat", str(rig.target), ".", f"--{form}"]
    done = subprocess.run(call, env=serving.home, capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: the {form} is not whole: sector ".encode())
    opened = tarfile.open if form == "tar" else zipfile.ZipFile
    Path(rig.folder / "cut").write_bytes(done.stdout)
    with pytest.raises((tarfile.ReadError, zipfile.BadZipFile)), opened(rig.folder / "cut") as cut:  # type: ignore[operator]
        cut.getnames()
