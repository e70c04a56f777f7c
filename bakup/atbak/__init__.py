"""The plain layout: each file one .atbak or .atbake object, which ATBU can open too (docs/format/atbak.md)."""
