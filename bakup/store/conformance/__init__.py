"""What a target must do, tried on a real one: for `target test`, and for every kind in the tests.

In: an open target, or a URL.
Out: a line a promise: kept, broken, not given.
Nothing that stood there before is touched.
"""
