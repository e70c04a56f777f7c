"""What is kept of a history, as a matter of values: no catalog, no target, no clock."""
