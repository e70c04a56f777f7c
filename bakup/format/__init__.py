"""Bytes <-> values, field by field as on the page of the format (docs/format/sector.md).

In: bytes, or values.
Out: values, or bytes; `Damaged` for what is not as the page says.
No I/O, no cryptography.
"""
