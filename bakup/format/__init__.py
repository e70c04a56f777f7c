"""Bytes to values and back, field by field as docs/format/sector.md has them. No I/O and no cryptography."""
