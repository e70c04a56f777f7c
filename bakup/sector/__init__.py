"""Sectors: built, verified before they are put, and read back (docs/format/sector.md, sections 4 and 5).

In: boxes and metadata, the keys of an account.
Out: one sector in a spool file; boxes of a sector at a target, verified.
Whom to believe is said in `trust`.
"""
