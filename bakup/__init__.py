"""bakup: back up any tree to any store, trusted or not."""

__version__ = "0.1.0"
