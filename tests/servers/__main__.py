"""`make servers`: all of them, or those named, in the foreground until ctrl-C; prints how bakup is told of each."""

from __future__ import annotations

import shlex
import sys
import threading
from contextlib import suppress

from tests.servers.fleet import SERVERS, Fleet


def main(names: list[str]) -> None:
    """Start, print, wait."""
    with Fleet() as fleet, suppress(KeyboardInterrupt):
        for name in names or SERVERS:
            served = fleet[name]
            settings = [f"{key}={value}" for key, value in served.settings.items()]
            print(
                f"{name}:", *settings, shlex.join(["bakup", "target", "test", served.url, *served.words()]), flush=True
            )
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
