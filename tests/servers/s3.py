"""What every S3 server here has in common: a bucket, and how bakup is told of it."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config

from tests.servers.running import HOST
from tests.servers.served import Served

BUCKET = "backups"


def client_at(endpoint: str, key: str, secret: str, **config: Any) -> Any:
    """A client that has nothing of bakup; `config` is botocore's."""
    return botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(proxies={}, **config),
    )


def with_bucket(port: int, key: str, secret: str, **more: Any) -> Served:
    """The server at `port` once its bucket is made; `more` are further options of s3fs."""
    endpoint = f"http://{HOST}:{port}"
    client = client_at(endpoint, key, secret, retries={"total_max_attempts": 20})
    client.create_bucket(Bucket=BUCKET)
    client.close()
    return Served(f"s3://{BUCKET}", port, {"endpoint_url": endpoint, "key": key, "secret": secret, **more})
