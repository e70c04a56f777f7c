"""The plain layout: one object a file, which ATBU opens too (docs/plain-layout.md).

In: files of a source in key order.
Out: an object each, and one for the check point, put last.
The other way round: files, verified, and rows of the catalog.
"""
