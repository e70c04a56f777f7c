"""What users type: options in groups, places, patterns, and other tools' habits.

In: arguments and variables.
Out: values that flows take, or an error that names the option.
Help is laid out here too.
"""
