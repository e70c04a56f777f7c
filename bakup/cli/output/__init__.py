"""How anything looks: streams, lines, numbers, names, tables, progress, JSON, the log.

In: values and reports of flows.
Out: text for a terminal, a pipe, a file or a program.
Names that are shown can be typed back.
"""
