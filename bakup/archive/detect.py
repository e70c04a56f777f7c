"""Which layout a target has: asked for once, afterwards remembered, or seen in its objects."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress

from bakup.account.keys import Account
from bakup.api.reports import TargetOptions
from bakup.atbak.keys import account_key, read_key_file
from bakup.catalog.state_db import Remembered
from bakup.errors import StoreError, Usage
from bakup.format.constants import MAGIC
from bakup.format.objects import SECTOR_SUFFIX, is_atbak, is_object
from bakup.layouts.atbak.layout import AtbakLayout
from bakup.layouts.interface import Layout
from bakup.layouts.sectors.layout import SectorsLayout
from bakup.sector.trust import Trust
from bakup.store.opening import is_url
from bakup.store.target import Target

LOOKS = 100
"""Objects of each kind that are looked at, at most, to see which layout a target has."""


def layout_of(
    connection: sqlite3.Connection,
    target: Target,
    target_row: int,
    place: str,
    known: Remembered | None,
    account: Account | None,
    options: TargetOptions,
    asked: str | None,
) -> Layout:
    """The layout of the target at `place`, after it was listed; the one that is asked for if it has none yet.

    Raises Usage when another was asked for, or a key for a layout that has none.
    """
    found = known.layout if known is not None else recognised(connection, target, target_row)
    if asked is not None and found is not None and asked != found:
        raise Usage(
            f"{place} has the layout {found}, and keeps it",
            hints=(f"--layout {asked} is for a new target",),
            code="layout",
        )
    if (found or asked) == AtbakLayout.name:
        key = read_key_file(options.key_file) if options.key_file else account_key(account) if account else None
        return AtbakLayout(target, key, folders=not is_url(place))
    if options.key_file:
        raise Usage(
            "--key-file is for the layout atbak", hints=("a new target gets it by --layout atbak",), code="key-file"
        )
    return SectorsLayout(target, trust_of(account, options, known))


def recognised(connection: sqlite3.Connection, target: Target, target_row: int) -> str | None:
    """The layout that the objects of a target have, as they are called and begin; None without any.

    Where there are names of both, whoever may add an object may have added those of one: what begins as it should
    counts, and of two such kinds the one of which there is more.
    """
    rows = connection.execute(
        "SELECT locator FROM sectors WHERE target = ? UNION SELECT locator FROM listed", [target_row]
    ).fetchall()
    sectors = [locator for (locator,) in rows if locator.endswith(SECTOR_SUFFIX)]
    plain = [locator for (locator,) in rows if is_object(locator)]
    if not plain:
        return SectorsLayout.name if sectors else None
    genuine = _any_begins(target, plain, is_atbak)
    if not sectors:
        return AtbakLayout.name if genuine else None
    more = len(plain) > len(sectors) or not _any_begins(target, sectors, lambda start: start == MAGIC)
    return AtbakLayout.name if genuine and more else SectorsLayout.name


def trust_of(account: Account | None, options: TargetOptions, known: Remembered | None) -> Trust:
    """Whose sectors are believed."""
    return Trust(
        account=account,
        public=account.public if account else None,
        accept_plain=options.accept_plain or (known is not None and not known.encrypted),
        accept_unsigned=options.accept_unsigned or (known is not None and not known.signed),
    )


def _any_begins(target: Target, locators: Sequence[str], fits: Callable[[bytes], bool]) -> bool:
    """Whether one of the first `LOOKS` objects begins as it should; what cannot be read does not."""
    for locator in locators[:LOOKS]:
        with suppress(StoreError):
            if fits(target.read(locator, 0, len(MAGIC))):
                return True
    return False
