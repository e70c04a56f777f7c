"""The command line: parse, call a flow, render. Only here is anything printed, only here an exit code.

In: arguments, variables, standard streams, signals.
Out: a report on standard output, all else on standard error, an exit code.
Heavy imports stand inside the commands: `--help` loads none of them.
"""
