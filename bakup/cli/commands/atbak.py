"""`bakup atbak`: one object of the plain layout, from a path or URL, and the key that ATBU needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.rows import Rows, short_id
from bakup.cli.output.style import bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WithTarget, argument, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.flows.atbak import AtbakReport, DecryptReport

GROUPS = {
    "atbak": (
        "inspect or decrypt one .atbak object, show the key for ATBU",
        "One .atbak or .atbake object by itself, made by bakup or by ATBU. It is read\nand never changed.",
    ),
    "atbak key": ("show the key for ATBU", "The key of encrypted .atbake objects."),
}

INSPECT_TEXT = """
Say what is in an .atbak or .atbake object: its file's path, size and times,
and whether its bytes are those of the sha256 in it. All of it is read.

It never changes anything. The format has no authentication: damage is
noticed, but who can write there can forge an object.
"""
DECRYPT_TEXT = """
Write the file that an .atbak or .atbake object holds as OUT; where OUT is a
folder, below it by the path in the object. It gets its name only when all of
its bytes were those of the sha256 in the object.

It never replaces a file that is there unless told to, and never writes
outside OUT. The format keeps no mode: the file is its owner's alone (0600).
"""
SHOW_TEXT = """
Print the key that opens the .atbake objects at DST, 64 hexadecimal digits, as
--key-file takes it; with --atbu a configuration of ATBU for DST with the key
in it, as atbu decrypt --config-file takes it. One object at DST confirms that
it is the right key.

It never changes anything. Who has this key can read every .atbake object that
was made with it, and no sector.
"""


@command(
    "atbak inspect",
    short="what is in an object, and whether it is whole",
    text=INSPECT_TEXT,
    examples=("bakup atbak inspect /mnt/usb/plain/3f/3f81a0c2*.atbake",),
)
def inspect(run: Run, file: Annotated[str, argument("FILE")], target: WithTarget) -> int:
    """Look into an object."""
    from bakup.flows import atbak as flow

    place = places.target(file, "FILE")
    with run.home(write=False) as home:
        report = flow.inspect(home, place, target=target.options(), watch=run.watch, ask=run.ask)
    run.console.product(*inspect_lines(report, exact=run.exact))
    return run.finish(inspect_summary(report, place), 21 if report.damage else 0)


@command(
    "atbak decrypt",
    short="the file that an object holds, as OUT",
    text=DECRYPT_TEXT,
    examples=("bakup atbak decrypt /mnt/usb/plain/3f/3f81a0c2*.atbake 2025.pdf",),
)
def decrypt(
    run: Run,
    file: Annotated[str, argument("FILE")],
    out: Annotated[str, argument("OUT")],
    target: WithTarget,
    *,
    overwrite: Annotated[bool, option("--overwrite", help="replace a file that is there", group="Into OUT")] = False,
) -> int:
    """Bring back what an object holds."""
    from bakup.flows import atbak as flow

    out = places.folder(out)
    place, options = places.target(file, "FILE"), target.options()
    with run.home(write=False) as home:
        report = flow.decrypt(home, place, out, overwrite=overwrite, target=options, watch=run.watch, ask=run.ask)
    size = numbers.size(report.preamble.size, exact=run.exact)
    rows = Rows()
    rows.text("decrypted", f"{size} to {names.shown(report.place)}, in {numbers.duration(report.elapsed)}")
    run.console.report(*rows.lines())
    return run.finish(decrypt_summary(report, place), 0)


@command(
    "atbak key show",
    short="the key that ATBU needs, to standard output",
    text=SHOW_TEXT,
    examples=("bakup atbak key show /mnt/usb/plain --atbu > atbu.json",),
)
def key_show(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    *,
    atbu: Annotated[bool, option("--atbu", help="as a configuration file of ATBU", group="Key")] = False,
) -> int:
    """Show the key."""
    from bakup.atbak.keys import atbu_config
    from bakup.flows import atbak as flow

    place = places.target(dst)
    with run.home(write=False) as home:
        key, name = flow.key_of(home, place, target=target.options(), watch=run.watch, ask=run.ask)
    run.console.product(*(atbu_config(name, places.absolute(place), key) if atbu else key.hex()).splitlines())
    return run.finish({"target": place, "key": key.hex(), "name": name}, 0)


def inspect_lines(report: AtbakReport, *, exact: bool = False) -> list[str]:
    """What `atbak inspect` shows."""
    preamble, facts = report.preamble, report.preamble.facts
    rows = Rows(exact)
    rows.text("object", bold(names.shown_text(report.name)))
    rows.text("path", names.shown(preamble.path))
    modified = "" if facts.modified_ns is None else f", modified {numbers.local_time(facts.modified_ns)}"
    rows.text("file", numbers.size(preamble.size, exact=exact) + modified)
    rows.text("sha256", preamble.sha256.hex())
    compression = "gzip" if preamble.gzip else "not compressed"
    rows.text("stored", f"{numbers.size(report.stored, exact=exact)}, {compression}")
    encryption = "encrypted" if report.encrypted else "not encrypted"
    rows.text("protection", f"{encryption}, not signed: damage is noticed, forgery is not")
    if report.checkpoint is not None:
        rows.text("holds", f"what the format lacks of check point {short_id(report.checkpoint.uuid)}")
    rows.text("data", f"damaged: {report.damage}" if report.damage else "good")
    return rows.lines()


def inspect_summary(report: AtbakReport, file: str) -> dict[str, object]:
    """The last object of `atbak inspect --json`."""
    preamble = report.preamble
    return {
        "file": file,
        **machine.path_fields(preamble.path),
        "size_bytes": preamble.size,
        "modified": machine.time_text(preamble.facts.modified_ns),
        "accessed": machine.time_text(preamble.facts.accessed_ns),
        "sha256": preamble.sha256.hex(),
        "stored_bytes": report.stored,
        "gzip": preamble.gzip,
        "encrypted": report.encrypted,
        "check_point": machine.uuid_text(report.checkpoint.uuid if report.checkpoint else None),
        "data_state": "damaged" if report.damage else "good",
        "reason": report.damage,
    }


def decrypt_summary(report: DecryptReport, file: str) -> dict[str, object]:
    """The last object of `atbak decrypt --json`."""
    return {
        "file": file,
        **machine.path_fields(report.place, "out"),
        "size_bytes": report.preamble.size,
        "sha256": report.preamble.sha256.hex(),
        "elapsed_s": machine.seconds(report.elapsed),
    }
