"""The plan: what changed between a scan and the catalog, and how its bytes are cut.

In: entries of a scan and standing versions, both in key order.
Out: changes in key order, spilled to a file; chunks of large files.
Memory does not grow with the tree.
"""
