"""A restore below a URL: into a bucket, or any store that fsspec writes to.

In: entries and verified bytes.
Out: objects with the metadata that they had.
What stood there before is listed once.
"""
