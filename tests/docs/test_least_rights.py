"""The rights of docs/quick-start-s3.md are enough for all that the page says, at a server that enforces them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

from tests.docs.test_pages import policy
from tests.servers.running import HOST, free_port, running

pytestmark = pytest.mark.peer
FREE_CALLS = 4
"""What is asked before rights are enforced: a bucket, a user, its policy, its key."""


def test_the_least_rights_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", str(FREE_CALLS))
    port = free_port()
    with running(["moto_server", "-H", HOST, "-p", str(port)], tmp_path / "out", port=port):
        endpoint = f"http://{HOST}:{port}"
        key, secret = _user(endpoint)
        run = Runner(tmp_path, endpoint, key, secret)
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "small").write_bytes(b"small\n")
        (tmp_path / "src" / "large").write_bytes(os.urandom(20_000_000))
        assert run("account", "new", "--words-file", str(tmp_path / "words"), at=None) == 0
        assert run("sync", str(tmp_path / "src"), "s3://my-bucket/photos") == 0
        assert run("ls", "s3://my-bucket/photos") == 0
        assert run("check", "s3://my-bucket/photos", "--read-data") == 0
        assert run("restore", "s3://my-bucket/photos", str(tmp_path / "back")) == 0
        assert (tmp_path / "back" / "large").read_bytes() == (tmp_path / "src" / "large").read_bytes()
        assert run("sync", str(tmp_path / "src"), "s3://my-bucket/elsewhere") == 10  # the rights are enforced


class Runner:
    """Runs bakup with the user's key."""

    def __init__(self, folder: Path, endpoint: str, key: str, secret: str) -> None:
        self._options = ["--store-option", f"endpoint_url={endpoint}"]
        self._environment = {
            **os.environ,
            "BAKUP_HOME": str(folder / "home"),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __call__(self, *arguments: str, at: str | None = "store") -> int:
        command = [sys.executable, "-m", "bakup", *arguments, *(self._options if at else [])]
        return subprocess.run(command, env=self._environment, check=False, timeout=120).returncode


def _user(endpoint: str) -> tuple[str, str]:
    """A user with the policy; its access key."""

    def client(name: str) -> object:
        return botocore.session.Session().create_client(
            name, region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="root", aws_secret_access_key="root"
        )

    s3, iam = client("s3"), client("iam")
    s3.create_bucket(Bucket="my-bucket")  # type: ignore[attr-defined]
    iam.create_user(UserName="ana")  # type: ignore[attr-defined]
    iam.put_user_policy(UserName="ana", PolicyName="backup", PolicyDocument=json.dumps(policy()))  # type: ignore[attr-defined]
    made = iam.create_access_key(UserName="ana")["AccessKey"]  # type: ignore[attr-defined]
    return made["AccessKeyId"], made["SecretAccessKey"]
