"""Targets in folders of this computer, and the spool.

In: spool files, names, ranges.
Out: durable files under exclusive names; room left on a disk.
What survives a power cut is in `durable`.
"""
