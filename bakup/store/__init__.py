"""Targets: where sectors are put, listed and read by ranges. The only room that uses fsspec."""
