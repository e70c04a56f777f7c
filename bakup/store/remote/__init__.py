"""A target made of a backend: asks again while that may help, sends parts, keeps to a rate.

In: a backend and its answers.
Out: a target; errors told apart by whether another try may help.
Each request is asked again by itself, not each put.
"""
