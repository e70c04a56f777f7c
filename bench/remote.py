"""`make bench-remote`: what a store over the network costs, on this machine's loopback.

`stream`: large data to `rclone serve s3`: memory and spool must stay flat, and the whole must take little longer than
the slower of its halves. `far`: the Linux tree to Ceph through a proxy that adds 80 ms a round trip, beside restic.
`rebuild`: the catalog of many small sectors, again through that proxy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from bakup.account import keyfile
from bakup.account.keys import Account
from bakup.store.backend import PART
from bakup.store.opening import open_target
from bakup.store.target import Terms
from bench import corpus
from bench.contenders import REPOSITORY, compile_modules
from bench.many import Many
from bench.measure import Command, CommandFailed, Cost, run
from tests.servers import rclone
from tests.servers.fleet import Fleet
from tests.servers.proxy import Proxy
from tests.servers.s3 import BUCKET
from tests.servers.served import Served

GIB, MIB = 1 << 30, 1 << 20
ROUND_TRIP_S = 0.08
SECTOR = ("--sector-size", "64MiB")
UPLOADS = 8
"""Sectors on their way at once in `upload alone`: as many requests as bakup makes."""


Far: TypeAlias = tuple[float, float, float]
"""Seconds, requests, peak MiB."""

Store: TypeAlias = Callable[[Served, Path, str, Proxy], Cost]


class Machine:
    """One BAKUP_HOME with an account."""

    def __init__(self, folder: Path) -> None:
        compile_modules()
        self.env = {"BAKUP_HOME": str(folder)}
        run(self.command("account", "new", "--words-file", f"{folder}.words"))

    def command(self, *arguments: str) -> Command:
        """A bakup command."""
        return Command((sys.executable, "-m", "bakup", *arguments), self.env, REPOSITORY)


@contextmanager
def scratch(folder: str) -> Iterator[Path]:
    """An empty folder, removed in the end."""
    path = Path(folder, "remote")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path)


class SpoolWatch:
    """While entered, keeps the largest size of a folder in bytes."""

    def __init__(self, folder: Path) -> None:
        self.peak_bytes = 0
        self._folder = folder
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> SpoolWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.peak_bytes = max(self.peak_bytes, sum(map(_allocated, self._folder.rglob("*"))))


def stream(folder: str, sizes: list[int], upload: int | None) -> None:
    """Sizes in GiB, each with fresh stores; `upload` limits bytes a second, None does not."""
    print("| data | bakup sync | build alone | upload alone | ratio | peak memory | peak spool |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size in sizes:
        with scratch(folder) as place, Fleet() as fleet:
            print(f"| {size} GiB {_streamed(place, fleet['rclone'], size, upload)}", flush=True)


def _streamed(place: Path, served: Served, size: int, limit: int | None) -> str:
    source = _random_files(place / "source", size)
    machine, spool, local = Machine(place / "home"), place / "spool", place / "local"
    spool.mkdir()
    build = run(machine.command("sync", source, str(local), *SECTOR))
    upload = _uploaded(local, served, limit)
    shutil.rmtree(local)
    with SpoolWatch(spool) as watch:
        words = ("sync", source, served.place(), *served.words(), *SECTOR, "--spool", str(spool))
        words += ("--limit-upload", f"{limit >> 20}MiB") if limit else ()
        whole = run(machine.command(*words))
    ratio = whole.wall_s / max(build.wall_s, upload)
    times = f"| {whole.wall_s:.1f} s | {build.wall_s:.1f} s | {upload:.1f} s | {ratio:.2f}"
    return f"{times} | {whole.peak_bytes / MIB:.0f} MiB | {watch.peak_bytes / MIB:.0f} MiB |"


def _uploaded(local: Path, served: Served, limit: int | None) -> float:
    """Seconds to put the sectors of a local target, by bakup's own client; they are consumed."""
    target = open_target(served.place(), create=True, options=served.options, terms=Terms(upload=limit))
    sectors = sorted(local.glob("*.bakup"))
    begun = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(lambda sector: target.put_new(sector.name, str(sector)), sectors))
    took = time.perf_counter() - begun
    target.close()
    return took


def _random_files(folder: Path, gib: int) -> str:
    folder.mkdir()
    for number in range(gib):
        with open(folder / f"{number}", "wb") as file:
            for _ in range(GIB // (32 * MIB)):
                file.write(os.urandom(32 * MIB))
    return str(folder)


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def far(folder: str, runs: int) -> None:
    """The tree to S3 a long way off, `runs` times each, in turn."""
    source = corpus.prepare(folder).tree
    costs: tuple[list[Far], list[Far]] = ([], [])
    with scratch(folder) as place, Fleet() as fleet:
        _warm(fleet["ceph"], place / "warm")
        for number in range(runs):
            for kept, store in zip(costs, (_bakup_far, _restic_far), strict=True):
                kept.append(_counted(fleet["ceph"], place / f"{store.__name__}{number}", source, store))
    print("| | bakup | restic | bakup / restic |\n| --- | --- | --- | --- |")
    for name, index, unit in (("wall time", 0, " s"), ("requests", 1, ""), ("peak memory", 2, " MiB")):
        mine, theirs = (statistics.median(cost[index] for cost in kept) for kept in costs)
        print(f"| {name} | {mine:,.1f}{unit} | {theirs:,.1f}{unit} | {mine / theirs:.2f} |")


def _warm(served: Served, file: Path) -> None:
    """Put one large object: a new Ceph makes its pools at the first of them, which takes it some seconds."""
    file.write_bytes(bytes(2 * PART))
    target = open_target(served.place(), options=served.options)
    target.put_new("warm", str(file))
    target.close()


def _counted(served: Served, place: Path, source: str, store: Store) -> Far:
    with Proxy(served.port, round_trip=ROUND_TRIP_S).running() as proxy:
        cost = store(served.behind(proxy.port), place, source, proxy)
        print(place.name, f"{cost.wall_s:.1f} s", dict(proxy.requests), file=sys.stderr, flush=True)
        return cost.wall_s, float(proxy.requests.total()), cost.peak_bytes / MIB


def _bakup_far(served: Served, place: Path, source: str, proxy: Proxy) -> Cost:
    machine = Machine(place)
    return run(machine.command("sync", source, served.place(), *served.words()))


def _restic_far(served: Served, place: Path, source: str, proxy: Proxy) -> Cost:
    env = {
        "RESTIC_REPOSITORY": f"s3:{served.options['endpoint_url']}/{served.place().removeprefix('s3://')}",
        "RESTIC_PASSWORD": "no secret",
        "RESTIC_CACHE_DIR": str(place),
        "AWS_ACCESS_KEY_ID": str(served.options["key"]),
        "AWS_SECRET_ACCESS_KEY": str(served.options["secret"]),
    }
    run(Command(("restic", "init", "--quiet"), env))
    proxy.requests.clear()
    return run(Command(("restic", "backup", "--quiet", source), env))


def rebuild(folder: str, count: int) -> None:
    """The catalog of `count` sectors that lie a long way off, from nothing but an account and their URL."""
    with scratch(folder) as place, rclone.serve(place) as served:
        bucket, home, entropy = place / "data" / BUCKET / "many", place / "home", os.urandom(32)
        bucket.mkdir()
        keyfile.save(str(home), entropy)
        Many(str(bucket), Account.from_entropy(entropy), count).make()
        with Proxy(served.port, round_trip=ROUND_TRIP_S).running() as proxy:
            far_off = served.behind(proxy.port)
            words = ("-m", "bakup", "rebuild", f"{far_off.url}/many", *far_off.words())
            cost = run(Command((sys.executable, *words), {"BAKUP_HOME": str(home)}, REPOSITORY))
            print("| sectors | wall time | CPU | requests | peak memory |\n| --- | --- | --- | --- | --- |")
            facts = f"{cost.wall_s:.1f} s | {cost.cpu_s:.1f} s | {proxy.requests.total():,}"
            print(f"| {count:,} | {facts} | {cost.peak_bytes / MIB:.0f} MiB |", flush=True)


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.remote", description="stores over the network")
    default = os.environ.get("BAKUP_BENCH_DIR") or os.path.expanduser("~/.cache/bakup-bench")
    parser.add_argument("--rows", default="stream,far,rebuild", help="stream, far, rebuild (all)")
    parser.add_argument("--runs", type=int, default=3, help="of far (3)")
    parser.add_argument("--gib", default="2,10", help="sizes of stream (2,10)")
    parser.add_argument("--upload-mib", type=int, help="of stream: MiB a second that may go up (no limit)")
    parser.add_argument("--sectors", type=int, default=10_000, help="of rebuild (10,000)")
    parser.add_argument("--folder", default=default, help="corpus and scratch (BAKUP_BENCH_DIR)")
    asked = parser.parse_args()
    try:
        if "far" in asked.rows:
            far(asked.folder, asked.runs)
        if "rebuild" in asked.rows:
            rebuild(asked.folder, asked.sectors)
        if "stream" in asked.rows:
            upload = asked.upload_mib * MIB if asked.upload_mib else None
            stream(asked.folder, [int(size) for size in asked.gib.split(",")], upload)
    except (CommandFailed, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
