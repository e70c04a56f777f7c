"""Times the plain layout beside ATBU on the same 2,000 files, in turns: `python -m bench.atbu [RUNS]`.

The first round is discarded. ATBU comes from tests/atbu/install.sh.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

ATBU = Path(__file__).resolve().parent.parent / "build" / "atbu" / "bin" / "atbu"
FILES = 2_000


def real_files(root: Path, count: int) -> None:
    """Copy `count` files of the Python library to `root`, as they are."""
    library = Path(sysconfig.get_path("stdlib"))
    left = count
    for folder, folders, names in os.walk(library):
        folders[:] = sorted(set(folders) - {"site-packages", "__pycache__"})
        for name in sorted(names):
            if left and not os.path.islink(os.path.join(folder, name)):
                place = root / os.path.relpath(folder, library) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(os.path.join(folder, name), place)
                left -= 1
    if left:
        raise SystemExit(f"the Python library has {left} files too few")


def by_atbu(source: Path, folder: Path) -> list[str | Path]:
    """A backup with ATBU, unencrypted and with its own gzip: the command."""
    target = folder / "target"
    (target / ".atbu").mkdir(parents=True)
    definition = {"interface": "filesystem", "provider": "filesystem", "container": str(target), "driver": {}}
    storage = {"target": {**definition, "id": str(uuid.uuid4())}}
    config = {"name": "ATBU Configuration", "version": "0.03", "general": {}, "storage-definitions": storage}
    (target / ".atbu" / "atbu-config.json").write_text(json.dumps(config))
    return [ATBU, "backup", "--full", source, target, "-z", "normal"]


def by_bakup(source: Path, folder: Path) -> list[str | Path]:
    """The same with bakup."""
    bakup = Path(sys.executable).with_name("bakup")
    return [bakup, "sync", source, folder / "target", "--layout", "atbak", "--no-encrypt"]


def measured(command: list[str | Path], folder: Path) -> float:
    """Seconds that a command takes, in a home of its own."""
    settings = {"HOME": str(folder), "BAKUP_HOME": str(folder / "home")}
    settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    os.sync()
    begun = time.perf_counter()
    subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, **settings}
    )
    return time.perf_counter() - begun


def main(runs: int) -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {"atbu": [], "bakup": []}
    with tempfile.TemporaryDirectory(prefix="bakup-bench-") as top:
        source = Path(top) / "source"
        real_files(source, FILES)
        for number in range(runs + 1):
            for name, command in (("atbu", by_atbu), ("bakup", by_bakup)):
                folder = Path(top) / f"{name}-{number}"
                folder.mkdir()
                seconds = measured(command(source, folder), folder)
                shutil.rmtree(folder)
                if number:
                    times[name].append(seconds)
    for name, found in times.items():
        print(f"{name:<6} {median(found):7.2f} s  ({min(found):.2f} to {max(found):.2f}, {runs} runs)")
    print(f"ratio  {median(times['bakup']) / median(times['atbu']):7.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
