"""A SRC or OUT whose store does not answer is asked again, as a target is."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import Rig

from bakup.api.reports import TargetOptions
from bakup.errors import NoAnswer
from tests.servers.running import free_port

pytestmark = pytest.mark.peer

PATIENCE = TargetOptions(retry_for=1)


def test_a_silent_source_and_out_are_asked_for_as_long_as_retry_for_says(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    (rig.source / "file").write_bytes(b"data")
    rig.sync()
    options = {"endpoint_url": f"http://127.0.0.1:{free_port()}", "key": "k", "secret": "s"}
    with pytest.raises(NoAnswer, match="no answer from s3://nowhere"):
        rig.sync("s3://nowhere", source_options=options, target=PATIENCE)  # type: ignore[arg-type]
    with pytest.raises(NoAnswer, match="no answer from s3://out"):
        rig.restore("s3://out", out_options=options, target=PATIENCE)  # type: ignore[arg-type]
    told = [facts["target"] for name, facts in rig.watch.events if name == "no-answer"]
    assert {"s3://nowhere", "s3://out"} <= set(told)
