"""`bakup mount` and `bakup umount`: check points as folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

from bakup.cli.command import command
from bakup.cli.output import names
from bakup.cli.output.rows import Rows
from bakup.cli.output.unreadable import Unreadable
from bakup.cli.parsing import places
from bakup.cli.parsing.options import Keeping, WithTarget, argument, option
from bakup.cli.running import Run, guarded

_MOUNT = "The mount"

TEXT = """
Show the check points at DST as folders below DIR, read-only: latest, by-id,
by-time, by-source, by-tag. Nothing is fetched before it is read, each part
is verified before a byte of it is given, and new check points appear by
themselves. It stays in the background until it is unmounted.

Where bytes are damaged, reading them fails (EIO) and the rest can be read;
the log says which path and which sector. It never changes DST.
"""


@command(
    "mount",
    short="check points as folders, to look at with any program",
    text=TEXT,
    examples=("bakup mount /mnt/usb/backup ~/old", "bakup mount s3://ana-backup/photos ~/old -f"),
)
def mount(
    run: Run,
    dst: places.Target,
    folder: Annotated[str, argument("DIR")],
    target: WithTarget,
    keeping: Keeping,
    *,
    foreground: Annotated[bool, option("-f", "--foreground", help="stay; ctrl-C unmounts", group=_MOUNT)] = False,
    allow_other: Annotated[
        bool, option("--allow-other", help="for other users too, as far as modes let them", group=_MOUNT)
    ] = False,
) -> int:
    """Mount."""
    from bakup.mount import daemon, point, session
    from bakup.store.opening import is_url, local_path

    place, at = places.target(dst), places.folder(folder)
    options = keeping.with_cache(target.options())
    point.expect_free(at, None if is_url(place) else local_path(place))
    session.library()
    mounting = Mounting(run, place, folder)
    absolute = places.absolute(place)  # in the background it goes to the root folder

    def serve(leave: Callable[[], None]) -> int:
        from bakup.flows import mount as flow

        def began(top: tuple[str, ...]) -> None:
            mounting.tell(top)
            leave()

        daemon.default_signals()
        with run.home(write=False) as home:
            flow.mount(
                home,
                absolute,
                mounting.at,
                target=options,
                allow_other=allow_other,
                began=began,
                report=Unreadable(run.watch).report,
                watch=run.watch,
                ask=run.ask,
            )
        return 0

    if foreground:
        serve(lambda: None)
        return run.finish({"target": place, "folder": folder}, 0)
    log = os.path.join(run.account_home(), "mount.log")
    return daemon.in_background(lambda leave: guarded(run, lambda: serve(leave)), log)


@command(
    "umount",
    short="take a mount away",
    text="Take away what bakup mount shows at DIR. It never changes a target.",
    examples=("bakup umount ~/old",),
)
def umount(run: Run, folder: Annotated[str, argument("DIR")]) -> int:
    """Unmount."""
    from bakup.mount import point

    at = places.folder(folder)
    point.unmount(at)
    return run.finish({"folder": folder}, 0)


class Mounting:
    """What is told of one mount that stands."""

    def __init__(self, run: Run, dst: str, folder: str) -> None:
        self._run = run
        self._dst = dst
        self._folder = folder
        self.at = os.path.abspath(folder)

    def tell(self, top: tuple[str, ...]) -> None:
        """It stands, with these names at its top."""
        console, rows = self._run.console, Rows()
        rows.text("mounted", f"{names.shown_text(self._dst)} at {names.shown_text(self.at)}: {', '.join(top)}")
        console.report(*rows.lines())
        console.object({"message_type": "mounted", "target": self._dst, "folder": self.at, "top": list(top)})
        if console.level >= 0:
            console.hint(f"to unmount: bakup umount {names.quoted(self._folder)}")
        console.flush()
