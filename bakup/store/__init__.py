"""Targets: where objects are put, listed and read by ranges. The only room that uses fsspec.

In: a URL or path with options; spool files, names, ranges.
Out: durable objects, listings, bytes; errors of every library as bakup's own.
`target` says what a target promises, `opening` makes one.
"""
