"""S3 as Ceph serves it: one monitor, one store in memory, one RADOS gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.servers import s3
from tests.servers.running import HOST, free_port, run, running
from tests.servers.served import Served

_TRIES = 10
"""Ceph's clients may speak to a young monitor before they know its fsid, and are refused."""
_SETTINGS = """\
[global]
auth cluster required = none
auth service required = none
auth client required = none
mon host = [v1:{host}:{mon_port}]
osd pool default size = 1
mon allow pool size one = true
mon allow pool delete = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
osd pool default pg num = 4
mon max pg per osd = 2000
mon data avail crit = 1
osd objectstore = memstore
memstore device bytes = 4294967296
ms bind msgr2 = false
ms bind ipv6 = false
public addr = {host}
cluster addr = {host}
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
rgw frontends = beast endpoint={host}:{port} tcp_nodelay=1
"""


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """A Ceph cluster of one, with one bucket."""
    port, mon_port = free_port(), free_port()
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    (folder / "ceph.conf").write_text(_SETTINGS.format(host=HOST, port=port, mon_port=mon_port, folder=folder))
    with ExitStack() as stack:
        _monitor(folder, mon_port, stack)
        _storage(folder, stack)
        key, secret = _user(folder)
        stack.enter_context(running(_ceph(folder, "radosgw", "-n", "client.rgw", "-f"), folder / "rgw.out", port=port))
        yield s3.with_bucket(port, key, secret)


def _ceph(folder: Path, name: str, *words: str) -> list[str]:
    return [name, "-c", f"{folder}/ceph.conf", *words]


def _monitor(folder: Path, port: int, stack: ExitStack) -> None:
    monmap = f"{folder}/monmap"
    run("monmaptool", "--create", "--addv", "a", f"[v1:{HOST}:{port}]", monmap)
    run(*_ceph(folder, "ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap))
    stack.enter_context(running(_ceph(folder, "ceph-mon", "-i", "a", "-f"), folder / "mon.out"))


def _storage(folder: Path, stack: ExitStack) -> None:
    _ask(folder, "osd", "create")
    run(*_ceph(folder, "ceph-osd", "-i", "0", "--mkfs"))
    _ask(folder, "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h0")
    for _ in range(_TRIES):
        daemon = stack.enter_context(running(_ceph(folder, "ceph-osd", "-i", "0", "-f"), folder / "osd.out"))
        while daemon.poll() is None:
            if "1 up" in _ask(folder, "osd", "stat"):
                return
            time.sleep(0.1)
    raise AssertionError((folder / "osd.0.log").read_text()[-3000:])


def _ask(folder: Path, *words: str) -> str:
    for _ in range(_TRIES - 1):
        with suppress(AssertionError):
            return run(*_ceph(folder, "ceph", *words))
    return run(*_ceph(folder, "ceph", *words))


def _user(folder: Path) -> tuple[str, str]:
    words = ("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", "tests", "--display-name", "tests")
    made = json.loads(run(*_ceph(folder, words[0], *words[1:])))
    keys = made["keys"][0]
    return keys["access_key"], keys["secret_key"]
