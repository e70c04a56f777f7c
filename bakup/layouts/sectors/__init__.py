"""The layout of sectors: many files share one object (docs/format/sector.md).

In: files of a source in key order.
Out: chunks, packs, entries, sectors, put and recorded.
The other way round: verified chunks, and rows of the catalog.
"""
