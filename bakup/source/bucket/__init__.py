"""Objects of a store as a source.

In: a listing in the store's order.
Out: entries in key order of paths, objects with all their facts.
Keys that are no paths are named, never lost silently.
"""
