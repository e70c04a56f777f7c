"""A certificate that only this test run knows."""

from __future__ import annotations

from pathlib import Path

from tests.servers.running import HOST, run


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of this computer's loopback address, as files in `folder`."""
    made = folder / "certificate.pem", folder / "key.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    run("openssl", *words, "-addext", f"subjectAltName=IP:{HOST}", "-out", made[0], "-keyout", made[1])
    return made
