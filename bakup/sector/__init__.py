"""Sectors: built, verified before they are put, and read back. docs/format/sector.md sections 4 and 5."""
