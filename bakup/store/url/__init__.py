"""URLs as users type them: what is inside what, which parts are secret, options of stores.

In: text.
Out: the same as values, fit to be shown.
Nothing is opened here.
"""
