"""Entry point of `bakup` and `python -m bakup`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from bakup.cli.output import streams

    streams.stand()
    from bakup.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
