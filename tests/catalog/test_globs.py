"""Globs of whole paths."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from bakup.catalog.search import matcher

SEGMENTS = {"**": None, "a": "a", "b": "b", "*": "[^/]*", "?": "[^/]"}


def expression(segments: list[str]) -> re.Pattern[str]:
    """The glob by definition: `**` is any number of names."""
    parts = ["(?:[^/]+/)*" if segment == "**" else f"{SEGMENTS[segment]}/" for segment in segments]
    return re.compile("".join(parts))


@given(
    st.lists(st.sampled_from(sorted(SEGMENTS)), min_size=2, max_size=7), st.lists(st.sampled_from("abc"), min_size=1)
)
def test_a_glob_means_what_it_says(segments: list[str], names: list[str]) -> None:
    found = matcher(["/".join(segments).encode()])("\0".join(names).encode())
    assert found == bool(expression(segments).fullmatch("".join(f"{name}/" for name in names)))


def test_many_stars_in_a_deep_path_take_no_time() -> None:
    match = matcher([b"/".join([b"**", b"a"] * 12 + [b"b"])])
    begun = time.monotonic()
    assert not match(b"\0".join([b"a"] * 500))
    assert time.monotonic() - begun < 1
