"""The bytes of the plain layout: one object a file, read and written as ATBU does (docs/format/atbak.md).

In: a file's bytes and facts, a key or none.
Out: an object in a spool file; and the other way round, verified.
It knows no target, no catalog and no source.
"""
