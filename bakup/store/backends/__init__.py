"""Kinds of stores, one file each: what its library can do, request by request.

In: one request.
Out: its answer, or whatever the library raises.
Patience, parts and limits are in `store.remote`.
"""
