"""Files of this computer as a source.

In: a folder or a file, filters.
Out: entries in key order, attributes, bytes: one pass, in flat memory.
What cannot be looked at comes as UNREAD, never as absent.
"""
