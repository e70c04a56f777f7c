"""A target that lies inside a source is known, whatever the two URLs are spelled like."""

import pytest

from bakup.store.inside import key_inside

MOTO = {"endpoint_url": "http://127.0.0.1:5000"}


@pytest.mark.parametrize(
    ("inner", "outer", "key"),
    [
        ("ftp://host/in/bak", "ftp://ana:pw@host/in", "bak"),
        ("sftp://root@host:22/in/a/b/", "ssh://ana@HOST/in", "a/b"),
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
        ("az://data@ana.dfs.core.windows.net/copies", "az://data@bob.dfs.core.windows.net", ""),
        ("sftp://host:port/a/b", "sftp://host:no/a", "b"),
    ],
)
def test_what_a_url_leads_to_counts(inner: str, outer: str, key: str) -> None:
    assert key_inside(inner, {}, outer, {}) == key


def test_two_endpoints_have_two_buckets_of_a_name() -> None:
    assert key_inside("s3://data/bak", MOTO, "s3://data", MOTO) == "bak"
    assert key_inside("s3://data/bak", {"endpoint_url": "http://localhost:5000/"}, "s3://data", MOTO) == "bak"
    assert key_inside("s3://data/bak", {"client_kwargs": MOTO}, "s3://data", MOTO) == "bak"
    assert key_inside("s3://data/bak", {}, "s3://data", MOTO) == ""
    assert key_inside("s3://data/bak", {"endpoint_url": "http://127.0.0.1:6000"}, "s3://data", MOTO) == ""


def test_two_accounts_have_two_containers_of_a_name() -> None:
    named, keyed = {"account_name": "ana"}, {"connection_string": "AccountName=ana;AccountKey=k"}
    assert key_inside("az://data/bak", named, "abfs://data", keyed) == "bak"
    assert key_inside("az://data/bak", named, "abfs://data", {"account_name": "bob"}) == ""
