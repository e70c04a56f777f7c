"""The commands as functions, one file each: the only place where the stages meet.

In: a BAKUP_HOME, places as typed, options.
Out: a report, a value of `bakup.api`; meanwhile it tells a `Watch` and asks an `Ask`.
Nothing is printed here.
"""
