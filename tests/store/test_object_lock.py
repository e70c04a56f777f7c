"""A bucket that locks what is put, and so takes nothing without a checksum (S3 Object Lock, default retention)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import open_target
from tests.servers.s3 import client_at

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

pytestmark = pytest.mark.peer

BUCKET = "locked"
RETENTION = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}


def test_what_is_put_into_a_bucket_that_locks_it(fleet: Fleet, tmp_path: Path) -> None:
    served = fleet["moto"]
    where = (served.options[word] for word in ("endpoint_url", "key", "secret"))
    client = client_at(*where, request_checksum_calculation="when_required")
    client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=RETENTION)
    with pytest.raises(ClientError, match="Content-MD5"):
        client.put_object(Bucket=BUCKET, Key="without", Body=b"content")
    client.close()
    target = open_target(f"s3://{BUCKET}/target", options=served.options)
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode() * 200_000)
        target.put_new(f"{name}.bakup", str(tmp_path / name))
        assert target.read(f"{name}.bakup", 0, 1 << 20) == name.encode() * 200_000
    target.close()
    bucket = open_bucket(f"s3://{BUCKET}/out", served.options)
    bucket.put("key", b"content", 7, ())
    assert [listed.size for listed in bucket.list()] == [7]
    bucket.close()
