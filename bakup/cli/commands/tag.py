"""`bakup tag`: other tags for a check point."""

from __future__ import annotations

from typing import Annotated

from bakup.cli.command import command
from bakup.cli.output import listing, names
from bakup.cli.output.rows import Rows
from bakup.cli.parsing import places
from bakup.cli.parsing.options import Source, WithTarget, argument, option
from bakup.cli.running import Run
from bakup.errors import Usage

_TAGS = "Tags"

TEXT = """
Give a check point tags (+TAG) and take them from it (-TAG). WHEN is as for
--at: latest, the first digits of an id, a time or a date. Every computer sees
them; forget --keep-tag and ls --tag know them.

It never changes an object at DST: a small one is put beside the others.
"""


@command(
    "tag",
    short="give a check point other tags",
    text=TEXT,
    examples=("bakup tag /mnt/usb/backup latest +after-trip", "bakup tag /mnt/usb/backup 8b1d07c4 +keep -draft"),
)
def tag(
    run: Run,
    dst: places.Target,
    at: Annotated[str, argument("WHEN")],
    target: WithTarget,
    *,
    add: Annotated[list[str] | None, option("--add", metavar="TAG", many=True, help="as +TAG", group=_TAGS)] = None,
    remove: Annotated[
        list[str] | None, option("--remove", metavar="TAG", many=True, help="as -TAG", group=_TAGS)
    ] = None,
    source: Source = None,
) -> int:
    """Tag it."""
    place = places.target(dst)
    if not add and not remove:
        raise Usage(
            "no tag was given",
            hints=(f"to add one: bakup tag {names.quoted(place)} {names.quoted(at)} +kept",),
            code="usage",
        )
    from bakup.flows import tag as flow

    with run.home(write=True) as home:
        line = flow.tag(
            home,
            place,
            at,
            add=add or (),
            remove=remove or (),
            source=source,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
    rows = Rows(run.exact)
    rows.checkpoint(line)
    rows.text("tags", ", ".join(map(names.safe, line.tags)) or "none")
    run.console.report(*rows.lines())
    facts = listing.checkpoint_facts(line)
    return run.finish({"target": place, **facts}, 0)
