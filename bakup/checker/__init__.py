"""What is wrong at a target, and which files and check points suffer.

In: an open archive, and what a check read and could not believe.
Out: problems, a sector each, with the files that they cost; gaps and forks of histories.
Nothing at the target is changed.
"""
