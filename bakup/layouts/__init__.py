"""How check points become objects at a target, and objects rows of the catalog.

In: a plan's items with a source to read them from; new objects of a listing.
Out: objects that are put and recorded; verified bytes for restores.
`interface` says what a layout promises; there are two.
"""
