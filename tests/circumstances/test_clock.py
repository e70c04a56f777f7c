"""A clock that goes backwards: the order of check points is that of the chain, not of the times."""

from __future__ import annotations

import os
import time
from unittest import mock

from likeness import assert_alike, portrait
from place import Place

YEAR_S = 365 * 24 * 3600


def test_a_clock_that_goes_backwards(place: Place) -> None:
    now_ns, now = time.time_ns, time.time
    for number, back_s in enumerate((0, YEAR_S, 20 * YEAR_S, YEAR_S // 2)):
        place.write(f"file{number}", 5000, number)
        place.write("changed", 5000, number)
        with (
            mock.patch.object(time, "time_ns", lambda back_s=back_s: now_ns() - back_s * 10**9),
            mock.patch.object(time, "time", lambda back_s=back_s: now() - back_s),
        ):
            place.sync()
            said = place.computer.call("sync", place.source, place.target, "--json")
            assert not said.summary["check_point_new"]
    ids = list(place.states)
    assert len(ids) == 4
    for computer in (place.computer, place.elsewhere()):
        place.assert_restores(computer)
        for back, at in enumerate(reversed(ids)):
            out = place.out()
            said = computer.call("restore", place.target, out, "--at", f"latest~{back}", "--json")
            assert said.summary["check_point"] == at
        computer.call("check", place.target, "--read-data")
        said = computer.call("ls", place.target, "--json")
        assert [fact["check_point"] for fact in said.facts if fact["message_type"] == "check_point"] == ids
    out = place.out()
    said = place.computer.recover(place.target, out)
    assert said.code == 0, said
    assert_alike(out, portrait(place.source))


def test_times_of_files_in_the_future(place: Place) -> None:
    place.write("file", 5000)
    future_ns = time.time_ns() + 10 * YEAR_S * 10**9
    os.utime(place.source / "file", ns=(future_ns, future_ns))
    place.sync()
    place.write("other", 10)
    place.sync()
    place.assert_restores()
