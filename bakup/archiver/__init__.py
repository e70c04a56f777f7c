"""Backing up: what a scan finds changed becomes check points at a target.

In: sources that are open, an open archive, options.
Out: plans with sizes and an estimate; then stored check points and a report of each.
How a check point becomes objects is the layout's.
"""
