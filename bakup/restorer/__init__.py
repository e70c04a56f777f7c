"""Bringing back: which paths of a check point, what stands in their way, in which order.

In: a check point, paths and globs, a destination.
Out: a survey of what will happen, then files, verified, and what did not come back.
What is read from which object is the layout's.
"""
