"""`make bench`: bakup beside restic, Borg and rsync on the same work, in alternating runs on one machine.

A round does all work with all contenders, each work by one after the other, in an order that turns by one
from round to round. The first is a warm-up: it is discarded, what it restores is compared with the source.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from bench import contenders, corpus, report
from bench.contenders import Contender
from bench.corpus import Corpus
from bench.measure import Command, CommandFailed, Cost, run, warm
from bench.report import Sample, Work

WORKS = (
    Work("first", "Linux 6.1 tree, first", bar=0.45, limits=("tar c | zstd -T2 -3",)),
    Work("size", "its stored size", is_size=True, bar=0.80, limits=("tar c | zstd -T2 -3",)),
    Work("again", "unchanged again", bar=0.25, limits=("find -printf",)),
    Work("tmpfs", "restore to tmpfs", bar=0.40, limits=("cp -a",)),
    Work("disk", "restore to disk", bar=1.00, limits=("cp -a",)),
    Work("changed", "1 % of files changed, 1 % renamed, 1 % deleted", bar=0.30),
    Work("rebuild", "rebuild without catalog; restic rebuild-index"),
    Work("big", "one file over 2 GB, first", bar=0.42, limits=("zstd -T2 -3",)),
    Work("big-size", "its stored size", is_size=True, limits=("zstd -T2 -3",)),
    Work("inserted", "64 KiB inserted in its middle", bar=0.70),
    Work("inserted-size", "stored in all after that", is_size=True, bar=1.05),
    Work("inserted-more", "of it, added by that", is_size=True),
    Work("ten", "a tree ten times as large, first"),
)
TREE_WORKS = {"first", "size", "again", "tmpfs", "disk", "changed", "rebuild"}
BIG_WORKS = {"big", "big-size", "inserted", "inserted-size", "inserted-more"}
DEFAULT_WORKS = TREE_WORKS | BIG_WORKS


class Bench:
    """One round: fresh stores, all work, samples in the end."""

    def __init__(self, source: Corpus, scratch: str, tmpfs: str, kinds: list[type[Contender]], verify: bool) -> None:
        self.source = source
        self.scratch = scratch
        self.tmpfs = tmpfs
        self.kinds = kinds
        self.verify = verify
        self.samples: list[Sample] = []

    def tree(self, works: set[str]) -> None:
        """All work on the tree that is in `works`; the first backup is always made."""
        source = self.source.tree
        stores = self._fresh("tree", [*self.kinds, contenders.TarZstd])
        self._each("first", stores, lambda store: store.store(source), source)
        self._sizes("size", stores)
        if "again" in works:
            again = [store for store in stores if type(store) in self.kinds] + self._fresh("look", [contenders.Find])
            self._each("again", again, lambda store: store.store(source), source)
        for name, folder in (("tmpfs", self.tmpfs), ("disk", self.scratch)):
            if name in works:
                self._restore(name, [*stores, *self._fresh(f"copy-{name}", [contenders.Copy])], f"{folder}/restored")
        if "changed" in works:
            with corpus.changed(self.source):
                self._each("changed", self._ours(stores), lambda store: store.store(source), source)
        if "rebuild" in works:
            self._each("rebuild", self._ours(stores), lambda store: store.rebuild())

    def big(self, works: set[str]) -> None:
        """All work on the big file."""
        stores = self._fresh("big", [*self.kinds, contenders.Zstd])
        self._each("big", stores, lambda store: store.store(self.source.big), self.source.big)
        self._sizes("big-size", stores)
        if works & BIG_WORKS - {"big", "big-size"}:
            before = {store.name: store.stored_bytes() for store in stores}
            with corpus.inserted(self.source):
                self._each("inserted", self._ours(stores), lambda store: store.store(self.source.big), self.source.big)
            self._sizes("inserted-size", self._ours(stores))
            self._sizes("inserted-more", self._ours(stores), before)

    def ten(self) -> None:
        """The first backup of ten trees, for time and above all memory."""
        folder = corpus.tenfold(self.source)
        self._each("ten", self._fresh("ten", self.kinds), lambda store: store.store(folder), folder)

    def clear(self) -> None:
        """Remove all stores of the round."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _ours(self, stores: list[Contender]) -> list[Contender]:
        return [store for store in stores if type(store) in self.kinds]

    def _fresh(self, name: str, kinds: list[type[Contender]]) -> list[Contender]:
        stores = [kind(f"{self.scratch}/{name}-{number}") for number, kind in enumerate(kinds)]
        for store in stores:
            store.prepare()
        return stores

    def _each(
        self, work: str, stores: list[Contender], command: Callable[[Contender], Command | None], read: str = ""
    ) -> None:
        """`read` is what the command will read: it is in the page cache for all alike."""
        for store in stores:
            asked = command(store)
            if asked is not None:
                warm(read or store.store_path)
                self._keep(work, store, run(asked))

    def _sizes(self, work: str, stores: list[Contender], before: Mapping[str, int] = MappingProxyType({})) -> None:
        for store in stores:
            self.samples.append(Sample(work, store.name, store.stored_bytes() - before.get(store.name, 0)))

    def _restore(self, work: str, stores: list[Contender], out: str) -> None:
        for store in stores:
            os.makedirs(out)
            asked = store.restore(self.source.tree, out)
            if asked is not None:
                warm(store.store_path if store in self._ours([store]) else self.source.tree)
                self._keep(work, store, run(asked))
                self._compare(store, out)
            shutil.rmtree(out)

    def _compare(self, store: Contender, out: str) -> None:
        if self.verify:
            there = store.restored(self.source.tree, out)
            subprocess.run(["diff", "-r", "--no-dereference", self.source.tree, there], check=True)

    def _keep(self, work: str, store: Contender, cost: Cost) -> None:
        self.samples.append(Sample(work, store.name, cost.wall_s, cost.cpu_s, cost.peak_bytes))
        print(
            f"  {work:9} {store.name:20} {cost.wall_s:7.2f} s  {cost.cpu_s:7.2f} s CPU"
            f"  {cost.peak_bytes / report.MIB:6.0f} MiB",
            file=sys.stderr,
            flush=True,
        )


def main() -> int:
    """Measure and print the tables; the samples go to a file beside the corpus."""
    asked = _arguments()
    kinds = [kind for kind in contenders.ALL if not asked.only or kind.name.lower() in asked.only]
    works = asked.rows or DEFAULT_WORKS
    source = corpus.prepare(asked.folder)
    tmpfs = f"/dev/shm/bakup-bench-{os.getpid()}"
    samples: list[Sample] = []
    try:
        for number in range(asked.runs + 1):
            turned = kinds[number % len(kinds) :] + kinds[: number % len(kinds)]
            samples += _round(number, Bench(source, f"{asked.folder}/scratch", tmpfs, turned, number == 0), works)
    except (CommandFailed, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(tmpfs, ignore_errors=True)
    _save(asked.folder, samples)
    _print(source, kinds, samples, asked.runs, tmpfs)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="bakup beside restic, Borg and rsync")
    default = os.environ.get("BAKUP_BENCH_DIR") or os.path.expanduser("~/.cache/bakup-bench")
    names = {work.name for work in WORKS}
    parser.add_argument("--runs", type=int, default=5, help="measured rounds after the warm-up (5)")
    parser.add_argument("--only", type=_set_of({kind.name.lower() for kind in contenders.ALL}), help="contenders: a,b")
    parser.add_argument("--rows", type=_set_of(names), help=f"of {', '.join(sorted(names))} (all but ten)")
    parser.add_argument("--folder", default=default, help="corpus and scratch (BAKUP_BENCH_DIR)")
    return parser.parse_args()


def _set_of(known: set[str]) -> Callable[[str], set[str]]:
    """A reader of comma-separated names."""

    def names(text: str) -> set[str]:
        asked = set(text.lower().split(","))
        if unknown := asked - known:
            raise argparse.ArgumentTypeError(f"not one of {', '.join(sorted(known))}: {', '.join(sorted(unknown))}")
        return asked

    return names


def _round(number: int, bench: Bench, works: set[str]) -> list[Sample]:
    print(f"round {number}" if number else "warm-up, discarded", file=sys.stderr, flush=True)
    bench.clear()
    try:
        if works & TREE_WORKS:
            bench.tree(works)
        if works & BIG_WORKS:
            bench.big(works)
        if "ten" in works:
            bench.ten()
    finally:
        bench.clear()
    return bench.samples if number else []


def _save(folder: str, samples: list[Sample]) -> None:
    path = f"{folder}/samples-{time.strftime('%Y%m%d-%H%M%S')}.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump([[getattr(sample, name) for name in Sample.__slots__] for sample in samples], file)


def _print(source: Corpus, kinds: list[type[Contender]], samples: list[Sample], runs: int, tmpfs: str) -> None:
    files, size = corpus.measure(source.tree)
    _, big = corpus.measure(source.big)
    print(f"{report.machine([source.folder, tmpfs])}; {time.strftime('%Y-%m-%d')}.")
    print("; ".join(kind.version() for kind in kinds) + ".")
    print(f"The tree: {files:,} files, {size / report.MIB:,.0f} MiB; the big file: {big / report.MIB:,.0f} MiB.")
    print(f"Medians of {runs} alternating runs after a discarded one (smallest to largest).\n")
    print(report.tables(WORKS, samples, [kind.name for kind in kinds]))


if __name__ == "__main__":
    sys.exit(main())
