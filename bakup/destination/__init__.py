"""Where a restore writes: a folder, or anything below a URL.

In: entries with their attributes, and verified bytes in their place.
Out: files that have their name only when they are whole; a count of what could not be set.
`opening` makes one of what the user typed.
"""
