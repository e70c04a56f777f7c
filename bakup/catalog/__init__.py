"""The catalog: what was stored where. A cache: every row of it can be read again from the target."""
