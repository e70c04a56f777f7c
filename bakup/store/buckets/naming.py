"""Names that a kind of store has not, or takes for another: asked for, they would be some other object's."""

from __future__ import annotations

import re

from bakup.errors import StoreError
from bakup.store.faults import OBJECT_REFUSED

# Where a name is moved to stands in a header; servers cut it off at its `?` and drop such characters.
_DAV = (re.compile(r"[?\x00-\x1f\x7f]"), "has a `?` or a control character")

_UNFIT = {
    # The service itself takes `./x` for `x`, `x.` for `x` and a backslash for a slash.
    "azure": (re.compile(r"(^|/)\.\.?(/|$)|\\|\.$"), "has a part `.` or `..`, a backslash, or a dot at its end"),
    "google": (re.compile(r"^\.\.?$"), "is `.` or `..`"),
    # MS-FSCC 2.1.5; what a server has that is none, it shows under another name.
    "smb": (
        re.compile(r'[\\:*?"<>|\x00-\x1f]|[. ](/|$)'),
        r'has one of \ : * ? " < > | or a control character, or a part that ends in a blank or dot',
    ),
    "ftp": (re.compile(r"[\r\n]"), "has a line break"),
    "webdav": _DAV,
    "dav": _DAV,
}


def expect_fit(kind: str, name: str) -> None:
    """Raise StoreError, code `object-refused`, for a name that a kind of store cannot be asked for."""
    names, why = _UNFIT.get(kind, (None, ""))
    if names and names.search(name):
        raise StoreError(f"this store has no such name: it {why}", code=OBJECT_REFUSED)
