"""Times in answers of S3 are those that botocore reads, at a fraction of the cost."""

from __future__ import annotations

import pytest
from botocore.utils import parse_timestamp

from bakup.store.backends.s3_client import moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T00:00:00.123Z",
        "2026-11-23T00:00:00+02:00",
        "20261123T010203Z",
        "Mon, 23 Nov 2026 01:02:03 GMT",
        "1700000000",
        1_700_000_000,
        1_700_000_000.25,
    ],
)
def test_the_same_moments(value: object) -> None:
    assert moment(value) == parse_timestamp(value)


@pytest.mark.parametrize("value", ["", "yesterday"])
def test_what_is_no_time_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment(value)
