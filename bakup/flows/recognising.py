"""Which layout a target has: asked for once, afterwards remembered, or seen in its objects."""

from __future__ import annotations

import sqlite3

from bakup.account.keys import Account
from bakup.atbak.keys import account_key, read_key_file
from bakup.errors import StoreError, Usage
from bakup.flows.atbak_layout import AtbakLayout
from bakup.flows.layouts import Layout
from bakup.flows.remembered import Remembered
from bakup.flows.reports import TargetOptions
from bakup.flows.sectors_layout import SectorsLayout
from bakup.format.objects import SECTOR_SUFFIX, is_atbak, is_object
from bakup.sector.trust import Trust
from bakup.store.opening import is_url
from bakup.store.target import Target


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
    """The layout that the objects of a target have, as they are called and begin; None without any."""
    rows = connection.execute(
        "SELECT locator FROM sectors WHERE target = ? UNION ALL SELECT locator FROM listed", [target_row]
    )
    plain = False
    for (locator,) in rows:
        if locator.endswith(SECTOR_SUFFIX):
            return SectorsLayout.name
        plain = plain or (is_object(locator) and _begins_so(target, locator))
    return AtbakLayout.name if plain else None


def trust_of(account: Account | None, options: TargetOptions, known: Remembered | None) -> Trust:
    """Whose sectors are believed."""
    return Trust(
        account=account,
        public=account.public if account else None,
        accept_plain=options.accept_plain or (known is not None and not known.encrypted),
        accept_unsigned=options.accept_unsigned or (known is not None and not known.signed),
    )


def _begins_so(target: Target, locator: str) -> bool:
    try:
        return is_atbak(target.read(locator, 0, 2))
    except StoreError:
        return False
