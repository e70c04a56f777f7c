"""`bakup://PATH?target=DST&at=WHEN&source=NAME&home=FOLDER`: a path in a check point."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl

SCHEME = "bakup://"
QUERY = re.compile(r"\?((?:target|at|source|home)=[^?]*)$")
"""What stands behind the path. Other question marks are the path's, or a glob's."""


def parse(url: str) -> tuple[bytes, dict[str, str]]:
    """The path, without slashes at its ends, and what stands behind it, percent-decoded."""
    return os.fsencode(path_of(url)), words_of(url)


def path_of(url: str) -> str:
    """The path of a URL, or of a path alone."""
    return QUERY.sub("", url).removeprefix(SCHEME).strip("/")


def words_of(url: str) -> dict[str, str]:
    """What stands behind the path."""
    found = QUERY.search(url)
    return dict(parse_qsl(found[1], keep_blank_values=True)) if found else {}
