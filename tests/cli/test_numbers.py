from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakup.cli.output import numbers

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1024, "1.00 KiB"),
        (int(9.99 * MIB), "9.99 MiB"),
        (int(9.996 * MIB), "10.0 MiB"),
        (43_620_762, "41.6 MiB"),
        (224_395_264, "214 MiB"),
        (256 * MIB, "256 MiB"),
        (1000 * MIB, "0.98 GiB"),
        (2**63, "8.00 EiB"),
        (2**70, "1024 EiB"),
    ],
)
def test_sizes_have_three_digits_and_an_i(count: int, shown: str) -> None:
    assert numbers.size(count) == shown


def test_exact_size_has_commas() -> None:
    assert numbers.size(43_620_762, exact=True) == "43,620,762 B"


@given(st.integers(0, 2**63))
def test_a_shown_size_is_short_and_near(count: int) -> None:
    shown = numbers.size(count)
    assert len(shown) <= 8
    assert abs(numbers.read_size(shown.replace(" ", "")) - count) <= count * 0.006 + 1


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_sizes_keep_their_order(one: int, other: int) -> None:
    small, large = sorted((one, other))
    read = numbers.read_size
    assert read(numbers.size(small).replace(" ", "")) <= read(numbers.size(large).replace(" ", ""))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.1 s"),
        (0.6, "0.6 s"),
        (1.9, "1.9 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (42, "42 s"),
        (59.6, "1 min 00 s"),
        (252, "4 min 12 s"),
        (242, "4 min 02 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert numbers.duration(seconds) == shown


def test_estimates_are_whole_seconds() -> None:
    assert [numbers.about(s) for s in (0.2, 2.3, 149.0)] == ["1 s", "2 s", "2 min 29 s"]


@given(st.floats(0, 1e7))
def test_durations_have_one_of_four_forms(seconds: float) -> None:
    assert re.fullmatch(r"\d\.\d s|\d\d s|\d+ min [0-5]\d s|[\d,]+ h [0-5]\d min", numbers.duration(seconds))


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("256MiB", 2**28),
        ("256M", 2**28),
        ("256m", 2**28),
        ("256MB", 256_000_000),
        ("1.5G", 3 * 2**29),
        ("32GiB", 32 * GIB),
        ("0", 0),
        ("812 B", 812),
        ("1kB", 1000),
    ],
)
def test_read_size(text: str, bytes_: int) -> None:
    assert numbers.read_size(text) == bytes_


@pytest.mark.parametrize("text", ["", "12Q", "MiB", "-1M", "1..5M", "1MiBs", "0x10"])
def test_read_size_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        numbers.read_size(text)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("30s", 30), ("5min", 300), ("2h", 7200), ("1.5m", 90)])
def test_read_duration(text: str, seconds: float) -> None:
    assert numbers.read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3 weeks"])
def test_read_duration_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        numbers.read_duration(text)


def test_times_are_local_for_people_and_utc_for_programs() -> None:
    moment = int(datetime(2026, 11, 22, 17, 31, 5, tzinfo=UTC).timestamp()) * 10**9 + 118_204_533
    assert numbers.local_time(moment) == "2026-11-22 18:31:05"
    assert numbers.utc_time(moment) == "2026-11-22T17:31:05.118204533Z"
    assert numbers.log_time(moment) == "2026-11-22T18:31:05.118+01:00"
    assert numbers.zone() == "Europe/Berlin"


@given(st.integers(-(10**18), 4 * 10**18))
def test_utc_keeps_every_nanosecond(moment: int) -> None:
    text = numbers.utc_time(moment)
    seconds, nanoseconds = text.removesuffix("Z").split(".")
    back = int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(nanoseconds)
    assert back == moment


def test_counts() -> None:
    assert [numbers.count(n, "file") for n in (0, 1, 56_204)] == ["0 files", "1 file", "56,204 files"]
    assert numbers.count(17, "box", "boxes") == "17 boxes"
