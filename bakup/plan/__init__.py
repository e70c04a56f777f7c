"""The plan: what changed between a scan and the catalog, and how its bytes are cut and packed."""
