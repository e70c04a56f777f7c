"""What only some systems have is imported where it is used: every module loads where Windows is, and no fcntl."""

from __future__ import annotations

import subprocess
import sys

POSIX_ONLY = ("fcntl", "grp", "posix", "pwd", "resource", "termios", "tty", "pty", "syslog")

PROGRAM = f"""
import importlib, pkgutil, sys
import bakup

def load():
    names = [module.name for module in pkgutil.walk_packages(bakup.__path__, "bakup.")]
    return [importlib.import_module(name) for name in names if name != "bakup.__main__"]

load()  # what others import is theirs
for name in [name for name in sys.modules if name.startswith("bakup.")]:
    del sys.modules[name]
sys.platform = "win32"
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
print(len(load()))
"""


def test_every_module_loads_without_what_posix_alone_has() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
