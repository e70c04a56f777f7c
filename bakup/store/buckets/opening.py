"""From a URL to the bucket, or the folder of a store, that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bakup.store.buckets.interface import Bucket
from bakup.store.target import TERMS, Terms
from bakup.store.url.secrets import Place, links

if TYPE_CHECKING:
    from bakup.store.remote.line import Line


def open_bucket(url: str, options: Mapping[str, object] | None = None, terms: Terms = TERMS) -> Bucket:
    """The objects at any URL that fsspec knows. Nothing is looked at yet.

    Raises:
        Usage: an unknown or not installed kind of store.
    """
    from bakup.store.kinds import loaded  # fsspec takes 60 ms to load
    from bakup.store.remote.line import Line

    place = Place(url)
    known = {**place.credentials, **(options or {})}
    line = Line(place, known, terms)
    return loaded(place, line, lambda: _bucket(place, known, line))


def _bucket(place: Place, options: Mapping[str, object], line: Line) -> Bucket:
    match urlsplit(place).scheme if len(links(place)) == 1 else "":
        case "s3" | "s3a":
            from bakup.store.buckets.s3 import S3Bucket

            return S3Bucket(place, options, line)
        case "gs" | "gcs":
            from bakup.store.buckets.gcs import GcsBucket

            return GcsBucket(place, options, line)
        case "abfs" | "abfss" | "az":
            from bakup.store.buckets.azure import AzureBucket

            return AzureBucket(place, options, line)
        case _:
            from bakup.store.buckets.plain import PlainBucket

            return PlainBucket(place, options, line)
