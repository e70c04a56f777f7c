"""A restore into a folder of this computer.

In: entries and verified bytes.
Out: files, folders, links, special files with owner, mode, times, extended attributes.
Everything is reached by descriptors: no name that is swapped meanwhile leads out.
"""
