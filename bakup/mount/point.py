"""Where a mount may stand, and how it is taken away."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess

from bakup.errors import Failed, Usage


def expect_free(folder: str, target: str | None) -> None:
    """Raise Usage unless `folder` is an empty folder, neither in the target's folder nor above it.

    Args:
        target: the folder of a target here; None for one elsewhere.
    """
    shown = shlex.quote(folder)
    try:
        names = os.listdir(folder)
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            hint = f"a mount that was killed is still there: bakup umount {shown}"
            raise Usage(f"cannot mount at {folder}", hints=(hint,), code="mount-point") from error
        if isinstance(error, FileNotFoundError):
            hints: tuple[str, ...] = (f"make it: mkdir -p {shown}",)
            raise Usage(f"there is no folder {folder}", hints=hints, code="mount-point") from error
        reason = (error.strerror or str(error)).lower()
        raise Usage(f"cannot mount at {folder}: {reason}", code="mount-point") from error
    if target is not None:
        here, there = os.path.realpath(folder), os.path.realpath(target)
        if os.path.commonpath([here, there]) in (here, there):
            where = "in the target" if here.startswith(there) else "above the target"
            raise Usage(f"{folder} is {where} {target}: it would hide it", code="mount-point")
    if os.path.ismount(folder):
        raise Usage(
            f"{folder} is mounted already", hints=(f"to take that away: bakup umount {shown}",), code="mount-point"
        )
    if names:
        raise Usage(f"{folder} is not empty: a mount would hide what is in it", code="mount-point")


def unmount(folder: str) -> None:
    """Take a mount away. Raises Failed when there is none, or programs still use it."""
    for command in (("fusermount3", "-u"), ("fusermount", "-u"), ("umount",)):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "--", folder], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            raise _refused(folder, done.stderr.strip())
    raise Failed("there is no program to unmount with", hints=("of Debian: apt install fuse3",), code="not-installed")


def _refused(folder: str, said: str) -> Failed:
    if "busy" in said.lower():
        hint = f"see which programs: fuser -vm {shlex.quote(folder)}"
        return Failed(f"{folder} is in use", hints=(hint,), code="busy")
    reason = said.splitlines()[-1].rpartition(": ")[2].lower() if said else "no reason given"
    return Failed(f"cannot unmount {folder}: {reason}", code="umount")
