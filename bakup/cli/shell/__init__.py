"""Completion in the user's shell: the scripts, and what they ask for.

In: the words before the cursor.
Out: a script; the beginning of the word at the cursor.
What may stand there is said by the commands.
"""
