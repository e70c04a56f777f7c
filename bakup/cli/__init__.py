"""The command line: parse, call a flow, render. Only here is anything printed, only here an exit code."""
