"""The catalog: what was stored where. A cache: every row of it can be read again from the target.

In: what sectors and objects say of themselves; what a run has stored.
Out: check points, versions of paths, places of chunks, plans of reads, what is lost.
All that this computer alone remembers of targets is in `state_db`.
"""
