"""cat --tar, cat --zip: a folder as one stream, which lacks its end where something is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from bakup.api.ask import Ask
from bakup.api.listings import BundleReport
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.bundle import Form, stream
from bakup.archive.contents import Contents
from bakup.archive.findings import remember_findings
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, inner_path, line_of
from bakup.catalog.readers import Readers
from bakup.errors import Damaged, Failed, Untrusted


def cat_folder(
    home: Home,
    dst: str,
    path: bytes,
    form: Form,
    write: Callable[[bytes, bool], None],
    *,
    source: str | None,
    at: str,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> BundleReport:
    """Give what stands at `path` of a check point and below it to `write`, as tar or zip; stops at what is lost.

    Raises Failed when nothing is there; what `write` raises ends it.
    """
    with attach(home, dst, target, watch, ask) as attached:
        chosen = choose_source(home.catalog, attached.row, source, dst, at)
        row = choose_checkpoint(home.catalog, attached.row, chosen, at)
        inner = inner_path(chosen, path)
        readers = Readers(home.databases)
        with closing(Contents(readers, attached.row, attached.layout.reading(readers, attached.row))) as contents:
            moment = contents.moment(row.uuid)
            if contents.entry(moment, inner) is None:
                shown = inner.decode("utf-8", "backslashreplace")
                raise Failed(f"no {shown} in {row.uuid.hex()[:8]} of {chosen.label}", code="no-path")
            written, cause = 0, None
            try:
                for piece in filter(None, stream(form, contents, moment, inner, inner.rpartition(b"/")[2])):
                    write(piece, False)
                    written += len(piece)
            except (Damaged, Untrusted) as error:
                cause = error.message
            finally:
                remember_findings(home, attached, contents.findings, "found by cat")
        return BundleReport(line_of(row, chosen), inner, form, written, cause)
