#!/usr/bin/env python3
"""Does every dependency come as a wheel on every platform that bakup promises? Nothing is installed.

For each platform pip resolves the dependencies of pyproject.toml with wheels alone, and says how many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib

PYTHON = "3.11"
PLATFORMS = {
    "Linux x86-64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "Linux aarch64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "Linux x86-64, musl": ("musllinux_1_2_x86_64", "musllinux_1_1_x86_64"),
    "macOS arm64": ("macosx_11_0_arm64",),
    "Windows x64": ("win_amd64",),
}
STORES = ("azure", "gs", "s3", "sftp", "smb", "webdav")
"""Optional dependencies that are promised too."""


def main() -> int:
    """Print a line a platform; the exit code is 1 if one lacks a wheel."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(f"{root}/pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    stores = [word for extra in STORES for word in project["optional-dependencies"][extra]]
    core = [check(name, tags, project["dependencies"]) for name, tags in PLATFORMS.items()]
    more = [check(f"{name}, stores", tags, project["dependencies"] + stores) for name, tags in PLATFORMS.items()]
    return max(core + more)


def check(name: str, tags: tuple[str, ...], dependencies: list[str]) -> int:
    """Resolve for one platform; 0 if all have wheels."""
    done = subprocess.run(command(tags, dependencies), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr)
        print(f"{name:28} {reason}")
        return 1
    wheels = [item["metadata"]["name"] for item in json.loads(done.stdout)["install"]]
    print(f"{name:28} {len(wheels)} wheels")
    return 0


def command(tags: tuple[str, ...], dependencies: list[str]) -> list[str]:
    """pip's call; --target is demanded beside --platform, and not made in a dry run."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--dry-run"]
    where = ["--only-binary=:all:", "--ignore-installed", "--target=nowhere", f"--python-version={PYTHON}"]
    return [*pip, *where, *(f"--platform={tag}" for tag in tags), "--report=-", *dependencies]


if __name__ == "__main__":
    sys.exit(main())
