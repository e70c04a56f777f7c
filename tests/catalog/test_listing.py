"""What a listing shows, held against the catalog."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bakup.catalog import database, listing, recording


def test_new_objects_come_in_pages_while_the_catalog_takes_them(tmp_path: Path) -> None:
    objects = [(f"{number:05}.bakup", number) for number in range(2_500)]
    with closing(database.open_catalog(str(tmp_path))) as connection:
        target = recording.target_id(connection, "here")
        for locator, size in objects[:3]:
            recording.add_other(connection, target, locator, size + (locator == "00002.bakup"), "no sector")
        with database.transaction(connection):
            found = listing.compare(connection, target, reversed(objects))
            assert len(found.new) == 2_498
            seen = []
            for locator, size in found.new:
                recording.add_other(connection, target, locator, size, "no sector")
                seen.append((locator, size))
        assert seen == objects[2:], "one known by its name has another size"
        assert seen == list(found.new), "they may be read again"
        assert not listing.compare(connection, target, objects).new
        assert list(found.new) == [], "and are gone with the next comparison"
