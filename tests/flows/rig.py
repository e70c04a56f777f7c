"""A source, a target and BAKUP_HOMEs in one folder, and the flows on them as a user runs them."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from trees import Tree, assert_equal, noise, snapshot, write

from bakup.account import keyfile, words
from bakup.api.reports import (
    AccountCard,
    CheckpointLine,
    CheckReport,
    RebuildReport,
    RestoreOptions,
    RestoreReport,
    SyncOptions,
    SyncReport,
    TargetOptions,
)
from bakup.api.watch import Silent
from bakup.archive.home import Home
from bakup.flows.check import check
from bakup.flows.ls import checkpoints
from bakup.flows.rebuild import rebuild
from bakup.flows.restore import restore
from bakup.flows.sync import sync

ENTROPY = bytes(range(32))
OTHER_ENTROPY = bytes(range(32, 64))
RECOVER = Path(__file__).parents[2] / "tools" / "recover.py"
MIB = 1 << 20
SECTOR = 16 * MIB
"""The smallest sector that a user may ask for."""


NOTHING_ACCEPTED = TargetOptions()


class Answers:
    """An Ask that says yes to a folder, and takes a question for a mistake otherwise."""

    def new_account(self, card: AccountCard) -> None:
        raise AssertionError(f"asked for a new account {card.account}")

    def use_folder(self, target: str, files: int) -> bool:
        return True

    def allow_empty(self, said: str) -> bool:
        return False

    def passphrase(self, account: str) -> str:
        raise AssertionError(f"asked for the passphrase of {account}")


class Heard(Silent):
    """A Watch that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.details: list[str] = []
        self.withheld: list[tuple[str, str]] = []
        self.events: list[tuple[str, dict[str, object]]] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def warning(
        self, message: str, *, details: tuple[str, ...] = (), hints: tuple[str, ...] = (), code: str = "warning"
    ) -> None:
        self.warnings.append(message)
        self.details += details

    def left_out(self, message: str, rows: tuple[tuple[str, str], ...], *, code: str) -> None:
        self.withheld += rows

    def event(self, name: str, **facts: object) -> None:
        self.events.append((name, facts))


class Rig:
    """Everything below one folder; `home` is the BAKUP_HOME in use, `source` and `target` as given to the flows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.target = folder / "target"
        self.home = folder / "home"
        self.source.mkdir()
        self.watch = Heard()
        self._outs = 0
        self.new_home("home")

    def new_home(self, name: str, entropy: bytes = ENTROPY) -> Path:
        """A computer that has nothing but the words; it is the one in use from now on."""
        self.home = self.folder / name
        keyfile.save(str(self.home), entropy)
        return self.home

    def forget(self, *names: str) -> None:
        """Lose files of the BAKUP_HOME, with what SQLite keeps beside them."""
        for name in names:
            for path in self.home.glob(f"{name}*"):
                path.unlink()

    def open(self, command: str = "test") -> Home:
        """The BAKUP_HOME in use."""
        return Home.open(str(self.home), command=command, lock_wait=5)

    def sync(self, *sources: Path, **options: object) -> SyncReport:
        """Back up; options are those of SyncOptions."""
        chosen = SyncOptions(**{"sector_size": SECTOR, **options})  # type: ignore[arg-type]
        places = [os.fsencode(source) for source in sources or (self.source,)]
        with self.open("sync") as home:
            return sync(home, places, str(self.target), chosen, self.watch, Answers())

    def restore(self, out: Path | None = None, *paths: bytes, **options: object) -> tuple[Path, RestoreReport]:
        """Restore into a new folder, or `out`."""
        out = out or self.new_out()
        with self.open("restore") as home:
            report = restore(
                home,
                str(self.target),
                str(out),
                paths,
                RestoreOptions(**options),  # type: ignore[arg-type]
                self.watch,
                Answers(),
            )
        return out, report

    def check(
        self,
        *,
        read_data: bool = False,
        source: str | None = None,
        at: str | None = None,
        target: TargetOptions = NOTHING_ACCEPTED,
    ) -> CheckReport:
        """Check the target."""
        with self.open("check") as home:
            return check(
                home,
                str(self.target),
                read_data=read_data,
                source=source,
                at=at,
                target=target,
                watch=self.watch,
                ask=Answers(),
            )

    def rebuild(self, target: TargetOptions = NOTHING_ACCEPTED) -> RebuildReport:
        """Make the catalog again."""
        with self.open("rebuild") as home:
            return rebuild(home, str(self.target), target=target, watch=self.watch, ask=Answers())

    def list(self, target: TargetOptions = NOTHING_ACCEPTED) -> tuple[CheckpointLine, ...]:
        """Complete check points at the target, oldest first."""
        return tuple(line for line in self.list_all(target) if not line.incomplete)

    def list_all(self, target: TargetOptions = NOTHING_ACCEPTED) -> tuple[CheckpointLine, ...]:
        """Check points at the target, oldest first, also those without their END."""
        with self.open("ls") as home:
            return checkpoints(
                home, str(self.target), source=None, tag=None, target=target, watch=self.watch, ask=Answers()
            ).checkpoints

    def assert_restores(
        self,
        wanted: Tree,
        *,
        at: str = "latest",
        source: str | None = None,
        target: TargetOptions = NOTHING_ACCEPTED,
        refusals: bool = False,
    ) -> RestoreReport:
        """A check point comes back as `wanted`, nothing left out; with `refusals` sectors may be named, no files."""
        out, report = self.restore(at=at, source=source, target=target)
        assert_equal(snapshot(out), wanted, where=f"restore --at {at} with {self.home.name}")
        assert (report.skipped, report.older) == ((), ())
        assert [cause for cause in report.causes if cause.lost or not refusals] == []
        files = [node for node in wanted.values() if node.kind == "file"]
        assert report.restored.files == len(files)
        assert report.restored.bytes == sum(len(node.data) for node in files)
        shutil.rmtree(out)
        return report

    def assert_recovers(
        self,
        wanted: Tree,
        *options: str,
        at: str = "latest",
        entropy: bytes = ENTROPY,
        refusals: bool = False,
    ) -> None:
        """The independent reader brings back `wanted`, from words and target alone; `refusals`: it may name sectors."""
        out = self.new_out()
        code, said = self.recover(str(self.target), str(out), "--at", at, *options, entropy=entropy)
        assert code == 0 or (refusals and code == 3), said
        lost = [line for line in said.splitlines() if line.startswith("lost")]
        assert not lost, said
        assert_equal(snapshot(out), wanted, where=f"recover.py --at {at}")
        shutil.rmtree(out)

    def recover(self, *arguments: str, entropy: bytes = ENTROPY) -> tuple[int, str]:
        """Run tools/recover.py; its exit code and all it says."""
        file = self.folder / "words"
        file.write_text(" ".join(words.to_words(entropy)))
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = _recover().main([*arguments, "--words-file", str(file)])
        return code, said.getvalue()

    def new_out(self) -> Path:
        """A path where nothing is yet."""
        self._outs += 1
        return self.folder / f"out{self._outs}"

    def sectors(self) -> list[Path]:
        """The target's sectors, oldest first."""
        return sorted(self.target.glob("*.bakup"), key=lambda path: path.stat().st_mtime_ns)

    def command(self, *arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start the `bakup` command on the BAKUP_HOME in use."""
        return subprocess.Popen(
            [sys.executable, "-m", "bakup", *arguments],
            env={**os.environ, "BAKUP_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=RECOVER.parents[1],
            **settings,  # type: ignore[call-overload]
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run the `bakup` command to its end; its output."""
        with self.command(*arguments) as process:
            said = process.communicate(timeout=120)[0].decode("utf-8", "replace")
        assert process.returncode == code, f"exit {process.returncode}, wanted {code}:\n{said}"
        return said


def grown(rig: Rig) -> list[tuple[str, Tree]]:
    """Three check points over several sectors: (id, what stood then)."""
    kept = []
    for number, files in enumerate(
        (
            {"small/a": b"a", "small/b": noise(5000, 1), "big": noise(400_000, 2), "z/last": noise(20_000, 3)},
            {"small/b": noise(6000, 4), "new/c": noise(30_000, 5)},
            {"big": noise(150_000, 6) + noise(400_000, 2), "small/d": b"d"},
        )
    ):
        write(rig.source, files)
        if number == 1:
            (rig.source / "small" / "a").unlink()
        report = rig.sync(sector_size=SMALL_SECTOR).sources[0]
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
    return kept


def _recover() -> ModuleType:
    if "recover_tool" not in sys.modules:
        found = importlib.util.spec_from_file_location("recover_tool", RECOVER)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules["recover_tool"] = module
        found.loader.exec_module(module)
    return sys.modules["recover_tool"]


def ids(lines: Iterable[CheckpointLine]) -> list[str]:
    """Ids of check points, as `--at` takes them."""
    return [line.uuid.hex() for line in lines]


SMALL_SECTOR = 192 << 10
SMALL_PACK = 16 << 10
SMALL_CUT = 8 << 10


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's own choices (spec section 2.1), far smaller, which no reader knows of; and how a restore plans."""
    for place, value in {
        "bakup.flows.sync.SECTOR_MIN": SMALL_SECTOR,
        "bakup.layouts.sectors.transfer.PACK_TARGET": SMALL_PACK,
        "bakup.layouts.sectors.transfer.SMALL_FILE": SMALL_CUT,
        "bakup.layouts.sectors.transfer.READ_BYTES": 8 * SMALL_CUT,
        "bakup.layouts.sectors.populate.GROUP_FLUSH": 4 << 10,
        "bakup.plan.cutting.CHUNK_MIN_CUT": SMALL_CUT // 4,
        "bakup.plan.cutting.CHUNK_NOMINAL": SMALL_CUT // 2,
        "bakup.plan.cutting.CHUNK_MAX_CUT": SMALL_CUT * 2,
        "bakup.layouts.sectors.restorer.BATCH": 4,
        "bakup.layouts.sectors.restorer.HEAD": 8,
    }.items():
        monkeypatch.setattr(place, value)


def raising(call: Callable[[], object], kinds: type[BaseException] | tuple[type[BaseException], ...]) -> BaseException:
    """The exception that a call raises."""
    with pytest.raises(kinds) as caught:
        call()
    return caught.value


def names(paths: Sequence[Path]) -> set[str]:
    """Names without folders."""
    return {path.name for path in paths}
