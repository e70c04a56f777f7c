#!/usr/bin/env python3
"""Does every dependency come as a wheel on every platform that bakup promises? Nothing is installed.

For each platform pip resolves the dependencies of pyproject.toml with wheels alone, in the versions of
requirements.lock, and says how many; without those versions it tries older and older ones where a wheel lacks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

PYTHON = "3.11"
PLATFORMS = {
    "Linux x86-64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "Linux aarch64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "Linux x86-64, musl": ("musllinux_1_2_x86_64", "musllinux_1_1_x86_64"),
    "macOS 12, arm64": ("macosx_12_0_arm64",),
    "Windows x64": ("win_amd64",),
}
STORES = ("azure", "gs", "s3", "sftp", "smb", "webdav")
"""Optional dependencies that are promised too."""
LACKING = {"Linux x86-64, musl": ("gs",)}
"""Not promised there: google-crc32c has no wheel for musl, pip builds it."""


def main() -> int:
    """Print a line a platform; the exit code is 1 if one lacks a wheel."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(f"{root}/pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    with open(f"{root}/requirements.lock", encoding="utf-8") as file:
        versions = [line.rstrip(" \\\n") for line in file if "==" in line]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(versions))
        constraints.flush()
        return check_all(project, constraints.name)


def check_all(project: dict[str, Any], constraints: str) -> int:
    """What is needed first, on every platform, then the stores; 1 if anything lacks."""
    needed, optional = project["dependencies"], project["optional-dependencies"]
    core = [check(name, tags, constraints, needed) for name, tags in PLATFORMS.items()]
    more = []
    for name, tags in PLATFORMS.items():
        lacking = LACKING.get(name, ())
        stores = [word for extra in STORES if extra not in lacking for word in optional[extra]]
        label = f"{name}, stores" + "".join(f" but {extra}" for extra in lacking)
        more.append(check(label, tags, constraints, needed + stores))
    return max(core + more)


def check(name: str, tags: tuple[str, ...], constraints: str, dependencies: list[str]) -> int:
    """Resolve for one platform; 0 if all have wheels."""
    done = subprocess.run(command(tags, constraints, dependencies), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr)
        print(f"{name:34} {reason}")
        return 1
    wheels = [item["metadata"]["name"] for item in json.loads(done.stdout)["install"]]
    print(f"{name:34} {len(wheels)} wheels")
    return 0


def command(tags: tuple[str, ...], constraints: str, dependencies: list[str]) -> list[str]:
    """pip's call; --target is demanded beside --platform, and not made in a dry run."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--dry-run"]
    where = ["--only-binary=:all:", "--ignore-installed", "--target=nowhere", f"--python-version={PYTHON}"]
    return [
        *pip,
        *where,
        *(f"--platform={tag}" for tag in tags),
        f"--constraint={constraints}",
        "--report=-",
        *dependencies,
    ]


if __name__ == "__main__":
    sys.exit(main())
