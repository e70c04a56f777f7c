"""A target that lies inside a source is known, whatever the two URLs are spelled like."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from bakup.store.opening import spot_of
from bakup.store.url.inside import Spot, key_inside

MOTO = {"endpoint_url": "http://127.0.0.1:5000"}
KEY = "a2V5"


def at(url: str, options: Mapping[str, object] = MappingProxyType({})) -> Spot:
    """With what each kind of client needs to be made; no server is asked."""
    needed: dict[str, object] = {}
    if url.startswith("gs") or url.startswith("gcs"):
        needed = {"token": "anon"}
    elif url.startswith("az") or url.startswith("abfs"):
        needed = {"account_key": KEY} if "connection_string" not in options else {}
    return spot_of(url, {**needed, **options})


@pytest.mark.parametrize(
    ("inner", "outer", "key"),
    [
        ("ftp://ana@host/in/bak", "ftp://ana:pw@host/in", "bak"),
        ("sftp://ana@host:22/in/a/b/", "ssh://ana@HOST/in", "a/b"),
        ("smb://host/share/in/bak", "smb://host:445/share/in/", "bak"),
        ("webdav://host/in/b%61k", "webdavs://host/in", "bak"),
        ("ftp://localhost/bak", "ftp://127.0.0.1", "bak"),
        ("s3a://data/copies", "s3://data", "copies"),
        ("s3://data/b%61k", "s3://data", "b%61k"),
        ("gcs://data/copies", "gs://data/", "copies"),
        ("az://data@ana.dfs.core.windows.net/copies", "abfss://data@ana.dfs.core.windows.net", "copies"),
        ("memory://x/y", "memory:///x", "y"),
        ("memory://xy", "memory://x", ""),
        ("ftp://host/in", "ftp://host/in", ""),
        ("ftp://host/in/bak", "ftp://other/in", ""),
        ("ftp://host:2121/in/bak", "ftp://host/in", ""),
        ("sftp://host/in/bak", "ftp://host/in", ""),
        ("ftp://bob@host/in/bak", "ftp://ana@host/in", ""),
        ("az://data@ana.dfs.core.windows.net/copies", "az://data@bob.dfs.core.windows.net", ""),
    ],
)
def test_what_a_url_leads_to_counts(inner: str, outer: str, key: str) -> None:
    assert key_inside(at(inner), at(outer)) == key


def test_two_endpoints_have_two_buckets_of_a_name() -> None:
    assert key_inside(at("s3://data/bak", MOTO), at("s3://data", MOTO)) == "bak"
    assert key_inside(at("s3://data/bak", {"endpoint_url": "http://localhost:5000/"}), at("s3://data", MOTO)) == "bak"
    assert key_inside(at("s3://data/bak", {"client_kwargs": MOTO}), at("s3://data", MOTO)) == "bak"
    assert key_inside(at("s3://data/bak", {}), at("s3://data", MOTO)) == ""
    assert key_inside(at("s3://data/bak", {"endpoint_url": "http://127.0.0.1:6000"}), at("s3://data", MOTO)) == ""


def test_two_accounts_have_two_containers_of_a_name() -> None:
    named, keyed = (
        {"account_name": "ana"},
        {"connection_string": "DefaultEndpointsProtocol=https;AccountName=ana;AccountKey=a2V5"},
    )
    assert key_inside(at("az://data/bak", named), at("abfs://data", keyed)) == "bak"
    assert key_inside(at("az://data/bak", named), at("abfs://data", {"account_name": "bob"})) == ""
