"""Values that commands take and give back, and what they tell and ask meanwhile.

In: nothing: these are plain frozen values and two protocols (`Watch`, `Ask`).
Out: options in, reports out, for the command line and for programs alike.
Sizes are in bytes, times in nanoseconds since 1970 UTC, paths raw bytes.
"""
