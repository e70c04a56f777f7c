"""Requests and bytes of remote stores, as rows of a report and as fields of `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakup.cli.output import numbers
from bakup.cli.output.rows import Rows

if TYPE_CHECKING:
    from bakup.api.costs import ToGetBack

_CLASSES = ("list", "put", "get", "up_bytes", "down_bytes")
_NOTHING: Mapping[str, int] = {}
_ROLES = {"target": ("requests", ""), "source": ("  from SRC", "source_"), "out": ("  to OUT", "out_")}


@dataclass(slots=True)
class Costs:
    """Sums of what was asked of stores, by role: `target`, `source`, `out`."""

    sums: dict[str, dict[str, int]] = field(default_factory=dict)
    remote: set[str] = field(default_factory=set)

    def take(self, facts: dict[str, object]) -> None:
        """Add the facts of one event (`bakup.api.costs.tell`)."""
        role = str(facts["of"])
        sums = self.sums.setdefault(role, dict.fromkeys(_CLASSES, 0))
        for name in _CLASSES:
            asked = facts[name]
            sums[name] += asked if isinstance(asked, int) else 0
        if "://" in str(facts["url"]):
            self.remote.add(role)

    def fields(self) -> dict[str, object]:
        """For `--json`: `list_requests`, `up_bytes`, ...; of SRC and OUT with their names before them."""
        return {
            _ROLES[role][1] + (name if name.endswith("_bytes") else f"{name}_requests"): count
            for role, sums in self.sums.items()
            for name, count in sums.items()
        }

    def rows(self, rows: Rows, back: ToGetBack | None = None, planned: Mapping[str, int] = _NOTHING) -> None:
        """A row for each store that is remote, and what a target would ask to get all back.

        Args:
            rows: of the report.
            back: for a target.
            planned: what a target was not asked yet, by class; what puts something is "about".
        """
        for role, (label, _) in _ROLES.items():
            if role in self.remote:
                more = planned if role == "target" else _NOTHING
                sums = {name: count + more.get(name, 0) for name, count in self.sums[role].items()}
                rows.text(label, ("about " if more.get("put") else "") + _text(sums, rows.exact))
        if back is not None and "target" in self.remote:
            _back_row(rows, back)


NONE = Costs()
"""Of a report that nobody asked a store for."""


def _back_row(rows: Rows, back: ToGetBack) -> None:
    rebuild, restore = (numbers.size(size, exact=rows.exact) for size in (back.rebuild_bytes, back.restore_bytes))
    text = f"rebuild {back.rebuild_gets:,} get, {rebuild}; restore all {back.restore_gets:,} get, {restore}"
    rows.text("to get back", text)


def back_fields(back: ToGetBack) -> dict[str, object]:
    """The same for `--json`."""
    return {
        "rebuild_get_requests": back.rebuild_gets,
        "rebuild_down_bytes": back.rebuild_bytes,
        "restore_get_requests": back.restore_gets,
        "restore_down_bytes": back.restore_bytes,
    }


def _text(sums: dict[str, int], exact: bool) -> str:
    up, down = (numbers.size(sums[name], exact=exact) for name in ("up_bytes", "down_bytes"))
    return f"{sums['list']:,} list, {sums['put']:,} put, {sums['get']:,} get; {up} up, {down} down"
