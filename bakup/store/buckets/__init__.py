"""Stores as the user's own buckets: any key, metadata, versions, tags.

In: a URL, listings, objects to read, to put.
Out: objects with what their store says of them.
A target's objects are bakup's own: those are `store.target`.
"""
