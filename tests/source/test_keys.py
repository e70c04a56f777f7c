"""Keys become paths, and come back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakup.source.bucket import keys
from bakup.source.bucket.ordering import in_order
from bakup.store.buckets.interface import Listed

PARTS = st.sampled_from(["", ".", "..", "a", "a!", "b", "%2F", "%", "%2f", "%252F", "ü", "\0"])
KEYS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)


def objects(*found: str, size: int = 1) -> list[Listed]:
    return [Listed(key, size, 5) for key in found]


@given(KEYS)
def test_a_path_gives_its_key_back(key: str) -> None:
    assert keys.to_key(keys.to_path(key)) == key
    assert keys.to_key(keys.folder_path(key + "/"), folder=True) == key + "/"


@given(st.sets(KEYS), st.booleans())
def test_all_keys_have_paths_of_their_own_in_key_order(found: set[str], empty: bool) -> None:
    placed = list(in_order(objects(*found, size=0 if empty else 1), keyed=True))
    assert {one.listed.key for one in placed} == found
    places = [one.path.replace(b"/", b"\0") for one in placed]
    assert places == sorted(set(places))
    for one in placed:
        assert keys.to_key(one.path, folder=one.folder) == one.listed.key
        names = one.path.split(b"/") if one.path else []
        assert not {b"", b".", b".."} & set(names)
        assert b"\0" not in one.path


@given(st.sets(KEYS))
def test_no_path_is_both_a_file_and_a_folder(found: set[str]) -> None:
    placed = [one for one in in_order(objects(*found), keyed=True) if not one.folder]
    files = {one.path for one in placed}
    above = {path[:at] for path in files for at in range(len(path)) if path[at : at + 1] == b"/"}
    assert not files & above


def test_the_rules_by_example() -> None:
    listed = [*objects("a", "a/b", "a//b", "..", "x/", "50%2Foff"), Listed("d/", 0, 5)]
    found = {one.listed.key: (one.path, one.folder) for one in in_order(listed, keyed=True)}
    assert found == {
        "a": (b"a%2F", False),
        "a/b": (b"a/b", False),
        "a//b": (b"a/%2F/b", False),
        "..": (b"%2E%2E", False),
        "x/": (b"x/%2F", False),
        "50%2Foff": (b"50%252Foff", False),
        "d/": (b"d", True),
    }


def test_paths_of_a_store_with_folders_stay_as_they_are() -> None:
    listed = [Listed("a", 0, 0, folder=True), *objects("a/50%2Foff")]
    assert [one.path for one in in_order(listed, keyed=False)] == [b"a", b"a/50%2Foff"]
