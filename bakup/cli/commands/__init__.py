"""One file a command: its options, its help, its call of a flow, its report.

In: options as parsed, and the run that they belong to.
Out: lines of a report, or JSON; the exit code that its end means.
`cli.app` loads the one that is asked for.
"""
